# SPDX-License-Identifier: BSD-2-Clause
"""What the benchmark measures and what is asked of it: the one table of floors and aims.

The numbers are those of the project's design/goals.md, under the same names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

SOURCE = "design/goals.md"
PAIRS_MIN = 5


class Sense(StrEnum):
    """On which side of its floor a value has to be."""

    AT_LEAST = "at least"
    AT_MOST = "at most"


@dataclass(frozen=True, slots=True)
class Goal:
    """One number that is asked for; a measure has one or more."""

    measure: str
    part: str
    what: str
    unit: str
    floor: float | None  # None: told, not judged
    aim: float | None
    sense: Sense = Sense.AT_LEAST
    needs_pairs: int = PAIRS_MIN

    def reached(self, value: float, threshold: float | None) -> bool:
        """Tell whether a value is on the right side of a threshold, if there is one."""
        if threshold is None:
            return True
        return value >= threshold if self.sense is Sense.AT_LEAST else value <= threshold

    def shortfall(self, value: float) -> float:
        """Return how far a value is from the floor, relative to it; negative if above it."""
        if self.floor is None:
            return -math.inf
        scale = abs(self.floor) or 1.0
        gap = (self.floor - value) / scale
        return gap if self.sense is Sense.AT_LEAST else -gap


_MOST = Sense.AT_MOST
_SUM = "ILNP goodput / sum of the goodputs of plain IPv6 on each path alone"
_MOVE = "soft handover: time to the first datagram by the new path / round-trip time"
_STILL = "longest time without a byte of one TCP stream, ILNP / Linux MPTCP"
_SPREAD = "(highest - lowest) / median throughput over all runs"

GOALS = (
    Goal("P1", "2 paths", f"UDP over 2 x 20 Mb/s: {_SUM}", "ratio", 0.97, 0.985),
    Goal("P1", "3 paths", f"UDP over 3 x 20 Mb/s: {_SUM}", "ratio", 0.97, 0.985),
    Goal(
        "P1",
        "3, both ends",
        f"UDP over 3 x 20 Mb/s, with the receiver's links limited too: {_SUM}",
        "ratio",
        None,
        None,
    ),
    Goal("P2", "tcp", "one TCP flow over 2 x 20 Mb/s: ILNP / Linux MPTCP", "ratio", 0.97, 1.00),
    Goal("P4", "20 ms", f"{_MOVE}, 20 ms", "round trips", 1.5, 1.1, _MOST),
    Goal("P4", "200 ms", f"{_MOVE}, 200 ms", "round trips", 1.5, 1.1, _MOST),
    Goal(
        "P4",
        "lost",
        "soft handover: datagrams lost of a flow in the worst of all moves",
        "datagrams",
        0,
        0,
        _MOST,
        needs_pairs=1,
    ),
    Goal(
        "P5",
        "link down",
        f"2 x 20 Mb/s, the sender's link of one goes down: {_STILL}",
        "ratio",
        0.5,
        0.2,
        _MOST,
    ),
    Goal(
        "P6",
        "black hole",
        f"2 x 20 Mb/s, the router of one drops everything: {_STILL}",
        "ratio",
        1.0,
        0.5,
        _MOST,
    ),
    Goal("P7", "udp", "UDP over one path of 20 Mb/s: ILNP / plain IPv6", "ratio", 0.99, 0.993),
    Goal("P7", "tcp", "one TCP flow over 20 Mb/s: ILNP / plain IPv6", "ratio", 0.99, 0.993),
    Goal(
        "P8",
        "misordered",
        "UDP over 3 equal paths at half their capacity: datagrams behind a later one / received",
        "share",
        0.01,
        0.001,
        _MOST,
    ),
    Goal(
        "P8",
        "share error",
        "UDP over 3 paths weighted 3:2:1: largest |share of a path - its weight|",
        "share",
        0.02,
        0.005,
        _MOST,
    ),
    Goal("P9", "relay", "one TCP flow, no rate limit: ilnpd / bare TUN relay", "ratio", 0.5, 0.8),
    Goal("P9", "offload", "one TCP flow: ilnpd with segmentation offload / without", "ratio", 3, 5),
    Goal(
        "P13",
        "lookup",
        "core: cost of a session lookup with 1,000,000 correspondents / with 1,000",
        "ratio",
        2.0,
        1.3,
        _MOST,
    ),
    Goal(
        "P13",
        "memory",
        "core: memory per correspondent with 1,000,000 of them",
        "octets",
        512,
        256,
        _MOST,
        needs_pairs=1,
    ),
    # A spread is one number for all runs of a condition, so these count conditions, not pairs.
    Goal("P14", "tcp spread", f"duality, TCP: {_SPREAD}", "share", 0.004, 0.002, _MOST, 1),
    Goal("P14", "udp spread", f"duality, UDP: {_SPREAD}", "share", 0.002, 0.001, _MOST, 1),
    Goal(
        "P14", "loss", "duality, UDP: lost / sent in the worst run", "share", 0.01, 0.005, _MOST, 1
    ),
    Goal(
        "P14",
        "misordered",
        "duality, TCP and UDP: packets behind a later one / received, in the worst run",
        "share",
        0.01,
        0.005,
        _MOST,
        needs_pairs=1,
    ),
)


def measures() -> tuple[str, ...]:
    """Return the names of all measures, in order."""
    return tuple(dict.fromkeys(goal.measure for goal in GOALS))


def goals_of(measure: str) -> tuple[Goal, ...]:
    """Return the parts of a measure."""
    return tuple(goal for goal in GOALS if goal.measure == measure)


def goal(measure: str, part: str) -> Goal:
    """Return one part of a measure."""
    return next(x for x in GOALS if (x.measure, x.part) == (measure, part))
