# SPDX-License-Identifier: BSD-2-Clause
"""Nodes that end, well or badly, and come back."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodenet import NodeNet, Stream, identity_of, node_net, wait_until

pytestmark = pytest.mark.root


@pytest.fixture
def net() -> Iterator[NodeNet]:
    with node_net(2) as net:
        for host in ("a", "b"):
            net.node(host)
        yield net


def traces(net: NodeNet, host: str) -> list[str]:
    """Return what a node has left in its namespace and its folder."""
    found = [
        line
        for line in net.exec(host, "ip", "-6", "-o", "addr").stdout.splitlines()
        if f"::{host}/" in line
    ]
    found += [x for x in net.exec(host, "ip", "-o", "link").stdout.splitlines() if "ilnp" in x]
    found += net.exec(host, "nft", "list", "tables").stdout.splitlines()
    found += [str(net.socket(host))] if net.socket(host).exists() else []
    return found


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
def test_a_node_that_ends_leaves_nothing(net: NodeNet, sig: signal.Signals) -> None:
    assert len(traces(net, "a")) > 4
    assert net.node_stop("a", sig) == 0
    wait_until("the socket is gone", lambda: not net.socket("a").exists())
    assert traces(net, "a") == []


@pytest.mark.parametrize("victim", ["a", "b"], ids=["initiator", "responder"])
@pytest.mark.slow
def test_a_transfer_goes_on_after_a_node_was_killed(net: NodeNet, victim: str) -> None:
    assert net.ping("a", identity_of("b")) == 3
    stream = Stream(net, "a", identity_of("b"), "b", 10)
    net.wait_paths("a", 4)
    net.node_stop(victim, signal.SIGKILL)
    killed = time.monotonic()
    net.node(victim)
    down = time.monotonic() - killed
    assert stream.finish() - down < 5


def test_what_a_crash_left_is_taken_over_and_then_removed(net: NodeNet) -> None:
    net.node_stop("a", signal.SIGKILL)
    wait_until("the socket is gone", lambda: not net.socket("a").exists())
    left = traces(net, "a")
    assert any("ilnp0" in x for x in left)
    # The successor has another NID: the old addresses are not its own.
    path = net.conf("a", nids=["0:0:0:c"])
    net.nodes["a"] = net.start("a", *net.argv(path))
    net.wait_locators("a", 2)
    addresses = net.exec("a", "ip", "-6", "-o", "addr").stdout
    assert "::a/" not in addresses
    assert addresses.count("::c/") == 3
    assert net.node_stop("a") == 0
    assert traces(net, "a") == []
    assert "::c/" not in net.exec("a", "ip", "-6", "-o", "addr").stdout


def test_two_nodes_of_one_name_are_refused(net: NodeNet) -> None:
    second = net.start("a", *net.argv(net.conf("a", 'tun = "ilnp1"')))
    assert second.wait(10) == 3
    assert "another node answers there" in second.tail()
    assert net.ping("a", identity_of("b")) == 3


def test_a_node_runs_without_privileges_it_does_not_need(net: NodeNet) -> None:
    pid = net.tell("a", "status")["pid"]
    lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
    status = dict(x.split(":\t", 1) for x in lines if ":\t" in x)
    assert set(status["Uid"].split()) != {"0"}
    assert int(status["CapEff"], 16) == 1 << 12 | 1 << 13  # NET_ADMIN, NET_RAW
    assert int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
