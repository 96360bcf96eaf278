# SPDX-License-Identifier: BSD-2-Clause
"""Programs that know nothing of ILNP keep their sessions while the host moves."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from labkit import lab_name, ping, temporary_config

from ilnptool.experiments.clock import RealClock, wait_for
from ilnptool.experiments.handover import Mover
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.netns import NetnsLab
from ilnptool.lab.protocol import running
from ilnptool.lab.topology import load_topology
from ilnptool.run import Process, Result, run

pytestmark = [pytest.mark.root, pytest.mark.slow]

OCTETS = 12_000_000
RATE = "400k"  # octets per second: the transfer takes 30 s, the moves about 18


@pytest.fixture
def lab() -> Iterator[NetnsLab]:
    topology = load_topology(find_topology("both-multihomed"))
    with temporary_config() as config:
        made = NetnsLab(topology, config, lab_name("p"))
        with running(made):
            yield made


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            pytest.skip(f"{program} is not installed")


def move_both_ends(lab: NetnsLab, while_busy: Future[Result]) -> None:
    """Take each end from both of its networks to one, to the other one, and back to both."""
    for node in ("a", "b"):
        first, second = (link.name for link, _ in lab.topology.links_of(node))
        mover = Mover(lab, node, RealClock())
        mover.disable(first)
        mover.enable(first)
        mover.disable(second)
        mover.enable(second)
    assert not while_busy.done(), "the session ended before the moves did: nothing was shown"


def until_ready(process: Process, word: str) -> None:
    def ready() -> bool:
        process.check()
        return word in process.tail()

    wait_for(RealClock(), ready, 10, process.tail)


@pytest.mark.checklist(29, 110)
def test_curl_gets_the_whole_file_while_both_ends_move(lab: NetnsLab, tmp_path: Path) -> None:
    needs("curl")
    content = os.urandom(OCTETS)
    (tmp_path / "file").write_bytes(content)
    serve = ["python3", "-u", "-m", "http.server", "--bind", "::", "--directory", str(tmp_path)]
    with (
        lab.popen("b", [*serve, "8000"], log=tmp_path / "log") as server,
        ThreadPoolExecutor(1) as pool,
    ):
        until_ready(server, "Serving HTTP")
        got = tmp_path / "got"
        fetch = ["curl", "-sS", "--limit-rate", RATE, "-o", str(got), "http://b:8000/file"]
        done = pool.submit(lab.exec, "a", fetch, timeout=120)
        move_both_ends(lab, done)
        done.result()
    assert hashlib.sha256(got.read_bytes()).digest() == hashlib.sha256(content).digest()


@pytest.mark.checklist(29, 110)
def test_an_ssh_session_survives_while_both_ends_move(lab: NetnsLab, tmp_path: Path) -> None:
    needs("ssh", "sshd", "ssh-keygen")
    for key in ("host", "user"):
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / key)]
        run(made, timeout=30)
    (tmp_path / "authorized").write_text((tmp_path / "user.pub").read_text())
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    options = {
        "Port": "2222",
        "HostKey": tmp_path / "host",
        "AuthorizedKeysFile": tmp_path / "authorized",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PermitRootLogin": "prohibit-password",
    }
    (tmp_path / "sshd_config").write_text("".join(f"{k} {v}\n" for k, v in options.items()))
    sshd = [shutil.which("sshd", path="/usr/sbin:/usr/bin") or "sshd", "-D", "-e"]
    with (
        lab.popen(
            "b", [*sshd, "-f", str(tmp_path / "sshd_config")], log=tmp_path / "log"
        ) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        until_ready(server, "Server listening")
        assert ping(lab, "a", "b")["received"] == 3
        login = ["ssh", "-F", "none", "-p", "2222", "-i", str(tmp_path / "user")]
        login += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "root@b"]
        count = "for i in $(seq 60); do echo line $i; sleep 0.5; done"
        done = pool.submit(lab.exec, "a", [*login, count], timeout=120)
        move_both_ends(lab, done)
        said = done.result().stdout
    assert said.splitlines() == [f"line {i}" for i in range(1, 61)]
