# SPDX-License-Identifier: BSD-2-Clause
"""Makes a name hold what it is to hold: one atomic update, or nothing.

The whole set of our records is replaced at once (RFC 2136 s3.4), so nobody ever sees the NIDs of
one state with the locators of another.  AAAA records beside them that are not ours stay.  A
prerequisite on the NIDs keeps two hosts from taking the same name from each other for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address

import dns.tsig
import dns.update

from ilnptool.dns.config import DnsConfig
from ilnptool.dns.faults import NameTaken, PrerequisiteFailed
from ilnptool.dns.rrset import OwnerSet, nid_of_rdata, rdata
from ilnptool.dns.server import Connection, connection, describe
from ilnptool.dns.state import DnsState
from ilnptool.errors import IlnpError

_TRIES = 3  # the name may change between our question and our update, but not every time


@dataclass(frozen=True, slots=True)
class Seen:
    """What we believe a name to hold of ours: NID and AAAA records."""

    nids: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class Publisher:
    """One name, its server and its key."""

    def __init__(
        self,
        config: DnsConfig,
        key: dns.tsig.Key,
        state: DnsState,
        *,
        take_over: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._key = key
        self._state = state
        self._take_over = take_over
        self._clock = clock

    def publish(self, wanted: Sequence[OwnerSet]) -> None:
        """Have the names hold `wanted`; whatever happens, that is remembered and can be retried.

        None at all withdraws what we have published.
        """
        state = self._state
        state.wanted = tuple(wanted)
        state.save()
        try:
            self._carry_out()
        except IlnpError as err:
            state.failures += 1
            state.failure, state.failed_at = str(err), self._clock()
            state.save()
            raise
        state.published, state.published_at = state.wanted, self._clock()
        state.failures, state.failure, state.failed_at = 0, None, None
        state.save()

    def planned(self, wanted: Sequence[OwnerSet]) -> Sequence[str]:
        """Return what publish would send if the server holds what we think, without asking it."""
        self._state.wanted = tuple(wanted)
        return describe(self._message(self._remembered()))

    def _owners(self) -> list[str]:
        """Return the names that are or were ours, those that are to be first."""
        both = (*self._state.wanted, *self._state.published)
        return list(dict.fromkeys(x.owner for x in both))

    def _remembered(self) -> dict[str, Seen]:
        state = self._state
        return {
            owner: Seen(state.holds(owner, "NID"), state.holds(owner, "AAAA"))
            for owner in self._owners()
        }

    def _carry_out(self) -> None:
        config = self._config
        with connection(config.host, config.port, config.pace.timeout) as server:
            fresh = not self._state.published
            seen = self._look(server) if fresh else self._remembered()
            for _ in range(_TRIES):
                try:
                    server.update(self._message(seen), config.zone, self._key)
                    return
                except PrerequisiteFailed:
                    seen = self._look(server)
        raise NameTaken(f"{self._names()}: somebody else changes it all the time; who?")

    def _names(self) -> str:
        return ", ".join(self._owners())

    def _look(self, server: Connection) -> dict[str, Seen]:
        """Ask what the names hold; NameTaken if those are not our NIDs."""
        found: dict[str, Seen] = {}
        for owner in self._owners():
            sets = [x for x in (*self._state.wanted, *self._state.published) if x.owner == owner]
            ours = {nid_of_rdata(text) for each in sets for text in each.rdata("NID")}
            _, nids = server.query(owner, "NID")
            there = {nid_of_rdata(text) for text in nids}
            if ours and not there <= ours and not self._take_over:
                raise NameTaken(
                    f"{owner} holds NID {', '.join(sorted(there - ours))}, which is not ours; if "
                    "no other host uses that name, say --take-over"
                )
            _, addresses = server.query(owner, "AAAA")
            halves = {int(nid.replace(":", ""), 16) for nid in ours | there}
            mine = (x for x in addresses if int(IPv6Address(x)) & (1 << 64) - 1 in halves)
            found[owner] = Seen(nids, tuple(mine))
        return found

    def _message(self, seen: dict[str, Seen]) -> dns.update.UpdateMessage:
        message = dns.update.UpdateMessage(self._config.zone)
        wanted = {each.owner: each for each in self._state.wanted}
        before = {each.owner: each for each in self._state.published}
        for owner in self._owners():
            now, was = wanted.get(owner), before.get(owner)
            types = {x.rdtype for each in (now, was) if each is not None for x in each.sets}
            if "NID" in types:
                nids = seen[owner].nids
                if nids:
                    message.present(owner, *(rdata("NID", text) for text in nids))
                else:
                    message.absent(owner, "NID")
            for rdtype in sorted(types - {"AAAA"}):
                message.delete(owner, rdtype)
            for text in seen[owner].addresses:
                message.delete(owner, rdata("AAAA", text))
            for each in now.sets if now is not None else ():
                for text in each.rdata:
                    message.add(owner, each.ttl, rdata(each.rdtype, text))
        return message
