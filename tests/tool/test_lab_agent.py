# SPDX-License-Identifier: BSD-2-Clause
"""The lab's hand in a machine: the very script of the image, run here, with our end of the line."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ilnptool.errors import (
    CheckFailed,
    CommandFailed,
    CommandTimeout,
    EnvironmentMissing,
    Timeout,
)
from ilnptool.lab import agent as agent_module
from ilnptool.lab.agent import Agent, Job, run_in

SCRIPT = Path(__file__).parents[2] / "bhyve/guest/etc/agent"


class FakeMachine:
    """The script behind a Unix socket, one caller at a time, as QEMU does it."""

    def __init__(self, folder: Path) -> None:
        text = SCRIPT.read_text().replace("/tmp/", f"{folder}/")
        lines = [x for x in text.splitlines() if not x.startswith(("exec <", "stty ", "PATH="))]
        script = folder / "agent"
        script.write_text("\n".join(lines) + "\n")
        (folder / "jobs").mkdir()
        self.shell = subprocess.Popen(
            ["sh", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        self.path = folder / "line"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.path))
        self._listener.listen(4)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                with caller:
                    self._join(caller, self.shell.stdin.fileno(), self.shell.stdout.fileno())

    def _join(self, caller: socket.socket, to_shell: int, from_shell: int) -> None:
        while True:
            ready = select.select([caller, from_shell], [], [])[0]
            if from_shell in ready:
                said = os.read(from_shell, 65536)
                if not said:
                    return
                caller.sendall(said)
            if caller in ready:
                asked = caller.recv(65536)
                if not asked:
                    return
                os.write(to_shell, asked)

    def stop(self) -> None:
        self._listener.close()
        self.kill()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.shell.pid, signal.SIGKILL)
        self.shell.wait()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMachine]:
    monkeypatch.setattr(agent_module, "JOBS", f"{tmp_path}/jobs")
    machine = FakeMachine(tmp_path)
    yield machine
    machine.stop()


@pytest.fixture
def agent(fake: FakeMachine, tmp_path: Path) -> Agent:
    return Agent(fake.path, tmp_path / "console.log")


def test_text_is_carried_out_with_status_and_output(agent: Agent) -> None:
    answer = agent.ask("echo one; echo two >&2; exit 3", check=False)
    assert (answer.status, answer.output) == (3, b"one\ntwo\n")
    with pytest.raises(CommandFailed, match=r"exit status 3\n.*two"):
        agent.ask("echo two; exit 3")


def test_wrong_shell_text_harms_nobody_after_it(agent: Agent) -> None:
    assert agent.ask("echo 'half", check=False).status != 0
    assert agent.ask("echo whole").text == "whole\n"


def test_torn_request_is_not_carried_out(agent: Agent, fake: FakeMachine, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.connect(str(fake.path))
        caller.sendall(f"\nw 99 touch {tmp_path}/torn".encode())
    assert agent.ask("echo after").text == "after\n"
    assert not (tmp_path / "torn").exists()


def test_files_arrive_octet_by_octet(agent: Agent, tmp_path: Path) -> None:
    content = bytes(range(256)) * 12
    agent.write(f"{tmp_path}/deep/er/file", content)
    assert (tmp_path / "deep/er/file").read_bytes() == content
    agent.write(f"{tmp_path}/deep/er/file", b"")
    assert (tmp_path / "deep/er/file").read_bytes() == b""


def test_command_runs_to_its_end_with_input_and_both_outputs(agent: Agent, tmp_path: Path) -> None:
    argv = ["sh", "-c", "cat; echo problem >&2; exit 5"]
    result = run_in(agent, argv, tmp_path, timeout=30, stdin="it's $HOME\n", check=False)
    assert (result.status, result.stdout, result.stderr) == (5, "it's $HOME\n", "problem\n")
    with pytest.raises(CommandFailed, match=r"exit status 5\n.*problem"):
        run_in(agent, argv, tmp_path, timeout=30, stdin="", check=True)
    assert list((tmp_path / "jobs").iterdir()) == []


def test_arguments_may_hold_anything(agent: Agent, tmp_path: Path) -> None:
    words = ["two words", "it's", "line\nbreak", "$HOME `x` \\", "ü", ""]
    argv = ["printf", "<%s>", *words]
    said = run_in(agent, argv, tmp_path, timeout=30, stdin="", check=True).stdout
    assert said == "".join(f"<{word}>" for word in words)


def test_much_output_comes_whole(agent: Agent, tmp_path: Path) -> None:
    argv = ["sh", "-c", "head -c 200000 /dev/zero | tr '\\0' x"]
    assert run_in(agent, argv, tmp_path, timeout=60, stdin="", check=True).stdout == "x" * 200000


def test_job_is_seen_while_it_runs_and_ends_when_told(agent: Agent, tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "stdout"
    argv = ["sh", "-c", "echo here; echo there >&2; exec sleep 60"]
    job = Job(agent, argv, log=log, stdout=out, stdin=b"")
    deadline = time.monotonic() + 20
    while out.read_text() != "here\n" or job.tail() != "there":
        assert job.poll() is None
        assert time.monotonic() < deadline
    assert Path(f"/proc/{job.pid}").exists()
    with pytest.raises(CommandTimeout):
        job.wait(0.1)
    began = time.monotonic()
    assert job.stop() != 0
    assert time.monotonic() - began < 30


def test_command_over_its_time_is_ended(agent: Agent, tmp_path: Path) -> None:
    argv = ["sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 60"]
    with pytest.raises(CommandTimeout):
        run_in(agent, argv, tmp_path, timeout=0.5, stdin="", check=True)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_machine_that_does_not_start_is_shown_by_its_console(
    fake: FakeMachine, tmp_path: Path
) -> None:
    console = tmp_path / "console.log"
    console.write_text("panic: no root\n")
    fake.kill()
    mute = Agent(fake.path, console)
    with pytest.raises(Timeout, match=r"not started within 0.5 s (.|\n)*panic: no root"):
        mute.wait_ready(0.5, lambda: None)
    with pytest.raises(EnvironmentMissing, match="no machine there"):
        Agent(tmp_path / "nothing", console).ask("true")


def test_dead_machine_is_not_waited_for(tmp_path: Path) -> None:
    def dead() -> None:
        raise CommandFailed(["qemu"], 1, "")

    with pytest.raises(CommandFailed):
        Agent(tmp_path / "nothing", tmp_path / "console").wait_ready(60, dead)


def a_machine_that_said(folder: Path, text: str) -> Agent:
    """Return the agent of a machine that does not answer; its console is there."""
    console = folder / "console.log"
    console.write_text(text)
    return Agent(folder / "none", console)


def test_a_machine_that_ended_is_told_with_the_end_of_its_console(tmp_path: Path) -> None:
    def lives() -> None:
        raise CheckFailed("a/qemu has ended")

    agent = a_machine_that_said(tmp_path, "panic: no init\nUptime: 1s\n")
    with pytest.raises(CheckFailed, match=r"(?s)a/qemu has ended\n.*console:\npanic: no init"):
        agent.wait_ready(60, lives)


@pytest.mark.parametrize("prompt", ["OK ", "\r\nmountroot> ", "panic: x\ndb> "])
def test_a_machine_that_waits_for_somebody_to_type_is_not_waited_for(
    tmp_path: Path, prompt: str
) -> None:
    agent = a_machine_that_said(tmp_path, f"can't load 'kernel'\n{prompt}")
    with pytest.raises(CheckFailed, match=r"(?s)waits for somebody to type;.*can't load 'kernel'"):
        agent.wait_ready(600, lambda: None)
