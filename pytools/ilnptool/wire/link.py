# SPDX-License-Identifier: BSD-2-Clause
"""Where the IPv6 header starts in a captured frame."""

from __future__ import annotations

ETHERNET = 1
RAW_BSD = 12
RAW_OPENBSD = 14
RAW = 101
NULL = 0
LOOP = 108
LINUX_COOKED = 113
LINUX_COOKED_2 = 276
RAW_IPV6 = 229

_NAMES = {
    ETHERNET: "ethernet",
    RAW_BSD: "raw",
    RAW_OPENBSD: "raw",
    RAW: "raw",
    NULL: "null",
    LOOP: "loop",
    LINUX_COOKED: "linux-cooked",
    LINUX_COOKED_2: "linux-cooked-2",
    RAW_IPV6: "raw",
}
_IPV6 = b"\x86\xdd"
_VLAN = (b"\x81\x00", b"\x88\xa8")
#: Offset of the EtherType for the link types that have one, and of what follows it.
_ETHERTYPE = {ETHERNET: (12, 14), LINUX_COOKED: (14, 16), LINUX_COOKED_2: (0, 20)}
_FAMILY = (NULL, LOOP)
_RAW_TYPES = (RAW_BSD, RAW_OPENBSD, RAW, RAW_IPV6)


def name_of(link_type: int) -> str:
    """A readable name for a link type number of a capture file."""
    return _NAMES.get(link_type, f"link-type-{link_type}")


def is_known(link_type: int) -> bool:
    return link_type in _NAMES


def ipv6_offset(link_type: int, frame: bytes) -> int | None:
    """Offset of the IPv6 header, None for a frame that holds something else."""
    if link_type in _ETHERTYPE:
        at, start = _ETHERTYPE[link_type]
        kind = frame[at : at + 2]
        while kind in _VLAN:
            kind = frame[start + 2 : start + 4]
            start += 4
        return start if kind == _IPV6 else None
    if link_type in _RAW_TYPES:
        start = 0
    elif link_type in _FAMILY:
        start = 4  # the number of the address family differs between systems: look behind it
    else:
        return None
    return start if frame[start : start + 1] and frame[start] >> 4 == 6 else None
