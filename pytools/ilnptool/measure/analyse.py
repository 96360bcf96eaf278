# SPDX-License-Identifier: BSD-2-Clause
"""From the captures of both ends to the result of one run.

The captures are taken where the packets are on the wire: at the interfaces of the two hosts, which
is below their queues.  tcpdump needs --immediate-mode, else it loses the last packets when it is
stopped.  Segmentation offload must be off where segments are counted: a capture shows what the
host handed to the device.  Both clocks must agree where times of both ends are compared, which only
Locator Updates need.  Throughput is in Mb/s of 1,000,000 bits and counts the octets of IPv6
payloads: extension headers, transport headers and data.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from ilnptool.measure import sequence, series, session
from ilnptool.measure.flows import choose_flows, packets_of
from ilnptool.measure.hints import FlowHint, RunLabels
from ilnptool.measure.packets import Scan
from ilnptool.measure.scan import scan
from ilnptool.measure.schema import (
    InterfaceEvent,
    Locator,
    LocatorUpdateEvent,
    NetworkSeries,
    NonceCheck,
    PathShare,
    RunResult,
    SequencePoint,
    TimeSeries,
)
from ilnptool.wire.values import L64

_NO_LABELS = RunLabels()
_SETUP_DATA = 64  # octets: iperf3 opens with at most 37 octets of data in a packet


def failed_run(hint: FlowHint, labels: RunLabels, reason: str) -> RunResult:
    """The result of a run that has no numbers."""
    return RunResult(
        run_index=labels.run_index,
        transport=hint.transport,
        delay_ms=labels.delay_ms,
        direction=labels.direction(),
        artefacts=labels.artefacts,
        error=reason,
    )


def analyse_run(
    sent: Path | Sequence[Path],
    received: Path | Sequence[Path],
    *,
    hint: FlowHint,
    labels: RunLabels = _NO_LABELS,
) -> RunResult:
    """Measures one flow from the sender's captures and the receiver's (pcap or pcapng).

    Raises NoFlow if neither end captured such a flow, WireError for a file that is no capture.
    """
    left = scan(sent, counters_64bit=hint.counters_64bit, mode=hint.lu_mode)
    arrived = scan(received, counters_64bit=hint.counters_64bit, mode=hint.lu_mode)
    return _Analysis(left, arrived, hint, labels).result()


class _Analysis:
    """The two scans of one run and the flows chosen from them."""

    def __init__(self, sent: Scan, received: Scan, hint: FlowHint, labels: RunLabels) -> None:
        self.sent_scan, self.received_scan = sent, received
        self.hint, self.labels = hint, labels
        self.keys = choose_flows((received, sent), hint)
        self.back = [key.reverse() for key in self.keys]
        self.sent = packets_of(sent, self.keys)
        self.received = packets_of(received, self.keys)
        self.start_ns = (self.received or self.sent)[0].time_ns
        self.notes = sent.notes + received.notes

    def result(self) -> RunResult:
        is_ilnp = any(packet.nonce is not None for packet in self.sent + self.received)
        nonces = self._nonces() if is_ilnp else ()
        sums = [
            session.count_checksums(self.received_scan, self.keys, self.hint.checksum_mode),
            session.count_checksums(self.sent_scan, self.back, self.hint.checksum_mode),
        ]
        checked = sum(count.checked for count in sums)
        octets = sum(packet.octets for packet in self.received)
        duration = self._duration()
        by_source = self._networks_by_source()
        metrics = self._udp() if self.hint.transport == "udp" else self._tcp()
        return RunResult(
            run_index=self.labels.run_index,
            transport=self.hint.transport,
            network="ilnp" if is_ilnp else "ipv6",
            delay_ms=self.labels.delay_ms,
            direction=self.labels.direction(),
            started_at=self.start_ns / 1e9,
            duration_s=duration,
            setup_s=self._setup(),
            packets_sent=len(self.sent),
            packets_received=len(self.received),
            bytes_received=octets,
            throughput_mbps=octets * 8 / duration / 1e6 if duration else None,
            locator_updates=self._updates(),
            paths=self._paths(by_source, octets),
            nonce_verified=all(check.verified for check in nonces) if nonces else None,
            nonces=nonces,
            bad_checksums=sum(count.bad for count in sums) if checked else None,
            checksums_checked=checked,
            checksums_unfinished=sum(count.unfinished for count in sums),
            series=self._series(by_source),
            sequence=self._progression(),
            longest_gap_s=self._longest_gap(),
            events=self._events(),
            artefacts=self.labels.artefacts,
            notes=tuple(self.notes),
            **metrics,  # type: ignore[arg-type]
        )

    def _seconds(self, time_ns: int) -> float:
        return round((time_ns - self.start_ns) / 1e9, 6)

    def _duration(self) -> float | None:
        if not self.received:
            return None
        return (self.received[-1].time_ns - self.received[0].time_ns) / 1e9

    def _longest_gap(self) -> float | None:
        times = sorted(packet.time_ns for packet in self.received)
        return max((b - a for a, b in itertools.pairwise(times)), default=0) / 1e9 or None

    def _setup(self) -> float | None:
        for packet in self.received:
            if packet.data_octets > _SETUP_DATA:
                return self._seconds(packet.time_ns)
        return None

    def _udp(self) -> dict[str, float | int | None]:
        count = sequence.count_udp(self.sent, self.received)
        behind, numbered = sequence.udp_misordered(self.received)
        if count.held_back:
            self.notes.append(f"{count.held_back} of the lost datagrams never left the sender")
        if count.uncaptured:
            self.notes.append(
                f"the sender's capture lacks {count.uncaptured} datagrams that were received"
            )
        return {
            "loss_ratio": count.lost / count.total if count.total else None,
            "misorder_ratio": behind / numbered if numbered else None,
        }

    def _tcp(self) -> dict[str, float | int | None]:
        behind = numbered = repeats = missing = abandoned = 0
        for key in self.keys:
            sent = packets_of(self.sent_scan, [key])
            received = packets_of(self.received_scan, [key])
            origin = sequence.origin_of(sent, received)
            late, count = sequence.tcp_misordered(received, origin)
            covered, repeated = sequence.tcp_coverage(sent, origin)
            arrived, _ = sequence.tcp_coverage(received, origin)
            behind, numbered = behind + late, numbered + count
            repeats += repeated
            acked = sequence.highest_ack(packets_of(self.received_scan, [key.reverse()]), origin)
            missing += covered.missing_from(arrived, below=acked)
            abandoned += max(0, (covered.end or acked) - acked)
            unsent = arrived.missing_from(covered)
            if unsent:
                self.notes.append(f"the sender's capture lacks {unsent} octets that were received")
        return {
            "misorder_ratio": behind / numbered if numbered else None,
            "duplicate_ratio": repeats / len(self.sent) if self.sent else None,
            "missing_bytes": missing,
            "unacknowledged_bytes": abandoned,
        }

    def _networks_by_source(self) -> bool:
        if self.hint.networks_of is not None:
            return self.hint.networks_of == "sender"
        packets = self.received or self.sent
        sources = {packet.source_l64 for packet in packets}
        destinations = {packet.destination_l64 for packet in packets}
        return len(sources) >= len(destinations)

    def _paths(self, by_source: bool, octets: int) -> tuple[PathShare, ...]:
        totals = series.octets_per_network(self.received, by_source)
        return tuple(
            PathShare(l64=str(L64(l64)), bytes=count, share=count / octets if octets else 0)
            for l64, count in sorted(totals.items())
        )

    def _series(self, by_source: bool) -> TimeSeries | None:
        bins = series.binned(self.received, by_source, self.start_ns)
        networks = tuple(
            NetworkSeries(l64=str(L64(l64)), bytes=tuple(counts))
            for l64, counts in sorted(bins.items())
        )
        return TimeSeries(bin_s=series.BIN_S, networks=networks) if networks else None

    def _progression(self) -> tuple[SequencePoint, ...]:
        if self.hint.transport == "mptcp":
            return ()  # subflows have no common number below the data sequence
        origin = None
        if self.hint.transport == "tcp":
            origin = sequence.origin_of(self.sent, self.received)
        points = series.progression(self.received, self.start_ns, origin)
        return tuple(SequencePoint(**point._asdict()) for point in points)

    def _nonces(self) -> tuple[NonceCheck, ...]:
        checks = []
        for origin, target, keys, from_sender in (
            (self.sent_scan, self.received_scan, self.keys, True),
            (self.received_scan, self.sent_scan, self.back, False),
        ):
            count = session.count_nonces(origin, target, keys)
            if count.with_nonce or count.without_nonce:
                direction = self.labels.direction(from_sender)
                checks.append(NonceCheck(direction=direction, **count._asdict()))
        return tuple(checks)

    def _updates(self) -> tuple[LocatorUpdateEvent, ...]:
        found = session.find_updates(self.sent_scan, self.received_scan, self.keys)
        return tuple(
            LocatorUpdateEvent(
                time_s=self._seconds(entry.time_ns),
                direction=self.labels.direction(entry.from_sender),
                operation="ack" if entry.update.is_ack else "advertisement",
                code=entry.update.code,
                locators=tuple(
                    Locator(l64=str(r.l64), preference=r.preference, lifetime=r.lifetime)
                    for r in entry.update.records
                ),
                arrived=entry.arrived,
            )
            for entry in found
        )

    def _events(self) -> tuple[InterfaceEvent, ...]:
        return tuple(
            InterfaceEvent(
                time_s=self._seconds(round(mark.time * 1e9)),
                interface=mark.interface,
                action=mark.action,
            )
            for mark in sorted(self.labels.events, key=lambda mark: mark.time)
        )
