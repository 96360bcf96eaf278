# SPDX-License-Identifier: BSD-2-Clause
"""Two nodes made of the C core, a network between them, and a watch over every packet."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

from ilnpcore import Core, Flag, Session, Verdict
from rules import Past, forgotten, makes_way, outcomes, same, token_of, usable

from ilnptool.wire import build
from ilnptool.wire.cksum import ChecksumVerdict
from ilnptool.wire.constants import LU_ADVERT
from ilnptool.wire.packet import ICMPV6, PacketView
from ilnptool.wire.packet import parse_packet as parse
from ilnptool.wire.values import L64, Ilv, Nid, Nonce

NIDS = (0x0200000000000001, 0x0200000000000002)
PROVIDERS = 4
PORT = 7000
ECHO_REQUEST = 128
BLIND_MAX = 10  # ILNP_BLIND_MAX
COPIES_MAX = 4
BEGIN = 1_000_000_000


@functools.lru_cache(maxsize=4096)
def parse_packet(packet: bytes) -> PacketView:
    """Most packets are looked at several times."""
    return parse(packet)


def locator(node: int, provider: int) -> int:
    return 0x20010DB800000000 + node * 0x10000 + provider


@dataclass
class Node:
    """One node and what the watch has noted of it."""

    index: int
    core: Core
    enabled: dict[int, bool] = field(default_factory=dict)  #: own locators; False = disabled
    past: dict[int, Past] = field(default_factory=dict)  #: by session
    proven: set[int] = field(default_factory=set)  #: where the peer is known to be
    named: dict[int, int] = field(default_factory=dict)  #: where names put it, and when
    blind: int = 0  #: data packets to other places since the last proof
    delivered: int = 0

    @property
    def nid(self) -> int:
        return NIDS[self.index]

    @property
    def sendable(self) -> set[int]:
        return {l64 for l64, on in self.enabled.items() if on}


@dataclass(frozen=True, slots=True)
class Flight:
    """A packet under way."""

    octets: bytes
    opening: bool  #: the receiver's edge knows no flow for it


class World:
    """Everything the state machine acts on."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.nodes = [self._make(0), self._make(1)]
        self.flights: list[Flight] = []

    def _make(self, index: int) -> Node:
        node = Node(index, Core(NIDS[index]))
        node.core.knob("fallback", 0)
        return node

    def close(self) -> None:
        for node in self.nodes:
            node.core.close()

    def ilv(self, index: int, l64: int) -> Ilv:
        return Ilv(L64(l64), Nid(NIDS[index]))

    # What happens at a node.

    def attach(self, index: int, provider: int) -> None:
        node, l64 = self.nodes[index], locator(index, provider)
        node.core.put(l64, 0, self.now)
        node.enabled[l64] = True

    def detach(self, index: int, l64: int) -> None:
        node = self.nodes[index]
        node.core.delete(l64, self.now)
        del node.enabled[l64]

    def toggle(self, index: int, l64: int) -> None:
        node = self.nodes[index]
        node.enabled[l64] = not node.enabled[l64]
        node.core.disable(l64, not node.enabled[l64], self.now)

    def open(self, index: int) -> None:
        """A name server tells a node where the other one is."""
        node, peer = self.nodes[index], self.nodes[1 - index]
        places = sorted(peer.sendable)
        assert node.core.open(peer.nid, places, self.now) == 0
        node.proven |= set(places)
        node.named |= dict.fromkeys(places, self.now)

    def restart(self, index: int) -> None:
        old = self.nodes[index]
        old.core.close()
        fresh = self.nodes[index] = self._make(index)
        for l64, on in old.enabled.items():
            fresh.core.put(l64, 0, self.now)
            if not on:
                fresh.core.disable(l64, True, self.now)
        fresh.enabled = old.enabled

    def send(self, index: int, opening: bool = False) -> None:
        """An application sends a datagram."""
        node = self.nodes[index]
        sent = node.core.output(NIDS[1 - index], 600, self.now)
        if sent is None:
            return
        assert len(sent.pairs) <= COPIES_MAX
        for local, remote in sent.pairs:
            assert local in node.sendable, "data from a locator that is gone"
            if remote in node.proven:
                continue
            node.blind += 1
            limit = BLIND_MAX * max(1, len(node.core.sessions()))
            assert node.blind <= limit, "bulk data to a locator nobody answered from"
        for local, remote in sent.pairs:
            packet = build.udp(
                self.ilv(index, local),
                self.ilv(1 - index, remote),
                (PORT, PORT),
                b"x" * 500,
                nonce=Nonce(sent.nonce),
            )
            self.flights.append(Flight(packet, opening))

    # The network.

    def owner(self, packet: bytes) -> Node | None:
        view = parse_packet(packet)
        for node in self.nodes:
            if node.nid == view.destination.nid.value:
                return node if view.destination.l64.value in node.enabled else None
        return None

    def deliver(self, flight: Flight) -> Verdict | None:
        """Hands a packet to whoever sits at its destination; None if nobody does."""
        node = self.owner(flight.octets)
        if node is None:
            return None
        view = parse_packet(flight.octets)
        before = node.core.sessions()
        verdict, out = node.core.input(flight.octets, not flight.opening, self.now)
        self._watch(node, view, flight.octets, before)
        if verdict is Verdict.DELIVER:
            node.delivered += 1
        self._emit(node, out, answered=view)
        return verdict

    def _watch(
        self, node: Node, view: PacketView, packet: bytes, before: dict[int, Session]
    ) -> None:
        """Checks that a packet did to the node's sessions what the rules allow."""
        after = node.core.sessions()
        theirs = view.nonce.octets if view.nonce else b""
        source = view.source.l64.value
        held = {
            s.id
            for s in before.values()
            if theirs and s.theirs == theirs and (not s.provisional or source in s.locators)
        }
        firm = {ident for ident in held if not before[ident].provisional}
        token = token_of(view, packet)
        askers = {ident for ident, past in node.past.items() if token in past.probes}
        changed = 0
        for ident, old in before.items():
            if ident not in after:
                assert makes_way(old, before, after), "a proven session made way for a packet"
                continue
            past = node.past.setdefault(ident, Past())
            allowed = [old]
            if not held or ident in held or (not firm and ident in askers):
                allowed = outcomes(old, view, packet, past, self.now)
            new = after[ident]
            if ident in held - firm and askers - {ident} and same(new, forgotten(old)):
                continue  # its nonce has turned out to be that of another session
            assert any(same(new, one) for one in allowed), (view, old, new, allowed)
            changed += not same(old, new)
            if new.theirs != old.theirs and old.confirmed and not old.provisional:
                past.last_update = None
        assert changed <= 1, "one packet changed two sessions"
        born = set(after) - set(before)
        assert len(born) <= 1
        for ident in born:
            assert theirs and after[ident].theirs == theirs
            assert set(after[ident].locators) == {view.source.l64.value}
            node.proven.add(view.source.l64.value)
        if askers & set(after):
            node.proven.add(source)
            node.blind = 0

    def _emit(self, node: Node, packets: list[bytes], answered: PacketView | None = None) -> None:
        """What a node sends by itself: it must be well-formed, honest and asked for."""
        # An answer made anew to a repeated first packet bears the same nonce of ours again.
        sessions: dict[bytes, list[Session]] = {}
        for one in node.core.sessions().values():
            sessions.setdefault(one.ours, []).append(one)
        for packet in packets:
            view = parse_packet(packet)
            assert view.error is None and view.protocol == ICMPV6 and view.icmp is not None
            assert view.checksum is ChecksumVerdict.IPV6
            assert view.source.nid.value == node.nid and view.nonce is not None
            assert view.source.l64.value in node.enabled
            assert usable(view.destination.l64.value)
            senders = sessions[view.nonce.octets]
            update = view.locator_update
            if update is not None and update.operation == LU_ADVERT:
                assert any(s.confirmed for s in senders)
                assert {r.l64.value for r in update.records} == node.sendable
                assert view.source.l64.value in node.sendable
            elif update is not None:
                assert answered is not None and answered.locator_update is not None
                assert update == answered.locator_update.acknowledged()
            elif view.icmp.type == ECHO_REQUEST:
                probe = (
                    view.source.l64.value,
                    view.destination.l64.value,
                    view.icmp.parameter & 0xFFFF,
                    packet[-8:],
                )
                for session in senders:
                    node.past.setdefault(session.id, Past()).probes.add(probe)
            self.flights.append(Flight(packet, opening=False))

    def tick(self, node: Node) -> int:
        before = node.core.sessions()
        again, out = node.core.tick(self.now)
        assert again >= self.now
        for ident, new in node.core.sessions().items():
            old = before[ident]
            gone = set(old.locators) - set(new.locators)
            assert all(old.locators[l64][1] & Flag.WITHDRAWN for l64 in gone)
            kept = {l64: what for l64, what in old.locators.items() if l64 not in gone}
            assert new.locators == kept
            assert (new.theirs, new.ours, new.state) == (old.theirs, old.ours, old.state)
            assert (new.confirmed, new.provisional) == (old.confirmed, old.provisional)
        self._emit(node, out)
        return again

    def pass_time(self, milliseconds: int) -> None:
        """Time goes by, with the timers called whenever they asked to be."""
        end = self.now + milliseconds * 1000
        while True:
            soonest = min(self.tick(node) for node in self.nodes)
            if soonest >= end:
                break
            self.now = max(soonest, self.now + 1)
        self.now = end
