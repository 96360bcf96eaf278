# SPDX-License-Identifier: BSD-2-Clause
"""The door to processes: status, deadline, interrupt, long-lived processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ilnptool import run
from ilnptool.errors import CommandFailed, CommandTimeout, EnvironmentMissing


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "condition did not come true"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def test_output_and_status_come_back() -> None:
    result = run.run(["sh", "-c", "cat; echo oops >&2"], stdin="hello", timeout=10)
    assert (result.status, result.stdout, result.stderr) == (0, "hello", "oops\n")


def test_failure_carries_command_status_and_tail() -> None:
    script = "for i in $(seq 100); do echo line $i >&2; done; exit 7"
    with pytest.raises(CommandFailed) as caught:
        run.run(["sh", "-c", script], timeout=10)
    assert caught.value.status == 7
    assert caught.value.argv == ("sh", "-c", script)
    lines = caught.value.tail.splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("line 81", "line 100", run.TAIL_LINES)
    assert "exit status 7" in str(caught.value)


def test_unchecked_failure_is_a_result() -> None:
    assert run.run(["false"], timeout=10, check=False).status == 1


def test_death_by_signal_is_named() -> None:
    with pytest.raises(CommandFailed, match="killed by signal 9"):
        run.run(["sh", "-c", "kill -9 $$"], timeout=10)


def test_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(EnvironmentMissing, match="apt-get install radvd"):
        run.run(["radvd"], timeout=10)


def test_deadline_kills_the_command_and_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 60 & echo $! > {pids}; echo started; wait"
    with pytest.raises(CommandTimeout) as caught:
        run.run(["sh", "-c", script], timeout=1)
    assert caught.value.tail == "started"
    assert caught.value.exit_code == 4
    child = int(pids.read_text())
    until(lambda: not alive(child))


def test_interrupt_kills_the_command(tmp_path: Path) -> None:
    """Ctrl-C reaches only us, as the command is in a session of its own."""
    pids = tmp_path / "pid"
    program = (
        "from ilnptool import run\n"
        f"run.run(['sh', '-c', 'echo $$ > {pids}; exec sleep 60'], timeout=60)\n"
    )
    us = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    until(lambda: pids.exists() and pids.read_text().strip() != "")
    us.send_signal(signal.SIGINT)
    us.wait(10)
    child = int(pids.read_text())
    until(lambda: not alive(child))


def test_ctrl_c_is_left_to_an_attached_command() -> None:
    script = "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.01; done"
    program = (
        f"import sys; from ilnptool import run; sys.exit(run.attach(['sh', '-c', {script!r}]))"
    )
    us = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert us.stdout is not None
    assert us.stdout.readline() == "ready\n"
    os.killpg(us.pid, signal.SIGINT)
    out, _ = us.communicate(timeout=10)
    assert (us.returncode, out) == (9, "caught\n")


def test_environment_is_added_not_replaced() -> None:
    result = run.run(["sh", "-c", "echo $EXTRA $HOME"], env={"EXTRA": "1"}, timeout=10)
    assert result.stdout.split() == ["1", os.environ["HOME"]]


def test_inherited_descriptor_is_open_in_the_command(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+") as file:
        script = f"echo x > /proc/self/fd/{file.fileno()}"
        run.run(["sh", "-c", script], timeout=10, inherit=[file.fileno()])
        assert file.read() == "x\n"
        with pytest.raises(CommandFailed):
            run.run(["sh", "-c", script], timeout=10)


def test_space_names_namespace_and_hosts_file() -> None:
    argv = run.Space("ns", Path("/h")).wrap(["ping", "x y"])
    assert argv[:4] == ["ip", "netns", "exec", "ns"]
    assert argv[-5:] == ["/h", "/etc/hosts", "--", "ping", "x y"]
    assert run.Space("ns").wrap(["ping"]) == ["ip", "netns", "exec", "ns", "ping"]


def test_stop_asks_first(tmp_path: Path) -> None:
    script = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
    process = run.popen(["sh", "-c", script], log=tmp_path / "log")
    until(lambda: "ready" in process.tail())
    assert process.stop() == 3
    assert process.tail().splitlines()[-1] == "bye"


def test_stop_kills_what_does_not_listen(tmp_path: Path) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.01; done"
    process = run.popen(["sh", "-c", script], log=tmp_path / "log")
    until(lambda: "ready" in process.tail())
    assert process.stop(0.2) == -signal.SIGKILL


def test_stop_ends_the_children_too(tmp_path: Path) -> None:
    process = run.popen(["sh", "-c", "sleep 60 & echo $!; wait"], log=tmp_path / "log")
    until(lambda: process.tail() != "")
    child = int(process.tail())
    process.stop()
    until(lambda: not alive(child))


def test_check_tells_of_an_early_end(tmp_path: Path) -> None:
    process = run.popen(["sh", "-c", "echo no luck >&2; exit 5"], log=tmp_path / "log")
    assert process.wait(10) == 5
    with pytest.raises(CommandFailed, match="no luck"):
        process.check()


def test_waiting_too_long_leaves_the_process_running(tmp_path: Path) -> None:
    with run.popen(["sleep", "60"], log=tmp_path / "log") as process:
        with pytest.raises(CommandTimeout):
            process.wait(0.05)
        assert process.poll() is None
    assert process.poll() is not None


def test_standard_output_may_have_its_own_file(tmp_path: Path) -> None:
    process = run.popen(
        ["sh", "-c", "echo data; echo word >&2"], log=tmp_path / "log", stdout=tmp_path / "out"
    )
    assert process.wait(10) == 0
    assert (tmp_path / "out").read_text() == "data\n"
    assert (tmp_path / "log").read_text() == "word\n"
