# SPDX-License-Identifier: BSD-2-Clause
"""Identifiers and locators as the lab writes them into files.

A NID or L64 is an int of 64 bits here: the lab only composes and prints them.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, IPv6Network
from typing import NewType

Nid = NewType("Nid", int)

NID_FORM = 'four groups of 1 to 4 hexadecimal digits, such as "0211:22ff:fe33:4455"'

# The four 16-bit words add up to 0xffff, so this half adds nothing to a checksum and the host's own
# TCP and UDP sums over identity addresses are those of RFC 6741 section 4.2.
IDENTITY_PREFIX = IPv6Network("fd69:6c6e:702d:25fa::/64")

_LOW = (1 << 64) - 1
_GROUPS = re.compile(r"[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4}){3}")


def parse_nid(text: str) -> Nid:
    """Return the NID that four colon-separated groups name; ValueError if they do not."""
    if _GROUPS.fullmatch(text) is None:
        raise ValueError(text)
    value = 0
    for group in text.split(":"):
        value = value << 16 | int(group, 16)
    if value == 0:
        raise ValueError(text)
    return Nid(value)


def _groups(value: int, separator: str) -> str:
    return separator.join(f"{value >> shift & 0xFFFF:04x}" for shift in (48, 32, 16, 0))


def format_nid(nid: Nid) -> str:
    """Return the NID as ilnpd's configuration wants it."""
    return _groups(nid, ":")


def nid_of_mac(mac: str) -> Nid:
    """Return the modified EUI-64 identifier of a MAC address (RFC 4291, appendix A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    eui = bytes([octets[0] ^ 0x02]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return Nid(int.from_bytes(eui, "big"))


def nid_of_address(address: IPv6Address) -> Nid:
    """Return the low 64 bits of an address."""
    return Nid(int(address) & _LOW)


def address_of(prefix: IPv6Network, nid: Nid) -> IPv6Address:
    """Return the address that a /64 prefix and an identifier make."""
    return IPv6Address(int(prefix.network_address) | nid)


def identity_address(nid: Nid) -> IPv6Address:
    """Return the address by which applications call a NID."""
    return address_of(IDENTITY_PREFIX, nid)


def format_l64(prefix: IPv6Network) -> str:
    """Return the locator of a /64 prefix in the project's form."""
    return _groups(int(prefix.network_address) >> 64, "+")


def format_ilv(prefix: IPv6Network, nid: Nid) -> str:
    """Return an I-LV in the project's form: L64 with `+`, NID with `-`, zero-padded."""
    return f"{format_l64(prefix)}.{_groups(nid, '-')}"
