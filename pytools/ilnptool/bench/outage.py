# SPDX-License-Identifier: BSD-2-Clause
"""P5, P6: how long a TCP stream over two paths stands still when one of them fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from ilnptool.bench import mptcp
from ilnptool.bench.context import Alternation, Bench
from ilnptool.bench.goals import goal
from ilnptool.bench.paths import SENDER, ilnp_way, parallel_paths
from ilnptool.bench.traffic import Way, stream
from ilnptool.bench.transports import RATE
from ilnptool.bench.verdict import Outcome
from ilnptool.errors import CheckFailed
from ilnptool.lab.netns import NetnsLab
from ilnptool.lab.protocol import Lab, running
from ilnptool.lab.services import wait_for

PATHS = 2
CALM = 2.5  # seconds of the stream before the failure: both paths are full by then
AFTER = 3.0  # seconds of the stream after it
SECONDS = 10.0
MENDED = 30.0  # seconds that a path may take to be used again

Failure = Callable[[Lab], None]


def _first_router(lab: Lab) -> tuple[str, str]:
    """Return the router of the sender's first path, and its interface there."""
    end = lab.topology.links_of(SENDER)[0][0].ends[1]
    return end.node, end.interface


def dig(lab: Lab) -> None:
    """Have the first path's router drop all that it should forward, while its link stays up."""
    node, interface = _first_router(lab)
    rules = (
        "table ip6 hole { chain way { type filter hook forward priority 0; "
        f'iifname "{interface}" drop; oifname "{interface}" drop; }}; }}\n'
    )
    lab.exec(node, ["nft", "-f", "-"], stdin=rules, timeout=SECONDS)


def fill(lab: Lab) -> None:
    """End what dig() has begun."""
    node, _ = _first_router(lab)
    lab.exec(node, ["nft", "delete", "table", "ip6", "hole"], timeout=SECONDS)


def unplug(lab: Lab) -> None:
    """Take the sender's first link down."""
    lab.link_down(lab.topology.links_of(SENDER)[0][0].name)


def plug(lab: Lab) -> None:
    """Take it up again."""
    lab.link_up(lab.topology.links_of(SENDER)[0][0].name)


def _all_paths_up(lab: Lab) -> bool:
    """Tell whether every pair of locators works for the sender's session."""
    found = lab.control(SENDER, {"cmd": "paths"}).get("paths")
    states = [path["state"] for path in found] if isinstance(found, list) else []
    return states == ["up"] * PATHS**2


def _has_addresses(lab: Lab) -> bool:
    usable = {x.interface for x in lab.addresses(SENDER) if x.scope == "global" and x.usable}
    return {end.interface for _, end in lab.topology.links_of(SENDER)} <= usable


@contextmanager
def _mended(lab: Lab, mend: Failure) -> Iterator[None]:
    """Mend the path after a block, and wait until both arms could use it again."""
    try:
        yield
    finally:
        mend(lab)
    # Paths are probed while there is traffic.
    lab.exec(SENDER, ["ping", "-6", "-c", "1", ilnp_way().address], timeout=SECONDS, check=False)
    wait_for(
        lambda: _all_paths_up(lab) and _has_addresses(lab),
        MENDED,
        lambda: "the path that had failed does not come back",
    )


def _standstill(
    bench: Bench, lab: Lab, way: Way, fail: Failure, mend: Failure, *, use_mptcp: bool
) -> float:
    """Return how long at most nothing arrived while the first path failed, in seconds."""

    def fail_later() -> None:
        time.sleep(CALM)
        fail(lab)

    with _mended(lab, mend), ThreadPoolExecutor(1) as pool:
        failure = pool.submit(fail_later)
        report = stream(lab, way, CALM + AFTER, mptcp=use_mptcp, seed=bench.seed)
        failure.result()
    if report.gap <= 0:
        raise CheckFailed("the stream was over before the path failed")
    return report.gap


def _measure(bench: Bench, name: str, part: str, fail: Failure, mend: Failure) -> list[Outcome]:
    topology = parallel_paths(PATHS, rate=RATE)
    lab = NetnsLab(topology, bench.config, bench.lab(name.lower()))
    with running(lab):
        theirs = mptcp.configure(lab)
        taken = Alternation(bench, name)
        taken.take(
            lambda: _standstill(bench, lab, ilnp_way(), fail, mend, use_mptcp=False),
            lambda: _standstill(bench, lab, theirs, fail, mend, use_mptcp=True),
        )
    return [Outcome(goal(name, part), tuple(taken.pairs), evidence=taken.evidence())]


def p5(bench: Bench) -> list[Outcome]:
    """The link of one path goes down at the sender."""
    return _measure(bench, "P5", "link down", unplug, plug)


def p6(bench: Bench) -> list[Outcome]:
    """One path drops everything and nobody says so."""
    return _measure(bench, "P6", "black hole", dig, fill)
