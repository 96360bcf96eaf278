# SPDX-License-Identifier: BSD-2-Clause
"""The handover run over real namespaces and real nodes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from labkit import lab_name, leftovers, temporary_config

from ilnptool.bench.traffic import Way, stream
from ilnptool.bench.witness import counters
from ilnptool.experiments import EXPERIMENTS, run
from ilnptool.experiments.clock import RealClock
from ilnptool.experiments.handover import Mover
from ilnptool.experiments.plan import moves
from ilnptool.experiments.single import prepared
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.netns import NetnsLab
from ilnptool.lab.protocol import running
from ilnptool.lab.topology import load_topology
from ilnptool.measure import load_run_json

pytestmark = [pytest.mark.root, pytest.mark.slow]

DUALITY = EXPERIMENTS["duality"]
SECONDS = 25.0


def test_a_stream_survives_all_moves_byte_by_byte() -> None:
    """The hash of what was received is that of what was sent; `stream` raises if it is not."""
    topology = prepared(load_topology(find_topology("duality")), DUALITY, 20)
    with temporary_config() as config:
        lab = NetnsLab(topology, config, lab_name("h"))
        with running(lab), ThreadPoolExecutor(1) as pool:
            links = [link.name for link, _ in topology.links_of("mn")]
            mover = Mover(lab, "mn", RealClock())
            for link in links[1:]:
                lab.link_down(link)
            way = Way("mn", "cn", "cn")
            sent = pool.submit(stream, lab, way, SECONDS, rate=10e6)
            for move in moves(links, DUALITY.moves):
                assert move is not None
                (mover.enable if move.enable else mover.disable)(move.link)
            assert not sent.done(), "the moves took longer than the stream: nothing was shown"
            report = sent.result()
            seen = counters(lab, "mn")
        assert report.bytes * 8 == pytest.approx(10e6 * SECONDS, rel=0.05)
        assert seen["lu_acked"] >= 4
        assert leftovers(config, lab.name) == []


@pytest.fixture(scope="module")
def result_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One TCP and one UDP run, both ways at once."""
    with temporary_config() as config:
        return run(
            "duality",
            out=tmp_path_factory.mktemp("duality"),
            delays=(20,),
            directions=("bidir",),
            seconds=SECONDS,
            config=config,
        )


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("direction", ["mn-cn", "cn-mn"])
def test_nothing_is_lost_while_networks_come_and_go(
    result_folder: Path, transport: str, direction: str
) -> None:
    (result,) = [
        found
        for found in load_run_json(result_folder).runs
        if (found.transport, found.direction) == (transport, direction)
    ]
    assert result.error is None
    assert result.network == "ilnp"
    assert result.throughput_mbps == pytest.approx(10.2, rel=0.05)
    if transport == "tcp":
        assert result.missing_bytes == 0
    else:
        assert result.loss_ratio is not None
        assert result.loss_ratio < 0.01
    assert result.misorder_ratio is not None
    assert result.misorder_ratio < 0.01
    acked = [x for x in result.locator_updates if x.operation == "ack" and x.arrived]
    assert len(acked) >= 4
    assert len(result.paths) == 3
    assert all(path.share > 0.1 for path in result.paths)
    assert result.series is not None
    assert len(result.series.networks) == 3
    assert result.nonce_verified
    assert result.bad_checksums == 0
    assert len(result.events) == 8


def test_results_are_complete(result_folder: Path) -> None:
    assert (result_folder / "report.html").stat().st_size > 10_000
    assert (result_folder.parent / "latest").resolve() == result_folder.resolve()
    for name in ("counters.json", "mn-events.jsonl", "cn-events.jsonl", "iperf3-client.json"):
        assert (result_folder / "tcp-bidir-20ms-1" / name).stat().st_size > 0
