# SPDX-License-Identifier: BSD-2-Clause
"""The journal, the lock, and finding processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ilnptool import run
from ilnptool.errors import CheckFailed, Timeout, UsageError
from ilnptool.lab import processes
from ilnptool.lab.services import Services, wait_for
from ilnptool.lab.state import LabState, labs_in


@pytest.fixture
def state(tmp_path: Path) -> LabState:
    return LabState(tmp_path, "x")


def test_journal_comes_back_in_order(state: LabState) -> None:
    state.record("netns", name="a")
    state.record("up")
    state.record("netns", name="b")
    assert [entry["kind"] for entry in state.entries()] == ["netns", "up", "netns"]
    assert [entry["name"] for entry in state.entries("netns")] == ["a", "b"]


def test_half_written_last_entry_does_not_count(state: LabState) -> None:
    state.record("netns", name="a")
    with (state.directory / "journal.jsonl").open("a") as journal:
        journal.write('{"kind": "netns", "na')
    assert [entry["name"] for entry in state.entries("netns")] == ["a"]


def test_entry_after_a_half_written_one_counts(state: LabState) -> None:
    state.record("netns", name="a")
    with (state.directory / "journal.jsonl").open("a") as journal:
        journal.write('{"kind": "net')
    state.record("netns", name="b")
    assert [entry["name"] for entry in state.entries("netns")] == ["a", "b"]


def test_lab_without_journal_does_not_exist(state: LabState) -> None:
    assert not state.exists()
    assert state.entries() == []


def test_remove_leaves_nothing(state: LabState, tmp_path: Path) -> None:
    state.record("up")
    (state.node("mn") / "hosts").write_text("")
    assert labs_in(tmp_path) == ["x"]
    state.remove()
    assert labs_in(tmp_path) == []
    assert not state.directory.exists()
    state.remove()


@pytest.mark.parametrize("name", ["", "X", "a/b", "..", "a.b", "sixteen-letters-", "1st"])
def test_bad_lab_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="bad lab name"):
        LabState(tmp_path, name)


def test_state_directory_too_deep_for_sockets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ILNPTOOL_STATE"):
        LabState(tmp_path / ("d" * 100), "x")


def test_lock_is_exclusive_and_names_its_holder(state: LabState) -> None:
    with (
        state.locked(),
        pytest.raises(Timeout, match=f"by process {os.getpid()}"),
        state.locked(0.1),
    ):
        pass
    with state.locked(0.1):
        pass


def test_child_that_inherits_the_lock_keeps_it_after_its_parent_was_killed(
    state: LabState, tmp_path: Path
) -> None:
    """Else somebody cleans up before the last command of a killed `up` has done its work."""
    mark = tmp_path / "pid"
    program = (
        "from pathlib import Path; from ilnptool import run\n"
        "from ilnptool.lab.state import LabState\n"
        f"with LabState(Path({str(tmp_path)!r}), 'x').locked() as lock:\n"
        f"    script = 'echo $$ > {mark}; exec sleep 60'\n"
        "    run.run(['sh', '-c', script], timeout=60, inherit=[lock])\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])
    wait_for(lambda: mark.exists() and mark.read_text().strip() != "", 10, lambda: "no child")
    parent.kill()
    parent.wait()
    child = int(mark.read_text())
    with pytest.raises(Timeout), state.locked(0.2):
        pass
    os.kill(child, signal.SIGKILL)
    with state.locked(5):
        pass


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[run.Process]:
    """A process marked as one of lab "here" that takes no notice of requests to end."""
    script = "trap '' TERM; echo deaf; while :; do sleep 0.05; done"
    with run.popen(
        ["sh", "-c", script], log=tmp_path / "log", env={processes.MARK: "here"}
    ) as process:
        wait_for(lambda: "deaf" in process.tail(), 10, lambda: "it does not start")
        yield process
        process.stop(0)


def test_marked_process_and_its_children_are_found(sleeper: run.Process) -> None:
    wait_for(
        lambda: len(processes.members([], "here")) == 2, 10, lambda: "shell and sleep not found"
    )
    assert sleeper.pid in processes.members([], "here")
    assert processes.members([], "elsewhere") == []


def test_stubborn_process_is_killed(sleeper: run.Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_TERM_SECONDS", 0.1)
    processes.end_all([], "here")
    assert sleeper.wait(5) == -signal.SIGKILL
    assert processes.members([], "here") == []


def test_process_is_known_by_number_and_start(sleeper: run.Process) -> None:
    assert processes.started(sleeper.pid) is not None
    sleeper.stop(0)
    assert processes.started(sleeper.pid) is None


def test_namespace_that_is_not_there_has_no_members() -> None:
    assert processes.members(["no-such-namespace"], "nobody") == []


def test_newest_state_of_a_service_counts(state: LabState) -> None:
    state.record("service", name="r1/radvd", argv=["radvd"], netns="n")
    state.record("pid", name="r1/radvd", pid=1, started=2)
    state.record("service", name="r1/radvd", argv=["radvd"], netns="n")
    (service,) = Services(state).all()
    assert not service.alive
    state.record("pid", name="r1/radvd", pid=os.getpid(), started=processes.started(os.getpid()))
    (service,) = Services(state).all()
    assert service.alive


def test_dead_service_is_reported_with_the_end_of_its_log(state: LabState) -> None:
    services = Services(state)
    state.record("service", name="r1/radvd", argv=["radvd", "-x"], netns="n")
    services.log("r1/radvd").write_text("bad option\n")
    with pytest.raises(CheckFailed, match="r1/radvd has ended: radvd -x\nbad option"):
        services.check()
