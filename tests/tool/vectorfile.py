# SPDX-License-Identifier: BSD-2-Clause
"""Reads the byte vectors of tests/vectors; their README has the format."""

from __future__ import annotations

from pathlib import Path

import pytest

VECTORS = Path(__file__).parents[1] / "vectors"


def read_vectors(name: str) -> list[dict[str, str]]:
    """All vectors of one file, in order."""
    found: list[dict[str, str]] = []
    for line in (VECTORS / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        key, _, value = line.partition(":")
        if key == "name":
            found.append({})
        found[-1][key] = value.strip()
    return found


def as_params(name: str) -> list[object]:
    """The vectors of one file as test parameters with readable ids."""
    return [pytest.param(vector, id=vector["name"]) for vector in read_vectors(name)]
