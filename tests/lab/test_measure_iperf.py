# SPDX-License-Identifier: BSD-2-Clause
"""The metrics against iperf3's own count: plain IPv6 over one router, captured at both ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ilnptool.measure import FlowHint, RunLabels, RunResult, analyse_run

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(
        any(shutil.which(name) is None for name in ("iperf3", "tcpdump", "ethtool", "tc")),
        reason="iperf3, tcpdump, ethtool and tc are needed",
    ),
]

CLIENT = "2001:2:aa:aa:211:22ff:fe33:4455"
SERVER = "2001:2:dd:dd:211:22ff:fe66:7788"
L64S = ("2001+0002+00aa+00aa", "2001+0002+00dd+00dd")
SECONDS = 3


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True, timeout=30)


def _wait(condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)


@dataclass(frozen=True)
class Path3:
    """Client, router and server, each a namespace; both hosts have one link, w0."""

    client: str
    router: str
    server: str


def _inside(name: str, *argv: str) -> list[str]:
    return ["ip", "netns", "exec", name, *argv]


@pytest.fixture
def hosts() -> Iterator[Path3]:
    """Client and server with a router between them, on veth links without offloads."""
    names = Path3(*(f"msr{os.getpid()}{role}" for role in "crs"))
    every = (names.client, names.router, names.server)
    try:
        for name in every:
            _run("ip", "netns", "add", name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        _run(*_inside(names.router, "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"))
        for name, own, port in ((names.client, CLIENT, "c0"), (names.server, SERVER, "s0")):
            link = ["ip", "link", "add", "w0", "netns", name, "type", "veth"]
            _run(*link, "peer", "name", port, "netns", names.router)
            gateway = own.rsplit(":", 4)[0] + "::1"
            for space, device, address in ((name, "w0", own), (names.router, port, gateway)):
                _offload(space, device, "off")
                _run("ip", "-n", space, "addr", "add", f"{address}/64", "dev", device, "nodad")
                _run("ip", "-n", space, "link", "set", device, "up")
            _run("ip", "-n", name, "route", "add", "default", "via", gateway)
        yield names
    finally:
        for name in every:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _offload(name: str, device: str, state: str) -> None:
    kinds = ["tso", "gso", "gro", "tx", "rx"]
    settings = [word for kind in kinds for word in (kind, state)]
    _run(*_inside(name, "ethtool", "-K", device, *settings))


@contextmanager
def _capture(name: str, path: Path, snap: int) -> Iterator[None]:
    argv = ["tcpdump", "-i", "w0", "--immediate-mode", "-s", str(snap), "-B", "16384"]
    argv += ["-w", str(path), "ip6"]
    log = path.with_suffix(".log")
    with log.open("w") as file:
        dump = subprocess.Popen(_inside(name, *argv), stderr=file)
        try:
            _wait(lambda: "listening on" in log.read_text(), "tcpdump listening")
            yield
            _wait_until_quiet(path)
        finally:
            dump.send_signal(signal.SIGINT)
            dump.wait(timeout=10)
    assert "\n0 packets dropped by kernel" in log.read_text()


def _wait_until_quiet(path: Path) -> None:
    """Waits until what tcpdump holds back has reached its file: no growth for half a second."""
    size, since = -1, time.monotonic()

    def is_quiet() -> bool:
        nonlocal size, since
        now = path.stat().st_size
        if now != size:
            size, since = now, time.monotonic()
        return time.monotonic() - since > 0.5

    _wait(is_quiet, "tcpdump's file at rest")


def _iperf(
    hosts: Path3, directory: Path, *options: str, snap: int = 160
) -> tuple[Path, Path, dict[str, Any]]:
    """Runs one test; returns the captures of client and server and iperf3's result."""
    client, server = directory / "client.pcap", directory / "server.pcap"
    log = directory / "server.log"
    argv = _inside(hosts.server, "iperf3", "-s", "-1", "--forceflush", "--logfile", str(log))
    daemon = subprocess.Popen(argv)
    try:
        _wait(lambda: log.exists() and "listening" in log.read_text(), "iperf3 -s listening")
        with (
            _capture(hosts.client, client, snap),
            _capture(hosts.server, server, snap),
        ):
            argv = ["iperf3", "-c", SERVER, "-J", "-t", str(SECONDS), *options]
            done = subprocess.run(
                _inside(hosts.client, *argv), check=True, capture_output=True, timeout=60
            )
        daemon.wait(timeout=10)
    finally:
        daemon.kill()
        daemon.wait(timeout=10)
    return client, server, json.loads(done.stdout)


def _limit(hosts: Path3, rate: str, queue: str) -> None:
    """Limits the router toward the server: its queue is between both captures."""
    shape = ["rate", rate, "burst", "3000", "limit", queue]
    _run("tc", "-n", hosts.router, "qdisc", "add", "dev", "s0", "root", "tbf", *shape)


