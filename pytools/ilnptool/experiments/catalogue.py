# SPDX-License-Identifier: BSD-2-Clause
"""The experiments there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ilnptool.errors import UsageError


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment: who moves, how, and what flows meanwhile.

    The mover starts on its first network; `moves` tells what follows, spread evenly over the run
    (see `plan.moves`).
    """

    name: str
    text: str
    topology: str
    mover: str
    peer: str
    moves: str
    delay_link: str | None  # every path crosses it
    delays: tuple[float, ...]  # ms added to the round trip
    rates: dict[str, str]  # per transport, as iperf3 wants it; 0: as fast as it goes
    seconds: float
    short_seconds: float
    short_delay: float
    play: str = "moves"  # one of plays.PLAYS
    both_move: bool = False  # the peer, too, begins on its first network
    watched: Literal["mover", "peer"] = "mover"  # whose networks the figures tell apart
    new_prefix: str = ""  # what the peer's provider renumbers to

    @property
    def movers(self) -> tuple[str, ...]:
        """Return the nodes that begin on their first network."""
        return (self.mover, self.peer) if self.both_move else (self.mover,)


EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            name="duality",
            text="the handover run of the mobility-multihoming duality paper",
            topology="duality",
            mover="mn",
            peer="cn",
            moves="+2 +3 -1 -2 +2 +1 -3 -2",
            delay_link="dd",
            delays=(0, 20, 200),
            rates={"tcp": "10M", "udp": "10M"},
            seconds=120,
            short_seconds=35,
            short_delay=20,
        ),
        Experiment(
            name="one-four-one",
            text="the Internet test of the EuroBSDCon talk: one provider, four, one",
            topology="one-four-one",
            mover="client",
            peer="server",
            moves="+2 +3 +4 . -4 -3 -2",
            delay_link="site",
            delays=(0,),
            rates={"tcp": "0", "udp": "40M"},
            seconds=80,
            short_seconds=40,
            short_delay=0,
        ),
        Experiment(
            name="renumber",
            text="a provider renumbers a server with an open session, while new clients arrive",
            topology="renumber",
            mover="client",
            peer="server",
            moves="",
            delay_link="isp",
            delays=(0,),
            rates={"tcp": "5M", "udp": "5M"},
            seconds=80,
            short_seconds=55,
            short_delay=0,
            play="renumber",
            watched="peer",
            new_prefix="2001:db8:1:2::/64",
        ),
        Experiment(
            name="both-move",
            text="both ends move at once and meet again through the DNS",
            topology="both-move",
            mover="a",
            peer="b",
            moves="",
            delay_link=None,
            delays=(0,),
            rates={"tcp": "5M", "udp": "5M"},
            seconds=60,
            short_seconds=45,
            short_delay=0,
            play="both-move",
            both_move=True,
        ),
    )
}


def find_experiment(name: str) -> Experiment:
    """Return the experiment of that name."""
    if name not in EXPERIMENTS:
        raise UsageError(f"no experiment {name!r}; there are: {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]
