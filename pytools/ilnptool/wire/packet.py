# SPDX-License-Identifier: BSD-2-Clause
"""One IPv6 packet: from its octets to a view of everything ILNP cares about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ilnptool.wire import cksum
from ilnptool.wire.constants import ICMP6_LU
from ilnptool.wire.fault import Fault, WireError
from ilnptool.wire.lu import RFC_MODE, LocatorUpdate, LuMode
from ilnptool.wire.option import DestinationOptions, only_nonce
from ilnptool.wire.reader import Reader
from ilnptool.wire.values import L64, Ilv, Nid, Nonce

HOP_BY_HOP = 0
TCP = cksum.PROTO_TCP
UDP = cksum.PROTO_UDP
ROUTING = 43
FRAGMENT = 44
ICMPV6 = cksum.PROTO_ICMPV6
NO_NEXT_HEADER = 59
DESTINATION_OPTIONS = 60

HEADER_OCTETS = 40
#: Longest chain of extension headers looked at; a longer one is a fault.
MAX_EXTENSION_HEADERS = 8
_QUOTING_TYPES = range(1, 5)  # the ICMPv6 errors of RFC 4443


class Fragment(NamedTuple):
    """A fragment header: offset in octets, whether more follow, identification."""

    offset: int
    more: bool
    identification: int


class TcpFields(NamedTuple):
    """What of a TCP header the measurement needs."""

    sequence: int
    acknowledgement: int
    flags: int
    header_octets: int


class IcmpFields(NamedTuple):
    """Type, code and the 32 bits behind the checksum (pointer, MTU, or identifier and number)."""

    type: int
    code: int
    parameter: int


@dataclass(frozen=True, slots=True)
class PacketView:
    """A packet as far as it could be read; `error` is the first fault, None if there is none.

    `captured` counts the octets at hand from the IPv6 header on, without padding of the link.
    """

    source: Ilv
    destination: Ilv
    payload_octets: int
    hop_limit: int
    captured: int
    protocol: int | None = None
    upper_offset: int | None = None
    nonce: Nonce | None = None
    fragment: Fragment | None = None
    source_port: int | None = None
    destination_port: int | None = None
    tcp: TcpFields | None = None
    icmp: IcmpFields | None = None
    locator_update: LocatorUpdate | None = None
    quoted: PacketView | None = None
    checksum: cksum.ChecksumVerdict | None = None
    error: WireError | None = None

    @property
    def is_complete(self) -> bool:
        """True if every octet that the IPv6 header promises was captured."""
        return self.captured >= HEADER_OCTETS + self.payload_octets


class _Parser:
    """Collects the fields of one view while the headers are walked."""

    def __init__(self, data: bytes, mode: LuMode, quoted: bool) -> None:
        self.mode = mode
        self.is_quote = quoted
        rd = Reader(data)
        if rd.u32() >> 28 != 6:
            raise WireError(Fault.NOT_IPV6, "version is not 6")
        self.payload_octets = rd.u16()
        self.next = rd.u8()
        self.hop_limit = rd.u8()
        self.source = Ilv(L64(rd.u64()), Nid(rd.u64()))
        self.destination = Ilv(L64(rd.u64()), Nid(rd.u64()))
        self.data = data[: HEADER_OCTETS + self.payload_octets]
        self.rd = Reader(self.data[HEADER_OCTETS:])
        self.complete = len(self.data) == HEADER_OCTETS + self.payload_octets
        self.found: dict[str, object] = {}
        self.nonces: tuple[bytes, ...] = ()

    def view(self) -> PacketView:
        error: WireError | None = None
        try:
            self._extension_headers()
            self._upper()
        except WireError as err:
            error = err
        return PacketView(
            self.source,
            self.destination,
            self.payload_octets,
            self.hop_limit,
            len(self.data),
            error=error,
            **self.found,  # type: ignore[arg-type]
        )

    def _extension_headers(self) -> None:
        for _ in range(MAX_EXTENSION_HEADERS + 1):
            if self.next in (HOP_BY_HOP, ROUTING):
                self.next = self.rd.u8()
                self.rd.take(self.rd.u8() * 8 + 6)
            elif self.next == DESTINATION_OPTIONS:
                header = DestinationOptions.parse(self.rd)
                self.nonces += header.nonces
                self.found["nonce"] = None
                self.found["nonce"] = only_nonce(self.nonces)
                self.next = header.next_header
            elif self.next == FRAGMENT:
                self.next = self.rd.u8()
                self.rd.u8()
                place = self.rd.u16()
                self.found["fragment"] = Fragment(place & ~7, bool(place & 1), self.rd.u32())
                if place >> 3:
                    return
            else:
                return
        raise WireError(Fault.HEADER_CHAIN, f"more than {MAX_EXTENSION_HEADERS} extension headers")

    def _upper(self) -> None:
        self.found["protocol"] = self.next
        self.found["upper_offset"] = HEADER_OCTETS + self.rd.position
        fragment = self.found.get("fragment")
        if isinstance(fragment, Fragment) and fragment.offset:
            return
        segment = self.data[HEADER_OCTETS + self.rd.position :]
        if self.complete and fragment is None and self.next in cksum.FIELD_OFFSET:
            self.found["checksum"] = cksum.judge(
                self.source.packed, self.destination.packed, self.next, segment
            )
        if self.next in (TCP, UDP):
            self.found["source_port"] = self.rd.u16()
            self.found["destination_port"] = self.rd.u16()
        if self.next == TCP:
            sequence, acknowledgement, rest = self.rd.u32(), self.rd.u32(), self.rd.u16()
            self.found["tcp"] = TcpFields(sequence, acknowledgement, rest & 0xFF, (rest >> 12) * 4)
        elif self.next == ICMPV6:
            self._icmp(segment)

    def _icmp(self, message: bytes) -> None:
        kind, code = self.rd.u8(), self.rd.u8()
        self.rd.take(2)
        self.found["icmp"] = IcmpFields(kind, code, self.rd.u32())
        if self.found.get("fragment") is not None:
            return  # the rest of the message is in other packets
        if kind == ICMP6_LU:
            if not self.complete:
                raise WireError(Fault.TRUNCATED, f"{len(message)} octets of a Locator Update")
            self.found["locator_update"] = LocatorUpdate.parse(message, self.mode)
        elif kind in _QUOTING_TYPES and not self.is_quote:
            self.found["quoted"] = _Parser(self.rd.rest(), self.mode, quoted=True).view()


def parse_packet(data: bytes, mode: LuMode = RFC_MODE) -> PacketView:
    """Reads a packet of which at least the IPv6 header is at hand.

    Raises WireError when there is no IPv6 header; any later fault is in the view.
    """
    return _Parser(data, mode, quoted=False).view()
