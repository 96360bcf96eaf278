# SPDX-License-Identifier: BSD-2-Clause
"""The life of a lab: up and down in any state, killed, interrupted, two at once, with daemons."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from labkit import address_of, lab_name, leftovers, ping, plain, temporary_config

from ilnptool import run
from ilnptool.config import Config
from ilnptool.errors import CheckFailed, EnvironmentMissing, Timeout, UsageError
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.netns import NetnsLab, open_lab
from ilnptool.lab.protocol import running
from ilnptool.lab.services import wait_for
from ilnptool.lab.topology import load_topology

pytestmark = pytest.mark.root

# Brings a lab up, saying each step; killed by the tests at one of them.
UP = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from labkit import plain
from ilnptool.config import load_config
from ilnptool.lab.netns import NetnsLab
config = replace(load_config(environ={}), state=Path(sys.argv[1]))
NetnsLab(plain("duality"), config, sys.argv[2], lambda step: print(step.name, flush=True)).up()
print("up", flush=True)
"""

STEPS = [
    "check what is needed",
    "write files",
    "make namespaces",
    "make links",
    "start link emulators",
    "configure routers",
    "configure hosts",
    "start ILNP nodes",
    "wait for addresses",
    "up",
]

# Stands in for ilnpd where only its life is of interest.
STAND_IN = """#!/usr/bin/env python3
import json, socket, sys, tomllib
conf = tomllib.load(open(sys.argv[sys.argv.index("-c") + 1], "rb"))
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(conf["node"]["control"])
server.listen()
while True:
    connection, _ = server.accept()
    for line in connection.makefile("rb"):
        used = [{"interface": x, "state": "used"} for x in conf["node"]["interfaces"]]
        name = conf["node"]["name"]
        answer = {"name": name, "asked": json.loads(line), "locators": used}
        connection.sendall(json.dumps(answer).encode() + b"\\n")
"""


@pytest.fixture
def config() -> Iterator[Config]:
    with temporary_config() as made:
        yield made


