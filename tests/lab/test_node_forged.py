# SPDX-License-Identifier: BSD-2-Clause
"""Forged and broken packets: no state changes, and exactly one counter tells."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address
from typing import Any, NamedTuple

import pytest
from nodenet import NodeNet, identity_of, ilv_of, l64_of, node_net, wait_until

from ilnptool.wire import build
from ilnptool.wire.capture import CaptureReader
from ilnptool.wire.cksum import ChecksumMode
from ilnptool.wire.link import ipv6_offset
from ilnptool.wire.lu import LocatorRecord, LocatorUpdate
from ilnptool.wire.packet import DESTINATION_OPTIONS, UDP, parse_packet
from ilnptool.wire.values import L64, Ilv, Nonce

pytestmark = pytest.mark.root

WRONG = Nonce(b"\xde\xad\xbe\xef")
STRANGER = Ilv.of("2001:db8:99:99::b")  # b's NID at a place that nobody has announced
A1, B1 = ilv_of("a", 1), ilv_of("b", 1)
THIRD = L64(0x20010DB800660066)

# What security asks to be told of.
LOGGED = {
    "in_nonce_wrong", "in_nonce_twice", "in_nonce_len", "in_malformed", "in_badloc", "lu_forged",
    "in_icmp_forged",
}  # fmt: skip
# Counters that ordinary life moves on.
_LIVELY = (
    "node_ra", "probe_sent", "probe_rcvd", "probe_reply", "out_ilnp", "in_ilnp",
)  # fmt: skip


@pytest.fixture(scope="module")
def net() -> Iterator[NodeNet]:
    with node_net() as net:
        # Room for 255 locators in one packet.
        net.exec("a", "ip", "link", "set", "if1", "mtu", "4000")
        net.exec("r", "ip", "link", "set", "a1", "mtu", "4000")
        # Quiet nodes: what is counted is what the test sends.
        for host in ("a", "b"):
            net.node(host, "[knobs]\nbusy_time = 3600\nlu_lifetime = 65535")
        assert net.ping("a", identity_of("b")) == 3
        for host in ("a", "b"):
            net.wait_paths(host, 4)
            wait_until("all is acknowledged", lambda: not any(net.lu_pending(x) for x in "ab"))
        yield net


def log_of(net: NodeNet) -> str:
    return net.nodes["a"].log.read_text()


def state(net: NodeNet) -> dict[str, Any]:
    """Return what of a's session no forgery may change."""
    session = net.session("a")
    paths = sorted((x["local_l64"], x["remote_l64"], x["state"]) for x in session["paths"])
    locators = sorted((x["l64"], x["withdrawn"], x["preference"]) for x in session["locators"])
    return {"id": session["id"], "state": session["state"], "paths": paths, "locators": locators}


class Nonces(NamedTuple):
    """What a and b put on their packets."""

    a: Nonce
    b: Nonce


def overhear(net: NodeNet) -> Nonces:
    """Listen to a link of a until both nonces have passed."""
    path = net.folder / "overheard.pcap"
    found: dict[int, Nonce] = {}
    with net.start("a", "tcpdump", "-i", "if1", "-U", "-w", str(path), "ip6[6]==60") as dump:
        wait_until("tcpdump runs", lambda: "listening" in dump.tail())

        def heard_both() -> bool:
            net.ping("a", identity_of("b"), count=2)
            for frame in CaptureReader(path):
                at = ipv6_offset(frame.link_type, frame.data)
                view = None if at is None else parse_packet(frame.data[at:])
                if view is not None and view.nonce is not None:
                    found[view.source.nid.value] = view.nonce
            return len(found) == 2

        wait_until("both have sent their nonces", heard_both)
    return Nonces(found[0xA], found[0xB])


