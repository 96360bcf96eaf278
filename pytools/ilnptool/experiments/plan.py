# SPDX-License-Identifier: BSD-2-Clause
"""What an experiment does and when: conditions of a run, and moves spread over its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from ilnptool.errors import UsageError

Transport = Literal["tcp", "udp"]

TRANSPORTS: tuple[Transport, ...] = ("tcp", "udp")


class Direction(StrEnum):
    """Which way the data goes, seen from the node that moves."""

    UP = "up"
    DOWN = "down"
    BOTH = "bidir"


@dataclass(frozen=True, slots=True)
class Move:
    """Beginning or ceasing to use one network."""

    enable: bool
    link: str

    @property
    def action(self) -> Literal["enabled", "disabled"]:
        return "enabled" if self.enable else "disabled"


def moves(links: Sequence[str], text: str) -> tuple[Move | None, ...]:
    """Return the moves of a text like "+2 +3 . -1".

    Networks are numbered from 1 in file order; a point is a move that is left out.
    """
    return tuple(
        None if word == "." else Move(word[0] == "+", links[int(word[1:]) - 1])
        for word in text.split()
    )


@dataclass(frozen=True, slots=True)
class Condition:
    """Under what one run is made."""

    transport: Transport
    direction: Direction
    delay_ms: float
    number: int  # from 0, among the runs of the same condition

    @property
    def name(self) -> str:
        """A name for files: tcp-up-20ms-1."""
        return f"{self.transport}-{self.direction}-{self.delay_ms:g}ms-{self.number + 1}"


def conditions(
    transports: Sequence[str], directions: Sequence[str], delays: Sequence[float], runs: int
) -> tuple[Condition, ...]:
    """Return all runs of an experiment; UsageError if one cannot be meant."""
    if runs < 1:
        raise UsageError(f"{runs} runs; give 1 or more")
    if not transports or not directions or not delays:
        raise UsageError("no runs; give a transport, a direction and a delay at least")
    known = [direction.value for direction in Direction]
    for direction in directions:
        if direction not in known:
            raise UsageError(f"bad direction {direction!r}; allowed: {', '.join(known)}")
    for delay in delays:
        if not 0 <= delay <= 10_000:
            raise UsageError(f"bad delay {delay:g} ms; allowed: 0 to 10000")
    for transport in transports:
        if transport not in TRANSPORTS:
            raise UsageError(f"bad transport {transport!r}; allowed: {', '.join(TRANSPORTS)}")
    return tuple(
        Condition(transport, Direction(direction), float(delay), number)
        for number in range(runs)
        for delay in delays
        for transport in TRANSPORTS
        if transport in transports
        for direction in directions
    )
