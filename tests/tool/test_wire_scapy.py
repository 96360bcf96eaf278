# SPDX-License-Identifier: BSD-2-Clause
"""Our codec against scapy with the layers of tests/scapy_ilnp.py, both ways."""

from __future__ import annotations

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt

from ilnptool.wire import build
from ilnptool.wire.cksum import ChecksumMode
from ilnptool.wire.lu import LocatorRecord, LocatorUpdate
from ilnptool.wire.packet import parse_packet
from ilnptool.wire.values import Ilv, Nonce
from scapy_ilnp import IlnpLocator, IlnpLocatorUpdate, IlnpNonce

MN = Ilv.of("2001:db8:1:1:211:22ff:fe33:4455")
CN = Ilv.of("2001:db8:2:2:211:22ff:fe66:7788")
NONCES = [Nonce(bytes.fromhex("a1b2c3d4")), Nonce(bytes(range(12)))]
UPDATE = LocatorUpdate(1, (LocatorRecord(MN.l64, 10, 300), LocatorRecord(CN.l64, 20, 600)))


def _base(nonce: Nonce) -> IPv6:
    header = IPv6ExtHdrDestOpt(options=[IlnpNonce(nonce=nonce.octets)])
    return IPv6(src=str(MN.address), dst=str(CN.address), hlim=64) / header


@pytest.mark.parametrize("nonce", NONCES, ids=["4", "12"])
@pytest.mark.parametrize("operation", [1, 2])
def test_scapy_builds_the_same_locator_update(nonce: Nonce, operation: int) -> None:
    records = [
        IlnpLocator(l64=r.l64.value, preference=r.preference, lifetime=r.lifetime)
        for r in UPDATE.records
    ]
    theirs = bytes(_base(nonce) / IlnpLocatorUpdate(operation=operation, locators=records))
    update = UPDATE if operation == 1 else UPDATE.acknowledged()
    assert build.locator_update(MN, CN, update, nonce) == theirs


@pytest.mark.parametrize("nonce", NONCES, ids=["4", "12"])
def test_scapy_reads_our_locator_update(nonce: Nonce) -> None:
    packet = IPv6(build.locator_update(MN, CN, UPDATE, nonce))
    assert packet[IlnpNonce].nonce == nonce.octets
    assert packet[IlnpLocatorUpdate].operation == 1
    seen = [(loc.l64, loc.preference, loc.lifetime) for loc in packet[IlnpLocatorUpdate].locators]
    assert seen == [(r.l64.value, r.preference, r.lifetime) for r in UPDATE.records]


@pytest.mark.parametrize("nonce", NONCES, ids=["4", "12"])
def test_scapy_builds_the_same_udp_packet_with_full_addresses(nonce: Nonce) -> None:
    theirs = bytes(_base(nonce) / UDP(sport=40000, dport=5001) / b"hello")
    ours = build.udp(MN, CN, (40000, 5001), b"hello", nonce=nonce, mode=ChecksumMode.IPV6)
    assert ours == theirs
    assert parse_packet(theirs).nonce == nonce
