# SPDX-License-Identifier: BSD-2-Clause
"""Runs under the same conditions, and what they have in common."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ilnptool.measure.schema import RunFile, RunResult


@dataclass(frozen=True, slots=True, order=True)
class Conditions:
    """What runs of one group share."""

    transport: str
    network: str
    direction: str
    delay_ms: float

    @property
    def protocol(self) -> str:
        """The transport's name; ILNP goes without saying, plain IPv6 does not."""
        name = self.transport.upper()
        plain = self.network == "ipv6" and self.transport != "mptcp"
        return f"{name} on plain IPv6" if plain else name

    @property
    def way(self) -> str:
        return self.direction.replace("-", " to ")

    @property
    def delay(self) -> str:
        return f"{self.delay_ms:g} ms added delay"

    @property
    def label(self) -> str:
        return f"{self.protocol}, {self.way}, {self.delay}"

    @property
    def slug(self) -> str:
        plain = "-ipv6" if self.network == "ipv6" and self.transport != "mptcp" else ""
        return f"{self.transport}{plain}-{self.direction}-{self.delay_ms:g}ms"


@dataclass(frozen=True, slots=True)
class Group:
    """All runs under the same conditions, failed ones included."""

    conditions: Conditions
    runs: tuple[RunResult, ...]

    @property
    def measured(self) -> tuple[RunResult, ...]:
        return tuple(run for run in self.runs if run.error is None)

    def values(self, metric: str) -> list[float]:
        """A metric of all runs that have it, in the order of the runs."""
        found = (getattr(run, metric) for run in self.runs)
        return [float(value) for value in found if value is not None]

    @property
    def typical(self) -> RunResult | None:
        """The run nearest to the median throughput, the earlier one of two; None without any."""
        runs = [run for run in self.measured if run.series is not None]
        if not runs:
            return None
        middle = statistics.median(run.throughput_mbps or 0.0 for run in runs)
        return min(runs, key=lambda run: (abs((run.throughput_mbps or 0) - middle), run.run_index))


def group_runs(file: RunFile) -> list[Group]:
    """Groups the runs; a failed run, whose network is not known, joins what it was meant for."""
    found: dict[Conditions, list[RunResult]] = {}
    for run in file.runs:
        network = run.network or _network_of_others(run, file.runs)
        conditions = Conditions(run.transport, network, run.direction, run.delay_ms)
        found.setdefault(conditions, []).append(run)
    return [
        Group(conditions, tuple(sorted(runs, key=lambda run: run.run_index)))
        for conditions, runs in sorted(found.items())
    ]


def _network_of_others(run: RunResult, runs: Iterable[RunResult]) -> str:
    same = (o.network for o in runs if o.transport == run.transport and o.network is not None)
    return next(same, "ilnp")


def spread(values: Sequence[float]) -> float | None:
    """Highest minus lowest; None for fewer than two values."""
    return max(values) - min(values) if len(values) > 1 else None
