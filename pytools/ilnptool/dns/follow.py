# SPDX-License-Identifier: BSD-2-Clause
"""Has a name follow its node: told by the node's events, and never losing a change."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ilnptool.dns.compose import LocalView, compose
from ilnptool.dns.config import DnsConfig
from ilnptool.dns.pace import Schedule
from ilnptool.dns.publisher import Publisher
from ilnptool.dns.rrset import OwnerSet
from ilnptool.dns.source import view_of_node
from ilnptool.dns.state import DnsState
from ilnptool.errors import IlnpError, UsageError
from ilnptool.lab.control import NodeControl

POLL_SECONDS = 2.0  # the node is looked at anew that often, whatever it says
RECONNECT_SECONDS = 2.0

Say = Callable[[str], None]

# Any of these may change what is to be published.
_EVENTS = ("locator", "loc_add", "loc_del", "loc_quiet", "lu_sent", "dump_end")


class Follower:
    """Publishes what a node has whenever that changes; run() returns when told to."""

    def __init__(
        self,
        config: DnsConfig,
        node: Path,
        publisher: Publisher,
        state: DnsState,
        schedule: Schedule,
        say: Say,
        *,
        view: Callable[[Path], LocalView] = view_of_node,
    ) -> None:
        self._config = config
        self._node = node
        self._publisher = publisher
        self._schedule = schedule
        self._say = say
        self._view = view
        self._wanted = state.wanted
        self._told = ""
        # An earlier run may have ended before the server was told.
        if state.pending and state.wanted:
            schedule.changed(time.monotonic())

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Follow the node until a condition holds; a node that ends is waited for."""
        while not until():
            try:
                with NodeControl(self._node) as control:
                    control.request({"cmd": "subscribe"})
                    self._follow(control, until)
            except IlnpError as err:
                self._complain(f"the node does not answer: {err}")
                self._wait(RECONNECT_SECONDS, until)

    def _follow(self, control: NodeControl, until: Callable[[], bool]) -> None:
        looked = 0.0
        while not until():
            if self._heard(control) or time.monotonic() - looked >= POLL_SECONDS:
                looked = time.monotonic()
                self._look()
            self._tell()

    def _heard(self, control: NodeControl) -> bool:
        """Wait for events, and say whether one of them is of interest."""
        due = self._schedule.due
        left = POLL_SECONDS if due is None else due - time.monotonic()
        found = False
        wait = min(max(left, 0.0), POLL_SECONDS)
        while control.pending(wait):
            found |= control.receive().get("event") in _EVENTS
            wait = 0.0
        return found

    def _wait(self, seconds: float, until: Callable[[], bool]) -> None:
        """Wait, with what is due told meanwhile: the server does not need the node."""
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end:
            self._tell()
            time.sleep(0.1)

    def _look(self) -> None:
        try:
            wanted = compose(self._config, self._view(self._node))
        except UsageError as err:
            # No locator at all: what is published stays, and so does our wish to change it.
            self._complain(str(err))
            return
        if wanted != self._wanted:
            self._say(f"now: {summary(wanted)}")
            self._wanted = wanted
            self._schedule.changed(time.monotonic())

    def _tell(self) -> None:
        due = self._schedule.due
        if due is None or time.monotonic() < due:
            return
        try:
            self._publisher.publish(self._wanted)
        except IlnpError as err:
            wait = self._schedule.failed(time.monotonic())
            self._say(f"{err}; trying again in {wait:.1f} s")
            return
        self._schedule.succeeded(time.monotonic())
        self._told = ""
        self._say(f"published: {summary(self._wanted)}")

    def _complain(self, text: str) -> None:
        """Say it once, not every two seconds."""
        if text != self._told:
            self._say(text)
            self._told = text


def summary(wanted: Sequence[OwnerSet]) -> str:
    """Return in one line what names hold, for a log."""
    parts = []
    for each in wanted:
        held = (
            f"{x.rdtype} {' '.join(text.split()[-1] for text in x.rdata)}"
            for x in each.sets
            if x.rdata and x.rdtype != "AAAA"
        )
        parts.append(f"{each.owner} {', '.join(held)}")
    return "; ".join(parts) or "nothing"
