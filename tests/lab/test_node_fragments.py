# SPDX-License-Identifier: BSD-2-Clause
"""Datagrams in fragments: put together, judged whole, bounded, and sent by one path."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from nodenet import NodeNet, identity_of, ilv_of, l64_of, node_net, wait_until

from ilnptool import run
from ilnptool.wire import build
from ilnptool.wire.capture import CaptureReader
from ilnptool.wire.link import ipv6_offset
from ilnptool.wire.lu import LocatorRecord, LocatorUpdate
from ilnptool.wire.packet import FRAGMENT, HEADER_OCTETS, PacketView, parse_packet
from ilnptool.wire.values import L64, Ilv, Nonce

pytestmark = pytest.mark.root

A1, B1 = ilv_of("a", 1), ilv_of("b", 1)
STRANGE = Nonce(b"\xde\xad\xbe\xef")
MMTU = 1280
SERVER = Path(__file__).with_name("datagrams.py")
HIDDEN, VISIBLE = HEADER_OCTETS, HEADER_OCTETS + 8  # octets that each fragment repeats


class Piece(NamedTuple):
    """A part of a packet's payload, and whether more follow."""

    offset: int
    data: bytes
    more: bool


def fragment(packet: bytes, head: int, piece: Piece, identification: int) -> bytes:
    """Return one fragment of a packet of which each has the first `head` octets."""
    named_at = 6 if head == HIDDEN else HEADER_OCTETS
    start = bytearray(packet[:head])
    inner, start[named_at] = start[named_at], FRAGMENT
    place = piece.offset | int(piece.more)
    header = bytes((inner, 0)) + place.to_bytes(2, "big") + identification.to_bytes(4, "big")
    start[4:6] = (head - HEADER_OCTETS + 8 + len(piece.data)).to_bytes(2, "big")
    return bytes(start) + header + piece.data


def pieces(packet: bytes, head: int, size: int = 1000) -> list[Piece]:
    """Cut what follows the first `head` octets of a packet into pieces of `size`."""
    payload = packet[head:]
    return [
        Piece(at, payload[at : at + size], at + size < len(payload))
        for at in range(0, len(payload), size)
    ]


def fragments(packet: bytes, head: int, size: int = 1000) -> list[bytes]:
    number = random.getrandbits(32)
    return [fragment(packet, head, piece, number) for piece in pieces(packet, head, size)]


def together(views: Sequence[tuple[PacketView, bytes]]) -> bytes:
    """Return the packet that fragments without a header of their own in front make."""
    found = {v.fragment.offset: data for v, data in views if v.fragment}
    payload = b"".join(found[at][HEADER_OCTETS + 8 :] for at in sorted(found))
    head = bytearray(views[0][1][:HEADER_OCTETS])
    head[4:6] = len(payload).to_bytes(2, "big")
    head[6] = views[0][1][HEADER_OCTETS]
    return bytes(head) + payload


@pytest.fixture(scope="module")
def net() -> Iterator[NodeNet]:
    with node_net() as net:
        for host in ("a", "b"):
            net.node(host, "[knobs]\nbusy_time = 3600\nlu_lifetime = 65535\nlu_max = 255")
        assert net.ping("a", identity_of("b")) == 3
        for host in ("a", "b"):
            net.wait_paths(host, 4)
        wait_until("all is acknowledged", lambda: not any(net.lu_pending(x) for x in "ab"))
        yield net


def dump(net: NodeNet, host: str, link: int, *words: str) -> tuple[run.Process, Path]:
    """Start to capture on a link of a host."""
    path = net.folder / f"dump{next(net.number)}.pcap"
    argv = ["tcpdump", "--immediate-mode", "-i", f"if{link}", "-Z", "root", "-U", "-w", str(path)]
    process = net.start(host, *argv, *words)
    wait_until("tcpdump runs", lambda: "listening" in process.tail())
    return process, path


def seen(path: Path) -> list[tuple[PacketView, bytes]]:
    found = []
    for frame in CaptureReader(path):
        at = ipv6_offset(frame.link_type, frame.data)
        if at is not None:
            found.append((parse_packet(frame.data[at:]), frame.data[at:]))
    return found


