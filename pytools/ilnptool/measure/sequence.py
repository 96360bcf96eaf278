# SPDX-License-Identifier: BSD-2-Clause
"""Loss, misordering and duplicates from sequence numbers.

Definitions (those of the duality experiment, per flow and direction):

* loss ratio (UDP) = datagrams lost / datagrams sent.  iperf3 numbers what it sends without gaps;
  lost is a number that the receiver's capture never shows.
* misordering ratio = packets whose sequence number is lower than one already seen / packets
  received.  UDP: iperf3's number.  TCP: the sequence number or the acknowledgement number; a
  retransmission that fills a gap arrives below what was already seen and so counts.
* duplicate ratio (TCP) = segments sent that repeat an octet already sent / packets sent.  SYN and
  FIN count as the octet of sequence space that they take; pure acknowledgements repeat nothing.
  The sender's capture is taken below its own queue: a segment that was dropped there is sent again
  but once on the wire, so it is no duplicate.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ilnptool.measure.packets import Packet

_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10
_HALF = 1 << 31
_FULL = 1 << 32


class Unwrapper:
    """Makes 32-bit sequence numbers grow beyond 2^32, starting near `origin`."""

    def __init__(self, origin: int) -> None:
        self._last = origin

    def __call__(self, number: int) -> int:
        step = (number - self._last + _HALF) % _FULL - _HALF
        value = self._last + step
        self._last = max(self._last, value)
        return value


class Coverage:
    """Which octets of a sequence space were seen, as sorted ranges that do not touch."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start: int, end: int) -> bool:
        """Adds a range; True if part of it had been seen before."""
        if not self._starts or start > self._ends[-1]:
            self._starts.append(start)
            self._ends.append(end)
            return False
        if start == self._ends[-1]:
            self._ends[-1] = end
            return False
        # Ranges first..last-1 touch or overlap the new one; one that only touches repeats nothing.
        first = bisect_right(self._ends, start - 1)
        last = bisect_right(self._starts, end)
        repeated = any(self._starts[i] < end and self._ends[i] > start for i in range(first, last))
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]
        return repeated

    @property
    def end(self) -> int | None:
        """The position behind the last octet seen, None before any."""
        return self._ends[-1] if self._ends else None

    def missing_from(self, other: Coverage, below: int | None = None) -> int:
        """How many octets seen here, before the position `below` if given, were not seen there."""
        absent = 0
        for start, full_end in zip(self._starts, self._ends, strict=True):
            end = full_end if below is None else min(full_end, below)
            if end <= start:
                break
            absent += end - start
            at = bisect_right(other._ends, start)
            while at < len(other._starts) and other._starts[at] < end:
                absent -= min(end, other._ends[at]) - max(start, other._starts[at])
                at += 1
        return absent


class UdpCount(NamedTuple):
    """Datagrams of one flow.

    `total` were given a number by iperf3 between the lowest and the highest number seen at either
    end, `lost` of them never arrived.  Of these, `held_back` are not in the sender's capture
    either: its own queue dropped them, for a capture is taken below that.  `uncaptured` arrived
    although the sender's capture lacks them: its capture dropped them.
    """

    total: int
    lost: int
    held_back: int
    uncaptured: int


def count_udp(sent: Iterable[Packet], received: Iterable[Packet]) -> UdpCount:
    """Counts the numbers that iperf3 gave out, one after the other, and what became of them."""
    left = {packet.sequence for packet in sent if packet.sequence is not None}
    arrived = {packet.sequence for packet in received if packet.sequence is not None}
    seen = left | arrived
    total = max(seen) - min(seen) + 1 if seen else 0
    return UdpCount(total, total - len(arrived), total - len(seen), len(arrived - left))


def udp_misordered(received: Iterable[Packet]) -> tuple[int, int]:
    """Returns how many datagrams came behind a higher number, and how many came with a number."""
    highest, behind, count = -1, 0, 0
    for packet in received:
        if packet.sequence is None:
            continue
        count += 1
        if packet.sequence < highest:
            behind += 1
        else:
            highest = packet.sequence
    return behind, count


def origin_of(*captures: Sequence[Packet]) -> int:
    """The first sequence number of a TCP flow, from the first capture that has one."""
    for packets in captures:
        for packet in packets:
            if packet.sequence is not None and not packet.flags & _RST:
                return packet.sequence
    return 0


def tcp_misordered(received: Iterable[Packet], origin: int) -> tuple[int, int]:
    """Returns how many packets came behind a higher number (sequence or ack), and of how many.

    Packets with RST do not take part: theirs may be any number.
    """
    place = Unwrapper(origin)
    place_ack: Unwrapper | None = None
    highest = highest_ack = None
    behind = count = 0
    for packet in received:
        if packet.sequence is None or packet.flags & _RST:
            continue
        count += 1
        number = place(packet.sequence)
        late = highest is not None and number < highest
        highest = number if highest is None else max(highest, number)
        if packet.flags & _ACK:
            if place_ack is None:
                place_ack = Unwrapper(packet.acknowledgement)
            ack = place_ack(packet.acknowledgement)
            late = late or (highest_ack is not None and ack < highest_ack)
            highest_ack = ack if highest_ack is None else max(highest_ack, ack)
        behind += late
    return behind, count


def tcp_coverage(packets: Iterable[Packet], origin: int) -> tuple[Coverage, int]:
    """Returns the octets that the packets carry, and how many packets repeat some of them."""
    covered = Coverage()
    place = Unwrapper(origin)
    repeats = 0
    for packet in packets:
        if packet.sequence is None or packet.flags & _RST:
            continue
        start = place(packet.sequence)
        length = packet.data_octets + bool(packet.flags & _SYN) + bool(packet.flags & _FIN)
        if length:
            repeats += covered.add(start, start + length)
    return covered, repeats


def highest_ack(packets: Iterable[Packet], origin: int) -> int:
    """The highest acknowledgement number of the reverse direction; `origin` if there is none."""
    place = Unwrapper(origin)
    highest = origin
    for packet in packets:
        if packet.flags & _ACK and not packet.flags & _RST:
            highest = max(highest, place(packet.acknowledgement))
    return highest
