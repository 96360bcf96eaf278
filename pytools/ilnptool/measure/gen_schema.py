# SPDX-License-Identifier: BSD-2-Clause
"""Prints run.schema.json: `python -m ilnptool.measure.gen_schema > run.schema.json`."""

from __future__ import annotations

import json
import sys

from ilnptool.measure.schema import RunFile


def json_schema() -> str:
    """The JSON schema of run.json as published beside this file."""
    schema = RunFile.model_json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ILNP experiment results",
    }
    return json.dumps(head | {k: v for k, v in schema.items() if k not in head}, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(json_schema())
