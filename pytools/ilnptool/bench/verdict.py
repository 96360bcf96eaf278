# SPDX-License-Identifier: BSD-2-Clause
"""From pairs of values to verdicts: medians, extremes, what is met and why something is not."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from ilnptool.bench.goals import Goal
from ilnptool.errors import CheckFailed


@dataclass(frozen=True, slots=True)
class Pair:
    """Two values taken one right after the other; a measure without yardstick has 1 there."""

    ours: float
    yardstick: float = 1.0

    def __post_init__(self) -> None:
        if self.yardstick <= 0:
            raise CheckFailed(f"a yardstick of {self.yardstick} measures nothing")

    @property
    def ratio(self) -> float:
        return self.ours / self.yardstick


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found for one goal: pairs, or why there are none.

    `evidence` is what else was seen while the pairs were taken, `remark` what a reader must know of
    the way they were taken.
    """

    goal: Goal
    pairs: tuple[Pair, ...] = ()
    why_not: str | None = None
    evidence: str = ""
    remark: str = ""

    def __post_init__(self) -> None:
        if not self.pairs and not self.why_not:
            raise ValueError(f"{self.goal.measure} {self.goal.part}: neither pairs nor a reason")

    @property
    def ratios(self) -> list[float]:
        return [pair.ratio for pair in self.pairs]

    @property
    def median(self) -> float | None:
        return median(self.ratios) if self.pairs else None

    @property
    def met(self) -> bool:
        """Whether the median reaches the floor, with pairs enough to say so."""
        return self.reason is None

    @property
    def reason(self) -> str | None:
        """Why the goal is not met, in words; None if it is."""
        if self.why_not:
            return self.why_not
        value = self.median
        if value is None or len(self.pairs) < self.goal.needs_pairs:
            return f"{len(self.pairs)} pairs were taken, {self.goal.needs_pairs} are needed"
        if self.goal.floor is None or self.goal.reached(value, self.goal.floor):
            return None
        text = f"{value:.4g} is not {self.goal.sense} {self.goal.floor:g}"
        return f"{text}; {self.evidence}" if self.evidence else text

    @property
    def badness(self) -> float:
        """Orders the parts of a measure: the worst has the most."""
        if not self.pairs or self.median is None:
            return float("inf")
        return self.goal.shortfall(self.median)

    def as_json(self) -> dict[str, Any]:
        """Return what bench.json says of this goal."""
        value = self.median
        return {
            "part": self.goal.part,
            "what": self.goal.what,
            "unit": self.goal.unit,
            "sense": self.goal.sense.value,
            "floor": self.goal.floor,
            "aim": self.goal.aim,
            "ratio_median": value,
            "ratio_min": min(self.ratios, default=None),
            "ratio_max": max(self.ratios, default=None),
            "pairs": len(self.pairs),
            "values": [[pair.ours, pair.yardstick] for pair in self.pairs],
            "met": self.met,
            "aim_met": value is not None and self.met and self.goal.reached(value, self.goal.aim),
            "why_not": self.reason,
            "evidence": self.evidence or None,
            "remark": self.remark or None,
        }


def measure_json(outcomes: list[Outcome]) -> dict[str, Any]:
    """Return what bench.json says of one measure: its worst part on top, and all parts.

    A measure is met if all its parts are.
    """
    worst = max(outcomes, key=lambda outcome: outcome.badness)
    missed = [outcome for outcome in outcomes if not outcome.met]
    top = worst.as_json()
    top["met"] = not missed
    top["aim_met"] = all(outcome.as_json()["aim_met"] for outcome in outcomes)
    reasons = [f"{outcome.goal.part}: {outcome.reason}" for outcome in missed]
    top["why_not"] = "; ".join(reasons) or None
    top["parts"] = [outcome.as_json() for outcome in outcomes]
    return top
