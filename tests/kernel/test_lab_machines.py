# SPDX-License-Identifier: BSD-2-Clause
"""A node with ILNP in FreeBSD's kernel and one with ILNP in userspace, in one lab, in both roles.

Runs where there is an image: `ilnptool build-image', or ILNPTOOL_IMAGE names one.  What data is
sent is checked at the other end; both ends are unmodified programs that know nothing of ILNP.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from machinekit import MACHINE_MARKS

from ilnptool import run
from ilnptool.config import Config, load_config
from ilnptool.errors import CommandFailed
from ilnptool.experiments.events import recorded_events
from ilnptool.lab import machine
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.protocol import running
from ilnptool.lab.qemu import QemuLab, open_any
from ilnptool.lab.topology import load_topology
from ilnptool.sysctl.backends import MachineBackend, NodeBackend
from ilnptool.sysctl.variables import known_variables

CONFIG = load_config()
PORT = 5001

pytestmark = [*MACHINE_MARKS, pytest.mark.timeout(900)]

BLOCK = bytes(x * 7 & 255 for x in range(65536))
# Stands in for nc(1) on Linux: takes one connection and says how much came, and whether it is the
# first 256 KiB again and again.
SINK = """
import hashlib, socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("::", int(sys.argv[1])))
s.listen(1)
print("ready", flush=True)
c, peer = s.accept()
took = bytearray()
while (data := c.recv(65536)):
    took += data
