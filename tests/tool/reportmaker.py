# SPDX-License-Identifier: BSD-2-Clause
"""Made-up results of a duality experiment, for looking at reports without a lab."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Literal

from ilnptool.measure import Host, RunFile, RunResult, Topology
from ilnptool.measure.schema import (
    InterfaceEvent,
    Locator,
    LocatorUpdateEvent,
    NetworkSeries,
    NonceCheck,
    PathShare,
    SequencePoint,
    TimeSeries,
)

Transport = Literal["tcp", "udp", "mptcp"]
L64S = tuple(f"2001+0002+00{x}+00{x}" for x in ("aa", "bb", "cc", "ee"))
NAMES = dict(zip(L64S, ("aa", "bb", "cc", "ee"), strict=True))
BIN = 0.5


def _active(progress: float, count: int) -> int:
    """How many networks are up at a part of the run: 1 to `count` and back, twice."""
    phases = [*range(1, count + 1), *range(count - 1, 0, -1), *range(2, count + 1)]
    phases += range(count - 1, 0, -1)
    return phases[min(len(phases) - 1, int(progress * len(phases)))]


def make_run(
    transport: Transport,
    delay: float,
    index: int,
    *,
    direction: str = "mn-cn",
    seconds: float = 60,
    networks: int = 3,
    rng: random.Random,
) -> RunResult:
    """One run that went as it should, with a little noise."""
    bins = round(seconds / BIN)
    mean = 10.4 + (0.02 if transport == "tcp" else 0.01) * rng.uniform(-1, 1)
    counts = [[0] * bins for _ in range(networks)]
    updates: list[LocatorUpdateEvent] = []
    events: list[InterfaceEvent] = []
    before = 1
    for at in range(bins):
        active = _active(at / bins, networks)
        octets = mean * BIN * 1e6 / 8 * rng.uniform(0.97, 1.03)
        weights = [rng.uniform(0.95, 1.05) for _ in range(active)]
        if transport == "mptcp":
            weights = [rng.uniform(0.05, 2) for _ in range(active)]
        for network in range(active):
            counts[network][at] = round(octets * weights[network] / sum(weights))
        if active != before and transport != "mptcp":
            updates += _handshake(at * BIN, direction, active, delay)
        if active != before:
            action: Literal["enabled", "disabled"] = "enabled" if active > before else "disabled"
            name = f"eth{max(active, before)}"
            events.append(InterfaceEvent(time_s=at * BIN, interface=name, action=action))
        before = active
    total = sum(map(sum, counts))
    is_ilnp = transport != "mptcp"
    return RunResult(
        run_index=index - 1,
        transport=transport,
        network="ilnp" if is_ilnp else "ipv6",
        delay_ms=delay,
        direction=direction,
        started_at=1.7e9 + rng.randrange(100_000),
        duration_s=seconds,
        setup_s=0.01,
        packets_sent=total // 1400,
        packets_received=total // 1400,
        bytes_received=total,
        throughput_mbps=total * 8 / seconds / 1e6,
        loss_ratio=rng.choice((0, 0, 1e-4)) if transport == "udp" else None,
        misorder_ratio=rng.choice((0, 2e-4, 5e-4)) * (1 + delay / 50),
        duplicate_ratio=rng.choice((0, 1e-4)) if transport != "udp" else None,
        missing_bytes=0 if transport != "udp" else None,
        unacknowledged_bytes=0 if transport != "udp" else None,
        locator_updates=tuple(updates),
        paths=tuple(
            PathShare(l64=l64, bytes=sum(own), share=sum(own) / total)
            for l64, own in zip(L64S, counts, strict=False)
        ),
        nonce_verified=True if is_ilnp else None,
        nonces=_nonces(direction, total // 1400) if is_ilnp else (),
        bad_checksums=0,
        checksums_checked=total // 1400,
        series=TimeSeries(
            bin_s=BIN,
            networks=tuple(
                NetworkSeries(l64=l64, bytes=tuple(own))
                for l64, own in zip(L64S, counts, strict=False)
            ),
        ),
        sequence=_sequence(counts, transport, rng) if is_ilnp else (),
        events=tuple(events),
        artefacts=(f"{transport}-{index}-mn.pcap", f"{transport}-{index}-cn.pcap"),
    )


def _handshake(time: float, direction: str, active: int, delay: float) -> list[LocatorUpdateEvent]:
    locators = tuple(Locator(l64=l64, preference=10, lifetime=15) for l64 in L64S[:active])
    back = "-".join(reversed(direction.split("-")))
    return [
        LocatorUpdateEvent(
            time_s=time + after,
            direction=way,
            operation=operation,
            code=0,
            locators=locators,
            arrived=True,
        )
        for after, way, operation in (
            (0.02, direction, "advertisement"),
            (0.03 + delay / 1e3, back, "ack"),
        )
    ]


def _nonces(direction: str, packets: int) -> tuple[NonceCheck, ...]:
    back = "-".join(reversed(direction.split("-")))
    return tuple(
        NonceCheck(direction=way, with_nonce=packets, without_nonce=0, values=1, verified=True)
        for way in (direction, back)
    )


def _sequence(
    counts: list[list[int]], transport: Transport, rng: random.Random
) -> tuple[SequencePoint, ...]:
    unit = 1 if transport == "tcp" else 1400
    points, reached = [], 0
    for at in range(len(counts[0])):
        after = reached + sum(own[at] for own in counts)
        back = 40_000 if rng.random() < 0.02 else 0
        low = max(0, reached - back) // unit
        points.append(SequencePoint(time_s=(at + 0.5) * BIN, lowest=low, highest=after // unit))
        reached = after
    return tuple(points)


def make_file(
    *,
    runs: int = 1,
    transports: Iterable[Transport] = ("tcp", "udp"),
    delays: Iterable[float] = (0, 20, 200),
    directions: Iterable[str] = ("mn-cn",),
    networks: int = 3,
    seconds: float = 60,
) -> RunFile:
    """An experiment with as many runs of each kind."""
    rng = random.Random(7)
    made = [
        make_run(t, d, i, direction=w, networks=networks, seconds=seconds, rng=rng)
        for t in transports
        for d in delays
        for w in directions
        for i in range(1, runs + 1)
    ]
    return RunFile(
        experiment="duality",
        seed=7,
        started_at="2026-11-21T07:00:00+00:00",
        versions={"ilnptool": "0.1.0", "ilnpd": "0.1.0", "iperf3": "3.12"},
        host=Host(name="lab", system="Debian 12", kernel="6.1.0", cpus=2),
        topology=Topology(name="duality", networks=NAMES),
        runs=tuple(made),
    )
