# SPDX-License-Identifier: BSD-2-Clause
"""The results of a duality experiment beside those published for the Linux prototype."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ilnptool.report.groups import Group, spread
from ilnptool.report.words import NONE, percent

#: Yanagida and Bhatti, Future Internet 2024, 16(10):358.
PAPER = "Future Internet 2024, 16(10):358"
_TARGET = 10.0  # Mb/s


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the comparison."""

    quantity: str
    paper: str
    here: str
    verdict: str


def _transport(groups: Sequence[Group], name: str, network: str = "ilnp") -> list[Group]:
    return [g for g in groups if g.conditions.transport == name and g.conditions.network == network]


def _spread_row(groups: Sequence[Group], name: str, limit: float) -> Row:
    quantity = f"{name.upper()} throughput, highest minus lowest run"
    paper = f"at most {limit:.2f} Mb/s ({percent(limit / _TARGET)})"
    found = [
        (value, statistics.median(g.values("throughput_mbps")), g)
        for g in _transport(groups, name)
        if (value := spread(g.values("throughput_mbps"))) is not None
    ]
    if not found:
        return Row(quantity, paper, "not measured: needs two runs under the same conditions", NONE)
    worst, middle, group = max(found, key=lambda entry: entry[0])
    here = f"{worst:.3f} Mb/s ({percent(worst / middle)} of the median) at {group.conditions.delay}"
    return Row(quantity, paper, here, "as low" if worst <= limit else "higher")


def _ratio_row(groups: Sequence[Group], quantity: str, metric: str) -> Row:
    values = [
        (value, group)
        for name in ("tcp", "udp")
        for group in _transport(groups, name)
        for value in group.values(metric)
    ]
    paper = "below 1 %"
    if not values:
        return Row(quantity, paper, "not measured", NONE)
    worst, group = max(values, key=lambda entry: entry[0])
    here = "none" if worst == 0 else f"{percent(worst)} ({group.conditions.label})"
    return Row(quantity, paper, here, "as low" if worst < 0.01 else "higher")


def _mptcp_row(groups: Sequence[Group]) -> Row:
    quantity, paper = "MPTCP throughput, median", "10.4 Mb/s"
    values = [
        v for g in groups if g.conditions.transport == "mptcp" for v in g.values("throughput_mbps")
    ]
    if not values:
        return Row(quantity, paper, "not measured", NONE)
    middle = statistics.median(values)
    return Row(quantity, paper, f"{middle:.2f} Mb/s", "for orientation")


def rows(groups: Sequence[Group]) -> list[Row]:
    """The table beside the paper's numbers."""
    return [
        _spread_row(groups, "tcp", 0.04),
        _spread_row(groups, "udp", 0.02),
        _ratio_row(groups, "UDP loss, worst run", "loss_ratio"),
        _ratio_row(groups, "Misordering, worst run", "misorder_ratio"),
        _ratio_row(groups, "TCP duplicates, worst run", "duplicate_ratio"),
        _mptcp_row(groups),
    ]
