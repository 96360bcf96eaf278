# SPDX-License-Identifier: BSD-2-Clause
"""P1, P2, P7, P8: what UDP and TCP get of one or several paths."""

from __future__ import annotations

from dataclasses import replace

from ilnptool.bench import mptcp
from ilnptool.bench.context import Alternation, Bench
from ilnptool.bench.goals import goal
from ilnptool.bench.paths import SENDER, ilnp_way, parallel_paths, plain_ways
from ilnptool.bench.stream import goodput
from ilnptool.bench.traffic import Way, datagrams, stream
from ilnptool.bench.verdict import Outcome, Pair
from ilnptool.bench.witness import grown, octets_sent, retransmitted
from ilnptool.lab.model import Topology
from ilnptool.lab.netns import NetnsLab
from ilnptool.lab.protocol import Lab, running

RATE = 20_000_000  # bits per second of each path
SIZE = 1432  # octets of payload in every datagram of every arm
PUSH = 1.1  # of what the paths can carry: enough to fill them
HALF = 0.5
WARM_UP = 1.0  # seconds of a stream that do not count: slow start, and MPTCP's further subflows
WEIGHTS = (3, 2, 1)


def _udp(bench: Bench, lab: Lab, way: Way, paths: int) -> float:
    seconds = bench.seconds(2, 10)
    _, seen = datagrams(lab, way, seconds, rate=PUSH * RATE * paths, size=SIZE)
    return seen.goodput


def _tcp(bench: Bench, lab: Lab, way: Way, *, use_mptcp: bool = False) -> float:
    seconds = bench.seconds(4, 15)
    report = stream(lab, way, seconds, mptcp=use_mptcp, seed=bench.seed)
    return goodput(report, WARM_UP)


def p1(bench: Bench) -> list[Outcome]:
    """UDP over several equal paths against the sum of the single paths."""
    outcomes: list[Outcome] = []
    for paths, part in ((2, "2 paths"), (3, "3 paths"), (3, "3, both ends")):
        topology = parallel_paths(paths, rate=RATE, both="both" in part)
        lab = NetnsLab(topology, bench.config, bench.lab(f"p1-{len(outcomes)}"))
        with running(lab):
            singles = plain_ways(lab.topology)
            taken = Alternation(bench, f"P1 {part}")
            taken.take(
                lambda: _udp(bench, lab, ilnp_way(), paths),  # noqa: B023  (called at once)
                lambda: sum(_udp(bench, lab, way, 1) for way in singles),  # noqa: B023
            )
        found = goal("P1", part)
        outcomes.append(Outcome(found, tuple(taken.pairs), evidence=taken.evidence()))
    return outcomes


def p2(bench: Bench) -> list[Outcome]:
    """One TCP flow over two paths against MPTCP."""
    lab = NetnsLab(parallel_paths(2, rate=RATE), bench.config, bench.lab("p2"))
    with running(lab):
        theirs = mptcp.configure(lab)
        taken = Alternation(bench, "P2")
        again = [0]

        def ours() -> float:
            before = retransmitted(lab, SENDER)
            value = _tcp(bench, lab, ilnp_way())
            again[0] += retransmitted(lab, SENDER) - before
            return value

        taken.take(ours, lambda: _tcp(bench, lab, theirs, use_mptcp=True))
    evidence = f"{again[0] // bench.pairs} segments per flow sent again; {taken.evidence()}"
    return [Outcome(goal("P2", "tcp"), tuple(taken.pairs), evidence=evidence)]


def p7(bench: Bench) -> list[Outcome]:
    """What ILNP costs on a single path."""
    lab = NetnsLab(parallel_paths(1, rate=RATE), bench.config, bench.lab("p7"))
    outcomes = []
    with running(lab):
        (plain,) = plain_ways(lab.topology)
        for part in ("udp", "tcp"):
            taken = Alternation(bench, f"P7 {part}")
            if part == "udp":
                taken.take(
                    lambda: _udp(bench, lab, ilnp_way(), 1), lambda: _udp(bench, lab, plain, 1)
                )
            else:
                taken.take(lambda: _tcp(bench, lab, ilnp_way()), lambda: _tcp(bench, lab, plain))
            outcomes.append(
                Outcome(goal("P7", part), tuple(taken.pairs), evidence=taken.evidence())
            )
    return outcomes


def weighted(topology: Topology, weights: tuple[int, ...]) -> Topology:
    """Return the same paths with the sender's weights on them."""
    for (link, _), weight in zip(topology.links_of(SENDER), weights, strict=True):
        topology = topology.with_link(replace(link, locator=replace(link.locator, weight=weight)))
    return topology.with_node(replace(topology.node(SENDER), algorithm="weighted"))


def share_error(octets: dict[str, int], weights: dict[str, int]) -> float:
    """Return the largest distance between what a path carried and what its weight promises."""
    total, weight = sum(octets.values()), sum(weights.values())
    if total == 0:
        raise ValueError("nothing was sent")
    return max(abs(octets.get(name, 0) / total - weights[name] / weight) for name in weights)


def p8(bench: Bench) -> list[Outcome]:
    """Order and fairness of UDP over three paths that are not full."""
    rate, seconds = HALF * RATE * 3, bench.seconds(3, 20)
    equal = NetnsLab(parallel_paths(3, rate=RATE), bench.config, bench.lab("p8-e"))
    misordered = []
    with running(equal):
        for number in range(1, bench.pairs + 1):
            _, seen = datagrams(equal, ilnp_way(), seconds, rate=rate, size=SIZE)
            misordered.append(Pair(seen.misordered / seen.received))
            bench.progress(f"P8 misordered: {number} of {bench.pairs}: {misordered[-1].ours:.5f}")
    topology = weighted(parallel_paths(3, rate=RATE), WEIGHTS)
    uneven = NetnsLab(topology, bench.config, bench.lab("p8-w"))
    interfaces = [end.interface for _, end in topology.links_of(SENDER)]
    weights = dict(zip(interfaces, WEIGHTS, strict=True))
    errors = []
    with running(uneven):
        for number in range(1, bench.pairs + 1):
            before = octets_sent(uneven, SENDER)
            datagrams(uneven, ilnp_way(), seconds, rate=rate, size=SIZE)
            sent = grown(before, octets_sent(uneven, SENDER))
            errors.append(Pair(share_error(sent, weights)))
            bench.progress(f"P8 share error: {number} of {bench.pairs}: {errors[-1].ours:.5f}")
    return [
        Outcome(goal("P8", "misordered"), tuple(misordered)),
        Outcome(goal("P8", "share error"), tuple(errors)),
    ]
