# SPDX-License-Identifier: BSD-2-Clause
"""What every driver can do, whether its nodes are namespaces or virtual machines.

Nodes, links and interfaces are called by their names in the topology file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any, Protocol

from ilnptool.lab.model import Impairment, Topology
from ilnptool.run import Result


@dataclass(frozen=True, slots=True)
class Step:
    """One named step of `up` or `down`, told before it is done."""

    name: str
    number: int  # from 1
    total: int


StepObserver = Callable[[Step], None]


def ignore_steps(_step: Step) -> None:
    """The observer of those who do not want to know."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address that a node has, with its remaining lifetimes; None means for ever."""

    interface: str
    address: IPv6Address
    scope: str  # "global" or "link"
    usable: bool  # duplicate detection allows its use
    deprecated: bool
    valid: float | None
    preferred: float | None


@dataclass(frozen=True, slots=True)
class CaptureStats:
    """What a finished capture took and what it had to leave."""

    captured: int
    dropped: int


class Running(Protocol):
    """A process started in a node; ilnptool.run.Process is one."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float) -> int: ...
    def check(self) -> None: ...
    def stop(self, seconds: float = 5.0) -> int: ...
    def tail(self) -> str: ...


class Capture(Protocol):
    """A running packet capture; `file` is complete and here once stop() has returned."""

    @property
    def file(self) -> Path: ...
    def stop(self) -> CaptureStats: ...


class Lab(Protocol):
    """A lab of one topology."""

    @property
    def name(self) -> str: ...
    @property
    def topology(self) -> Topology: ...

    def up(self) -> None:
        """Bring the lab to life; if it lives already, do nothing but restart what has died."""

    def down(self) -> None:
        """Remove all that `up` made, even if `up` was killed; if there is nothing, do nothing."""

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        timeout: float,
        stdin: str = "",
        check: bool = True,
    ) -> Result:
        """Run a command in a node to its end."""

    def popen(
        self, node: str, argv: Sequence[str], *, log: Path, stdout: Path | None = None
    ) -> Running:
        """Start a command in a node and return while it runs."""

    def link_up(self, link: str) -> None:
        """Switch the interface at the first end of a link on."""

    def link_down(self, link: str) -> None:
        """Switch the interface at the first end of a link off; its addresses are gone with it."""

    def link_set(
        self, link: str, *, rate: int | None = None, impairment: Impairment | None = None
    ) -> None:
        """Change the rate (bits per second) or the impairment of a link while it carries."""

    def capture(
        self, node: str, interface: str, file: Path, *, expression: str = "", snaplen: int = 0
    ) -> Capture:
        """Start to capture; returns once packets are really being taken.  0 takes all bytes."""

    def addresses(self, node: str) -> list[Address]:
        """Return the IPv6 addresses a node has now, loopback apart."""

    def control(self, node: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request to the ILNP of a node and return the answer."""

    def listens(self, node: str, port: int) -> bool:
        """Tell whether a program in a node waits for TCP connections at a port."""


@contextmanager
def running(lab: Lab) -> Iterator[Lab]:
    """Have a lab up for the time of a block, and down after it whatever happens."""
    try:
        lab.up()
        yield lab
    finally:
        lab.down()
