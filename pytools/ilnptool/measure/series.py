# SPDX-License-Identifier: BSD-2-Clause
"""How octets and sequence numbers develop over the time of a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ilnptool.measure.packets import Packet
from ilnptool.measure.sequence import Unwrapper

#: Width of a throughput bin in seconds.
BIN_S = 0.5
#: Into how many slots the sequence progression is divided at most.
SLOTS = 500
_MIN_SLOT_NS = 20_000_000


class Progress(NamedTuple):
    """The lowest and highest number that arrived in one slot of time."""

    time_s: float
    lowest: int
    highest: int


def octets_per_network(packets: Iterable[Packet], by_source: bool) -> dict[int, int]:
    """IPv6 payload octets per L64 of the chosen end."""
    totals: defaultdict[int, int] = defaultdict(int)
    for packet in packets:
        totals[packet.source_l64 if by_source else packet.destination_l64] += packet.octets
    return dict(totals)


def binned(packets: Sequence[Packet], by_source: bool, start_ns: int) -> dict[int, list[int]]:
    """IPv6 payload octets per L64 of the chosen end and per bin of BIN_S, all of one length."""
    width = round(BIN_S * 1e9)
    if not packets:
        return {}
    count = max((packet.time_ns - start_ns) // width for packet in packets) + 1
    bins: defaultdict[int, list[int]] = defaultdict(lambda: [0] * count)
    for packet in packets:
        at = max(0, (packet.time_ns - start_ns) // width)
        bins[packet.source_l64 if by_source else packet.destination_l64][at] += packet.octets
    return dict(bins)


def progression(packets: Sequence[Packet], start_ns: int, tcp_origin: int | None) -> list[Progress]:
    """Lowest and highest sequence number per slot of time.

    `tcp_origin` is the first sequence number of a TCP flow, from which its octets are counted; None
    for UDP, whose datagrams are counted by iperf3.
    """
    numbered = [packet for packet in packets if packet.sequence is not None]
    if tcp_origin is not None:
        numbered = [packet for packet in numbered if packet.data_octets > 0]
    if not numbered:
        return []
    span = max(packet.time_ns for packet in numbered) - start_ns
    slot = max(_MIN_SLOT_NS, span // SLOTS + 1)
    place = None if tcp_origin is None else Unwrapper(tcp_origin)
    slots: dict[int, tuple[int, int]] = {}
    for packet in numbered:
        number = packet.sequence or 0
        if place is not None and tcp_origin is not None:
            number = place(number) - tcp_origin
        at = (packet.time_ns - start_ns) // slot
        low, high = slots.get(at, (number, number))
        slots[at] = (min(low, number), max(high, number))
    return [
        Progress(round((at + 0.5) * slot / 1e9, 6), low, high)
        for at, (low, high) in sorted(slots.items())
    ]
