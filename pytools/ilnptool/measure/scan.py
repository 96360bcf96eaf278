# SPDX-License-Identifier: BSD-2-Clause
"""One pass over the captures of one end: what the metrics need of each packet, by flow.

Nearly all packets of a run are TCP or UDP behind at most a nonce; these are read with fixed
structures.  Everything else goes through the codec, and a test holds both ways to the same answers.
Packets cut off by the snap length are fine: lengths come from the IPv6 header.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path

from ilnptool.measure.packets import FlowKey, Packet, Scan, UpdatePacket
from ilnptool.wire import cksum
from ilnptool.wire.capture import CaptureReader, Frame
from ilnptool.wire.constants import NONCE_LONG, NONCE_SHORT, OPT_NONCE
from ilnptool.wire.fault import WireError
from ilnptool.wire.link import ipv6_offset
from ilnptool.wire.lu import EXTENDED_MODE, LuMode
from ilnptool.wire.packet import (
    DESTINATION_OPTIONS,
    HEADER_OCTETS,
    TCP,
    UDP,
    PacketView,
    parse_packet,
)
from ilnptool.wire.values import IDENTITY_L64

_IPV6 = struct.Struct(">4xHBxQQQQ")
_TCP = struct.Struct(">HHIIBB")
_UDP = struct.Struct(">HH")
_NONCE_SHAPES = {(0, OPT_NONCE, NONCE_SHORT), (1, OPT_NONCE, NONCE_LONG)}
_UDP_HEADER = 8
_LINK_LOCAL_TOP = 0x3FA  # the upper ten bits of fe80::/10
_IDENTITY = IDENTITY_L64.value


class _Scanner:
    def __init__(self, counters_64bit: bool, mode: LuMode) -> None:
        self.result = Scan()
        self.mode = mode
        self.number = slice(8, 16) if counters_64bit else slice(8, 12)
        self.unreadable = 0
        self.fragment_of: dict[tuple[int, int, int], FlowKey] = {}
        self.early: dict[tuple[int, int, int], list[Packet]] = {}

    def take(self, frame: Frame) -> None:
        data = frame.data
        start = ipv6_offset(frame.link_type, data)
        if start is None:
            return
        if len(data) >= start + HEADER_OCTETS + _UDP_HEADER:
            octets, nxt, s_l64, s_nid, d_l64, d_nid = _IPV6.unpack_from(data, start)
            if _is_outside(s_l64) or _is_outside(d_l64):
                return
            if octets and self._take_fast(frame, start, octets, nxt, (s_l64, s_nid, d_l64, d_nid)):
                return
        self._take_slowly(frame, start)

    def _take_fast(
        self, frame: Frame, start: int, octets: int, nxt: int, ends: tuple[int, int, int, int]
    ) -> bool:
        """Takes a packet of the usual shape; False leaves it to the codec."""
        data = frame.data
        at = start + HEADER_OCTETS
        nonce = None
        if nxt == DESTINATION_OPTIONS:
            nxt, units, kind, size = data[at : at + 4]
            if (units, kind, size) not in _NONCE_SHAPES:
                return False
            nonce = data[at + 4 : at + 4 + size]
            at += 8 + 8 * units
        end = start + HEADER_OCTETS + octets
        upper = end - at
        if nxt == TCP:
            if len(data) < at + _TCP.size or upper < _TCP.size:
                return False
            s_port, d_port, number, ack, offset, flags = _TCP.unpack_from(data, at)
            payload = max(0, upper - (offset >> 4) * 4)
        elif nxt == UDP:
            if len(data) < at + _UDP_HEADER or upper < _UDP_HEADER:
                return False
            s_port, d_port = _UDP.unpack_from(data, at)
            payload = upper - _UDP_HEADER
            number, ack, flags = self._iperf_number(data, at + _UDP_HEADER, payload), 0, 0
        else:
            return False
        verdict = None
        if len(data) >= end:
            verdict = cksum.judge(
                data[start + 8 : start + 24], data[start + 24 : start + 40], nxt, data[at:end]
            )
        key = FlowKey(ends[1], s_port, ends[3], d_port, nxt)
        self._add(
            key,
            Packet(
                frame.time_ns, ends[0], ends[2], octets, nonce, number, ack, flags, payload, verdict
            ),
        )
        return True

    def _iperf_number(self, data: bytes, at: int, payload: int) -> int | None:
        """The number in iperf3's UDP header: seconds, microseconds, number (32 or 64 bits)."""
        stop = self.number.stop
        if payload < stop or len(data) < at + stop:
            return None
        return int.from_bytes(data[at + self.number.start : at + stop], "big")

    def _add(self, key: FlowKey, packet: Packet) -> None:
        self.result.flows.setdefault(key, []).append(packet)

    def _take_slowly(self, frame: Frame, start: int) -> None:
        data = frame.data[start:]
        try:
            view = parse_packet(data, self.mode)
        except WireError:
            self.unreadable += 1
            return
        if _is_outside(view.source.l64.value) or _is_outside(view.destination.l64.value):
            return
        if view.error is not None:
            self.unreadable += 1
            return
        octets = view.payload_octets
        nonce = view.nonce.octets if view.nonce else None
        if view.fragment is not None and view.fragment.offset:
            self._take_later_fragment(view, frame.time_ns, octets, nonce)
        elif view.locator_update is not None:
            self.result.updates.append(
                UpdatePacket(
                    frame.time_ns,
                    view.source.nid.value,
                    view.destination.nid.value,
                    nonce,
                    view.locator_update,
                    view.checksum,
                )
            )
        elif view.protocol in (TCP, UDP) and view.destination_port is not None:
            self._take_transport(view, data, frame.time_ns, octets)

    def _take_transport(self, view: PacketView, data: bytes, time_ns: int, octets: int) -> None:
        at = view.upper_offset
        ports = (view.source_port, view.destination_port)
        if at is None or ports[0] is None or ports[1] is None or view.protocol is None:
            return
        upper = octets + HEADER_OCTETS - at
        number: int | None
        if view.protocol == UDP:
            payload = upper - _UDP_HEADER
            number, ack, flags = self._iperf_number(data, at + _UDP_HEADER, payload), 0, 0
        elif view.tcp is not None:
            number, ack, flags, header = view.tcp
            payload = max(0, upper - header)
        else:
            return
        key = FlowKey(
            view.source.nid.value, ports[0], view.destination.nid.value, ports[1], view.protocol
        )
        packet = Packet(
            time_ns,
            view.source.l64.value,
            view.destination.l64.value,
            octets,
            view.nonce.octets if view.nonce else None,
            number,
            ack,
            flags,
            payload,
            view.checksum,
        )
        self._add(key, packet)
        if view.fragment is not None:
            name = (key.source_nid, key.destination_nid, view.fragment.identification)
            self.fragment_of[name] = key
            for early in self.early.pop(name, ()):
                self._add(key, early)

    def _take_later_fragment(
        self, view: PacketView, time_ns: int, octets: int, nonce: bytes | None
    ) -> None:
        """Credits a fragment without ports to the flow of its first one: octets, no number."""
        if view.fragment is None:
            return
        packet = Packet(
            time_ns,
            view.source.l64.value,
            view.destination.l64.value,
            octets,
            nonce,
            None,
            0,
            0,
            0,
            None,
        )
        ends = (view.source.nid.value, view.destination.nid.value)
        name = (*ends, view.fragment.identification)
        key = self.fragment_of.get(name)
        if key is None:
            self.early.setdefault(name, []).append(packet)
        else:
            self._add(key, packet)


