# SPDX-License-Identifier: BSD-2-Clause
"""100 MB of TCP each way between a kernel node and a userspace node: 50 changes of locators.

The machine has two providers, or three.  It gives its networks up in turn and takes them again:
mostly softly, every fifth time by switching the interface off.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from machinekit import MARKS, ask, counters, flow, machine_lab, session, wait_until

from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.qemu import QemuLab
from ilnptool.lab.topology import load_topology

pytestmark = [*MARKS, pytest.mark.timeout(3600)]

OCTETS = int(os.environ.get("ILNP_CROSS_OCTETS", "100000000"))
CHANGES = 50
SIZE = 50000
PAUSE = 40  # ms after each block: the changes take longer than a transfer at full speed
WAIT_SECONDS = 120.0


@pytest.fixture(params=[("two-paths", "a", "b"), ("duality", "mn", "cn")], ids=["two", "three"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[QemuLab, str, str]]:
    """A lab, its machine, and the node with ILNP in userspace."""
    name, kernel, user = request.param
    topology = load_topology(find_topology(name))
    # What a machine without hardware virtualisation can carry is less than any of these.
    for link in topology.links:
        topology = topology.with_link(replace(link, rate=None, impairment=None))
    with machine_lab(topology, kernel) as lab:
        yield lab, kernel, user


def states(lab: QemuLab, node: str, interface: str) -> set[str]:
    found = ask(lab, node, "locators")["locators"]
    return {x["state"] for x in found if x["interface"] == interface}


def leave(lab: QemuLab, node: str, peer: str, index: int, *, hard: bool) -> None:
    link, end = lab.topology.links_of(node)[index]
    if hard:
        lab.link_down(link.name)
    else:
        ask(lab, node, "disable", interface=end.interface)
    wait_until("it is left", lambda: not states(lab, node, end.interface), WAIT_SECONDS)
    wait_until("its peer knows", lambda: not session(lab, node, peer)["lu_pending"], WAIT_SECONDS)


def take(lab: QemuLab, node: str, peer: str, index: int, *, hard: bool) -> None:
    link, end = lab.topology.links_of(node)[index]
    if hard:
        lab.link_up(link.name)
    else:
        ask(lab, node, "enable", interface=end.interface)
    wait_until("it is used", lambda: states(lab, node, end.interface) == {"used"}, WAIT_SECONDS)
    wait_until("its peer knows", lambda: not session(lab, node, peer)["lu_pending"], WAIT_SECONDS)


def test_100_megabytes_each_way_through_50_changes(
    ends: tuple[QemuLab, str, str], tmp_path: Path
) -> None:
    lab, kernel, user = ends
    count, providers = -(-OCTETS // SIZE), len(lab.topology.links_of(kernel))
    with ExitStack() as stack:
        ways = [(kernel, user), (user, kernel)]
        flows = [
            stack.enter_context(flow(lab, "tcp", way, 7500 + number, tmp_path))
            for number, way in enumerate(ways)
        ]
        stops = {kernel: "/tmp/stop", user: str(tmp_path / "stop")}
        sources = [each.start(count, SIZE, PAUSE, tmp_path, stops[each.sender]) for each in flows]
        for source in sources:
            stack.callback(source.stop)
        wait_until("a session", lambda: session(lab, kernel, user).get("state") == "open")
        for number in range(CHANGES // 2):
            leave(lab, kernel, user, number % providers, hard=number % 5 == 4)
            take(lab, kernel, user, number % providers, hard=number % 5 == 4)
        lab.agent(kernel).ask(f"touch {stops[kernel]}")
        Path(stops[user]).touch()
        for each, source in zip(flows, sources, strict=True):
            assert source.wait(1200) == 0, source.tail()
            sums = tuple(map(int, source.tail().split()))
            assert sums[0] >= OCTETS
            print(f"{each.sender} to {each.receiver}: {sums[0]} octets, CRC-32 {sums[1]:08x}")
            assert each.sums(60) == sums
    assert counters(lab, kernel)["lu_acked"] >= CHANGES
    assert counters(lab, kernel)["fallback"] == counters(lab, kernel)["lu_failed"] == 0