first = bytes(took[:262144])
whole = took == first * (len(took) // 262144)
print(len(took) // 262144, whole, hashlib.md5(first).hexdigest(), flush=True)
"""
SOURCE = """
import os, socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
data = bytes(x * 7 & 255 for x in range(65536))
while not os.path.exists(sys.argv[3]):
    s.sendall(data)
    time.sleep(0.05)
s.shutdown(socket.SHUT_WR)
s.recv(1)
"""
SEND = """
while [ ! -e /tmp/stop ]; do cat /tmp/data; sleep 0.2; done | nc -N b {port}
"""


def wait_until(what: str, condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)
    return value


@pytest.fixture(scope="module")
def config() -> Iterator[Config]:
    with tempfile.TemporaryDirectory(prefix="ilnp-") as folder:
        yield replace(CONFIG, state=Path(folder))


@pytest.fixture(scope="module")
def lab(config: Config) -> Iterator[QemuLab]:
    """Host a is a FreeBSD machine, host b runs ilnpd."""
    topology = load_topology(find_topology("two-paths"))
    made = QemuLab(topology, config, ("a",), config.image, f"q{os.getpid()}")
    with running(made):
        yield made


@pytest.fixture
def kernel(lab: QemuLab) -> MachineBackend:
    return MachineBackend(lab.agent("a"), "a")


def sessions(lab: QemuLab) -> str:
    return lab.exec("a", ["sysctl", "-n", "net.inet6.ilnp6.sessions"], timeout=60).stdout


def change_locators(lab: QemuLab, moving: Callable[[], bool]) -> None:
    """Take the machine's first link away while data moves, and then its second."""
    for lost in ("a1", "a2"):
        assert moving(), "the transfer has ended"
        lab.link_down(lost)
        wait_until(f"{lost} is no locator", lambda link=lost: not has_locator(lab, link))
        lab.link_up(lost)
        wait_until(f"{lost} is a locator again", lambda link=lost: has_locator(lab, link))
    assert moving(), "the transfer has ended"


def has_locator(lab: QemuLab, link: str) -> bool:
    l64 = {"a1": "2001+0db8+000a+0001", "a2": "2001+0db8+000a+0002"}[link]
    found = lab.exec("a", ["sysctl", "-n", "net.inet6.ilnp6.locators"], timeout=60).stdout
    return any(l64 in line and "router=fe80" in line for line in found.splitlines())


def test_ping_is_answered_in_both_directions(lab: QemuLab) -> None:
    assert " 3 packets received" in lab.exec("a", ["ping", "-6", "-c", "3", "b"], timeout=90).stdout
    assert " 3 received" in lab.exec("b", ["ping", "-6", "-c", "3", "a"], timeout=90).stdout
    assert "open" in sessions(lab)


def test_what_the_kernel_tells_is_kept_with_our_time(lab: QemuLab, tmp_path: Path) -> None:
    file = tmp_path / "events"
    began = time.time()
    with recorded_events(lab, "a", file):
        lab.link_down("a2")
        wait_until("a2 is no locator", lambda: not has_locator(lab, "a2"))
        lab.link_up("a2")
        wait_until("a2 is a locator again", lambda: has_locator(lab, "a2"))
        time.sleep(5)  # what the task of the kernel tells later is not waited for
    events = [json.loads(line) for line in file.read_text().splitlines()]
    changes = [x["event"] for x in events if x.get("local_l64") == "2001+0db8+000a+0002"]
    assert [x for x in changes if x.startswith("loc_")] == ["loc_del", "loc_add"]
    # A machine's clock is read behind a slow line.
    assert all(began - 10 < x["time"] < time.time() + 10 for x in events)


def test_what_the_administrator_prefers_is_used_alone(lab: QemuLab, kernel: MachineBackend) -> None:
    def sent() -> Counter[str]:
        """Count what has left by each interface, to either locator of b."""
        found: Counter[str] = Counter()
        for path in lab.control("a", {"cmd": "paths"})["paths"]:
            found[path["interface"]] += path["tx_packets"]
        return found

    links = [end.interface for _, end in lab.topology.links_of("a")]
    kernel.set("preferences", f"{links[1]},20,3")
    try:
        found = {x["interface"]: x for x in lab.control("a", {"cmd": "locators"})["locators"]}
        assert (found[links[1]]["preference"], found[links[1]]["weight"]) == (20, 3)
        assert found[links[0]]["preference"] == 10
        lab.exec("a", ["ping", "-6", "-c", "2", "b"], timeout=90)
        before = sent()
        lab.exec("a", ["ping", "-6", "-c", "30", "-i", "0.1", "b"], timeout=90)
        more = sent()
        more.subtract(before)
        # By the other one go what finds out whether it works, and nothing else.
        assert more[links[0]] >= 30 > more[links[1]]
    finally:
        kernel.set("preferences", "")


def test_machine_sends_over_a_change_of_both_its_locators(lab: QemuLab, tmp_path: Path) -> None:
    make = "rm -f /tmp/stop; dd if=/dev/urandom of=/tmp/data bs=64k count=4; md5 -q /tmp/data"
    wanted = lab.exec("a", ["sh", "-c", make], timeout=120).stdout.strip()
    sink = lab.popen("b", [sys.executable, "-c", SINK, str(PORT)], log=tmp_path / "sink")
    wait_until("the sink listens", lambda: "ready" in sink.tail())
    sender = lab.popen("a", ["sh", "-c", SEND.format(port=PORT)], log=tmp_path / "nc")
    change_locators(lab, lambda: sink.poll() is None)
    lab.exec("a", ["touch", "/tmp/stop"], timeout=60)
    assert sink.wait(120) == 0
    count, whole, found = sink.tail().split()[1:]
    assert (whole, found) == ("True", wanted)
    assert int(count) > 10
    assert sender.wait(60) == 0


def test_userspace_sends_over_a_change_of_both_locators_of_the_machine(
    lab: QemuLab, tmp_path: Path
) -> None:
    take = f"nc -6 -l {PORT} >/tmp/data; wc -c </tmp/data; md5 -q /tmp/data; rm /tmp/data"
    sink = lab.popen("a", ["sh", "-c", take], log=tmp_path / "sink")
    listening = ["sh", "-c", f"netstat -an | grep -q '[.]{PORT} .*LISTEN'"]
    wait_until("nc listens", lambda: lab.exec("a", listening, timeout=60, check=False).status == 0)
    argv = [sys.executable, "-c", SOURCE, "a", str(PORT), str(tmp_path / "stop")]
    source = lab.popen("b", argv, log=tmp_path / "source")
    change_locators(lab, lambda: sink.poll() is None and source.poll() is None)
    (tmp_path / "stop").touch()
    assert sink.wait(120) == 0
    size, found = sink.tail().split()
    assert found == hashlib.md5(BLOCK * (int(size) // len(BLOCK))).hexdigest()
    assert int(size) > 40 * len(BLOCK)
    assert source.wait(60) == 0


def test_variables_of_both_kinds_of_node_have_one_set_of_names(
    lab: QemuLab, kernel: MachineBackend
) -> None:
    node = NodeBackend(lab.control_socket("b"), "b")
    for backend in (kernel, node):
        found = backend.read_all()
        settings = {
            name
            for name, x in known_variables().items()
            if x.default is not None and not (x.kernel_only and backend is node)
        }
        assert settings <= set(found)
        backend.set("probe_idle", "900")
        assert backend.get("probe_idle") == "900"
    assert int(kernel.get("stats.lu_acked")) > 0


def test_exit_status_input_and_console_of_a_machine(lab: QemuLab, config: Config) -> None:
    again = open_any(config, lab.name)
    assert isinstance(again, QemuLab)
    assert again.exec("a", ["cat"], timeout=60, stdin="text\n").stdout == "text\n"
    with pytest.raises(CommandFailed, match="exit status 7"):
        again.exec("a", ["sh", "-c", "exit 7"], timeout=60)
    console = machine.console_log(lab.state.node("a")).read_text(errors="replace")
    assert "The machine has started." in console


UP = """
import sys
from dataclasses import replace
from pathlib import Path
from ilnptool.config import load_config
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.qemu import QemuLab
from ilnptool.lab.topology import load_topology
config = replace(load_config(), state=Path(sys.argv[1]))
topology = load_topology(find_topology("two-paths"))
tell = lambda step: print(step.name, flush=True)
QemuLab(topology, config, ("a",), config.image, sys.argv[2], tell).up()
"""


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGINT])
def test_nothing_stays_of_a_lab_that_was_interrupted(config: Config, sig: signal.Signals) -> None:
    name = f"k{os.getpid()}"
    child = subprocess.Popen(
        [sys.executable, "-c", UP, str(config.state), name], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    while child.stdout.readline().strip() != "configure routers":
        assert child.poll() is None
    child.send_signal(sig)
    assert child.wait(60) != 0
    topology = load_topology(find_topology("two-paths"))
    lab = QemuLab(topology, config, ("a",), config.image, name)
    if sig == signal.SIGKILL:
        lab.down()
    spaces = run.run(["ip", "netns", "list"], timeout=30).stdout
    assert f"ilnp.{name}." not in spaces
    machines = run.run(["ps", "-Ao", "args"], timeout=30).stdout
    assert f"-name {name}.a" not in machines
    assert not lab.state.exists()
