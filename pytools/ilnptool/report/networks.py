# SPDX-License-Identifier: BSD-2-Clause
"""One name and one colour per network, the same in every figure of a report."""

from __future__ import annotations

from ilnptool.measure.schema import RunFile
from ilnptool.report.figure import COLOURS, STYLES


class Networks:
    """The networks of one experiment: those of the topology first, then others that were seen."""

    def __init__(self, file: RunFile) -> None:
        names = file.topology.networks
        seen = {path.l64 for run in file.runs for path in run.paths}
        seen |= {l64 for run in file.runs for change in run.names for l64 in change.l64s}
        known = sorted((l64 for l64 in names if l64 in seen), key=lambda l64: names[l64])
        self._order = known + sorted(seen - set(known))
        self._names = names

    def name(self, l64: str) -> str:
        return self._names.get(l64, l64)

    def label(self, l64: str) -> str:
        """Name and prefix for a legend."""
        prefix = ":".join(group.lstrip("0") or "0" for group in l64.split("+")) + "::/64"
        return f"{self._names[l64]} ({prefix})" if l64 in self._names else prefix

    def colour(self, l64: str) -> str:
        return COLOURS[self._place(l64) % len(COLOURS)]

    def line(self, l64: str) -> str:
        """The line style: a new one where the colours begin again."""
        return STYLES[self._place(l64) // len(COLOURS) % len(STYLES)]

    def _place(self, l64: str) -> int:
        return self._order.index(l64) if l64 in self._order else len(self._order)