def _is_outside(l64: int) -> bool:
    """True for prefixes that are no locators: link-local, and the inside of a node."""
    return l64 >> 54 == _LINK_LOCAL_TOP or l64 == _IDENTITY


def _frames(readers: Sequence[CaptureReader]) -> Iterable[Frame]:
    if len(readers) == 1:
        return readers[0]
    streams: list[Iterator[Frame]] = [iter(reader) for reader in readers]
    return heapq.merge(*streams, key=attrgetter("time_ns"))


def scan(
    paths: Path | Sequence[Path], *, counters_64bit: bool = False, mode: LuMode = EXTENDED_MODE
) -> Scan:
    """Reads the captures of one end; several files, one per interface, are merged by time.

    Packets on link-local addresses, and the inside of a node (identity addresses on its TUN), are
    left out.  `counters_64bit` says that iperf3 ran with --udp-counters-64bit.
    """
    files = [paths] if isinstance(paths, Path) else list(paths)
    readers = [CaptureReader(path) for path in files]
    scanner = _Scanner(counters_64bit, mode)
    for frame in _frames(readers):
        scanner.take(frame)
    notes = scanner.result.notes
    notes += [f"{r.path.name}: {r.damage}" for r in readers if r.damage is not None]
    if scanner.unreadable:
        names = ", ".join(path.name for path in files)
        notes.append(f"{names}: {scanner.unreadable} packets could not be read")
    return scanner.result
