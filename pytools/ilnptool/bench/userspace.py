# SPDX-License-Identifier: BSD-2-Clause
"""P9: what a node in user space can carry, against a bare relay and against itself."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ilnptool.bench import relay
from ilnptool.bench.context import Alternation, Bench
from ilnptool.bench.goals import goal
from ilnptool.bench.paths import RECEIVER, SENDER, ilnp_way, parallel_paths
from ilnptool.bench.traffic import MARGIN_SECONDS, Way
from ilnptool.bench.verdict import Outcome
from ilnptool.errors import CheckFailed
from ilnptool.lab.model import Topology
from ilnptool.lab.netns import NetnsLab
from ilnptool.lab.protocol import Lab, running
from ilnptool.lab.services import wait_for

TUN = "ilnp0"  # the device that ilnpd makes unless it is told another name
_OFFLOADS = ("tx", "tso", "gso")


def iperf3(lab: Lab, way: Way, seconds: float) -> float:
    """Return the bits per second that one TCP flow of iperf3 gets as received."""
    with tempfile.TemporaryDirectory(prefix="ilnp-bench-") as folder:
        out, log = Path(folder) / "out", Path(folder) / "log"
        argv = ["iperf3", "--server", "--one-off", "--forceflush"]
        server = lab.popen(way.receiver, argv, log=log, stdout=out)
        try:
            wait_for(
                lambda: "listening" in out.read_text(),
                MARGIN_SECONDS,
                lambda: f"iperf3 does not listen: {server.tail()}",
            )
            words = ["iperf3", "--json", "--client", way.address, "--time", f"{seconds:g}"]
            result = lab.exec(way.sender, words, timeout=seconds + MARGIN_SECONDS, check=False)
        finally:
            server.stop()
    report = json.loads(result.stdout or "{}")
    if result.status != 0 or "error" in report:
        raise CheckFailed(f"iperf3 to {way.address}: {report.get('error', result.stderr)}")
    return float(report["end"]["sum_received"]["bits_per_second"])


@contextmanager
def without_offload(lab: Lab) -> Iterator[None]:
    """Have the hosts hand ilnpd single packets with finished checksums for the time of a block."""

    def switch(state: str) -> None:
        words = [word for name in _OFFLOADS for word in (name, state)]
        for node in (SENDER, RECEIVER):
            lab.exec(node, ["ethtool", "-K", TUN, *words], timeout=MARGIN_SECONDS)

    switch("off")
    try:
        yield
    finally:
        switch("on")


def _without_ilnp(topology: Topology) -> Topology:
    for node in topology.nodes:
        topology = topology.with_node(replace(node, ilnp=False))
    return topology


def p9(bench: Bench) -> list[Outcome]:
    """One TCP flow as fast as it goes, over links that cut large packets as network cards do.

    The relay has a lab of its own beside that of the nodes, or each would see the other's packets.
    """
    relay.build()
    topology = parallel_paths(1, rate=None, offload=True)
    nodes = NetnsLab(topology, bench.config, bench.lab("p9"))
    bare = NetnsLab(_without_ilnp(topology), bench.config, bench.lab("p9-r"))
    seconds = bench.seconds(2.5, 10)
    with running(nodes), running(bare):

        def ours() -> float:
            return iperf3(nodes, ilnp_way(), seconds)

        def ours_plain() -> float:
            with without_offload(nodes):
                return iperf3(nodes, ilnp_way(), seconds)

        def theirs() -> float:
            with relay.relaying(bare, SENDER, RECEIVER, offload=True) as way:
                return iperf3(bare, way, seconds)

        outcomes = []
        for part, yardstick in (("relay", theirs), ("offload", ours_plain)):
            taken = Alternation(bench, f"P9 {part}")
            taken.take(ours, yardstick)
            outcomes.append(
                Outcome(goal("P9", part), tuple(taken.pairs), evidence=taken.evidence())
            )
    return outcomes
