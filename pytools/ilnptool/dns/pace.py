# SPDX-License-Identifier: BSD-2-Clause
"""When the server is told: soon after a change, not too often, and after failures less and less."""

from __future__ import annotations

import random

from ilnptool.dns.config import Pace


class Schedule:
    """The time of the next update; all times are of one clock that never goes back, in seconds."""

    def __init__(self, pace: Pace, chance: random.Random | None = None) -> None:
        self._pace = pace
        self._chance = chance or random.SystemRandom()
        self._last: float | None = None  # when the server was told last
        self._failures = 0
        self.due: float | None = None  # None: there is nothing to tell

    def changed(self, now: float) -> None:
        """Something is to be told; several changes in a row are told at once.

        The random wait keeps the hosts of a network that has moved from all coming together.
        A change does not shorten the wait after a failure.
        """
        if self.due is not None:
            return
        self.due = now + self._chance.uniform(0, self._pace.jitter)
        if self._last is not None:
            self.due = max(self.due, self._last + self._pace.gap)

    def succeeded(self, now: float) -> None:
        self._last, self._failures, self.due = now, 0, None

    def failed(self, now: float) -> float:
        """Wait longer each time, at most the longest retry; returns for how long."""
        wait = min(self._pace.retry * 2**self._failures, self._pace.retry_max)
        # The bound keeps the power from growing without end; 2**60 s are enough.
        self._failures = min(self._failures + 1, 60)
        wait *= self._chance.uniform(0.75, 1.0)
        self._last, self.due = now, now + max(wait, self._pace.gap)
        return self.due - now

    def held_up(self, now: float) -> float:
        """Nothing has left this machine, so nobody is spared by longer waits; returns for how long.

        A host that moves has no way for some seconds, and is to be found right after.
        """
        self.due = now + self._pace.retry
        return self._pace.retry
