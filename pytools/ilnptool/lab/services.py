# SPDX-License-Identifier: BSD-2-Clause
"""The programs a lab keeps running: radvd, ilnpd, linkem.

A service is called DIRECTORY/PROGRAM after the directory of its log below the lab's.  The journal
knows its command, so any later call of the tool can tell whether it lives, and start it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ilnptool import run
from ilnptool.errors import CheckFailed, IlnpError, Timeout
from ilnptool.lab import processes
from ilnptool.lab.state import LabState

RESOLV_CONF = "resolv.conf"
NSSWITCH_CONF = "nsswitch.conf"

_READY_SECONDS = 10.0
_POLL_SECONDS = 0.02


def wait_for(condition: Callable[[], bool], seconds: float, missing: Callable[[], str]) -> None:
    """Wait until a condition holds; Timeout says what was `missing` if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            raise Timeout(f"after {seconds:g} s: {missing()}")
        time.sleep(_POLL_SECONDS)


def _etc_of(directory: Path, name: str) -> Path | None:
    path = directory / name
    return path if path.exists() and Path("/etc", name).exists() else None


def resolv_of(directory: Path) -> Path | None:
    """Return the resolv.conf of the node whose files are in a directory, if it has one."""
    return _etc_of(directory, RESOLV_CONF)


def nsswitch_of(directory: Path) -> Path | None:
    """Return the nsswitch.conf of the node whose files are in a directory, if it has one."""
    return _etc_of(directory, NSSWITCH_CONF)


@dataclass(frozen=True, slots=True)
class Service:
    """What the journal says of a service."""

    name: str
    pid: int
    started: int
    argv: tuple[str, ...]
    netns: str

    @property
    def alive(self) -> bool:
        return processes.started(self.pid) == self.started


class Services:
    """The services of one lab."""

    def __init__(self, state: LabState) -> None:
        self._state = state

    def log(self, name: str) -> Path:
        """Return where a service writes what it has to say."""
        directory, _, program = name.partition("/")
        return self._state.node(directory) / f"{program}.log"

    def start(self, name: str, argv: Sequence[str], netns: str) -> None:
        """Start a service."""
        self._state.record("service", name=name, argv=list(argv), netns=netns)
        child = run.popen(
            argv,
            log=self.log(name),
            space=run.Space(netns, resolv=resolv_of(self.log(name).parent)),
            env={processes.MARK: str(self._state.directory)},
        )
        # A child that is gone already has no start time; 0 is nobody's.
        self._state.record(
            "pid", name=name, pid=child.pid, started=processes.started(child.pid) or 0
        )

    def all(self) -> list[Service]:
        """Return the newest state of each service."""
        newest: dict[str, dict[str, Any]] = {}
        for entry in self._state.entries():
            if entry["kind"] == "service":
                newest[entry["name"]] = {**entry, "pid": 0, "started": 0}
            elif entry["kind"] == "pid":
                newest[entry["name"]].update(pid=entry["pid"], started=entry["started"])
        return [
            Service(name, e["pid"], e["started"], tuple(e["argv"]), e["netns"])
            for name, e in newest.items()
        ]

    def revive(self) -> list[str]:
        """Start what has died again and return the names."""
        dead = [service for service in self.all() if not service.alive]
        for service in dead:
            self.start(service.name, service.argv, service.netns)
        return [service.name for service in dead]

    def check(self) -> None:
        """Raise CheckFailed with the end of its log if a service has died."""
        for service in self.all():
            if not service.alive:
                tail = run.tail_of(self.log(service.name).read_text(errors="replace"))
                raise CheckFailed(f"{service.name} has ended: {' '.join(service.argv)}\n{tail}")

    def wait_answer(self, name: str, ask: Callable[[], object]) -> None:
        """Wait until a service answers, that is, until `ask` raises nothing."""

        def answers() -> bool:
            self.check()
            try:
                ask()
            except IlnpError:
                return False
            return True

        wait_for(answers, _READY_SECONDS, lambda: f"{name} does not answer; see {self.log(name)}")