@pytest.fixture(scope="module")
def nonce(net: NodeNet) -> Nonce:
    """What b puts on its packets."""
    process, path = dump(net, "a", 1, "ip6[6]==60")
    with process:

        def heard() -> Nonce | None:
            net.ping("a", identity_of("b"), count=2)
            mine = (v.nonce for v, _ in seen(path) if v.source.nid.value == 0xB and v.nonce)
            return next(mine, None)

        found: Nonce = wait_until("b has sent its nonce", heard)
    return found


def real() -> list[L64]:
    return [L64(int(l64_of("b", link).replace("+", ""), 16)) for link in (1, 2)]


def update(nonce: Nonce, count: int) -> bytes:
    """An update with b's locators and so many others, which no other update has."""
    first = 0x20010DB800000000 + (random.getrandbits(16) << 16)
    others = [L64(first + i) for i in range(count)]
    records = tuple(LocatorRecord(l64, 1, 300) for l64 in (*real(), *others))
    return build.locator_update(B1, A1, LocatorUpdate(1, records), nonce=nonce)


def is_taken(net: NodeNet, packet: bytes) -> bool:
    """Tell whether a has what is new in an update."""
    found = parse_packet(packet).locator_update
    assert found is not None
    return str(found.records[2].l64) in [x["l64"] for x in net.session("a")["locators"]]


def give(net: NodeNet, packet: bytes, *frames: bytes) -> None:
    """Send an update as a peer would, again until it counts: one behind another is refused."""

    def taken() -> bool:
        net.inject("a", 1, *frames)
        deadline = time.monotonic() + 1
        while not is_taken(net, packet):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    wait_until("it is taken", taken)


def recover(net: NodeNet, nonce: Nonce) -> None:
    """Have b be itself again for a."""

    def itself_again() -> bool:
        kept = [x["l64"] for x in net.session("a")["locators"] if not x["withdrawn"]]
        if sorted(kept) == [l64_of("b", 1), l64_of("b", 2)]:
            return True
        net.inject("a", 1, update(nonce, 0))
        return False

    wait_until("b is itself again", itself_again)


Order = Callable[[list[bytes]], list[bytes]]

ORDERS: dict[str, Order] = {
    "in-order": lambda x: x,
    "last-first": lambda x: x[::-1],
    "each-twice": lambda x: [y for y in x for _ in range(2)],
}


@pytest.mark.parametrize("head", [HIDDEN, VISIBLE], ids=["nonce-in-the-first", "nonce-in-each"])
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.checklist(23, 119)
def test_an_update_with_255_locators_is_taken_and_acknowledged_in_fragments(
    net: NodeNet, nonce: Nonce, head: int, order: Order
) -> None:
    sent = update(nonce, 253)
    process, path = dump(net, "a", 1, "ip6[6]==44")
    with process:
        give(net, sent, *order(fragments(sent, head, 1024)))

        def answer() -> list[tuple[PacketView, bytes]]:
            mine = [x for x in seen(path) if x[0].source.nid.value == 0xA]
            return mine if sum(len(x[1]) for x in mine) > 3000 else []

        acknowledgement = wait_until("it is acknowledged", answer)
    assert all(len(data) <= MMTU for _, data in acknowledgement)
    view = parse_packet(together(acknowledgement))
    asked = parse_packet(sent).locator_update
    assert view.error is None
    assert view.nonce is not None
    assert asked is not None
    assert view.locator_update is not None
    assert view.locator_update.operation == 2
    assert view.locator_update.records == asked.records
    recover(net, nonce)


def overlapping(packet: bytes) -> list[bytes]:
    first, second, *rest = pieces(packet, VISIBLE)
    clash = Piece(second.offset - 8, first.data[-8:-1] + b"!" + second.data, second.more)
    return [fragment(packet, VISIBLE, x, 99) for x in (first, clash, second, *rest)]


def different_ends(packet: bytes) -> list[bytes]:
    *others, last = pieces(packet, VISIBLE)
    early = Piece(others[-1].offset, others[-1].data, False)
    return [fragment(packet, VISIBLE, x, 98) for x in (*others[:-1], last, early, others[-1])]


