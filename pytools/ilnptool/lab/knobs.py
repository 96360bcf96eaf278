# SPDX-License-Identifier: BSD-2-Clause
"""The knobs of the ILNP node, read from the C table that defines them.

Thus a wrong knob in a topology file is reported with its line there, and not by a daemon that will
not start.  Where the C sources are missing, the daemon is the only judge.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ilnptool.config import PROJECT
from ilnptool.tomlfile import Table

CORE = PROJECT / "sys" / "netinet6" / "ilnp"
_TABLE = CORE / "core" / "ilnp_knob.h"
_ANY = (0, 2**32 - 1)

_ROW = re.compile(r"""X\((\w+), (\d+), (\w+), (\w+), "([^"]*)", "([^"]*)"\)""")
_DEFINE = re.compile(r"^#define\s+(\w+)\s+(\d+)\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Knob:
    """One knob: its range is inclusive."""

    name: str
    default: int
    low: int
    high: int
    unit: str
    text: str


def parse_knobs(table: str, constants: dict[str, int]) -> dict[str, Knob]:
    """Return the knobs of a C table; names in ranges are looked up in `constants`."""

    def number(text: str) -> int:
        return int(text) if text.isdigit() else constants[text]

    return {
        name: Knob(name, int(default), number(low), number(high), unit, text)
        for name, default, low, high, unit, text in _ROW.findall(table)
    }


def _constants(folder: Path) -> dict[str, int]:
    return {
        name: int(value)
        for header in sorted(folder.rglob("*.h"))
        for name, value in _DEFINE.findall(header.read_text())
    }


@cache
def known_knobs() -> dict[str, Knob]:
    """Return the knobs of this source tree, none if there is no tree."""
    if not _TABLE.is_file():
        return {}
    return parse_knobs(_TABLE.read_text(), _constants(CORE))


def read_knobs(table: Table) -> dict[str, int]:
    """Return the knobs that a table of a topology file sets."""
    known = known_knobs()
    if known:
        table.only(known)
    values = {}
    for name in table:
        low, high = (known[name].low, known[name].high) if known else _ANY
        values[name] = table.integer(name, 0, low, high)
    return values
