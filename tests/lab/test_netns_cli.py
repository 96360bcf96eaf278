# SPDX-License-Identifier: BSD-2-Clause
"""A lab by the command line: what a person does in the first five minutes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from labkit import lab_name, leftovers, plain, temporary_config

from ilnptool.config import Config
from ilnptool.lab.topofile import format_topology

pytestmark = pytest.mark.root

PROGRAM = Path(sys.executable).with_name("ilnptool")


@pytest.fixture
def config() -> Iterator[Config]:
    with temporary_config() as made:
        yield made
        # A failed test must not leave a lab behind.
        call(made, "lab", "down", "--all")


@pytest.fixture
def topology(tmp_path: Path) -> Path:
    path = tmp_path / "fallback.toml"
    path.write_text(format_topology(plain("fallback")))
    return path


def environment(config: Config) -> dict[str, str]:
    return {**os.environ, "ILNPTOOL_STATE": str(config.state)}


def call(config: Config, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [PROGRAM, *argv],
        env=environment(config),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 or not check, done.stderr
    return done


def status_of(config: Config, name: str) -> Any:
    return json.loads(call(config, "lab", "status", name, "--json").stdout)


def test_up_look_around_down(config: Config, topology: Path) -> None:
    name = lab_name("c")
    up = call(config, "lab", "up", str(topology), "--name", name)
    assert up.stdout == ""
    assert f"lab {name}: 10/10 " in up.stderr
    assert json.loads(call(config, "lab", "list", "--json").stdout)["labs"] == [name]

    found = status_of(config, name)
    assert (found["schema_version"], found["up"], found["topology"]) == (1, True, "fallback")
    assert {x["name"]: x["running"] for x in found["services"]} == {
        "r1/radvd": True,
        "r2/radvd": True,
        "r3/radvd": True,
    }
    (plain_node,) = [x for x in found["nodes"] if x["name"] == "plain"]
    assert plain_node["addresses"] == ["if1 2001:db8:c:1:69:6cff:fe00:201"]
    assert "running" in call(config, "lab", "status", name).stdout

    text = call(config, "lab", "exec", name, "a", "--", "ping", "-c1", "-I", "if1", "plain").stdout
    assert "1 received" in text

    call(config, "lab", "down", name)
    assert leftovers(config, name) == []
    again = call(config, "lab", "down", name, check=False)
    assert (again.returncode, again.stderr) == (2, f"ilnptool: no lab {name}; there are: none\n")


def test_down_of_one_lab_too_many_removes_none(config: Config, topology: Path) -> None:
    name = lab_name("n")
    call(config, "lab", "up", str(topology), "--name", name)
    done = call(config, "lab", "down", name, "typo", check=False)
    assert (done.returncode, done.stderr) == (2, f"ilnptool: no lab typo; there are: {name}\n")
    assert status_of(config, name)["up"]


def test_status_of_a_command_in_a_node_is_ours(config: Config, topology: Path) -> None:
    name = lab_name("s")
    call(config, "lab", "up", str(topology), "--name", name)

    def ended(*argv: str) -> int:
        return call(config, "lab", "exec", name, "a", "--", *argv, check=False).returncode

    assert ended("sh", "-c", "exit 17") == 17
    assert ended("sh", "-c", "kill -9 $$") == 128 + 9
    assert ended("no-such-program") == 127
    assert call(config, "lab", "exec", name, "b", "--", "ls", check=False).returncode == 2
    assert call(config, "lab", "exec", name, "a", check=False).returncode == 2


def test_down_from_inside_is_refused(config: Config, topology: Path) -> None:
    name = lab_name("d")
    call(config, "lab", "up", str(topology), "--name", name)
    inside = [str(PROGRAM), "lab", "down", name]
    done = call(config, "lab", "exec", name, "a", "--", *inside, check=False)
    assert done.returncode == 2
    assert "leave it first" in done.stderr
    assert status_of(config, name)["up"]


def test_dead_service_is_shown(config: Config, topology: Path) -> None:
    name = lab_name("e")
    call(config, "lab", "up", str(topology), "--name", name)
    (radvd,) = [x for x in status_of(config, name)["services"] if x["name"] == "r2/radvd"]
    os.kill(radvd["pid"], signal.SIGKILL)
    services = {x["name"]: x["running"] for x in status_of(config, name)["services"]}
    assert services == {"r1/radvd": True, "r2/radvd": False, "r3/radvd": True}


def test_ctrl_c_during_up_leaves_nothing_and_ends_with_130(config: Config, topology: Path) -> None:
    name = lab_name("i")
    child = subprocess.Popen(
        [PROGRAM, "lab", "up", str(topology), "--name", name],
        env=environment(config),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    for line in child.stderr:
        if "wait for addresses" in line:
            break
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 130
    assert leftovers(config, name) == []


def test_down_all_removes_every_lab(config: Config, topology: Path) -> None:
    names = [lab_name("x"), lab_name("y")]
    for name in names:
        call(config, "lab", "up", str(topology), "--name", name)
    assert json.loads(call(config, "lab", "list", "--json").stdout)["labs"] == names
    call(config, "lab", "down", "--all")
    assert [leftovers(config, name) for name in names] == [[], []]


def test_doctor_finds_that_labs_work_here_and_leaves_nothing(config: Config) -> None:
    before = set(Path("/run/netns").glob("ilnp.doctor.*"))
    done = call(config, "doctor", "--json")
    found = {x["name"]: x["ok"] for x in json.loads(done.stdout)["checks"]}
    lab_needs = ["root", "network namespaces", "veth", "TUN", "tbf", "nft", "packet sockets"]
    assert all(found[name] for name in lab_needs)
    assert set(Path("/run/netns").glob("ilnp.doctor.*")) == before
