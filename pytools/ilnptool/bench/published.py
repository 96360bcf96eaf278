# SPDX-License-Identifier: BSD-2-Clause
"""P14: the duality paper's experiment, with how much its runs differ from each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ilnptool import experiments
from ilnptool.bench.context import Bench
from ilnptool.bench.goals import goal, goals_of
from ilnptool.bench.verdict import Outcome, Pair
from ilnptool.errors import CheckFailed
from ilnptool.measure import RunResult, load_run_json

PAPER_RUNS = 20
PAPER_DELAYS = (0.0, 20.0, 200.0)
PAPER_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much of the paper's experiment is done."""

    runs: int
    delays: tuple[float, ...]
    seconds: float

    def remark(self) -> str:
        """Return what of the paper's experiment is left out; nothing if all is done."""
        if self == Size(PAPER_RUNS, PAPER_DELAYS, PAPER_SECONDS):
            return ""
        delays = ", ".join(f"{delay:g}" for delay in self.delays)
        return (
            f"{self.runs} runs of {self.seconds:g} s at {delays} ms, not {PAPER_RUNS} of "
            f"{PAPER_SECONDS:g} s at 0, 20, 200 ms"
        )


# Eight moves take up to 20 s on a busy machine: Router Advertisements, duplicate address detection,
# and the silence before a locator is let go.
SHORT = Size(runs=3, delays=(20.0,), seconds=25.0)
FULL = Size(PAPER_RUNS, PAPER_DELAYS, PAPER_SECONDS)


def spread(values: Sequence[float]) -> float:
    """Return how far the values lie apart, relative to their median."""
    return (max(values) - min(values)) / median(values)


def _spreads(runs: Sequence[RunResult], transport: str) -> list[float]:
    """Return the spread of each delay's runs; one run alone has none."""
    groups: defaultdict[float, list[float]] = defaultdict(list)
    for run in runs:
        if run.transport == transport and run.throughput_mbps:
            groups[run.delay_ms].append(run.throughput_mbps)
    return [spread(values) for _, values in sorted(groups.items()) if len(values) > 1]


def _worst(ratios: Sequence[float | None]) -> list[float]:
    """Return the largest; the paper's claim is for every run."""
    return [max(found)] if (found := [ratio for ratio in ratios if ratio is not None]) else []


def judge(runs: Sequence[RunResult], remark: str = "") -> list[Outcome]:
    """Return P14's outcomes for the runs of an experiment; CheckFailed if one has failed."""
    errors = [run.error for run in runs if run.error]
    if errors:
        raise CheckFailed(f"{len(errors)} of {len(runs)} runs failed, the first with: {errors[0]}")
    values = {
        "tcp spread": _spreads(runs, "tcp"),
        "udp spread": _spreads(runs, "udp"),
        "loss": _worst([run.loss_ratio for run in runs]),
        "misordered": _worst([run.misorder_ratio for run in runs]),
    }
    return [
        Outcome(
            goal("P14", part),
            tuple(Pair(value) for value in found),
            why_not=None if found else "no run has such a value",
            remark=remark,
        )
        for part, found in values.items()
    ]


def p14(bench: Bench) -> list[Outcome]:
    """The paper's experiment, or the part of it that there is time for."""
    size = SHORT if bench.short else FULL
    folder = experiments.run(
        "duality",
        out=bench.config.results,
        runs=size.runs,
        delays=size.delays,
        directions=(experiments.Direction.UP,),
        seconds=size.seconds,
        seed=bench.seed,
        config=bench.config,
        progress=lambda step: bench.progress(f"P14: {step.text} ({step.done} of {step.total})"),
    )
    outcomes = judge(load_run_json(folder).runs, size.remark())
    assert len(outcomes) == len(goals_of("P14"))
    return outcomes
