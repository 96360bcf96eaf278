# SPDX-License-Identifier: BSD-2-Clause
"""Finds the flow of an experiment among all flows of the captures."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from ilnptool.errors import UsageError
from ilnptool.measure.hints import FlowHint
from ilnptool.measure.packets import FlowKey, Packet, Scan
from ilnptool.wire.packet import TCP, UDP


class NoFlow(UsageError):
    """The captures do not hold the flow that was asked for."""


def choose_flows(scans: Sequence[Scan], hint: FlowHint) -> list[FlowKey]:
    """The flows meant by the hint, looked for in one scan after the other."""
    protocol = UDP if hint.transport == "udp" else TCP
    for found in scans:
        fits = [
            key
            for key in found.flows
            if key.protocol == protocol
            and hint.port == (key.destination_port if hint.from_client else key.source_port)
            and (hint.sender_nid is None or key.source_nid == hint.sender_nid.value)
            and (hint.receiver_nid is None or key.destination_nid == hint.receiver_nid.value)
        ]
        if hint.transport == "mptcp":
            fits = [key for key in fits if _data(found, key) > _data(found, key.reverse())]
            if fits:
                return sorted(fits)
        elif fits:
            return [max(fits, key=lambda key: sum(p.octets for p in found.flows[key]))]
    side = "to" if hint.from_client else "from"
    name = "UDP" if protocol == UDP else "TCP"
    others = {
        (key.protocol, key.source_port, key.destination_port) for s in scans for key in s.flows
    }
    shown = ", ".join(f"{p}/{a}->{b}" for p, a, b in sorted(others)[:8]) or "none"
    raise NoFlow(
        f"no {name} flow {side} port {hint.port} in the captures; "
        f"flows found (protocol/ports): {shown}"
    )


def _data(found: Scan, key: FlowKey) -> int:
    return sum(packet.data_octets for packet in found.flows.get(key, ()))


def packets_of(found: Scan, keys: Sequence[FlowKey]) -> list[Packet]:
    """The packets of these flows in the order of time; at equal times in that of the capture."""
    packets = [packet for key in keys for packet in found.flows.get(key, ())]
    return sorted(packets, key=attrgetter("time_ns"))
