# SPDX-License-Identifier: BSD-2-Clause
"""Large packets of the host: cut where segments take turns among paths, whole elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from nodenet import NodeNet, Stream, identity_of, l64_of, node_net, wait_until

from ilnptool import run
from ilnptool.wire.capture import CaptureReader
from ilnptool.wire.cksum import ChecksumVerdict
from ilnptool.wire.link import ipv6_offset
from ilnptool.wire.packet import TCP, UDP, PacketView, parse_packet

pytestmark = pytest.mark.root

MTU = 1500
PSH = 0x08
UDP_SEGMENT = 103
SEGMENT = 1000
SERVER = Path(__file__).with_name("datagrams.py")


@pytest.fixture(scope="module")
def net() -> Iterator[NodeNet]:
    """Two hosts with two links each, so four paths."""
    with node_net() as net:
        for host in ("a", "b"):
            net.node(host)
        assert net.ping("a", identity_of("b")) == 3
        net.wait_paths("a", 4)
        yield net


def views(path: Path) -> Iterator[PacketView]:
    for frame in CaptureReader(path):
        at = ipv6_offset(frame.link_type, frame.data)
        if at is not None:
            yield parse_packet(frame.data[at:])


def wait_listening(dump: run.Process) -> run.Process:
    wait_until("tcpdump runs", lambda: "listening" in dump.tail())
    return dump


@contextmanager
def captured(net: NodeNet, host: str, *words: str) -> Iterator[list[PacketView]]:
    """Fill a list with what passes the links of a host during a block, one link after the other."""
    found: list[PacketView] = []
    files = [net.folder / f"{host}{next(net.number)}.pcap" for _ in range(net.links)]
    with ExitStack() as stack:
        for link, path in enumerate(files, 1):
            argv = ["tcpdump", "--immediate-mode", "-i", f"if{link}", "-U", "-w", str(path), *words]
            stack.enter_context(wait_listening(net.start(host, *argv)))
        yield found
        wait_still(files)
    for path in files:
        found += views(path)


def wait_still(files: list[Path]) -> None:
    """Wait until files have stopped growing."""
    sizes = [-1]
    while sizes != (sizes := [path.stat().st_size for path in files]):
        time.sleep(0.3)


def from_a(found: list[PacketView], protocol: int) -> list[PacketView]:
    return [v for v in found if v.protocol == protocol and v.source.nid.value == 0xA]


@contextmanager
def without_offload(net: NodeNet) -> Iterator[None]:
    """Have the links of a finish sums and cut packets by software, as if they were wires."""
    for state in ("off", "on"):
        for link in range(1, net.links + 1):
            net.exec("a", "ethtool", "-K", f"if{link}", "tx", state)
        if state == "off":
            yield


@contextmanager
def sticky(net: NodeNet) -> Iterator[None]:
    """Have every flow from a to b keep to one path."""
    session = net.session("a")["id"]
    net.tell("a", "algorithm", name="sticky", session=session)
    try:
        yield
    finally:
        net.tell("a", "algorithm", name="rr", session=session)


def test_tcp_over_several_paths_takes_them_segment_by_segment(net: NodeNet) -> None:
    with without_offload(net), captured(net, "a", "ip6") as found:
        Stream(net, "a", identity_of("b"), "b", 1).finish()
    segments = [v for v in from_a(found, TCP) if v.payload_octets > 1000]
    assert len(segments) > 100
    assert {v.checksum for v in segments} == {ChecksumVerdict.RFC}
    assert len({(v.source.l64, v.destination.l64) for v in segments}) == 4


def test_a_large_packet_is_cut_before_it_leaves(net: NodeNet) -> None:
    with captured(net, "a", "ip6") as found:
        Stream(net, "a", identity_of("b"), "b", 1).finish()
    segments = from_a(found, TCP)
    assert len(segments) > 100
    large = [v for v in segments if v.payload_octets + 40 > MTU]
    # On a slow machine much may come at once, and then more than one goes together.
    assert len(large) * 4 < len(segments)
    starts = [v.tcp.sequence for v in segments if v.tcp and v.payload_octets > 200]
    assert len(set(starts)) * 10 > len(starts) * 9  # few are sent again
    # What is written at once is a dozen segments, and PSH stands on the last of them alone.
    pushed = [v for v in segments if v.tcp and v.tcp.flags & PSH and v.payload_octets > 200]
    assert 0 < len(pushed) * 2 < len(starts)


def test_a_flow_that_keeps_to_one_path_keeps_its_large_packets(net: NodeNet) -> None:
    largest = 0
    for _ in range(6):  # one flow in three begins with numbers that routers misread
        with sticky(net), captured(net, "a", "ip6") as found:
            Stream(net, "a", identity_of("b"), "b", 1).finish()
        segments = [v for v in from_a(found, TCP) if v.payload_octets > 500]
        assert len({(v.source.l64, v.destination.l64) for v in segments}) == 1
        largest = max(v.payload_octets for v in segments)
        if largest > 4 * MTU:
            break
    assert largest > 4 * MTU


def test_udp_segmentation_reaches_the_peer_datagram_by_datagram(net: NodeNet) -> None:
    sizes = f"[{SEGMENT}] * 9 + [300]"
    script = (
        "import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM);"
        f"s.setsockopt(socket.SOL_UDP, {UDP_SEGMENT}, {SEGMENT});"
        f"s.sendto(b''.join(bytes([i]) * n for i, n in enumerate({sizes})), "
        f"('{identity_of('b')}', 6100))"
    )
    server = net.start("b", sys.executable, str(SERVER), identity_of("b"), "6100", "10")
    wait_until("the server is ready", lambda: "ready" in server.tail())
    with without_offload(net), captured(net, "a", "ip6") as found:
        net.exec("a", sys.executable, "-c", script)
        assert server.wait(20) == 0, server.tail()
    lines = sorted(server.tail().splitlines()[1:])
    assert lines == sorted([f"{i} {SEGMENT}" for i in range(9)] + ["9 300"])
    sent = [v for v in from_a(found, UDP) if v.destination_port == 6100]
    assert len(sent) == 10
    assert {v.checksum for v in sent} == {ChecksumVerdict.RFC}
    assert len({(v.source.l64, v.destination.l64) for v in sent}) == 4


def test_a_socket_pinned_to_a_path_keeps_its_large_packets(net: NodeNet) -> None:
    script = (
        "import socket\n"
        "from ilnptool.sock import LocatorSocket\n"
        "from ilnptool.wire.text import parse_l64\n"
        "with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:\n"
        f" s.setsockopt(socket.SOL_UDP, {UDP_SEGMENT}, {SEGMENT})\n"
        f" s.connect(('{identity_of('b')}', 6101))\n"
        f" paths = LocatorSocket(s)\n"
        f" paths.pin(local=parse_l64('{l64_of('a', 2)}'),"
        f" remote=parse_l64('{l64_of('b', 1)}'))\n"
        f" s.send(bytes(10 * {SEGMENT}))\n"
    )
    with captured(net, "a", "ip6") as found:
        net.exec("a", sys.executable, "-c", script)
    sent = [v for v in from_a(found, UDP) if v.destination_port == 6101]
    assert len(sent) == 1
    assert sent[0].payload_octets > 10 * SEGMENT


def test_a_few_segments_that_a_router_could_misread_are_sent_one_by_one(net: NodeNet) -> None:
    connect = (
        "import socket, sys\n"
        "for _ in range(24):\n"
        " with socket.create_connection((sys.argv[1], 6199)) as s:\n"
        "  s.sendall(bytes(4000)); s.recv(1)\n"
    )
    serve = (
        "import socket, sys\n"
        "with socket.create_server((sys.argv[1], 6199), family=socket.AF_INET6) as server:\n"
        " print('ready', flush=True)\n"
        " for _ in range(24):\n"
        "  with server.accept()[0] as s:\n"
        "   n = 0\n"
        "   while n < 4000: n += len(s.recv(4000))\n"
        "   s.sendall(b'!')\n"
    )
    server = net.start("b", sys.executable, "-c", serve, identity_of("b"))
    wait_until("the server is ready", lambda: "ready" in server.tail())
    before = net.counters("a")["in_ptb"]
    with sticky(net), captured(net, "a", "ip6") as found:
        net.exec("a", sys.executable, "-c", connect, identity_of("b"))
    assert net.counters("a")["in_ptb"] == before
    data = [v for v in from_a(found, TCP) if v.payload_octets > 500 and v.tcp]
    # Octet 12 behind the IPv6 header tells some routers the length of TCP's: the nonce header has
    # 8 octets and TCP's own 32, so from 11 * 4 on they see more than there is.
    misread = [v for v in data if v.tcp and v.tcp.sequence >> 28 > 10]
    others = [v for v in data if v.tcp and v.tcp.sequence >> 28 <= 10]
    assert misread
    assert all(v.payload_octets + 40 <= MTU for v in misread)
    assert any(v.payload_octets + 40 > MTU for v in others)
