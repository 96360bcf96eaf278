# SPDX-License-Identifier: BSD-2-Clause
"""What a scan keeps of the packets it has read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ilnptool.wire.cksum import ChecksumVerdict
from ilnptool.wire.lu import LocatorUpdate


class FlowKey(NamedTuple):
    """A flow in one direction: NIDs, ports, protocol; locators take no part."""

    source_nid: int
    source_port: int
    destination_nid: int
    destination_port: int
    protocol: int

    def reverse(self) -> FlowKey:
        return FlowKey(
            self.destination_nid,
            self.destination_port,
            self.source_nid,
            self.source_port,
            self.protocol,
        )


class Packet(NamedTuple):
    """One packet of a flow; a NamedTuple because a run has hundreds of thousands.

    `octets` is the length of the IPv6 payload, `data_octets` that of the transport's payload.
    `sequence` is TCP's, or the number that iperf3 puts into a UDP payload (None without one).
    `verdict` is None unless the whole packet was captured.
    """

    time_ns: int
    source_l64: int
    destination_l64: int
    octets: int
    nonce: bytes | None
    sequence: int | None
    acknowledgement: int
    flags: int
    data_octets: int
    verdict: ChecksumVerdict | None


class UpdatePacket(NamedTuple):
    """A Locator Update as captured."""

    time_ns: int
    source_nid: int
    destination_nid: int
    nonce: bytes | None
    update: LocatorUpdate
    verdict: ChecksumVerdict | None


@dataclass
class Scan:
    """Everything of interest in the captures of one end."""

    flows: dict[FlowKey, list[Packet]] = field(default_factory=dict)
    updates: list[UpdatePacket] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
