# SPDX-License-Identifier: BSD-2-Clause
"""The senders and receivers of the benchmark, over the loopback interface."""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import time
from pathlib import Path

import pytest

from ilnptool import run
from ilnptool.bench import datagram, stream
from ilnptool.bench.datagram import DatagramReport, Tally
from ilnptool.bench.paths import parallel_paths, plain_ways
from ilnptool.bench.stream import StreamReport, goodput
from ilnptool.bench.transports import share_error, weighted
from ilnptool.errors import CheckFailed
from ilnptool.lab.services import wait_for


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET6, kind) as sock:
        sock.bind(("::1", 0))
        return int(sock.getsockname()[1])


def start(module: str, port: int, folder: Path) -> tuple[run.Process, Path]:
    argv = [sys.executable, "-m", f"ilnptool.bench.{module}", "--port", str(port), "receive"]
    out = folder / "out"
    process = run.popen([*argv, "--bind", "::1"], log=folder / "log", stdout=out)
    wait_for(lambda: "listening" in out.read_text(), 20, process.tail)
    return process, out


@pytest.mark.parametrize(("both", "rates"), [(False, {20, 100}), (True, {20})])
def test_what_limits_is_the_senders_links_or_those_of_both(both: bool, rates: set[int]) -> None:
    links = parallel_paths(3, rate=20_000_000, both=both).links
    assert {link.rate // 1_000_000 for link in links if link.rate is not None} == rates


def test_a_stream_arrives_with_the_hash_it_was_sent_with(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_STREAM)
    receiver, out = start("stream", port, tmp_path)
    with receiver:
        sent = stream.send("::1", port, seconds=0.3, seed=7, rate=80e6)
        assert receiver.wait(20) == 0
    seen = json.loads(out.read_text().splitlines()[-1])
    assert seen["bytes"] == sent.bytes > 0
    assert seen["sha256"] == sent.sha256
    assert sent.bytes * 8 / 0.3 < 80e6 * 1.3  # a busy machine may send less


def test_the_longest_gap_counts_once_a_stream_has_begun(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_STREAM)
    receiver, out = start("stream", port, tmp_path)
    with receiver, socket.create_connection(("::1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for pause in (stream.BEGUN_SECONDS + 2, 0.1, 0.7, 0.1):
            sock.sendall(b"x")
            time.sleep(pause)
        sock.sendall(b"x")
        sock.shutdown(socket.SHUT_WR)
        assert receiver.wait(20) == 0
    gap = json.loads(out.read_text().splitlines()[-1])["gap"]
    # The first pause is the longest, but before it nothing had begun.
    assert 0.65 < gap < stream.BEGUN_SECONDS + 2


def test_a_lost_byte_changes_the_hash(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_STREAM)
    receiver, out = start("stream", port, tmp_path)
    whole = bytes(range(200))
    with receiver, socket.create_connection(("::1", port)) as sock:
        sock.sendall(whole[:100] + whole[101:])
        sock.shutdown(socket.SHUT_WR)
        assert receiver.wait(20) == 0
    seen = json.loads(out.read_text().splitlines()[-1])
    assert seen["sha256"] == hashlib.sha256(whole[:100] + whole[101:]).hexdigest()
    assert seen["sha256"] != hashlib.sha256(whole).hexdigest()


def test_goodput_leaves_the_beginning_out() -> None:
    slow_then_fast = StreamReport(3000, 3.0, "", ((0.0, 0), (1.0, 200), (2.0, 1600)))
    assert goodput(slow_then_fast, 1.0) == pytest.approx(2800 * 8 / 2)
    with pytest.raises(CheckFailed, match="not longer"):
        goodput(StreamReport(10, 0.0, "", ((0.0, 0),)), 1.0)


def test_datagrams_are_paced_and_counted(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    receiver, out = start("datagram", port, tmp_path)
    with receiver:
        sent = datagram.send("::1", port, seconds=0.5, rate=8e6, size=1000)
        assert receiver.wait(20) == 0
    seen = DatagramReport(**json.loads(out.read_text().splitlines()[-1]))
    assert 0 < sent.sent <= 550  # a busy machine may send fewer
    assert seen.received == sent.sent
    assert (seen.misordered, seen.duplicates, seen.highest) == (0, 0, sent.sent - 1)
    assert 0 < seen.goodput < 8e6 * 1.2


def test_misordered_is_what_comes_behind_a_higher_number() -> None:
    tally = Tally()
    for at, number in enumerate((0, 1, 3, 2, 4, 4, 6, 5)):
        tally.add(number, 100, float(at))
    report = tally.report()
    assert (report.received, report.misordered, report.duplicates) == (8, 2, 1)
    assert report.highest == 6
    assert report.bytes == 700  # the second copy of 4 is no goodput
    assert report.goodput == pytest.approx(600 * 8 / 7)


def test_goodput_of_one_datagram_is_an_error() -> None:
    tally = Tally()
    tally.add(0, 100, time.monotonic())
    with pytest.raises(CheckFailed, match="fewer than two"):
        _ = tally.report().goodput


@pytest.mark.parametrize("count", [1, 2, 3])
def test_labs_have_as_many_paths_as_asked_for(count: int) -> None:
    topology = parallel_paths(count, rate=20_000_000)
    ways = plain_ways(topology)
    assert len(ways) == len({way.device for way in ways}) == count
    assert len(topology.providers) == 2 * count
    assert {link.rate for link, _ in topology.links_of("a")} == {20_000_000}
    assert {link.rate for link, _ in topology.links_of("b")} == {100_000_000}
    assert all(node.source_routing for node in topology.nodes if node.ilnp)


def test_weights_stand_at_the_senders_links() -> None:
    topology = weighted(parallel_paths(3, rate=None), (3, 2, 1))
    assert [link.locator.weight for link, _ in topology.links_of("a")] == [3, 2, 1]
    assert [link.locator.weight for link, _ in topology.links_of("b")] == [1, 1, 1]
    assert topology.node("a").algorithm == "weighted"


def test_share_error_is_the_largest_distance_from_the_weights() -> None:
    weights = {"if1": 3, "if2": 2, "if3": 1}
    assert share_error({"if1": 300, "if2": 200, "if3": 100}, weights) == pytest.approx(0)
    assert share_error({"if1": 300, "if2": 300}, weights) == pytest.approx(1 / 6)
