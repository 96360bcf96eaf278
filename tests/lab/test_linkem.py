# SPDX-License-Identifier: BSD-2-Clause
"""The link emulator alone, between two packet sockets of the test."""

from __future__ import annotations

import json
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from labkit import lab_name, temporary_config

from ilnptool import run
from ilnptool.errors import CheckFailed, CommandFailed
from ilnptool.lab.control import ask_linkem
from ilnptool.lab.linkem import ensure_built
from ilnptool.lab.services import wait_for

pytestmark = pytest.mark.root

# Runs in the namespace: sends numbered, time-stamped frames into one end of the link and prints
# [number, delay in ms] for each that comes out of the other, in order of arrival.
PROBE = """
import json, select, socket, struct, sys, time
count, size, gap = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
source, sink = sys.argv[4:]
TYPE = 0x88b5  # for local experiments
def side(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(TYPE))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    s.bind((name, TYPE))
    return s
out, into = side(source), side(sink)
seen, sent, last = [], 0, time.monotonic()
begin = last
while sent < count or time.monotonic() - last < 0.6:
    now = time.monotonic()
    if sent < count and now >= begin + sent * gap:
        head = b"\\xff" * 6 + b"\\x02" * 6 + struct.pack("!HQd", TYPE, sent, now)
        out.send(head.ljust(size, b"x"))
        sent, last = sent + 1, now
        continue
    wait = max(0, begin + sent * gap - now) if sent < count else 0.05
    if select.select([into], [], [], wait)[0]:
        number, stamp = struct.unpack("!Qd", into.recv(65536)[14:30])
        last = time.monotonic()
        seen.append((number, (last - stamp) * 1000))
print(json.dumps(seen))
"""


@dataclass(frozen=True, slots=True)
class Emulated:
    """A linkem between two veth pairs, all in one namespace."""

    space: run.Space
    socket: Path
    process: run.Process

    def tell(self, command: str) -> dict[str, Any]:
        return ask_linkem(self.socket, command)

    def probe(
        self, count: int, size: int = 200, gap: float = 0.001, back: bool = False
    ) -> list[tuple[int, float]]:
        ends = ["far-b", "far-a"] if back else ["far-a", "far-b"]
        argv = [sys.executable, "-c", PROBE, str(count), str(size), str(gap), *ends]
        found = json.loads(run.run(argv, timeout=120, space=self.space).stdout)
        return [(number, delay) for number, delay in found]

    def numbers(self, count: int) -> list[int]:
        return [number for number, _ in self.probe(count)]


@contextmanager
def emulated(settings: str = "delay_us=0", seed: int = 1) -> Iterator[Emulated]:
    netns = f"ilnp.{lab_name('e')}"
    space = run.Space(netns)
    with temporary_config() as config:
        run.run(["ip", "netns", "add", netns], timeout=5)
        try:
            run.run(
                ["sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1"], timeout=5, space=space
            )
            for side in ("a", "b"):
                pair = f"link add name near-{side} type veth peer name far-{side}".split()
                run.run(["ip", "-n", netns, *pair], timeout=5)
                for end in (f"near-{side}", f"far-{side}"):
                    run.run(["ip", "-n", netns, "link", "set", end, "up"], timeout=5)
            path = config.state / "ctl.sock"
            argv = [str(ensure_built(config)), "-a", "near-a", "-b", "near-b"]
            argv += ["-c", str(path), "-s", str(seed), settings]
            log = config.state / "log"
            with run.popen(argv, log=log, space=space) as process:
                wait_for(path.exists, 5, lambda: f"linkem does not start: {process.tail()}")
                yield Emulated(space, path, process)
        finally:
            run.run(["ip", "netns", "delete", netns], timeout=5)


def test_without_settings_every_frame_passes_at_once_and_in_order() -> None:
    with emulated() as link:
        found = link.probe(300)
        assert [number for number, _ in found] == list(range(300))
        delays = sorted(delay for _, delay in found)
        assert delays[100] < 1


@pytest.mark.parametrize("milliseconds", [5, 50])
def test_delay_is_right_within_2_ms_in_both_directions(milliseconds: int) -> None:
    with emulated(f"delay_us={milliseconds * 1000}") as link:
        for back in (False, True):
            delays = sorted(delay for _, delay in link.probe(200, gap=0.002, back=back))
            assert len(delays) == 200
            assert delays[0] >= milliseconds - 0.1
            assert delays[100] == pytest.approx(milliseconds, abs=2)


def test_jitter_spreads_the_delay_and_keeps_the_order() -> None:
    with emulated("delay_us=20000 jitter_us=10000") as link:
        found = link.probe(300, gap=0.005)
        assert [number for number, _ in found] == list(range(300))
        delays = sorted(delay for _, delay in found)
        assert 9 < delays[0] < 14
        assert delays[-1] > 26
        assert delays[270] < 33  # the rest may have waited for a busy machine