def odd_length(packet: bytes) -> list[bytes]:
    return [fragment(packet, VISIBLE, Piece(0, packet[VISIBLE:][:1001], True), 97)]


def empty(packet: bytes) -> list[bytes]:
    return [fragment(packet, VISIBLE, Piece(8, b"", True), 96)]


def beyond_the_end(packet: bytes) -> list[bytes]:
    return [fragment(packet, VISIBLE, Piece(65528, packet[:80], False), 95)]


def nested(packet: bytes) -> list[bytes]:
    (inner,) = fragments(packet[: VISIBLE + 8] + packet[VISIBLE + 8 :][:8], VISIBLE)
    more = inner[: VISIBLE + 3] + b"\x01" + inner[VISIBLE + 4 :]
    return [fragment(more, VISIBLE, Piece(0, more[VISIBLE:], False), 94)]


HOSTILE: list[tuple[str, int, Callable[[bytes], list[bytes]]]] = [
    ("node_frag_overlap", 5, overlapping),
    ("node_frag_overlap", 5, different_ends),
    ("node_frag_bad", 1, odd_length),
    ("node_frag_bad", 1, empty),
    ("node_frag_bad", 1, beyond_the_end),
    ("node_frag_bad", 1, nested),
]


@pytest.mark.parametrize(
    ("counter", "grows", "make"), HOSTILE, ids=[make.__name__ for _, _, make in HOSTILE]
)
@pytest.mark.checklist(119)
def test_hostile_fragments_are_counted_and_change_nothing(
    net: NodeNet, nonce: Nonce, counter: str, grows: int, make: Callable[[bytes], list[bytes]]
) -> None:
    before, packet = net.counters("a"), update(nonce, 253)
    net.inject("a", 1, *make(packet))
    wait_until(f"{counter} counts", lambda: net.counters("a")[counter] == before[counter] + grows)
    assert not is_taken(net, packet)


@pytest.mark.checklist(119)
def test_a_fragment_alone_is_a_whole_packet(net: NodeNet, nonce: Nonce) -> None:
    packet = update(nonce, 3)
    give(net, packet, fragment(packet, VISIBLE, Piece(0, packet[VISIBLE:], False), 1))
    recover(net, nonce)


def test_strangers_cannot_push_out_what_a_session_has_begun(net: NodeNet, nonce: Nonce) -> None:
    before = net.counters("a")
    packet = update(nonce, 253)
    first, *rest = fragments(packet, VISIBLE)
    strange = build.udp(Ilv.of("2001:db8:99:99::b"), A1, (1, 2), bytes(1500), nonce=STRANGE)
    flood = [fragment(strange, VISIBLE, pieces(strange, VISIBLE)[0], i) for i in range(200)]
    give(net, packet, first, *flood, *rest)
    assert net.counters("a")["node_frag_full"] >= before["node_frag_full"] + 100
    recover(net, nonce)


def receive(net: NodeNet, host: str, port: int, count: int) -> run.Process:
    argv = [sys.executable, str(SERVER), identity_of(host), str(port), str(count)]
    server = net.start(host, *argv)
    wait_until("the server is ready", lambda: "ready" in server.tail())
    return server


def send(net: NodeNet, host: str, target: str, port: int, size: int, count: int) -> None:
    script = (
        "import socket, time; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n"
        f"for i in range({count}): s.sendto(bytes([i]) * {size}, ('{identity_of(target)}', {port}))"
        "; time.sleep(0.02)"
    )
    net.exec(host, sys.executable, "-c", script)


@pytest.mark.parametrize("size", [8192, 65000])
@pytest.mark.parametrize(("host", "target"), [("a", "b"), ("b", "a")])
@pytest.mark.checklist(110)
def test_large_datagrams_of_programs_arrive(
    net: NodeNet, host: str, target: str, size: int
) -> None:
    port = 7000 + next(net.number)
    server = receive(net, target, port, 5)
    send(net, host, target, port, size, 5)
    assert server.wait(20) == 0, server.tail()
    assert sorted(server.tail().splitlines()[1:]) == [f"{i} {size}" for i in range(5)]


