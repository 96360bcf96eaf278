# SPDX-License-Identifier: BSD-2-Clause
"""The wire modes and algorithms, each over real traffic, also where the two ends differ."""

from __future__ import annotations

import pytest
from nodenet import NodeNet, Stream, identity_of, ilv_of, node_net, wait_until

from ilnptool.wire.capture import CaptureReader
from ilnptool.wire.link import ipv6_offset
from ilnptool.wire.packet import ICMPV6, TCP, parse_packet

pytestmark = pytest.mark.root

# Knobs of a, knobs of b.
MODES = {
    "long-nonces": ({"nonce_size": 12}, {"nonce_size": 12}),
    "long-and-short-nonces": ({"nonce_size": 12}, {}),
    "shared-nonce": ({}, {"nonce_shared": 1}),
    "ipv6-sums": ({"cksum": 1}, {"cksum": 1}),
    "rfc-and-ipv6-sums": ({}, {"cksum": 1}),
    "ipv6-sums-and-auto": ({"cksum": 1}, {"cksum": 2}),
    "extended-updates": ({"lu_format": 16}, {"lu_format": 16}),
    "extended-soft-updates": (
        {"lu_format": 14, "lu_soft_code": 7},
        {"lu_format": 14, "lu_soft_code": 7},
    ),
    "hard-handover": ({"handover": 1}, {}),
    "initial-nonces": ({"nonce_policy": 1}, {"nonce_policy": 1}),
}


def start(net: NodeNet, host: str, knobs: dict[str, int], node: str = "") -> None:
    lines = [f"{name} = {value}" for name, value in knobs.items()]
    net.node(host, "\n".join([node, "[knobs]", *lines]))


PLAIN = ("long-nonces", "rfc-and-ipv6-sums", "initial-nonces")
CASES = [(name, True) for name in MODES] + [(name, False) for name in PLAIN]


@pytest.mark.parametrize(
    ("name", "offload"), CASES, ids=[f"{x}-{'offload' if y else 'plain'}" for x, y in CASES]
)
@pytest.mark.checklist(25, 26, 31, 33, 90)
def test_streams_and_moves_work_in_every_mode(name: str, offload: bool) -> None:
    first, second = MODES[name]
    setting = "" if offload else "offload = false"
    with node_net(2) as net:
        start(net, "a", first, setting)
        start(net, "b", second, setting)
        assert net.ping("a", identity_of("b")) == 3
        net.wait_paths("a", 4)
        net.wait_paths("b", 4)
        forward = Stream(net, "a", identity_of("b"), "b", 1)
        backward = Stream(net, "b", identity_of("a"), "a", 1)
        before = net.counters("a")["lu_acked"]
        net.tell("a", "disable", interface="if1")
        net.wait_locators("a", 1, "quiet")
        forward.finish()
        backward.finish()
        assert net.session("a")["state"] == "open"
        counters = net.counters("a")
        assert counters["lu_acked"] > before
        assert counters["in_malformed"] == counters["in_cksum_kind"] == 0


@pytest.mark.parametrize("name", ["rr", "drr", "drr_paper", "pref", "weighted", "sticky"])
def test_a_stream_runs_under_every_algorithm(name: str) -> None:
    with node_net(2) as net:
        for host in ("a", "b"):
            net.node(host, f'algorithm = "{name}"')
        Stream(net, "a", identity_of("b"), "b", 1).finish()
        assert net.session("a")["algorithm"] == name


def test_redundant_packets_take_several_paths() -> None:
    with node_net(2) as net:
        for host in ("a", "b"):
            net.node(host, 'algorithm = "redundant"')
        Stream(net, "a", identity_of("b"), "b", 1).finish()
        sent = [x["tx_packets"] for x in net.session("a")["paths"]]
        assert min(sent) > 20


@pytest.mark.checklist(37, 16)
def test_with_initial_nonces_later_packets_carry_none() -> None:
    with node_net(1) as net:
        for host in ("a", "b"):
            start(net, host, {"nonce_policy": 1})
        path = net.folder / "initial.pcap"
        with net.start("b", "tcpdump", "-i", "if1", "-U", "-w", str(path), "ip6") as dump:
            wait_until("tcpdump runs", lambda: "listening" in dump.tail())
            Stream(net, "a", identity_of("b"), "b", 1).finish()
        carried = []
        for frame in CaptureReader(path):
            at = ipv6_offset(frame.link_type, frame.data)
            view = None if at is None else parse_packet(frame.data[at:])
            if view is not None and view.protocol == TCP and view.source == ilv_of("a", 1):
                carried.append(view.nonce is not None)
        assert all(carried[:3])
        assert not any(carried[-5:])
        assert net.counters("b")["in_ilnp"] >= len(carried)


def test_with_initial_nonces_what_begins_later_carries_one() -> None:
    """A kernel tells a new connection and a datagram from plain IPv6 by nothing else."""
    with node_net(1) as net:
        for host in ("a", "b"):
            start(net, host, {"nonce_policy": 1, "nonce_initial": 3})
        path = net.folder / "later.pcap"
        Stream(net, "a", identity_of("b"), "b", 1).finish()
        with net.start("b", "tcpdump", "-i", "if1", "-U", "-w", str(path), "ip6") as dump:
            wait_until("tcpdump runs", lambda: "listening" in dump.tail())
            Stream(net, "a", identity_of("b"), "b", 1).finish()
            assert net.ping("a", identity_of("b")) == 3
        tcp: list[bool] = []
        echoes: list[bool] = []
        for frame in CaptureReader(path):
            at = ipv6_offset(frame.link_type, frame.data)
            view = None if at is None else parse_packet(frame.data[at:])
            if view is None or view.source != ilv_of("a", 1):
                continue
            if view.protocol == TCP:
                tcp.append(view.nonce is not None)
            elif view.protocol == ICMPV6:
                echoes.append(view.nonce is not None)
        assert all(tcp[:3])
        assert not all(tcp)
        assert echoes
        assert all(echoes)
