# SPDX-License-Identifier: BSD-2-Clause
"""What ILNP leaves as it is: neighbour discovery, and hosts that do not know the nonce."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from nodenet import NodeNet, ilv_of, node_net, prefix_of, wait_until

from ilnptool.wire import build
from ilnptool.wire.capture import CaptureReader
from ilnptool.wire.values import Ilv, Nonce

pytestmark = pytest.mark.root

ETHER = 14
IP6 = 40
SOLICITATION, ADVERTISEMENT = 135, 136
PARAMETER_PROBLEM = 4
UNKNOWN_OPTION = 2
NONCE_OPTION = 14  # of RFC 3971, which Linux puts on what looks for duplicates


@contextmanager
def heard(net: NodeNet, interface: str) -> Iterator[list[bytes]]:
    """Fill a list with the ICMPv6 frames that pass an interface of the router during a block."""
    found: list[bytes] = []
    path = Path(net.folder / f"{interface}.pcap")
    with net.start(
        "r", "tcpdump", "--immediate-mode", "-i", interface, "-U", "-w", str(path), "icmp6"
    ) as dump:
        wait_until("tcpdump listens", lambda: "listening on" in dump.tail())
        yield found
        dump.signal(signal.SIGINT)
        assert dump.wait(10) == 0
    found += [frame.data for frame in CaptureReader(path)]


def without(frame: bytes, address: IPv6Address) -> bytes:
    """A frame without what differs from address to address, or by chance."""
    octets = bytearray(frame.replace(address.packed, bytes(16)))
    group = b"\xff" + address.packed[-3:]
    octets = bytearray(bytes(octets).replace(group, b"\xff" + bytes(3)))
    icmp = ETHER + IP6
    octets[icmp + 2 : icmp + 4] = bytes(2)
    at = icmp + 24
    while at < len(octets):
        if octets[at] == NONCE_OPTION:
            octets[at + 2 : at + 8] = bytes(6)
        at += 8 * octets[at + 1]
    return bytes(octets)


def discovery(frames: list[bytes], address: IPv6Address) -> list[bytes]:
    """What neighbour discovery said of an address, in order, without the address itself."""
    icmp = ETHER + IP6
    return [
        without(frame, address)
        for frame in frames
        if frame[icmp] in (SOLICITATION, ADVERTISEMENT)
        and frame[icmp + 8 : icmp + 24] == address.packed
    ]


@pytest.mark.checklist(8)
def test_neighbours_find_an_ilv_as_they_find_an_address() -> None:
    with node_net(1, dad=True) as net, heard(net, "a1") as frames:
        net.node("a")
        ilv = ilv_of("a", 1).address
        plain = IPv6Address(f"{prefix_of('a', 1)}:1234:5678:9abc:def0")
        net.exec("a", "ip", "address", "add", f"{plain}/64", "dev", "if1")

        def unique() -> bool:
            shown = net.exec("a", "ip", "-6", "address", "show", "dev", "if1").stdout
            return str(plain) in shown and "tentative" not in shown

        wait_until("no address has a duplicate", unique)
        for address in (ilv, plain):
            assert net.exec("r", "ping", "-c", "1", str(address)).status == 0
    said = {address: discovery(frames, address) for address in (ilv, plain)}
    # Looked for by its own host, sought by the router, and answered.
    assert len(said[plain]) == 3
    assert said[ilv][:1] == said[plain][:1]
    assert set(said[ilv]) == set(said[plain])


@pytest.mark.checklist(60, 61)
@pytest.mark.parametrize("target", ["b", "ff02::1"])
def test_a_host_without_ilnp_answers_a_nonce_also_if_it_was_for_a_group(target: str) -> None:
    source = Ilv.of("2001:db8:99:99::b")
    with node_net(1) as net:
        to = ilv_of("b", 1) if target == "b" else Ilv.of(target)
        net.wait_routes("b")
        if target == "b":
            net.exec("b", "ip", "address", "add", f"{to.address}/64", "dev", "if1", "nodad")
        packet = build.udp(source, to, (5000, 6000), b"?", nonce=Nonce(b"\1\2\3\4"))
        with heard(net, "b1") as frames:
            net.inject("b", 1, packet)
            net.exec("b", "sleep", "0.5")
    icmp = ETHER + IP6
    (answer,) = [frame[icmp:] for frame in frames if frame[icmp] == PARAMETER_PROBLEM]
    assert answer[1] == UNKNOWN_OPTION
    assert int.from_bytes(answer[4:8], "big") == IP6 + 2
    assert answer[8:] == packet
