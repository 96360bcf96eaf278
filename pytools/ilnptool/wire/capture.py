# SPDX-License-Identifier: BSD-2-Clause
"""Capture files: pcap and pcapng in, pcap out.

Reading is done here rather than by a library because the measurement needs what the small ones
drop: the length a frame had on the wire, the link type of each pcapng interface, whole nanoseconds,
and word of where a damaged file ends.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ilnptool.wire.fault import Fault, WireError
from ilnptool.wire.link import RAW

_NANO = 1_000_000_000
_PCAP_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
_SECTION = 0x0A0D0D0A
_INTERFACE = 1
_SIMPLE_PACKET = 3
_ENHANCED_PACKET = 6
_BYTE_ORDER = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_IF_TSRESOL = 9
_IF_TSOFFSET = 14
_MAX_FRAME = 1 << 24  # a length field beyond this is damage, not a frame


class Frame(NamedTuple):
    """One captured frame; a NamedTuple because a run has hundreds of thousands."""

    time_ns: int
    data: bytes
    original_octets: int
    link_type: int


class _Interface(NamedTuple):
    link_type: int
    snap: int
    ticks_per_second: int
    offset_seconds: int


class CaptureReader:
    """Iterates over the frames of a file; `damage` says afterwards why it ended early, if it did.

    Raises WireError, at the start of the iteration, for a file that is no capture at all.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: str | None = None

    def __iter__(self) -> Iterator[Frame]:
        self.damage = None
        try:
            with self.path.open("rb") as file:
                if not file.seek(0, 2):
                    raise WireError(Fault.CAPTURE, f"{self.path}: the file is empty")
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                    yield from self._frames(data)
        except OSError as err:
            raise WireError(
                Fault.CAPTURE, f"{self.path}: cannot be read: {err.strerror or err}"
            ) from err

    def _frames(self, data: mmap.mmap) -> Iterator[Frame]:
        magic = data[:4]
        if magic in _PCAP_MAGIC and len(data) >= 24:
            yield from self._pcap(data, *_PCAP_MAGIC[magic])
        elif magic == _SECTION.to_bytes(4, "big") and data[8:12] in _BYTE_ORDER:
            yield from self._pcapng(data)
        else:
            raise WireError(Fault.CAPTURE, f"{self.path}: neither a pcap nor a pcapng file")

    def _pcap(self, data: mmap.mmap, order: str, tick_ns: int) -> Iterator[Frame]:
        link_type = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
        header = struct.Struct(order + "4I")
        at, end = 24, len(data)
        while at < end:
            if at + 16 > end:
                self.damage = f"cut short inside a record header at offset {at}"
                return
            seconds, fraction, size, original = header.unpack_from(data, at)
            if size > _MAX_FRAME:
                self.damage = f"impossible frame length {size} at offset {at}"
                return
            frame = data[at + 16 : at + 16 + size]
            yield Frame(seconds * _NANO + fraction * tick_ns, frame, original, link_type)
            if len(frame) < size:
                self.damage = f"cut short inside the frame at offset {at}"
                return
            at += 16 + size

    def _pcapng(self, data: mmap.mmap) -> Iterator[Frame]:
        order = "<"
        interfaces: list[_Interface] = []
        at, end = 0, len(data)
        while at < end:
            if at + 12 > end:
                self.damage = f"cut short inside a block header at offset {at}"
                return
            if data[at : at + 4] == _SECTION.to_bytes(4, "big"):
                order = _BYTE_ORDER.get(data[at + 8 : at + 12], "")
                interfaces = []
                if not order:
                    self.damage = f"unknown byte order at offset {at}"
                    return
            kind, size = struct.unpack_from(order + "2I", data, at)
            if size < 12 or size % 4 or at + size > end:
                self.damage = f"block length {size} does not fit at offset {at}"
                return
            body = data[at + 8 : at + size - 4]
            try:
                if kind == _INTERFACE:
                    interfaces.append(_interface(body, order))
                elif kind == _ENHANCED_PACKET:
                    yield _enhanced(body, order, interfaces)
                elif kind == _SIMPLE_PACKET:
                    yield _simple(body, order, interfaces)
            except (struct.error, IndexError):
                self.damage = f"block of type {kind} is malformed at offset {at}"
                return
            at += size


def _interface(body: bytes, order: str) -> _Interface:
    link_type, _, snap = struct.unpack_from(order + "2HI", body)
    ticks, offset = 1_000_000, 0
    at = 8
    while at + 4 <= len(body):
        code, size = struct.unpack_from(order + "2H", body, at)
        value = body[at + 4 : at + 4 + size]
        if code == 0:
            break
        if code == _IF_TSRESOL:
            power = value[0] & 0x7F
            ticks = 2**power if value[0] & 0x80 else 10**power
        elif code == _IF_TSOFFSET:
            (offset,) = struct.unpack(order + "q", value)
        at += 4 + size + -size % 4
    return _Interface(link_type, snap, ticks, offset)


def _enhanced(body: bytes, order: str, interfaces: list[_Interface]) -> Frame:
    number, high, low, size, original = struct.unpack_from(order + "5I", body)
    interface = interfaces[number]
    ticks = high << 32 | low
    time_ns = ticks * _NANO // interface.ticks_per_second + interface.offset_seconds * _NANO
    return Frame(time_ns, body[20 : 20 + size], original, interface.link_type)


def _simple(body: bytes, order: str, interfaces: list[_Interface]) -> Frame:
    (original,) = struct.unpack_from(order + "I", body)
    interface = interfaces[0]
    size = min(original, interface.snap or original)
    return Frame(0, body[4 : 4 + size], original, interface.link_type)


def write_pcap(
    path: Path,
    packets: Iterable[tuple[int, bytes]],
    *,
    link_type: int = RAW,
    snap: int = 262144,
) -> None:
    """Writes frames with their times in nanoseconds; longer ones are cut to `snap` octets."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snap, link_type))
        for time_ns, data in packets:
            seconds, nanoseconds = divmod(time_ns, _NANO)
            kept = data[:snap]
            file.write(struct.pack("<4I", seconds, nanoseconds, len(kept), len(data)) + kept)
