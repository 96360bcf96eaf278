# SPDX-License-Identifier: BSD-2-Clause
"""run.json: what one experiment measured.  Units are in the names or in the descriptions.

run.schema.json beside this file is generated from these models.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION: Literal[1] = 1

Ratio = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Locator(_Model):
    """One record of a Locator Update."""

    l64: str
    preference: Count
    lifetime: Count = Field(description="Seconds.")


class LocatorUpdateEvent(_Model):
    """A Locator Update as captured at the end that sent it; a retransmission is one more event."""

    time_s: float = Field(description="Seconds after the flow's first received packet.")
    direction: str = Field(description="Names of both ends: from-to.")
    operation: Literal["advertisement", "ack"]
    code: Count
    locators: tuple[Locator, ...]
    arrived: bool = Field(description="The other end's capture holds it too.")


class PathShare(_Model):
    """What one network carried of the flow."""

    l64: str
    bytes: Count = Field(description="IPv6 payload octets as received.")
    share: Ratio = Field(description="Of all octets of the flow.")


class NetworkSeries(_Model):
    """Octets of one network over time."""

    l64: str
    bytes: tuple[Count, ...] = Field(description="IPv6 payload octets received per bin.")


class TimeSeries(_Model):
    """Octets per network and time bin; bin i begins i * bin_s after the first received packet."""

    bin_s: float = Field(gt=0)
    networks: tuple[NetworkSeries, ...]


class SequencePoint(_Model):
    """Lowest and highest sequence number received around one time."""

    time_s: float
    lowest: int
    highest: int


class InterfaceEvent(_Model):
    """What the experiment did to an interface."""

    time_s: float = Field(description="Seconds after the flow's first received packet.")
    interface: str
    action: Literal["enabled", "disabled"]


class NameChange(_Model):
    """What a name holds from some time on, as its primary server answers."""

    time_s: float = Field(description="Seconds after the flow's first received packet.")
    name: str
    l64s: tuple[str, ...]


class Arrival(_Model):
    """A new client: it looks the name up, and connects."""

    time_s: float = Field(description="Seconds after the flow's first received packet.")
    l64s: tuple[str, ...] = Field(description="What its resolver answered.")
    fresh: bool = Field(description="There was no session between the two before.")
    lookup_s: float | None = Field(default=None, description="For the answer.")
    setup_s: float | None = Field(
        default=None, description="From the question to the first octet of the server."
    )
    error: str | None = None


class NonceCheck(_Model):
    """The nonces on the packets of one direction, both ends' captures together."""

    direction: str
    with_nonce: Count = Field(description="Packets.")
    without_nonce: Count = Field(description="Packets.")
    values: Count = Field(description="Different nonces; 1 is right.")
    verified: bool


class RunResult(_Model):
    """One flow in one direction.  A metric that could not be computed is null."""

    run_index: Count = Field(description="From 0, among the runs of the same conditions.")
    transport: Literal["tcp", "udp", "mptcp"]
    network: Literal["ilnp", "ipv6"] | None = Field(
        default=None, description="ilnp if packets of the flow carried a nonce."
    )
    delay_ms: float = Field(ge=0, description="Delay added by the experiment.")
    direction: str = Field(description="Names of both ends: from-to.")
    started_at: float | None = Field(
        default=None, description="Time zero of this run: seconds since 1970."
    )
    duration_s: float | None = Field(
        default=None, description="From the first to the last received packet of the flow."
    )
    setup_s: float | None = Field(
        default=None,
        description="Part of duration_s before the first packet with more than 64 octets of data.",
    )
    packets_sent: Count | None = None
    packets_received: Count | None = None
    bytes_received: Count | None = Field(default=None, description="IPv6 payload octets.")
    throughput_mbps: float | None = Field(
        default=None,
        ge=0,
        description="bytes_received * 8 / duration_s / 1,000,000.",
    )
    loss_ratio: Ratio | None = Field(
        default=None, description="UDP: datagrams never received / datagrams sent."
    )
    misorder_ratio: Ratio | None = Field(
        default=None,
        description="Packets with a sequence number lower than one already seen / received.",
    )
    duplicate_ratio: Ratio | None = Field(
        default=None, description="TCP: segments sent that repeat octets / packets sent."
    )
    missing_bytes: Count | None = Field(
        default=None,
        description="TCP: octets that the receiver acknowledged and its capture never shows.",
    )
    unacknowledged_bytes: Count | None = Field(
        default=None,
        description="TCP: octets sent above the receiver's last acknowledgement; iperf3 abandons "
        "what is on its way at the end.",
    )
    locator_updates: tuple[LocatorUpdateEvent, ...] = ()
    paths: tuple[PathShare, ...] = ()
    nonce_verified: bool | None = Field(
        default=None,
        description="ILNP: every packet of each direction carried one and the same nonce, "
        "at both ends.",
    )
    nonces: tuple[NonceCheck, ...] = ()
    bad_checksums: Count | None = Field(
        default=None, description="Of checksums_checked; null if none could be checked."
    )
    checksums_checked: Count = Field(default=0, description="Packets captured whole.")
    checksums_unfinished: Count = Field(
        default=0, description="Packets whose checksum was left to a device (offload)."
    )
    series: TimeSeries | None = None
    sequence: tuple[SequencePoint, ...] = ()
    longest_gap_s: float | None = Field(
        default=None, description="Longest time between two received packets of the flow."
    )
    names: tuple[NameChange, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    events: tuple[InterfaceEvent, ...] = ()
    artefacts: tuple[str, ...] = Field(default=(), description="Files of this run beside run.json.")
    notes: tuple[str, ...] = Field(
        default=(), description="What a reader of the numbers must know."
    )
    error: str | None = Field(default=None, description="Why the run has no numbers.")


class Host(_Model):
    """The machine."""

    name: str = ""
    system: str = ""
    kernel: str = ""
    cpus: Count = 0


class Topology(_Model):
    """The lab: its name and what its networks are called."""

    name: str
    networks: dict[str, str] = Field(
        default_factory=dict, description="Name of each network by its L64."
    )


class RunFile(_Model):
    """Everything in run.json."""

    schema_version: Literal[1] = SCHEMA_VERSION
    experiment: str
    seed: int
    started_at: str = Field(default="", description="ISO 8601, with zone.")
    versions: dict[str, str] = Field(default_factory=dict)
    host: Host = Host()
    topology: Topology
    runs: tuple[RunResult, ...] = ()
