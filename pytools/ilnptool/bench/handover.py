# SPDX-License-Identifier: BSD-2-Clause
"""P4: how soon a correspondent sends to the new locator of a host that moves, and what is lost."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from ilnptool.bench.context import Bench
from ilnptool.bench.goals import goal
from ilnptool.bench.paths import RECEIVER, SENDER, parallel_paths
from ilnptool.bench.traffic import Way, datagrams
from ilnptool.bench.transports import RATE, SIZE
from ilnptool.bench.verdict import Outcome, Pair
from ilnptool.errors import CheckFailed
from ilnptool.lab.model import Impairment, Topology
from ilnptool.lab.netns import NetnsLab
from ilnptool.lab.protocol import Lab, running
from ilnptool.lab.services import wait_for
from ilnptool.wire.capture import CaptureReader

ROUND_TRIPS_MS = (20, 200)
LATER = 20  # preference of the network that is moved to: it carries nothing before
CALM = 2.0  # seconds of the flow before the move
AFTER = 3.0  # seconds of the flow after it
SHARE = 0.25  # of what a path can carry
SECONDS = 10.0
PATIENCE = 30.0


def two_networks(round_trip: float) -> Topology:
    """Return two paths for a host that moves from the first to the second of its networks."""
    topology = parallel_paths(2, rate=RATE)
    for number, (link, _) in enumerate(topology.links_of(SENDER)):
        locator = replace(link.locator, preference=LATER if number else link.locator.preference)
        delayed = replace(link, locator=locator, impairment=Impairment(delay=round_trip / 2))
        topology = topology.with_link(delayed)
    return topology


def _interfaces(lab: Lab) -> list[str]:
    return [end.interface for _, end in lab.topology.links_of(SENDER)]


def _command(lab: Lab, name: str, interface: str) -> None:
    answer = lab.control(SENDER, {"cmd": name, "interface": interface})
    if not answer.get("ok"):
        raise CheckFailed(f"{name} {interface}: {answer.get('error', answer)}")


def _settle(lab: Lab) -> None:
    """Wait until both locators are in use and every path works, at both ends."""

    def settled() -> bool:
        # Paths are probed while there is traffic.
        for node, other in ((SENDER, RECEIVER), (RECEIVER, SENDER)):
            words = ["ping", "-6", "-c", "1", "-W", "1", other]
            lab.exec(node, words, timeout=SECONDS, check=False)
        states = [
            path["state"]
            for node in (SENDER, RECEIVER)
            for path in lab.control(node, {"cmd": "paths"}).get("paths", [])
        ]
        return states == ["up"] * 8

    wait_for(settled, PATIENCE, lambda: "not all paths come up")


def _move(lab: Lab, way: Way) -> tuple[float, int]:
    """Give the first network up in the middle of a flow to the host that moves.

    Returns the seconds until the first datagram came by the second network, and how many were lost.
    """
    first, second = _interfaces(lab)
    begun: list[float] = []

    def move() -> None:
        time.sleep(CALM)
        begun.append(time.time())
        _command(lab, "disable", first)

    with tempfile.TemporaryDirectory(prefix="ilnp-bench-") as folder:
        file = Path(folder) / "second.pcap"
        # Data to us with a nonce is longer than any control message of two locators.
        capture = lab.capture(SENDER, second, file, expression="ip6[6] == 60 and greater 1000")
        try:
            with ThreadPoolExecutor(1) as pool:
                moving = pool.submit(move)
                sent, seen = datagrams(lab, way, CALM + AFTER, rate=SHARE * RATE, size=SIZE)
                moving.result()
        finally:
            capture.stop()
        arrivals = [frame.time_ns / 1e9 for frame in CaptureReader(file)]
    after = [at for at in arrivals if at >= begun[0]]
    if len(after) < len(arrivals) or not after:
        raise CheckFailed(
            f"{len(arrivals) - len(after)} datagrams came by the second network before the move, "
            f"{len(after)} after it"
        )
    return after[0] - begun[0], sent.sent - (seen.received - seen.duplicates)


def p4(bench: Bench) -> list[Outcome]:
    """Soft handover of the receiver of a UDP flow, at two round-trip times."""
    outcomes = []
    lost = []
    for round_trip in ROUND_TRIPS_MS:
        lab = NetnsLab(two_networks(round_trip / 1000), bench.config, bench.lab(f"p4-{round_trip}"))
        pairs = []
        with running(lab):
            for number in range(1, bench.pairs + 1):
                _settle(lab)
                took, missing = _move(lab, Way(RECEIVER, SENDER, SENDER))
                pairs.append(Pair(took, round_trip / 1000))
                lost.append(missing)
                bench.progress(
                    f"P4 {round_trip} ms: {number} of {bench.pairs}: {took * 1000:.1f} ms, "
                    f"{missing} lost"
                )
                _command(lab, "enable", _interfaces(lab)[0])
        outcomes.append(Outcome(goal("P4", f"{round_trip} ms"), tuple(pairs)))
    # None may be lost in any of the moves, not only in most of them.
    return [*outcomes, Outcome(goal("P4", "lost"), (Pair(max(lost)),))]
