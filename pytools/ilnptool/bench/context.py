# SPDX-License-Identifier: BSD-2-Clause
"""What every measure gets: how long, how often, with what, and whom to tell."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import mean

from ilnptool.bench.verdict import Pair
from ilnptool.bench.witness import Load
from ilnptool.config import Config

Progress = Callable[[str], None]
Arm = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the benchmark."""

    config: Config
    pairs: int
    short: bool
    seed: int
    progress: Progress

    def seconds(self, short: float, full: float) -> float:
        """Return how long a flow runs."""
        return short if self.short else full

    def lab(self, suffix: str) -> str:
        """Return the name of a lab, which no other benchmark on this machine uses."""
        return f"b{os.getpid()}-{suffix}"


@dataclass(slots=True)
class Alternation:
    """Pairs taken one after the other, A B A B, with the load of the machine beside them."""

    bench: Bench
    what: str
    pairs: list[Pair] = field(default_factory=list)
    _ours: list[Load] = field(default_factory=list)
    _yardstick: list[Load] = field(default_factory=list)

    def take(self, ours: Arm, yardstick: Arm) -> tuple[Pair, ...]:
        """Run both arms as often as there are to be pairs."""
        for number in range(1, self.bench.pairs + 1):
            self.one(number, ours, yardstick)
        return tuple(self.pairs)

    def one(self, number: int, ours: Arm, yardstick: Arm) -> Pair:
        """Run both arms once."""
        values = []
        for arm, loads in ((ours, self._ours), (yardstick, self._yardstick)):
            before = Load.now()
            values.append(arm())
            loads.append(Load.now() - before)
        pair = Pair(*values)
        self.pairs.append(pair)
        self.bench.progress(
            f"{self.what}: pair {number} of {self.bench.pairs}: "
            f"{pair.ours:.4g} / {pair.yardstick:.4g} = {pair.ratio:.4f}"
        )
        return pair

    def evidence(self) -> str:
        """Return how busy the machine was in each arm."""
        ours, yardstick = (mean(x.busy for x in loads) for loads in (self._ours, self._yardstick))
        return f"processors {ours:.0%} busy with ILNP, {yardstick:.0%} with the yardstick"
