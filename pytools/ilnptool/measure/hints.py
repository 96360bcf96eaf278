# SPDX-License-Identifier: BSD-2-Clause
"""What the captures cannot tell: which flow is meant, and under which conditions it ran."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ilnptool.wire.cksum import ChecksumMode
from ilnptool.wire.lu import EXTENDED_MODE, LuMode
from ilnptool.wire.values import Nid

Transport = Literal["tcp", "udp", "mptcp"]


@dataclass(frozen=True, slots=True)
class FlowHint:
    """Which flow of the captures is meant.

    Of the flows that fit, the one with the most octets is taken (iperf3 has a control connection on
    the same port); for MPTCP all that carry more data this way than back, which are the subflows of
    one transfer also in a test of both directions.  `port` is the server's.
    `networks_of` is the end whose L64s name the networks: by default the end with more of them.
    `checksum_mode` None means the mode that most packets of a direction verify in.
    """

    transport: Transport
    port: int = 5201
    from_client: bool = True
    sender_nid: Nid | None = None
    receiver_nid: Nid | None = None
    networks_of: Literal["sender", "receiver"] | None = None
    checksum_mode: ChecksumMode | None = None
    counters_64bit: bool = False
    lu_mode: LuMode = EXTENDED_MODE


@dataclass(frozen=True, slots=True)
class InterfaceMark:
    """Something done to an interface, in seconds since 1970."""

    time: float
    interface: str
    action: Literal["enabled", "disabled"]


@dataclass(frozen=True, slots=True)
class RunLabels:
    """Names, conditions and events of the run."""

    sender: str = "mn"
    receiver: str = "cn"
    delay_ms: float = 0.0
    run_index: int = 0
    events: tuple[InterfaceMark, ...] = ()
    artefacts: tuple[str, ...] = ()

    def direction(self, from_sender: bool = True) -> str:
        ends = (self.sender, self.receiver)
        return "-".join(ends if from_sender else reversed(ends))
