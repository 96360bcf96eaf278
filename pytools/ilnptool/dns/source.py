# SPDX-License-Identifier: BSD-2-Clause
"""What a running node has to publish, and how it is heard that this changes.

The node is ilnpd, or the kernel of this machine where that is FreeBSD's.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ilnptool import devd
from ilnptool.dns.compose import LocalView
from ilnptool.errors import CheckFailed
from ilnptool.lab.control import NodeControl
from ilnptool.lab.kernelnode import parse_locators
from ilnptool.sysctl.kernel import KernelBackend
from ilnptool.sysctl.variables import Backend
from ilnptool.wire.fault import WireError
from ilnptool.wire.text import parse_l64, parse_nid

# Any of these may change what is to be published.
_NODE_EVENTS = ("locator", "loc_add", "loc_del", "loc_quiet", "lu_sent", "dump_end")

# Waits up to some seconds for events, and tells whether one of them is of interest.
Heard = Callable[[float], bool]


class Source(Protocol):
    """A node that a name can follow."""

    def view(self) -> LocalView:
        """Return what there is to publish now."""

    def events(self) -> AbstractContextManager[Heard]:
        """Listen for the time of a block."""


@dataclass(frozen=True, slots=True)
class NodeSource:
    """A userspace node, by its control socket."""

    socket: Path

    def view(self) -> LocalView:
        """Return NIDs that last, locators in use, and the lifetime that is promised for them.

        Ephemeral NIDs are not in what a node calls its NIDs.
        """
        with NodeControl(self.socket) as control:
            status = self._granted(control.request({"cmd": "status"}))
            knobs = self._granted(control.request({"cmd": "knobs"}))["knobs"]
        return _view(
            f"{self.socket}: not the answer of a node",
            status["nids"],
            status["locators"],
            knobs["lu_lifetime"]["value"],
        )

    @contextmanager
    def events(self) -> Iterator[Heard]:
        with NodeControl(self.socket) as control:
            control.request({"cmd": "subscribe"})

            def heard(seconds: float) -> bool:
                found = False
                while control.pending(seconds):
                    found |= control.receive().get("event") in _NODE_EVENTS
                    seconds = 0.0
                return found

            yield heard

    def _granted(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        if not answer.get("ok"):
            raise CheckFailed(f"{self.socket}: the node refuses: {answer.get('error', answer)}")
        return answer


@dataclass(frozen=True, slots=True)
class KernelSource:
    """ILNP in FreeBSD's kernel: variables by sysctl, events by devd(8) from devctl(4)."""

    backend: Backend
    pipe: Path = devd.PIPE

    def view(self) -> LocalView:
        disabled = set(self.backend.get("disabled").split())
        return _view(
            f"{self.backend.where}: not what a kernel lists",
            self.backend.get("nids").split(),
            parse_locators(self.backend.get("locators"), disabled),
            self.backend.get("lu_lifetime"),
        )

    @contextmanager
    def events(self) -> Iterator[Heard]:
        with devd.listening(self.pipe) as line:

            def heard(seconds: float) -> bool:
                found = False
                while select.select([line], [], [], seconds)[0]:
                    found |= concerns_locators(devd.receive(line))
                    seconds = 0.0
                return found

            yield heard


def concerns_locators(fields: Mapping[str, str]) -> bool:
    """Tell whether an event of the kernel says that our locators have changed, or may have."""
    return fields.get("system") == "ILNP" and (
        fields.get("subsystem") == "LOCATOR"
        or (fields.get("subsystem"), fields.get("type")) == ("EVENT", "LOST")
    )


def _view(
    wrong: str, nids: Sequence[str], locators: Sequence[Mapping[str, Any]], lifetime: Any
) -> LocalView:
    """Return what to publish; a deprecated locator only while there is no other."""
    try:
        used = [x for x in locators if x["state"] == "used"]
        fresh = [x for x in used if not x["deprecated"]]
        return LocalView(
            tuple(parse_nid(text) for text in nids),
            tuple(sorted((x["preference"], parse_l64(x["l64"])) for x in fresh or used)),
            int(lifetime),
        )
    except (WireError, KeyError, TypeError, ValueError) as err:
        raise CheckFailed(f"{wrong}: {err}") from err


def source_of(node: Path | None, *, kernel: bool) -> Source | None:
    """Return what a configuration names; EnvironmentMissing if this machine has no such kernel."""
    if kernel:
        return KernelSource(KernelBackend())
    return None if node is None else NodeSource(node)
