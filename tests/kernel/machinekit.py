# SPDX-License-Identifier: BSD-2-Clause
"""What the tests with FreeBSD machines share: a lab, and data with sums at both ends."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from kernelkit import ASKED, SRC, WATCHED_CONF

from ilnptool.config import load_config
from ilnptool.lab import freebsd, machine
from ilnptool.lab.addressing import provider_addresses
from ilnptool.lab.model import Topology
from ilnptool.lab.protocol import Running, running
from ilnptool.lab.qemu import QemuLab
from ilnptool.run import run

CONFIG = load_config()
HERE = Path(__file__).parent
TALKER = "/tmp/talker"  # in machines

UNLESS_WATCHED = pytest.mark.skipif(
    WATCHED_CONF and os.environ.get("ILNP_DEBUG_LABS") != "1",
    reason="labs take hours with a kernel that watches itself; ILNP_DEBUG_LABS=1 asks for them",
)
NEEDS_QEMU = pytest.mark.skipif(
    shutil.which(machine.QEMU) is None, reason="apt-get install qemu-system-x86"
)
# What every test with a machine needs.
MACHINE_MARKS = [
    UNLESS_WATCHED,
    pytest.mark.root,
    pytest.mark.slow,
    ASKED,
    pytest.mark.skipif(
        not CONFIG.image.is_file(), reason=f"no image {CONFIG.image}: ilnptool build-image"
    ),
    NEEDS_QEMU,
]
MARKS = [
    *MACHINE_MARKS,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        not (SRC / "sys/sys/param.h").is_file(), reason=f"no FreeBSD tree in {SRC}; see ILNP_SRC"
    ),
]


def wait_until(what: str, condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)
    return value


@contextmanager
def machine_lab(topology: Topology, *machines: str) -> Iterator[QemuLab]:
    """A lab with talkers in its machines."""
    with tempfile.TemporaryDirectory(prefix="ilnp-") as folder:
        out = Path(folder) / "out"
        talker = out / "tests/kernel/talker"
        run(["make", "-C", str(HERE), f"SRC={SRC}", f"OUT={out}", str(talker)], timeout=120)
        config = replace(CONFIG, state=Path(folder))
        lab = QemuLab(topology, config, machines, config.image, f"m{os.getpid()}")
        with running(lab):
            for name in machines:
                lab.agent(name).write(TALKER, talker.read_bytes())
                lab.agent(name).ask(f"chmod +x {TALKER}")
            yield lab


def ask(lab: QemuLab, node: str, command: str, **fields: object) -> dict[str, Any]:
    """Return what the ILNP of a node answers, which must be content."""
    answer = lab.control(node, {"cmd": command, **fields})
    assert answer["ok"], answer
    return answer


def counters(lab: QemuLab, node: str) -> dict[str, int]:
    found: dict[str, int] = ask(lab, node, "counters")["counters"]
    return found


def session(lab: QemuLab, node: str, remote: str) -> dict[str, Any]:
    """Return the newest session of a node with another one; empty if there is none."""
    found = [x for x in ask(lab, node, "sessions")["sessions"] if x["name"] == remote]
    newest: dict[str, Any] = max(found, key=lambda x: x["id"], default={})
    return newest


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow of data between two nodes of a lab; the receiver listens already."""

    lab: QemuLab
    proto: str
    sender: str
    receiver: str
    port: int
    sink: Running
    out: Path

    @property
    def target(self) -> str:
        """Return what a program of the sender finds for the receiver's name."""
        lab, own, other = self.lab, self.lab.topology.node(self.sender), self.receiver
        node = lab.topology.node(other)
        if self.sender not in lab.machines:
            looked = lab.exec(self.sender, ["getent", "ahostsv6", other], timeout=30).stdout
            return looked.split()[0]
        if own.ilnp and (node.ilnp or node.listed_as_ilnp):
            return freebsd.ilvs(lab.topology, node)[0][1].exploded.replace(":", "")
        return next(iter(provider_addresses(lab.topology, other).values())).exploded.replace(
            ":", ""
        )

    def _send_argv(self, count: int, size: int, pause: int, stop: str) -> list[str]:
        program = _program(self.lab, self.sender)
        words = [self.target, self.port, count, size, pause, stop]
        return [*program, "send", self.proto, *map(str, words)]

    def start(self, count: int, size: int, pause: int, folder: Path, stop: str = "-") -> Running:
        """Begin to send `count` blocks of `size` octets, waiting some milliseconds after each.

        If `stop` is a path, blocks go until that is there as well.
        """
        log = folder / f"send-{self.port}"
        return self.lab.popen(self.sender, self._send_argv(count, size, pause, stop), log=log)

    def sums(self, seconds: float) -> tuple[int, int]:
        """Return how many octets were received, and their sum, once all are here."""
        assert self.sink.wait(seconds) == 0, self.sink.tail()
        octets, total = self.out.read_text().split()[1:]
        return int(octets), int(total)


def _program(lab: QemuLab, node: str) -> list[str]:
    return [TALKER] if node in lab.machines else [sys.executable, str(HERE / "talker.py")]


@contextmanager
def flow(
    lab: QemuLab, proto: str, ends: tuple[str, str], port: int, folder: Path, count: int = 0
) -> Iterator[Flow]:
    """Have a receiver wait for a flow; it takes `count` datagrams, or a stream to its end."""
    sender, receiver = ends
    out, log = folder / f"receive-{port}", folder / f"receive-{port}.log"
    out.unlink(missing_ok=True)
    argv = [*_program(lab, receiver), "receive", proto, str(port), str(count), "0"]
    sink = lab.popen(receiver, argv, log=log, stdout=out)
    try:

        def ready() -> bool:
            assert sink.poll() is None, f"{sink.tail()} {out.read_text()}"
            return "ready" in out.read_text()

        wait_until("the receiver waits", ready)
        yield Flow(lab, proto, sender, receiver, port, sink, out)
    finally:
        sink.stop()


def astray(lab: QemuLab) -> str:
    """Return what machines say of datagrams that have not arrived."""
    counts = "netstat -s -p ip6; netstat -s -p udp"
    return "\n".join(lab.agent(name).ask(counts).text for name in lab.machines)


def exchange(
    lab: QemuLab,
    proto: str,
    ends: tuple[str, str],
    folder: Path,
    *,
    count: int,
    size: int,
    pause: int = 0,
) -> None:
    """Send data one way; all of it must arrive, with the sum that the sender has made."""
    port = 7000 + len(list(folder.iterdir()))
    with flow(lab, proto, ends, port, folder, count) as data:
        source = data.start(count, size, pause, folder)
        assert source.wait(120) == 0, source.tail()
        octets, total = map(int, source.tail().split())
        assert octets == count * size
        assert data.sums(60) == (octets, total), astray(lab)
