# SPDX-License-Identifier: BSD-2-Clause
"""P13: what a session costs in the core alone, with many correspondents and with few."""

from __future__ import annotations

import json
from statistics import StatisticsError, median
from typing import Any

from ilnptool import run
from ilnptool.bench.context import Bench
from ilnptool.bench.goals import goal
from ilnptool.bench.verdict import Outcome, Pair
from ilnptool.config import PROJECT
from ilnptool.errors import CheckFailed, EnvironmentMissing

SOURCE = PROJECT / "tests" / "bench"
BINARY = PROJECT / "build" / "core_bench"
BUILD_SECONDS = 300.0
RUN_SECONDS = 300.0


def _ratio(lookups: list[dict[str, Any]], ours: str, yardstick: str) -> str:
    """Return the median of a ratio, for people."""
    return f"{median(float(x[ours]) / float(x[yardstick]) for x in lookups):.3g}"


def judge(report: dict[str, Any], pairs: int) -> list[Outcome]:
    """Return P13's outcomes for what core_bench printed.

    Bursts are what counts, as the node makes them; the other forms stand beside it.
    """
    try:
        lookups = list(report["lookup"])[:pairs]
        bursts = tuple(Pair(float(x["burst_many_ns"]), float(x["burst_few_ns"])) for x in lookups)
        others = (
            f"one by one {_ratio(lookups, 'single_many_ns', 'single_few_ns')}, for the same 1,000 "
            f"of all {_ratio(lookups, 'active_many_ns', 'single_few_ns')}"
        )
        memory = Pair(float(report["octets_per_correspondent"]))
    except (KeyError, TypeError, ValueError, StatisticsError, ZeroDivisionError) as err:
        raise CheckFailed(f"core_bench printed something else than was expected: {err}") from err
    return [
        Outcome(
            goal("P13", "lookup"),
            bursts,
            evidence=others,
            remark="uniformly random, in bursts with prefetching as the node receives",
        ),
        Outcome(goal("P13", "memory"), (memory,)),
    ]


def p13(bench: Bench) -> list[Outcome]:
    """Build and run tests/bench/core_bench."""
    if not (SOURCE / "Makefile").is_file():
        raise EnvironmentMissing(f"{SOURCE}: no Makefile there; the source tree is not complete")
    run.run(["make", "-s", "-C", str(SOURCE), f"OUT={BINARY.parent}"], timeout=BUILD_SECONDS)
    bench.progress("P13: the core with 1,000 and with 1,000,000 correspondents")
    result = run.run([str(BINARY), str(bench.pairs)], timeout=RUN_SECONDS)
    return judge(json.loads(result.stdout), bench.pairs)
