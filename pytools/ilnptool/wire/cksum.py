# SPDX-License-Identifier: BSD-2-Clause
"""The Internet checksum over both pseudo-headers, and what a sum found on the wire tells.

Addresses are 16 octets as they stand in the packet.  In mode `rfc` the upper half of each counts as
zero (RFC 6744 s3); in mode `ipv6` both count in full, as they always do for ICMPv6.
"""

from __future__ import annotations

from enum import StrEnum

from ilnptool.wire.fault import Fault, WireError

PROTO_TCP = 6
PROTO_UDP = 17
PROTO_ICMPV6 = 58
#: Octets between the start of a segment and its checksum field.
FIELD_OFFSET = {PROTO_TCP: 16, PROTO_UDP: 6, PROTO_ICMPV6: 2}


class ChecksumMode(StrEnum):
    """Which pseudo-header covers TCP and UDP (contradiction C1)."""

    RFC = "rfc"
    IPV6 = "ipv6"


class ChecksumVerdict(StrEnum):
    """What a checksum field holds."""

    RFC = "rfc"
    IPV6 = "ipv6"
    UNFINISHED = "unfinished"  #: the pseudo-header only: a device was to finish it
    BAD = "bad"


def ones_sum(data: bytes | memoryview) -> int:
    """One's complement sum of 16-bit words, odd lengths padded with zero; 0 only for all zeros."""
    # The words' weights are powers of 0x10000, and 0x10000 is 1 modulo 0xffff: the big number
    # and the sum of its words leave the same remainder.
    value = int.from_bytes(data, "big")
    if len(data) & 1:
        value <<= 8
    return value % 0xFFFF or (0xFFFF if value else 0)


def _fold(total: int) -> int:
    return total % 0xFFFF or (0xFFFF if total else 0)


def pseudo_sum(
    source: bytes, destination: bytes, protocol: int, length: int, mode: ChecksumMode
) -> int:
    """Folded sum of the pseudo-header (RFC 8200 s8.1, RFC 6741 s4.2)."""
    if len(source) != 16 or len(destination) != 16:
        raise WireError(Fault.VALUE, "addresses in a pseudo-header are 16 octets each")
    if mode is ChecksumMode.RFC and protocol != PROTO_ICMPV6:
        source, destination = source[8:], destination[8:]
    return _fold(ones_sum(source) + ones_sum(destination) + length + protocol)


def checksum(
    source: bytes, destination: bytes, protocol: int, segment: bytes, mode: ChecksumMode
) -> int:
    """The value to send for a segment whose checksum field is zero."""
    total = pseudo_sum(source, destination, protocol, len(segment), mode) + ones_sum(segment)
    value = _fold(total) ^ 0xFFFF
    if value == 0 and protocol == PROTO_UDP:
        return 0xFFFF  # 0 would say "no checksum", which IPv6 does not allow
    return value


def delta(value: int, old: bytes, new: bytes) -> int:
    """The checksum after `old` octets at an even offset became `new` (RFC 1624, equation 3)."""
    if len(old) != len(new) or len(old) & 1:
        raise WireError(Fault.VALUE, "replaced octets must be equally many and whole words")
    return _fold((value ^ 0xFFFF) + (ones_sum(old) ^ 0xFFFF) + ones_sum(new)) ^ 0xFFFF


def verify(
    source: bytes,
    destination: bytes,
    protocol: int,
    segment: bytes | memoryview,
    mode: ChecksumMode,
) -> bool:
    """True if the whole segment, its checksum field included, sums up as it must."""
    total = pseudo_sum(source, destination, protocol, len(segment), mode) + ones_sum(segment)
    return _fold(total) == 0xFFFF


def judge(
    source: bytes, destination: bytes, protocol: int, segment: bytes | memoryview
) -> ChecksumVerdict:
    """Says which pseudo-header the checksum of a whole TCP, UDP or ICMPv6 segment covers.

    ICMPv6 has one pseudo-header only, called `ipv6`.  When locators sum up to zero both modes
    agree and `rfc` is named.  `unfinished` is a field that holds the sum of the pseudo-header and
    no more, which is what a capture shows when the checksum was left to a device.
    """
    modes = [ChecksumMode.RFC, ChecksumMode.IPV6]
    if protocol == PROTO_ICMPV6:
        del modes[0]
    offset = FIELD_OFFSET[protocol]
    if len(segment) < offset + 2:
        return ChecksumVerdict.BAD
    field = int.from_bytes(segment[offset : offset + 2], "big")
    if field == 0 and protocol == PROTO_UDP:
        return ChecksumVerdict.BAD
    data = ones_sum(segment)
    pseudo = [pseudo_sum(source, destination, protocol, len(segment), mode) for mode in modes]
    for mode, head in zip(modes, pseudo, strict=True):
        if _fold(head + data) == 0xFFFF:
            return ChecksumVerdict(mode.value)
    return ChecksumVerdict.UNFINISHED if field in pseudo else ChecksumVerdict.BAD
