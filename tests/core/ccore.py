# SPDX-License-Identifier: BSD-2-Clause
"""Builds and runs the C test programs of this directory."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from ilnptool.run import Result, run

HERE = Path(__file__).parent
OUT = HERE.parents[1] / "build"
BUILD_SECONDS = 240.0
RUN_SECONDS = 60.0


@functools.cache
def build() -> None:
    """Builds all programs; make says in a moment if there is nothing to do."""
    run(["make", "-s", "-j2", "-C", str(HERE), f"OUT={OUT}"], timeout=BUILD_SECONDS)


def start(program: str, *args: str, env: Mapping[str, str] | None = None) -> Result:
    """Runs one program to its end, whatever its status."""
    build()
    return run([str(OUT / "tests" / program), *args], timeout=RUN_SECONDS, check=False, env=env)
