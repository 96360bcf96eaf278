# SPDX-License-Identifier: BSD-2-Clause
"""Writes and reads run.json."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from ilnptool.errors import UsageError
from ilnptool.measure.schema import SCHEMA_VERSION, RunFile

RUN_FILE = "run.json"
SCHEMA_FILE = Path(__file__).with_name("run.schema.json")


def write_run_json(directory: Path, run: RunFile) -> Path:
    """Writes DIRECTORY/run.json; a reader sees the old file or the new one, never a part."""
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / RUN_FILE
    part = target.with_suffix(".json.part")
    part.write_text(run.model_dump_json(indent=1) + "\n", encoding="utf-8")
    part.replace(target)
    return target


def load_run_json(path: Path) -> RunFile:
    """Reads run.json, given its path or that of its directory."""
    file = path / RUN_FILE if path.is_dir() else path
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as err:
        raise UsageError(f"{file}: cannot be read: {err.strerror or err}") from err
    except ValueError as err:
        raise UsageError(f"{file}: not JSON: {err}") from err
    found = data.get("schema_version") if isinstance(data, dict) else None
    if found != SCHEMA_VERSION:
        raise UsageError(
            f"{file}: schema_version is {found!r}; this program reads {SCHEMA_VERSION}"
        )
    try:
        return RunFile.model_validate(data)
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{file}: {place}: {first['msg']}; see {SCHEMA_FILE.name} for what is allowed"
        ) from err
