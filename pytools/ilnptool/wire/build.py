# SPDX-License-Identifier: BSD-2-Clause
"""Whole packets from values: what tests, tools and golden captures are made of."""

from __future__ import annotations

from ilnptool.wire import cksum
from ilnptool.wire.cksum import ChecksumMode
from ilnptool.wire.fault import Fault, WireError
from ilnptool.wire.lu import LocatorUpdate
from ilnptool.wire.option import DestinationOptions
from ilnptool.wire.packet import DESTINATION_OPTIONS, ICMPV6, TCP, UDP
from ilnptool.wire.values import Ilv, Nonce

_ERROR_LIMIT = 1280  # an ICMPv6 error must fit the minimum MTU (RFC 4443 s2.4)


def ipv6(
    source: Ilv, destination: Ilv, protocol: int, payload: bytes, *, hop_limit: int = 64
) -> bytes:
    """An IPv6 header and what follows it."""
    if len(payload) > 0xFFFF:
        raise WireError(Fault.VALUE, f"payload of {len(payload)} octets; allowed: up to 65535")
    head = b"\x60\0\0\0" + len(payload).to_bytes(2, "big") + bytes((protocol, hop_limit))
    return head + source.packed + destination.packed + payload


def ilnp(
    source: Ilv, destination: Ilv, nonce: Nonce | None, protocol: int, segment: bytes
) -> bytes:
    """A packet with its nonce directly before the upper layer; plain IPv6 without a nonce."""
    if nonce is None:
        return ipv6(source, destination, protocol, segment)
    header = DestinationOptions.of_nonce(nonce, protocol).packed
    return ipv6(source, destination, DESTINATION_OPTIONS, header + segment)


def with_checksum(
    source: Ilv, destination: Ilv, protocol: int, segment: bytes, mode: ChecksumMode
) -> bytes:
    """The segment with its checksum field filled in."""
    at = cksum.FIELD_OFFSET[protocol]
    blank = segment[:at] + b"\0\0" + segment[at + 2 :]
    value = cksum.checksum(source.packed, destination.packed, protocol, blank, mode)
    return blank[:at] + value.to_bytes(2, "big") + blank[at + 2 :]


def udp(
    source: Ilv,
    destination: Ilv,
    ports: tuple[int, int],
    payload: bytes,
    *,
    nonce: Nonce | None = None,
    mode: ChecksumMode = ChecksumMode.RFC,
) -> bytes:
    """A UDP packet; `ports` are source and destination."""
    numbers = (*ports, len(payload) + 8, 0)
    segment = b"".join(number.to_bytes(2, "big") for number in numbers) + payload
    segment = with_checksum(source, destination, UDP, segment, mode)
    return ilnp(source, destination, nonce, UDP, segment)


def tcp(
    source: Ilv,
    destination: Ilv,
    ports: tuple[int, int],
    payload: bytes,
    *,
    sequence: int,
    acknowledgement: int = 0,
    flags: int = 0x10,
    nonce: Nonce | None = None,
    mode: ChecksumMode = ChecksumMode.RFC,
) -> bytes:
    """A TCP packet without options; `flags` is the low octet of the flags, ACK by default."""
    segment = b"".join(
        (
            ports[0].to_bytes(2, "big"),
            ports[1].to_bytes(2, "big"),
            (sequence & 0xFFFFFFFF).to_bytes(4, "big"),
            (acknowledgement & 0xFFFFFFFF).to_bytes(4, "big"),
            bytes((5 << 4, flags)),
            b"\xff\xff\0\0\0\0",  # window, checksum, urgent pointer
            payload,
        )
    )
    segment = with_checksum(source, destination, TCP, segment, mode)
    return ilnp(source, destination, nonce, TCP, segment)


def icmpv6(source: Ilv, destination: Ilv, message: bytes, *, nonce: Nonce | None = None) -> bytes:
    """An ICMPv6 packet around a message whose checksum field is ignored."""
    segment = with_checksum(source, destination, ICMPV6, message, ChecksumMode.IPV6)
    return ilnp(source, destination, nonce, ICMPV6, segment)


def locator_update(
    source: Ilv, destination: Ilv, update: LocatorUpdate, nonce: Nonce | None
) -> bytes:
    """A Locator Update; a nonce of None makes the forgery that must be discarded."""
    return icmpv6(source, destination, update.packed, nonce=nonce)


def unknown_option(source: Ilv, destination: Ilv, offending: bytes, pointer: int) -> bytes:
    """Parameter Problem code 2, as a node without ILNP answers the nonce (RFC 6744 s6)."""
    quote = offending[: _ERROR_LIMIT - 48]
    return icmpv6(source, destination, b"\x04\x02\0\0" + pointer.to_bytes(4, "big") + quote)
