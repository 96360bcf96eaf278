# SPDX-License-Identifier: BSD-2-Clause
"""A driver that makes nothing and remembers what it was asked to do, for tests and dry runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ilnptool.errors import CommandFailed, UsageError
from ilnptool.lab.addressing import provider_address
from ilnptool.lab.model import Impairment, Topology
from ilnptool.lab.protocol import Address, CaptureStats, Step, StepObserver, ignore_steps
from ilnptool.run import Result


@dataclass(frozen=True, slots=True)
class Done:
    """One thing the driver was asked to do: the ability, and what it was about."""

    ability: str
    about: tuple[str, ...] = ()


Responder = Callable[[str, tuple[str, ...]], Result]


def succeed(_node: str, argv: tuple[str, ...]) -> Result:
    """The answer of commands that end well and say nothing."""
    return Result(argv, 0, "", "", 0.0)


class FakeRunning:
    """A process that runs until it is stopped."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        return self._status

    def wait(self, timeout: float) -> int:
        del timeout  # it ends at once when somebody waits for it
        return self.stop()

    def check(self) -> None:
        """It cannot fail."""

    def stop(self, seconds: float = 5.0) -> int:
        del seconds
        self._status = 0
        return 0

    def tail(self) -> str:
        return ""


class FakeCapture:
    """A capture of nothing."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def stop(self) -> CaptureStats:
        return CaptureStats(0, 0)


class FakeLab:
    """See ilnptool.lab.protocol.Lab; `done` is what was asked for, in order."""

    def __init__(
        self,
        topology: Topology,
        name: str | None = None,
        observer: StepObserver = ignore_steps,
        respond: Responder = succeed,
    ) -> None:
        self.topology = topology
        self.name = name or topology.name
        self.done: list[Done] = []
        self.is_up = False
        self._observer = observer
        self._respond = respond
        self._down = {link.name for link in topology.links if not link.up}
        self._pids = 0

    def _note(self, ability: str, *about: object) -> None:
        self.done.append(Done(ability, tuple(str(x) for x in about)))

    def _in_node(self, ability: str, node: str, *about: object) -> None:
        self.topology.node(node)
        if not self.is_up:
            raise UsageError(f"lab {self.name} is not up")
        self._note(ability, node, *about)

    def up(self) -> None:
        if self.is_up:
            return
        self._observer(Step("pretend", 1, 1))
        self._note("up", self.name)
        self.is_up = True

    def down(self) -> None:
        if self.is_up:
            self._note("down", self.name)
        self.is_up = False

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        timeout: float,
        stdin: str = "",
        check: bool = True,
    ) -> Result:
        del timeout, stdin
        self._in_node("exec", node, *argv)
        result = self._respond(node, tuple(argv))
        if check and result.status != 0:
            raise CommandFailed(argv, result.status, result.stderr)
        return result

    def popen(
        self, node: str, argv: Sequence[str], *, log: Path, stdout: Path | None = None
    ) -> FakeRunning:
        del log, stdout
        self._in_node("popen", node, *argv)
        self._pids += 1
        return FakeRunning(self._pids)

    def link_up(self, link: str) -> None:
        self._note("link_up", self.topology.link(link).name)
        self._down.discard(link)

    def link_down(self, link: str) -> None:
        self._note("link_down", self.topology.link(link).name)
        self._down.add(link)

    def link_set(
        self, link: str, *, rate: int | None = None, impairment: Impairment | None = None
    ) -> None:
        found = self.topology.link(link)
        self._note("link_set", link, rate, impairment)
        if rate is not None:
            found = replace(found, rate=rate)
        if impairment is not None:
            found = replace(found, impairment=impairment)
        self.topology = self.topology.with_link(found)

    def capture(
        self, node: str, interface: str, file: Path, *, expression: str = "", snaplen: int = 0
    ) -> FakeCapture:
        self._in_node("capture", node, interface, expression, snaplen)
        return FakeCapture(file)

    def addresses(self, node: str) -> list[Address]:
        """Return the addresses that the providers of the links that are on would have given."""
        self._in_node("addresses", node)
        return [
            Address(
                end.interface,
                provider_address(self.topology, link, end),
                "global",
                usable=True,
                deprecated=False,
                valid=link.advertisement.valid,
                preferred=link.advertisement.preferred,
            )
            for link, end in self.topology.links_of(node)
            if link.provider is not None and link.name not in self._down
        ]

    def control(self, node: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self._in_node("control", node, sorted(request.items()))
        return {"ok": True}

    def listens(self, node: str, port: int) -> bool:
        """Return True: whoever was asked to listen does."""
        self._in_node("listens", node, port)
        return True
