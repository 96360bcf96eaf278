# SPDX-License-Identifier: BSD-2-Clause
"""scapy layers for the nonce option and Locator Updates: a third opinion, for tests only.

Importing this module registers both with scapy's IPv6 dissector.
"""

from __future__ import annotations

from scapy.fields import (
    ByteEnumField,
    ByteField,
    FieldLenField,
    PacketListField,
    ShortField,
    StrLenField,
    XLongField,
    XShortField,
)
from scapy.layers import inet6
from scapy.packet import Packet

OPT_NONCE = 139
TYPE_LU = 156


class IlnpNonce(Packet):
    """The nonce destination option (RFC 6744)."""

    name = "ILNP Nonce Option"
    fields_desc = [  # noqa: RUF012 - scapy's way
        ByteField("otype", OPT_NONCE),
        FieldLenField("optlen", None, length_of="nonce", fmt="B"),
        StrLenField("nonce", b"\0\0\0\0", length_from=lambda pkt: pkt.optlen),
    ]

    def alignment_delta(self, curpos: int) -> int:
        return 0 * curpos  # the option may stand at any offset

    def extract_padding(self, p: bytes) -> tuple[bytes, bytes]:
        return b"", p


class IlnpLocator(Packet):
    """One record of a Locator Update (RFC 6743)."""

    name = "ILNP Locator"
    fields_desc = [  # noqa: RUF012
        XLongField("l64", 0),
        ShortField("preference", 0),
        ShortField("lifetime", 0),
    ]

    def extract_padding(self, p: bytes) -> tuple[bytes, bytes]:
        return b"", p


class IlnpLocatorUpdate(inet6._ICMPv6):
    """An ICMPv6 Locator Update with records of 12 octets."""

    name = "ILNP Locator Update"
    fields_desc = [  # noqa: RUF012
        ByteField("type", TYPE_LU),
        ByteField("code", 0),
        XShortField("cksum", None),
        FieldLenField("count", None, count_of="locators", fmt="B"),
        ByteEnumField("operation", 1, {1: "advertisement", 2: "acknowledgement"}),
        ShortField("reserved", 0),
        PacketListField("locators", [], IlnpLocator, count_from=lambda pkt: pkt.count),
    ]


inet6._hbhoptcls[OPT_NONCE] = IlnpNonce
inet6.icmp6typescls[TYPE_LU] = IlnpLocatorUpdate
inet6.icmp6types[TYPE_LU] = "Locator Update"
inet6.icmp6typesminhdrlen[TYPE_LU] = 8