def _check_common(run: RunResult) -> None:
    assert run.network == "ipv6"
    assert run.nonce_verified is None
    assert run.locator_updates == ()
    assert run.notes == ()
    assert {path.l64 for path in run.paths} <= set(L64S)
    assert sum(path.share for path in run.paths) == pytest.approx(1)


@pytest.mark.parametrize("wide", [False, True], ids=["32-bit", "64-bit"])
def test_udp_without_loss(hosts: Path3, tmp_path: Path, wide: bool) -> None:
    option = ["--udp-counters-64bit"] if wide else []
    client, server, theirs = _iperf(hosts, tmp_path, "-u", "-b", "10M", *option)
    run = analyse_run(client, server, hint=FlowHint("udp", counters_64bit=wide))
    _check_common(run)
    total = theirs["end"]["sum"]
    assert total["lost_packets"] == 0
    assert (run.loss_ratio, run.misorder_ratio) == (0, 0)
    assert run.packets_received == total["packets"] + 1  # and iperf3's greeting
    size = theirs["start"]["test_start"]["blksize"]
    assert run.bytes_received == total["packets"] * (size + 8) + 4 + 8
    assert run.throughput_mbps == pytest.approx(10 * (size + 8) / size, rel=0.02)
    assert run.sequence[-1].highest == total["packets"]


def test_udp_loss_is_what_iperf3_counts(hosts: Path3, tmp_path: Path) -> None:
    _limit(hosts, "8mbit", "10000")
    client, server, theirs = _iperf(hosts, tmp_path, "-u", "-b", "10M")
    run = analyse_run(client, server, hint=FlowHint("udp"))
    total = theirs["end"]["sum"]
    assert total["lost_packets"] > 50
    assert run.packets_sent is not None
    # iperf3's server cannot know of losses after the last datagram that it saw.
    assert run.loss_ratio == pytest.approx(total["lost_percent"] / 100, abs=0.003)
    assert run.misorder_ratio == 0


def test_udp_toward_the_client(hosts: Path3, tmp_path: Path) -> None:
    client, server, theirs = _iperf(hosts, tmp_path, "-u", "-b", "10M", "-R")
    labels = RunLabels("server", "client")
    run = analyse_run(server, client, hint=FlowHint("udp", from_client=False), labels=labels)
    _check_common(run)
    assert run.direction == "server-client"
    assert run.loss_ratio == 0
    assert run.sequence[-1].highest >= theirs["end"]["sum"]["packets"]


def test_tcp_without_loss(hosts: Path3, tmp_path: Path) -> None:
    _limit(hosts, "20mbit", "400000")
    client, server, theirs = _iperf(hosts, tmp_path, "-b", "10M")
    run = analyse_run(client, server, hint=FlowHint("tcp"))
    _check_common(run)
    end = theirs["end"]
    assert end["sum_sent"]["retransmits"] == 0
    assert (run.misorder_ratio, run.duplicate_ratio, run.missing_bytes) == (0, 0, 0)
    assert run.sequence[-1].highest > end["sum_received"]["bytes"] - 1500
    assert run.throughput_mbps == pytest.approx(
        end["sum_received"]["bits_per_second"] / 1e6, rel=0.1
    )


def test_tcp_retransmissions_are_what_iperf3_counts(hosts: Path3, tmp_path: Path) -> None:
    _limit(hosts, "10mbit", "12000")
    client, server, theirs = _iperf(hosts, tmp_path)
    run = analyse_run(client, server, hint=FlowHint("tcp"))
    retransmits = theirs["end"]["sum_sent"]["retransmits"]
    assert retransmits > 5
    assert run.packets_sent is not None
    assert run.duplicate_ratio is not None
    repeated = run.duplicate_ratio * run.packets_sent
    assert repeated == pytest.approx(retransmits, abs=max(2, retransmits * 0.05))
    assert run.missing_bytes == 0
    assert run.unacknowledged_bytes is not None
    assert run.unacknowledged_bytes < 30_000  # what iperf3 left on the way when it ended
    assert run.misorder_ratio is not None
    assert run.misorder_ratio > 0


def test_checksums_of_whole_packets_are_good_without_offload(hosts: Path3, tmp_path: Path) -> None:
    client, server, _ = _iperf(hosts, tmp_path, "-b", "5M", snap=0)
    run = analyse_run(client, server, hint=FlowHint("tcp"))
    assert run.packets_received is not None
    assert run.checksums_checked > run.packets_received
    assert (run.bad_checksums, run.checksums_unfinished) == (0, 0)


def test_checksums_left_to_the_device_are_told_from_bad_ones(hosts: Path3, tmp_path: Path) -> None:
    for name in (hosts.client, hosts.server):
        _offload(name, "w0", "on")
    client, server, _ = _iperf(hosts, tmp_path, "-b", "5M", snap=0)
    run = analyse_run(client, server, hint=FlowHint("tcp"))
    assert run.checksums_unfinished > 0
    assert not run.bad_checksums
