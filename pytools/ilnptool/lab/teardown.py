# SPDX-License-Identifier: BSD-2-Clause
"""Removes what the journal of a lab names; needs neither its topology nor that it was complete."""

from __future__ import annotations

import os

from ilnptool import run
from ilnptool.errors import EnvironmentMissing, UsageError
from ilnptool.lab import processes
from ilnptool.lab.protocol import Step, StepObserver
from ilnptool.lab.state import LabState

_COMMAND_SECONDS = 30.0


def require_root(what: str) -> None:
    """Raise EnvironmentMissing unless we are root."""
    if os.geteuid() != 0:
        raise EnvironmentMissing(
            f"{what} needs root, as it makes network namespaces and links between them; "
            "run it with sudo"
        )


def refuse_from_inside(state: LabState) -> None:
    """Raise UsageError if we are one of the processes that would be ended."""
    if os.environ.get(processes.MARK) == str(state.directory):
        raise UsageError(f"this shell runs in lab {state.lab}; leave it first")


def remove(state: LabState, lock: int, observer: StepObserver) -> None:
    """Remove all that the journal names, and the journal last; `lock` is the lab's, held."""
    spaces = [entry["name"] for entry in state.entries("netns")]
    mark = str(state.directory)
    observer(Step("end processes", 1, 3))
    processes.end_all(spaces, mark)
    observer(Step("remove namespaces", 2, 3))
    for name in spaces:
        if processes.netns_exists(name):
            run.run(["ip", "netns", "delete", name], timeout=_COMMAND_SECONDS, inherit=[lock])
    # One that had been told its namespace before that was gone.
    processes.end_all([], mark)
    observer(Step("remove files", 3, 3))
    state.remove()


def remove_lab(state: LabState, observer: StepObserver) -> None:
    """Remove a lab in whatever state it is; if there is none, do nothing."""
    require_root("lab down")
    refuse_from_inside(state)
    with state.locked() as lock:
        if state.exists():
            remove(state, lock, observer)