LONGEST = """
import errno, socket, sys, time
sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sock.connect((sys.argv[1], int(sys.argv[2])))
for size in map(int, sys.argv[3:]):
    said = "no error"
    for _ in range(20):
        try:
            sock.send(bytes([1]) * size)
        except OSError as err:
            said = errno.errorcode[err.errno]
            break
        time.sleep(0.05)
    print(size, said, flush=True)
"""


def test_datagrams_that_leave_no_room_for_a_nonce_are_an_error_to_programs(net: NodeNet) -> None:
    server = receive(net, "b", 7600, 1)
    before = net.counters("a")["out_toolong"]
    argv = [sys.executable, "-c", LONGEST, identity_of("b"), "7600"]
    assert net.exec("a", *argv, "65519").stdout.split() == ["65519", "no", "error"]
    assert server.wait(20) == 0, {k: v for k, v in net.counters("b").items() if v}
    assert server.tail().splitlines()[1:] == ["1 65519"]
    assert net.counters("a")["out_toolong"] == before
    assert net.exec("a", *argv, "65520").stdout.split() == ["65520", "EMSGSIZE"]
    assert net.counters("a")["out_toolong"] > before


def test_the_fragments_of_a_datagram_take_one_path(net: NodeNet) -> None:
    dumps = [dump(net, "a", link, "ip6[6]==60 and ip6[40]==44") for link in (1, 2)]
    server = receive(net, "b", 7300, 8)
    send(net, "a", "b", 7300, 8192, 8)
    assert server.wait(20) == 0, server.tail()
    ways: dict[int, list[tuple[L64, L64]]] = {}
    wait_until("48 fragments are seen", lambda: sum(len(seen(path)) for _, path in dumps) == 48)
    for process, path in dumps:
        process.stop()
        for view, _ in seen(path):
            assert view.fragment is not None
            way = (view.source.l64, view.destination.l64)
            ways.setdefault(view.fragment.identification, []).append(way)
    assert [len(way) for way in ways.values()] == [6] * 8
    assert {len(set(way)) for way in ways.values()} == {1}
    assert len({way[0] for way in ways.values()}) > 1


def test_a_datagram_whose_nonce_is_in_the_first_fragment_alone_arrives(
    net: NodeNet, nonce: Nonce
) -> None:
    server = receive(net, "a", 7400, 1)
    packet = build.udp(B1, A1, (5000, 7400), b"\x07" * 3000, nonce=nonce)
    net.inject("a", 1, *fragments(packet, HIDDEN)[::-1])
    assert server.wait(20) == 0, server.tail()
    assert server.tail().splitlines()[1:] == ["7 3000"]


def test_ping_larger_than_the_link_is_answered_over_every_path(net: NodeNet) -> None:
    assert net.ping("a", identity_of("b"), "-s", "4000", count=8) == 8
    assert net.ping("b", identity_of("a"), "-s", "60000", count=4) == 4


@pytest.mark.checklist(31)
def test_the_kind_of_checksum_is_learnt_from_fragments() -> None:
    with node_net(1) as net:
        net.node("a", "[knobs]\ncksum = 1")
        net.node("b")
        server = receive(net, "b", 7500, 3)
        send(net, "a", "b", 7500, 3000, 3)
        assert server.wait(20) == 0, server.tail()
        assert sorted(server.tail().splitlines()[1:]) == [f"{i} 3000" for i in range(3)]


def test_plain_ipv6_in_fragments_reaches_a_flow_that_fell_back() -> None:
    with node_net(1) as net:
        net.node("a")
        address = str(B1.address)
        net.exec("b", "ip", "addr", "add", f"{address}/64", "dev", "if1", "nodad")
        net.wait_routes("b")
        assert net.ping("a", identity_of("b"), count=6) > 0
        assert net.session("a")["state"] == "ipv6"
        assert net.ping("a", identity_of("b"), "-s", "4000") == 3
        deadline = time.monotonic() + 5
        while net.counters("a")["node_frag_whole"] == 0:
            assert time.monotonic() < deadline
