# SPDX-License-Identifier: BSD-2-Clause
"""The experiments there are."""

from __future__ import annotations

from dataclasses import dataclass

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
    delay_link: str  # every path crosses it
    delays: tuple[float, ...]  # ms added to the round trip
    rates: dict[str, str]  # per transport, as iperf3 wants it; 0: as fast as it goes
    seconds: float
    short_seconds: float
    short_delay: float


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
    )
}


def find_experiment(name: str) -> Experiment:
    """Return the experiment of that name."""
    if name not in EXPERIMENTS:
        raise UsageError(f"no experiment {name!r}; there are: {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]