def start_up(config: Config, name: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", UP, str(config.state), name, str(Path(__file__).parent)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def read_until(child: subprocess.Popen[str], step: str) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip() == step:
            return
    raise AssertionError(f"{step} never came")


@pytest.mark.parametrize("step", STEPS)
def test_up_killed_at_any_step_is_cleaned_by_down(config: Config, step: str) -> None:
    name = lab_name("k")
    child = start_up(config, name)
    read_until(child, step)
    child.kill()
    child.wait()
    NetnsLab(plain("duality"), config, name).down()
    assert leftovers(config, name) == []


@pytest.mark.parametrize("milliseconds", [10, 30, 60, 90, 120, 150, 200])
def test_up_killed_at_any_moment_is_cleaned_by_down(config: Config, milliseconds: int) -> None:
    name = lab_name("m")
    child = start_up(config, name)
    read_until(child, "check what is needed")
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(milliseconds / 1000)
    child.kill()
    child.wait()
    NetnsLab(plain("duality"), config, name).down()
    assert leftovers(config, name) == []


def test_up_after_a_killed_up_makes_a_whole_lab(config: Config) -> None:
    name = lab_name("a")
    child = start_up(config, name)
    read_until(child, "make links")
    child.kill()
    child.wait()
    lab = NetnsLab(plain("duality"), config, name)
    with running(lab):
        target = address_of(lab, "cn", "dd")
        assert ping(lab, "mn", target, "-I", "if2")["received"] == 3
    assert leftovers(config, name) == []


def test_interrupted_up_cleans_up_itself(config: Config) -> None:
    name = lab_name("i")
    child = start_up(config, name)
    read_until(child, "wait for addresses")
    child.send_signal(signal.SIGINT)
    assert child.wait(30) != 0
    assert leftovers(config, name) == []


def test_up_and_down_are_idempotent(config: Config) -> None:
    lab = NetnsLab(plain("duality"), config, lab_name("e"))
    lab.down()
    lab.up()
    before = lab.services.all()
    lab.up()
    assert lab.services.all() == before
    assert all(service.alive for service in before)
    lab.down()
    assert leftovers(config, lab.name) == []
    lab.down()


def test_second_up_starts_again_what_has_died(config: Config) -> None:
    lab = NetnsLab(plain("duality"), config, lab_name("v"))
    with running(lab):
        (radvd,) = [x for x in lab.services.all() if x.name == "r1/radvd"]
        os.kill(radvd.pid, signal.SIGKILL)
        wait_for(lambda: not radvd.alive, 5, lambda: "radvd lives")
        lab.up()
        assert all(service.alive for service in lab.services.all())


def test_node_that_was_killed_answers_after_a_second_up(config: Config) -> None:
    lab = NetnsLab(load_topology(find_topology("two-paths")), config, lab_name("w"))
    with running(lab):
        (ilnpd,) = [x for x in lab.services.all() if x.name == "a/ilnpd"]
        os.kill(ilnpd.pid, signal.SIGKILL)
        wait_for(lambda: not ilnpd.alive, 5, lambda: "ilnpd lives")
        lab.up()
        assert lab.control("a", {"cmd": "status"})["name"] == "a"


def test_lab_is_found_again_by_its_name(config: Config) -> None:
    lab = NetnsLab(plain("duality"), config, lab_name("n"))
    with running(lab):
        again = open_lab(config, lab.name)
        assert again.topology == lab.topology
        assert again.is_up
        assert again.exec("mn", ["hostname"], timeout=5).status == 0
    with pytest.raises(UsageError, match=f"no lab {lab.name}; there are: "):
        open_lab(config, lab.name)


def test_up_with_another_topology_is_refused(config: Config) -> None:
    name = lab_name("o")
    with running(NetnsLab(plain("duality"), config, name)):
        with pytest.raises(UsageError, match="is up with another topology"):
            NetnsLab(plain("fallback"), config, name).up()
        assert NetnsLab(plain("duality"), config, name).is_up


def test_lab_that_lost_a_namespace_is_made_again(config: Config) -> None:
    """As after a reboot: the journal says it is up, the machine does not know it."""
    lab = NetnsLab(plain("fallback"), config, lab_name("l"))
    with running(lab):
        run.run(["ip", "netns", "delete", f"ilnp.{lab.name}.r3"], timeout=5)
        assert not lab.is_up
        lab.up()
        assert ping(lab, "a", address_of(lab, "plain", "p1"), "-I", "if1")["received"] == 3
    assert leftovers(config, lab.name) == []


def test_two_labs_live_side_by_side(config: Config) -> None:
    """The same topology, so the same addresses, twice."""
    first = NetnsLab(plain("duality"), config, lab_name("x"))
    second = NetnsLab(plain("duality"), config, lab_name("y"))
    with running(first):
        with running(second):
            second.link_down("aa")
            for lab, received in ((first, 3), (second, 0)):
                words = ("-I", "if1", "-W", "0.3")
                answer = ping(lab, "mn", address_of(lab, "cn", "dd"), *words)
                assert answer.get("received", 0) == received
        assert ping(first, "mn", address_of(first, "cn", "dd"), "-I", "if3")["received"] == 3
    assert leftovers(config, first.name) == leftovers(config, second.name) == []


def test_namespace_of_somebody_else_is_neither_used_nor_removed(config: Config) -> None:
    name = lab_name("f")
    netns = f"ilnp.{name}.r4"
    run.run(["ip", "netns", "add", netns], timeout=5)
    try:
        with pytest.raises(UsageError, match=f"namespace {netns} is there already and not ours"):
            NetnsLab(plain("duality"), config, name).up()
        NetnsLab(plain("duality"), config, name).down()
        assert leftovers(config, name) == [netns]
    finally:
        run.run(["ip", "netns", "delete", netns], timeout=5)


@pytest.mark.parametrize("marked", [[], ["env", "-i"]], ids=["marked", "unmarked"])
def test_everything_started_in_the_lab_ends_with_it(
    config: Config, tmp_path: Path, marked: list[str]
) -> None:
    lab = NetnsLab(plain("fallback"), config, lab_name("p"))
    with running(lab):
        command = [*marked, "/bin/sh", "-c", "/usr/bin/setsid /bin/sleep 60 & wait"]
        process = lab.popen("a", command, log=tmp_path / "log")
        assert process.poll() is None
    assert process.wait(5) != 0
    assert leftovers(config, lab.name) == []


def with_daemon(config: Config, tmp_path: Path, text: str) -> Config:
    path = tmp_path / "ilnpd"
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return replace(config, ilnpd=path)


def test_ilnp_hosts_get_their_node(config: Config, tmp_path: Path) -> None:
    topology = load_topology(find_topology("duality"))
    lab = NetnsLab(topology, with_daemon(config, tmp_path, STAND_IN), lab_name("g"))
    with running(lab):
        answer = lab.control("mn", {"cmd": "status"})
        assert (answer["name"], answer["asked"]) == ("mn", {"cmd": "status"})
        conf = tomllib.loads((lab.state.node("mn") / "ilnpd.toml").read_text())
        assert conf["node"]["nids"] == ["0211:22ff:fe33:4455"]
        assert conf["node"]["interfaces"] == ["if1", "if2", "if3"]
        assert conf["interface"]["if2"] == {"preference": 10, "weight": 1, "disabled": False}
        ilvs = Path(conf["node"]["hosts"]).read_text()
        assert "2001+0002+00dd+00dd.0211-22ff-fe66-7788 cn\n" in ilvs
        with pytest.raises(UsageError, match="does not run ILNP"):
            lab.control("r1", {"cmd": "status"})
    assert leftovers(config, lab.name) == []


def test_node_that_uses_no_locators_is_waited_for_and_named(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = STAND_IN.replace('"state": "used"', '"state": "tentative"')
    monkeypatch.setattr("ilnptool.lab.netbuild._ADDRESS_SECONDS", 4)
    topology = load_topology(find_topology("duality"))
    lab = NetnsLab(topology, with_daemon(config, tmp_path, idle), lab_name("q"))
    with pytest.raises(Timeout, match="ILNP of mn uses no locator on if1"):
        lab.up()
    assert leftovers(config, lab.name) == []


def test_node_that_does_not_start_is_shown_and_nothing_stays(
    config: Config, tmp_path: Path
) -> None:
    broken = with_daemon(config, tmp_path, "#!/bin/sh\necho no such knob >&2\nexit 2\n")
    lab = NetnsLab(load_topology(find_topology("duality")), broken, lab_name("h"))
    with pytest.raises(CheckFailed, match=r"mn/ilnpd has ended: (.|\n)*no such knob"):
        lab.up()
    assert leftovers(config, lab.name) == []


def test_missing_node_is_found_before_anything_is_made(config: Config, tmp_path: Path) -> None:
    missing = replace(config, ilnpd=tmp_path / "none")
    lab = NetnsLab(load_topology(find_topology("duality")), missing, lab_name("j"))
    with pytest.raises(EnvironmentMissing, match="build it with `make`"):
        lab.up()
    assert leftovers(config, lab.name) == []