def test_loss_is_close_to_the_set_share_and_counted_exactly() -> None:
    with emulated("loss_ppm=100000", seed=42) as link:
        numbers = link.numbers(3000)
        stats = link.tell("stats")["a"]
        assert stats["received"] == 3000
        assert stats["sent"] == len(numbers)
        assert stats["lost"] == 3000 - len(numbers)
        # Three standard deviations of 3000 draws are 0.0164.
        assert stats["lost"] / 3000 == pytest.approx(0.1, abs=0.0164)


def test_same_seed_loses_the_same_frames() -> None:
    runs = []
    for seed in (7, 7, 8):
        with emulated("loss_ppm=200000", seed=seed) as link:
            runs.append(link.numbers(400))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_reordered_frames_arrive_late_and_none_is_missing() -> None:
    with emulated("delay_us=2000 reorder_ppm=50000 hold_us=10000") as link:
        numbers = link.numbers(1000)
        assert sorted(numbers) == list(range(1000))
        highest, late = -1, 0
        for number in numbers:
            late += number < highest
            highest = max(highest, number)
        assert late == link.tell("stats")["a"]["reordered"]
        assert late / 1000 == pytest.approx(0.05, abs=0.021)


def test_rate_holds_and_the_queue_drops_the_rest() -> None:
    # 1000-byte frames every ms are 8 Mb/s, sent into 4.
    with emulated("rate_bps=4000000 queue_bytes=20000") as link:
        found = link.probe(2000, size=1000)
        stats = link.tell("stats")["a"]
        assert stats["overflow"] == 2000 - len(found)
        # What got through took two seconds of sending, and the queue after it.
        assert len(found) * 8000 / (2 + 20000 * 8 / 4e6) == pytest.approx(4e6, rel=0.03)
        # The queue is full most of the time, and 20000 bytes at 4 Mb/s are 40 ms.
        delays = sorted(delay for _, delay in found)
        assert delays[len(delays) // 2] == pytest.approx(40, abs=4)


def test_settings_change_while_frames_are_in_flight() -> None:
    with emulated("delay_us=300000") as link:
        argv = [sys.executable, "-c", PROBE, "20", "200", "0.001", "far-a", "far-b"]
        log = link.socket.parent / "probe.log"
        with run.popen(argv, log=log, space=link.space) as probe:
            wait_for(lambda: link.tell("stats")["in_flight"] == 20, 5, lambda: "not in flight")
            link.tell("set delay_us=0")
            probe.wait(20)
        found = json.loads(log.read_text())
        # Those that were on their way keep their time, and their order.
        assert [number for number, _ in found] == list(range(20))
        assert min(delay for _, delay in found) > 299
        assert max(delay for _, delay in link.probe(20)) < 50


def test_one_direction_can_be_set_alone() -> None:
    with emulated() as link:
        link.tell("set a loss_ppm=1000000")
        assert link.probe(20) == []
        assert len(link.probe(20, back=True)) == 20


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("set loss_ppm=1000001", "number too large"),
        ("set loss_ppm=-1", "not a number"),
        ("set loss_ppm=", "not a number"),
        ("set loss_ppm=1x", "not a number"),
        ("set loss_ppm=99999999999999999999999", "not a number"),
        ("set loss", "want name=number"),
        ("set colour=1", "no such setting"),
        ("set delay_us=1 jitter_us=2", "jitter_us is larger"),
        ("set delay_us=5 colour=1", "no such setting"),
        ("hello", "want: stats, or set"),
        ("", "want: stats, or set"),
        ("x" * 5000, "want: stats, or set"),
    ],
)
def test_bad_command_is_refused_and_changes_nothing(command: str, error: str) -> None:
    with emulated() as link:
        with pytest.raises(CheckFailed, match=error):
            link.tell(command)
        assert all(delay < 50 for _, delay in link.probe(10))


def test_command_without_return_address_is_carried_out() -> None:
    with emulated() as link, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"set loss_ppm=1000000\n", str(link.socket))
        assert link.probe(10) == []


def test_statistics_come_at_the_end_too() -> None:
    with emulated("loss_ppm=500000") as link:
        count = len(link.probe(100))
        assert link.process.stop() == 0
        assert json.loads(link.process.tail())["a"]["sent"] == count


def test_interface_that_goes_down_and_up_does_not_end_it() -> None:
    with emulated() as link:
        for state in ("down", "up"):
            run.run(["ip", "link", "set", "near-b", state], timeout=5, space=link.space)
        assert len(link.probe(10)) == 10


@pytest.mark.parametrize("argv", [[], ["-a", "lo"], ["-a", "lo", "-b", "lo", "delay_us=x"]])
def test_bad_call_ends_with_usage_status(argv: list[str]) -> None:
    with temporary_config() as config, pytest.raises(CommandFailed) as caught:
        run.run([str(ensure_built(config)), *argv], timeout=5)
    assert caught.value.status == 2


def test_frame_layout_of_the_probe_is_what_it_unpacks() -> None:
    assert struct.calcsize("!HQd") == 18
