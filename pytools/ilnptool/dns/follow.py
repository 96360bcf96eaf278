# SPDX-License-Identifier: BSD-2-Clause
"""Has a name follow its node: told by the node's events, and never losing a change."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from ilnptool.dns.compose import compose
from ilnptool.dns.config import DnsConfig
from ilnptool.dns.faults import NoWay
from ilnptool.dns.pace import Schedule
from ilnptool.dns.publisher import Publisher
from ilnptool.dns.rrset import OwnerSet
from ilnptool.dns.source import Heard, Source
from ilnptool.dns.state import DnsState
from ilnptool.errors import IlnpError, UsageError

POLL_SECONDS = 2.0  # the node is looked at anew that often, whatever it says
RECONNECT_SECONDS = 2.0

Say = Callable[[str], None]


class Follower:
    """Publishes what a node has whenever that changes; run() returns when told to."""

    def __init__(
        self,
        config: DnsConfig,
        source: Source,
        publisher: Publisher,
        state: DnsState,
        schedule: Schedule,
        say: Say,
    ) -> None:
        self._config = config
        self._source = source
        self._publisher = publisher
        self._schedule = schedule
        self._say = say
        self._wanted = state.wanted
        self._told: dict[str, str] = {}  # what is wrong with the node, its locators, the way
        # An earlier run may have ended before the server was told.
        if state.pending and state.wanted:
            schedule.changed(time.monotonic())

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Follow the node until a condition holds; a node that ends is waited for."""
        while not until():
            try:
                with self._source.events() as heard:
                    self._told.pop("node", None)
                    self._follow(heard, until)
            except IlnpError as err:
                self._complain("node", f"the node does not answer: {err}")
                # Who tells nothing may still be asked.
                with suppress(IlnpError):
                    self._look()
                self._wait(RECONNECT_SECONDS, until)

    def _follow(self, heard: Heard, until: Callable[[], bool]) -> None:
        self._look()
        looked = time.monotonic()
        while not until():
            if heard(self._patience()) or time.monotonic() - looked >= POLL_SECONDS:
                looked = time.monotonic()
                self._look()
            self._tell()

    def _patience(self) -> float:
        """Return for how many seconds there is nothing to do but to listen."""
        due = self._schedule.due
        left = POLL_SECONDS if due is None else due - time.monotonic()
        return min(max(left, 0.0), POLL_SECONDS)

    def _wait(self, seconds: float, until: Callable[[], bool]) -> None:
        """Wait, with what is due told meanwhile: the server does not need the node."""
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end:
            self._tell()
            time.sleep(0.1)

    def _look(self) -> None:
        try:
            wanted = compose(self._config, self._source.view())
        except UsageError as err:
            # No locator at all: what is published stays, and so does our wish to change it.
            self._complain("locators", str(err))
            return
        self._told.pop("locators", None)
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
        except NoWay as err:
            self._schedule.held_up(time.monotonic())
            self._complain("way", f"{err}; trying again as soon as there is one")
            return
        except IlnpError as err:
            wait = self._schedule.failed(time.monotonic())
            self._say(f"{err}; trying again in {wait:.1f} s")
            return
        self._schedule.succeeded(time.monotonic())
        self._told.pop("way", None)
        self._say(f"published: {summary(self._wanted)}")

    def _complain(self, what: str, text: str) -> None:
        """Say it once, not every two seconds."""
        if self._told.get(what) != text:
            self._say(text)
            self._told[what] = text


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
