# SPDX-License-Identifier: BSD-2-Clause
"""Unmodified programs over two nodes: ping, TCP, UDP, and what their packets look like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodenet import NodeNet, identity_of, ilv_of, l64_of, node_net, wait_until

from ilnptool.wire.capture import CaptureReader
from ilnptool.wire.cksum import ChecksumVerdict
from ilnptool.wire.link import ipv6_offset
from ilnptool.wire.packet import ICMPV6, UDP, PacketView, parse_packet

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def net() -> Iterator[NodeNet]:
    with node_net() as net:
        net.node("a")
        net.node("b")
        yield net


def iperf3(net: NodeNet, *words: str) -> dict[str, dict[str, float]]:
    """Run a test from a to b and return the sums of its end."""
    server = net.start("b", "iperf3", "-s", "-1", "-B", identity_of("b"))
    wait_until("iperf3 listens", lambda: ":5201" in net.exec("b", "ss", "-6ltn").stdout)
    out = net.exec("a", "iperf3", "-J", "-c", identity_of("b"), "-t", "2", *words, timeout=30)
    server.wait(10)
    return dict(json.loads(out.stdout)["end"])


def capture(net: NodeNet, host: str, link: int, *words: str) -> list[PacketView]:
    """Run a command on a and return the packets that `host` saw on a link meanwhile."""
    path = net.folder / f"{host}{link}.pcap"
    argv = ["tcpdump", "-i", f"if{link}", "-U", "-w", str(path), "ip6"]
    with net.start(host, *argv) as dump:
        wait_until("tcpdump runs", lambda: "listening" in dump.tail())
        net.exec("a", *words)
        wait_until("packets are written", lambda: path.exists() and path.stat().st_size > 500)
    return list(views(path))


def views(path: Path) -> Iterator[PacketView]:
    for frame in CaptureReader(path):
        at = ipv6_offset(frame.link_type, frame.data)
        if at is not None:
            yield parse_packet(frame.data[at:])


@pytest.mark.checklist(58, 110)
def test_ping_is_answered_over_ilnp(net: NodeNet) -> None:
    assert net.ping("a", identity_of("b")) == 3
    assert net.session("a")["state"] == "open"
    assert net.session("b")["state"] == "open"


def test_ping_larger_than_the_link_is_answered(net: NodeNet) -> None:
    assert net.ping("a", identity_of("b"), "-s", "4000") == 3


@pytest.mark.parametrize("words", [(), ("-R",)], ids=["forward", "reverse"])
@pytest.mark.checklist(24, 110)
def test_iperf3_tcp_runs_unmodified(net: NodeNet, words: tuple[str, ...]) -> None:
    end = iperf3(net, *words)
    assert end["sum_received"]["bytes"] > 1_000_000


@pytest.mark.parametrize("words", [(), ("-R",)], ids=["forward", "reverse"])
@pytest.mark.checklist(110)
def test_iperf3_udp_runs_unmodified_without_loss(net: NodeNet, words: tuple[str, ...]) -> None:
    end = iperf3(net, "-u", "-b", "20M", *words)
    assert end["sum"]["packets"] > 1000
    assert end["sum"]["lost_packets"] == 0


@pytest.mark.checklist(22)
def test_several_flows_share_one_session(net: NodeNet) -> None:
    assert iperf3(net, "-P", "4")["sum_received"]["bytes"] > 1_000_000
    assert len(net.sessions("a")) == 1
    assert len(net.sessions("b")) == 1


@pytest.mark.checklist(36, 37, 39, 35)
def test_every_packet_of_the_session_carries_its_senders_nonce(net: NodeNet) -> None:
    seen: dict[int, set[bytes]] = {}
    for link in (1, 2):
        for view in capture(net, "a", link, "ping", "-6", "-c", "6", "-i", "0.1", identity_of("b")):
            if view.protocol != ICMPV6 or view.icmp is None or view.icmp.type not in (128, 129):
                continue
            if view.source.nid.value in (0xA, 0xB):
                assert view.nonce is not None
                seen.setdefault(view.source.nid.value, set()).add(view.nonce.octets)
    assert {nid: len(nonces) for nid, nonces in seen.items()} == {0xA: 1, 0xB: 1}
    assert seen[0xA] != seen[0xB]


@pytest.mark.checklist(97)
def test_a_packet_leaves_by_the_interface_of_its_source_locator(net: NodeNet) -> None:
    for link in (1, 2):
        packets = capture(net, "a", link, "ping", "-6", "-c", "8", "-i", "0.1", identity_of("b"))
        sources = {str(v.source.l64) for v in packets if v.source.nid.value == 0xA and v.nonce}
        assert sources == {l64_of("a", link)}


@pytest.mark.parametrize("kind", ["rfc", "ipv6"])
@pytest.mark.checklist(25, 26, 27, 28, 30)
def test_sums_cover_the_locators_as_the_knob_says(net: NodeNet, kind: str) -> None:
    net.tell("a", "set", name="cksum", value=["rfc", "ipv6"].index(kind))
    script = (
        "import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM);"
        f"[s.sendto(bytes([i]) * 101, ('{identity_of('b')}', 9)) for i in range(20)]"
    )
    # The capture is behind the device that finishes sums, as it is on a real wire.
    net.exec("a", "ethtool", "-K", "if1", "tx", "off")
    try:
        packets = capture(net, "b", 1, "python3", "-c", script)
    finally:
        net.exec("a", "ethtool", "-K", "if1", "tx", "on")
        net.tell("a", "set", name="cksum", value=0)
    mine = [v for v in packets if v.nonce is not None and v.source == ilv_of("a", 1)]
    assert {v.checksum for v in mine if v.protocol == UDP} == {ChecksumVerdict(kind)}
    assert {v.checksum for v in mine if v.protocol == ICMPV6} <= {ChecksumVerdict.IPV6}


@pytest.mark.checklist(118)
def test_segments_leave_room_for_the_nonce(net: NodeNet) -> None:
    status = net.tell("a", "status")
    assert status["tun"]["mtu"] == 1500 - 8


def test_the_hosts_stack_stays_out_of_it(net: NodeNet) -> None:
    before = net.exec("b", "cat", "/proc/net/snmp6").stdout
    assert net.ping("a", identity_of("b")) == 3
    after = net.exec("b", "cat", "/proc/net/snmp6").stdout

    def problems(text: str) -> str:
        return next(x for x in text.splitlines() if x.startswith("Icmp6OutParmProblems")).split()[1]

    assert problems(before) == problems(after) == "0"


def test_an_unknown_correspondent_is_unreachable_at_once(net: NodeNet) -> None:
    result = net.exec("a", "ping", "-6", "-c", "1", "-W", "3", identity_of("1:2:3"), check=False)
    assert "Address unreachable" in result.stdout
