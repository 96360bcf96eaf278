# SPDX-License-Identifier: BSD-2-Clause
"""Writes the golden captures: `python tests/vectors/make_pcaps.py [DIRECTORY]`.

The same bytes come out every time: a test compares them with the files in `pcap/`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from ilnptool.wire import build, link
from ilnptool.wire.capture import write_pcap
from ilnptool.wire.cksum import ChecksumMode
from ilnptool.wire.lu import LocatorRecord, LocatorUpdate, RecordForm
from ilnptool.wire.packet import ICMPV6, NO_NEXT_HEADER, UDP
from ilnptool.wire.values import L64, Ilv, Nonce

MN = Ilv.of("2001:db8:1:1:211:22ff:fe33:4455")
CN = Ilv.of("2001:db8:2:2:211:22ff:fe66:7788")
SHORT = Nonce(bytes.fromhex("a1b2c3d4"))
LONG = Nonce(bytes(range(12)))
PEER = Nonce(bytes.fromhex("0badcafe"))
PORTS = (40000, 5001)
START_NS = 1_700_000_000_000_000_000
STEP_NS = 1_000_000
MACS = bytes.fromhex("02112266778802112233445586dd")

RECORDS = (
    LocatorRecord(L64(0x20010DB800010001), 10, 300),
    LocatorRecord(L64(0x20010DB800030003), 20, 600),
)
ADVERT = LocatorUpdate(1, RECORDS)
MANY = LocatorUpdate(
    1, tuple(LocatorRecord(L64(0x20010DB800050000 + i), i, 300 + i) for i in range(255))
)
EXT14 = LocatorUpdate(1, RECORDS, form=RecordForm.EXT14)
EXT16_SOFT = LocatorUpdate(1, RECORDS, code=7, form=RecordForm.EXT16)


def _back(ports: tuple[int, int]) -> tuple[int, int]:
    return ports[1], ports[0]


def udp_both_modes() -> list[bytes]:
    return [
        build.udp(MN, CN, PORTS, b"hello", nonce=SHORT, mode=ChecksumMode.RFC),
        build.udp(MN, CN, PORTS, b"hello", nonce=SHORT, mode=ChecksumMode.IPV6),
        build.udp(CN, MN, _back(PORTS), b"hello", nonce=PEER, mode=ChecksumMode.RFC),
        build.udp(MN, CN, PORTS, b"hello", mode=ChecksumMode.IPV6),
    ]


def tcp_opening() -> list[bytes]:
    return [
        build.tcp(MN, CN, PORTS, b"", sequence=1000, flags=0x02, nonce=LONG),
        build.tcp(
            CN, MN, _back(PORTS), b"", sequence=7000, acknowledgement=1001, flags=0x12, nonce=PEER
        ),
        build.tcp(MN, CN, PORTS, b"", sequence=1001, acknowledgement=7001, nonce=LONG),
        build.tcp(MN, CN, PORTS, b"hello", sequence=1001, acknowledgement=7001, nonce=LONG),
    ]


def lu_exchange() -> list[bytes]:
    return [
        build.locator_update(MN, CN, ADVERT, SHORT),
        build.locator_update(CN, MN, ADVERT.acknowledged(), PEER),
    ]


def lu_nonce_12() -> list[bytes]:
    return [build.locator_update(MN, CN, ADVERT, LONG)]


def lu_255() -> list[bytes]:
    return [build.locator_update(MN, CN, MANY, SHORT)]


def lu_extended() -> list[bytes]:
    return [
        build.locator_update(MN, CN, EXT14, SHORT),
        build.locator_update(MN, CN, EXT16_SOFT, SHORT),
    ]


def lu_forged() -> list[bytes]:
    return [build.locator_update(MN, CN, ADVERT, None)]


def fallback() -> list[bytes]:
    first = build.udp(MN, CN, PORTS, b"hello", nonce=SHORT)
    return [
        first,
        build.unknown_option(CN, MN, first, pointer=42),
        build.udp(MN, CN, PORTS, b"hello", mode=ChecksumMode.IPV6),
    ]


def echo() -> list[bytes]:
    question = b"\x80\0\0\0\x12\x34\0\x01ping"
    return [
        build.icmpv6(MN, CN, question, nonce=SHORT),
        build.icmpv6(CN, MN, b"\x81" + question[1:], nonce=PEER),
    ]


def gratuitous() -> list[bytes]:
    return [build.ilnp(CN, MN, PEER, NO_NEXT_HEADER, b"")]


def malformed() -> list[bytes]:
    nonce = b"\x8b\x04" + SHORT.octets
    segment = build.udp(MN, CN, PORTS, b"hello")[40:]
    twice = bytes((UDP, 1)) + nonce + nonce + b"\x01\0"
    overrun = bytes((ICMPV6, 0)) + b"\x8b\xff" + SHORT.octets
    return [
        build.ipv6(MN, CN, 60, twice + segment),
        build.ipv6(MN, CN, 60, overrun + ADVERT.packed),
        build.icmpv6(MN, CN, ADVERT.packed[:20], nonce=SHORT),
    ]


CAPTURES: dict[str, Callable[[], list[bytes]]] = {
    "udp-both-checksums": udp_both_modes,
    "tcp-nonce-12": tcp_opening,
    "lu-advert-and-ack": lu_exchange,
    "lu-nonce-12": lu_nonce_12,
    "lu-255-locators": lu_255,
    "lu-extended-records": lu_extended,
    "lu-without-nonce": lu_forged,
    "parameter-problem-fallback": fallback,
    "echo": echo,
    "gratuitous-nonce": gratuitous,
    "malformed": malformed,
}


def write_all(directory: Path) -> None:
    """Writes every capture: raw IP, and the Locator Update exchange as Ethernet too."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, make in CAPTURES.items():
        frames = [(START_NS + i * STEP_NS, packet) for i, packet in enumerate(make())]
        write_pcap(directory / f"{name}.pcap", frames)
    frames = [(START_NS + i * STEP_NS, MACS + packet) for i, packet in enumerate(lu_exchange())]
    write_pcap(directory / "lu-on-ethernet.pcap", frames, link_type=link.ETHERNET)


if __name__ == "__main__":
    write_all(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "pcap")
