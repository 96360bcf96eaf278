# SPDX-License-Identifier: BSD-2-Clause
"""The tables of knobs and counters, read from the C source that defines them.

Both are macros of rows, `X(name, ...)`, in core/ilnp_knob.h and core/ilnp_stat.h; the manual and
the documentation are written from what this module finds there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ilnptool.errors import UsageError

KNOB_FILE = Path("sys/netinet6/ilnp/core/ilnp_knob.h")
STAT_FILE = Path("sys/netinet6/ilnp/core/ilnp_stat.h")
LIMIT_FILE = Path("sys/netinet6/ilnp/ilnp.h")

_DEFINE = re.compile(r"^#define\s+(\w+)\s+(0x[0-9a-fA-F]+|\d+)\b", re.MULTILINE)
_ROW = re.compile(r"\bX\(")
_FIELD = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,\s][^,]*)')


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting: a sysctl under net.inet6.ilnp6, a `set` name on the node's control socket."""

    name: str
    default: int
    lowest: int
    highest: int
    unit: str
    text: str


@dataclass(frozen=True, slots=True)
class Counter:
    """One counter: a sysctl under net.inet6.ilnp6.stats."""

    name: str
    text: str


def _rows(source: str, macro: str) -> Iterator[list[str]]:
    """Yield the arguments of each row of a table macro."""
    begin = source.find(f"{macro}(X)")
    if begin < 0:
        raise UsageError(f"no table {macro} in this source tree; is it ours?")
    body = source[begin + len(f"{macro}(X)") :].replace("\\\n", " ").split("\n", 1)[0]
    for match in _ROW.finditer(body):
        depth, end = 1, match.end()
        quoted = False
        while depth:
            char = body[end]
            quoted ^= char == '"'
            depth += 0 if quoted else (char == "(") - (char == ")")
            end += 1
        yield [field.strip() for field in _FIELD.findall(body[match.end() : end - 1])]


def _number(text: str, limits: dict[str, int]) -> int:
    return limits[text] if text in limits else int(text, 0)


def read_knobs(tree: Path) -> list[Knob]:
    """Return the knobs that the source tree at `tree` defines, in its order."""
    limits = {
        name: int(value, 0) for name, value in _DEFINE.findall((tree / LIMIT_FILE).read_text())
    }
    return [
        Knob(
            name,
            _number(default, limits),
            _number(lowest, limits),
            _number(highest, limits),
            unit.strip('"'),
            text.strip('"'),
        )
        for name, default, lowest, highest, unit, text in _rows(
            (tree / KNOB_FILE).read_text(), "ILNP_KNOBS"
        )
    ]


def read_counters(tree: Path) -> list[Counter]:
    """Return the counters that the source tree at `tree` defines, in its order."""
    return [
        Counter(name, text.strip('"'))
        for name, text in _rows((tree / STAT_FILE).read_text(), "ILNP_STATS")
    ]
