# SPDX-License-Identifier: BSD-2-Clause
"""A name that follows a real node, through a server that comes and goes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodenet import NodeNet, l64_of, node_net, wait_until
from servers import MOVER, Server, bind, zone_text

from ilnptool import run
from ilnptool.dns.state import load_state

pytestmark = pytest.mark.root

PROGRAM = Path(sys.executable).with_name("ilnptool")


@pytest.fixture(scope="module")
def net() -> Iterator[NodeNet]:
    with node_net(2) as net:
        net.node("a")
        yield net


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with bind(tmp_path / "bind", {"example.com": zone_text()}, update=(MOVER,)) as running:
        yield running


def follower(net: NodeNet, server: Server, folder: Path) -> run.Process:
    """Start the daemon as a user would."""
    MOVER.write(folder / "key")
    (folder / "dns.toml").write_text(
        f'[dns]\nserver = "[::1]:{server.port}"\nzone = "example.com"\nname = "a"\nkey = "key"\n'
        f'state = "state.json"\nnode = "{net.socket("a")}"\n'
        '[pace]\ngap = "200ms"\njitter = "100ms"\nretry = "200ms"\nretry_max = "1s"\n'
    )
    argv = [str(PROGRAM), "dns", "follow", "--config", str(folder / "dns.toml")]
    return run.popen(argv, log=folder / "follow.log")


def record(link: int) -> str:
    """Return the L64 record of a link of host `a`."""
    return "10 " + l64_of("a", link).replace("+", ":")


def wait_held(server: Server, process: run.Process, *links: int) -> None:
    def held() -> bool:
        process.check()
        return server.records("a.example.com", "L64") == [record(x) for x in links]

    wait_until(f"the locators of links {links} are in the DNS", held)


@pytest.mark.checklist(99)
def test_the_name_follows_the_locators(net: NodeNet, server: Server, tmp_path: Path) -> None:
    with follower(net, server, tmp_path) as process:
        wait_held(server, process, 1, 2)
        assert server.records("a.example.com", "NID") == ["10 0000:0000:0000:000a"]
        net.tell("a", "disable", interface="if2")
        wait_held(server, process, 1)
        net.tell("a", "enable", interface="if2")
        wait_held(server, process, 1, 2)
        net.exec("a", "ip", "link", "set", "if1", "down")
        wait_held(server, process, 2)
        net.exec("a", "ip", "link", "set", "if1", "up")
        wait_held(server, process, 1, 2)


def test_a_change_is_not_lost_while_the_server_is_down(
    net: NodeNet, server: Server, tmp_path: Path
) -> None:
    with follower(net, server, tmp_path) as process:
        wait_held(server, process, 1, 2)
        server.stop()
        net.tell("a", "disable", interface="if2")
        state = tmp_path / "state.json"
        wait_until("it has failed twice", lambda: load_state(state).failures >= 2)
        assert "is the name server running" in process.tail()
        server.start()
        wait_held(server, process, 1)
        # A daemon that is killed before it can tell leaves it to the next one.
        server.stop()
        net.tell("a", "enable", interface="if2")
        wait_until("it has failed", lambda: load_state(state).failures >= 1)
        process.signal(signal.SIGKILL)
        process.wait(10)
    server.start()
    with follower(net, server, tmp_path) as process:
        wait_held(server, process, 1, 2)


def test_only_a_nid_of_the_node_that_lasts_is_published(
    net: NodeNet, server: Server, tmp_path: Path
) -> None:
    """An ephemeral NID at a name would tell whose it is."""
    follower(net, server, tmp_path).stop()
    argv = [str(PROGRAM), "dns", "publish", "--config", str(tmp_path / "dns.toml")]
    done = run.run([*argv, "--nid", "1:2:3:4"], timeout=30, check=False)
    assert done.status == 2
    assert "bad NID 0001-0002-0003-0004; allowed: those of the node that last" in done.stderr
    assert run.run([*argv, "--nid", "0:0:0:a"], timeout=30, check=False).status == 0
    assert server.records("a.example.com", "NID") == ["10 0000:0000:0000:000a"]


def test_a_node_that_starts_anew_is_followed_again(
    net: NodeNet, server: Server, tmp_path: Path
) -> None:
    with follower(net, server, tmp_path) as process:
        wait_held(server, process, 1, 2)
        net.node_stop("a")
        wait_until("it says so", lambda: "the node does not answer" in process.tail())
        # What is published stays: a restart must not make the name vanish.
        assert server.records("a.example.com", "L64") == [record(1), record(2)]
        net.node("a")
        net.tell("a", "disable", interface="if1")
        wait_held(server, process, 2)
        net.tell("a", "enable", interface="if1")
        wait_held(server, process, 1, 2)
