# SPDX-License-Identifier: BSD-2-Clause
"""Time as an experiment sees it, so that tests can let it pass at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from ilnptool.errors import Timeout

POLL_SECONDS = 0.05


class Clock(Protocol):
    """What time it is, and waiting."""

    def monotonic(self) -> float:
        """Return seconds of a clock that is never set."""

    def wall(self) -> float:
        """Return seconds since 1970, as captures stamp them."""

    def sleep(self, seconds: float) -> None:
        """Return after some seconds."""


class RealClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def wait_until(clock: Clock, moment: float, check: Callable[[], None]) -> None:
    """Wait for a moment of the monotonic clock, calling `check` all the while: it may raise."""
    while (left := moment - clock.monotonic()) > 0:
        check()
        clock.sleep(min(left, POLL_SECONDS))


def wait_for(
    clock: Clock, condition: Callable[[], bool], seconds: float, missing: Callable[[], str]
) -> None:
    """Wait until a condition holds; Timeout says what was `missing` if it never does."""
    deadline = clock.monotonic() + seconds
    while not condition():
        if clock.monotonic() >= deadline:
            raise Timeout(f"after {seconds:g} s: {missing()}")
        clock.sleep(POLL_SECONDS)