def options(*parts: bytes) -> bytes:
    """A destination options header of the given options, followed by UDP."""
    body = b"".join(parts)
    return bytes((UDP, (len(body) + 2) // 8 - 1)) + body


def udp(source: Ilv = B1, **more: Any) -> bytes:
    return build.udp(source, A1, (5000, 6000), b"forged", **more)


def with_header(header: bytes) -> bytes:
    segment = udp()[40:]
    return build.ipv6(B1, A1, DESTINATION_OPTIONS, header + segment)


def update(nonce: Nonce | None, *locators: L64, source: Ilv = B1) -> bytes:
    records = tuple(LocatorRecord(l64, 1, 300) for l64 in locators)
    return build.locator_update(source, A1, LocatorUpdate(1, records), nonce=nonce)


def many(count: int) -> list[L64]:
    return [L64(0x20010DB800770000 + i) for i in range(count)]


Forgery = Callable[[Nonces], bytes]

FORGERIES: list[tuple[str, Forgery]] = [
    ("in_nonce_wrong", lambda _: build.tcp(B1, A1, (5000, 6000), b"x", sequence=1, nonce=WRONG)),
    ("in_nonce_wrong", lambda _: build.tcp(STRANGER, A1, (5, 6), b"x", sequence=1, nonce=WRONG)),
    ("in_nonce_twice", lambda n: with_header(
        options(b"\x8b\x04" + n.b.octets, b"\x8b\x04" + n.b.octets, b"\x01\x00"))),
    ("in_nonce_len", lambda _: with_header(options(b"\x8b\x03abc", b"\x00"))),
    ("in_nonce_len", lambda _: with_header(options(b"\x8b\x00", b"\x01\x02\0\0"))),
    ("in_malformed", lambda _: with_header(options(b"\x8b\x0c\x01\x02\x03\x04"))),
    ("in_malformed", lambda _: with_header(b"\x11\xff\x8b\x04abcd")),
    ("in_badloc", lambda n: udp(Ilv.of("fe80::b"), nonce=n.b)),
    ("lu_forged", lambda _: update(None, THIRD)),
    ("lu_forged", lambda _: update(WRONG, THIRD)),
    ("lu_forged", lambda _: update(WRONG, THIRD, source=STRANGER)),
    ("lu_toomany", lambda n: update(n.b, *many(255))),
    ("lu_badloc", lambda n: update(n.b, L64(0xFE80000000000000))),
    ("lu_cksum", lambda n: update(n.b, THIRD)[:-1] + b"\x77"),
    ("in_icmp_forged", lambda n: build.unknown_option(
        B1, A1, build.udp(A1, B1, (6000, 5000), b"", nonce=n.a), 42)),
    ("fallback_forged", lambda _: build.unknown_option(
        Ilv.of("2001:db8:99:99::1"), A1, build.udp(A1, B1, (1, 2), b"", nonce=WRONG), 42)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("counter", "make"), FORGERIES, ids=[f"{i}-{name}" for i, (name, _) in enumerate(FORGERIES)]
)
@pytest.mark.checklist(23, 40, 42, 43, 46, 47, 53, 54, 55, 66, 67, 69, 76, 77, 84)
def test_a_forgery_moves_one_counter_and_nothing_else(
    net: NodeNet, counter: str, make: Forgery
) -> None:
    nonces = overhear(net)
    before, was = net.counters("a"), state(net)
    told = log_of(net)
    packet = make(nonces)
    net.inject("a", 1, packet)
    wait_until(f"{counter} counts", lambda: net.counters("a")[counter] == before[counter] + 1)
    after = net.counters("a")
    moved = {k for k in after if after[k] != before[k]} - set(_LIVELY)
    assert moved == {counter}
    assert state(net) == was
    if counter in LOGGED:
        source, target = (IPv6Address(packet[at : at + 16]) for at in (8, 24))
        wait_until("it is told", lambda: f"if1: dropped ({counter}): {source} > {target}" in
                   log_of(net).removeprefix(told))  # fmt: skip


@pytest.mark.checklist(48)
def test_a_flood_of_forgeries_does_not_flood_the_log(net: NodeNet) -> None:
    overhear(net)
    before, told = net.counters("a"), log_of(net)
    began = time.monotonic()
    net.inject("a", 1, *[update(WRONG, THIRD)] * 2000)
    wait_until(
        "all are counted", lambda: net.counters("a")["lu_forged"] == before["lu_forged"] + 2000
    )
    seconds = time.monotonic() - began
    time.sleep(1)
    net.inject("a", 1, update(WRONG, THIRD))

    def lines() -> list[str]:
        return log_of(net).removeprefix(told).splitlines()

    wait_until("the rest is summed up", lambda: any("not shown" in x for x in lines()))
    assert 10 <= sum("dropped (lu_forged)" in x for x in lines()) <= 10 * (seconds + 3)


@pytest.mark.checklist(23, 73, 119)
def test_an_update_with_64_locators_is_taken_and_bounded(net: NodeNet) -> None:
    nonce = overhear(net).b
    real = [L64(int(l64_of("b", link).replace("+", ""), 16)) for link in (1, 2)]
    net.inject("a", 1, update(nonce, *real, *many(62)))
    wait_until("it is taken", lambda: len(net.session("a")["locators"]) == 8)

    def itself_again() -> bool:
        # As a peer would: again until it counts, for one right behind another is refused.
        net.inject("a", 1, update(nonce, *real))
        kept = [x["l64"] for x in net.session("a")["locators"] if not x["withdrawn"]]
        return sorted(kept) == [l64_of("b", 1), l64_of("b", 2)]

    wait_until("b is itself again", itself_again)


@pytest.mark.checklist(44)
def test_a_packet_from_a_new_locator_is_taken_by_its_nonce(net: NodeNet) -> None:
    nonce = overhear(net).b
    before = net.counters("a")
    net.inject("a", 1, udp(STRANGER, nonce=nonce))
    wait_until("it is taken", lambda: net.counters("a")["in_newloc"] == before["in_newloc"] + 1)


@pytest.mark.checklist(59)
def test_a_plain_packet_to_our_nid_is_left_to_the_host(net: NodeNet) -> None:
    before, was = net.counters("a"), state(net)
    ask = (
        "import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM);"
        f"s.bind(('{A1.address}', 6000)); s.settimeout(5); print('ready', flush=True);"
        "print(s.recv(99))"
    )
    server = net.start("a", "python3", "-c", ask)
    wait_until("the server is ready", lambda: "ready" in server.tail())
    net.inject("a", 1, build.udp(B1, A1, (5000, 6000), b"plain", mode=ChecksumMode.IPV6))
    assert server.wait(10) == 0, server.tail()
    assert "plain" in server.tail()
    after = net.counters("a")
    assert {k for k in after if after[k] != before[k]} <= set(_LIVELY)
    assert state(net) == was
