# SPDX-License-Identifier: BSD-2-Clause
"""A state machine that drives two C cores and checks every step against the rules in Python.

Runs for ILNP_MODEL_SECONDS (30 by default); a night of it is ILNP_MODEL_SECONDS=30000.  The
sequences are the same each time, batch after batch from ILNP_MODEL_SEED (0) on: another seed
far away gives others.
"""

from __future__ import annotations

import os
import time
from typing import Any

import hypothesis.strategies as st
import ilnpcore
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    get_state_machine_test,
    initialize,
    invariant,
    precondition,
    rule,
)
from ilnpcore import Flag, State, Verdict
from rules import Past
from world import NIDS, PORT, PROVIDERS, Flight, World, locator, parse_packet

from ilnptool.wire import build
from ilnptool.wire.lu import LocatorRecord, LocatorUpdate
from ilnptool.wire.values import L64, Ilv, Nid, Nonce

SECONDS = float(os.environ.get("ILNP_MODEL_SECONDS", "30"))
SEED = int(os.environ.get("ILNP_MODEL_SEED", "0"))
BATCH = 10
STEPS = 60
MEMORY_MAX = 400_000  # two caches of 32 sessions with all their paths
EVIL = 0x20010DB80666DEAD
FLIGHTS_MAX = 60

node_index = st.integers(0, 1)


class TwoNodes(RuleBasedStateMachine):
    """Two nodes that move, send, restart; a network that misbehaves; an attacker off the path."""

    def __init__(self) -> None:
        super().__init__()
        ilnpcore.seed(1)
        self.world = World()
        self.forged: set[bytes] = set()  #: nonces that the attacker has made up

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.world.close()

    @initialize()
    def begin(self) -> None:
        for index in range(2):
            self.world.attach(index, 0)
        self.world.open(0)

    # The nodes.

    @rule(index=node_index, provider=st.integers(0, PROVIDERS - 1))
    def move(self, index: int, provider: int) -> None:
        """A node gets a locator, or loses it unless it is the last that it may use."""
        node, l64 = self.world.nodes[index], locator(index, provider)
        if l64 not in node.enabled:
            self.world.attach(index, provider)
        elif node.sendable - {l64}:
            self.world.detach(index, l64)

    @rule(index=node_index, provider=st.integers(0, PROVIDERS - 1))
    def disable(self, index: int, provider: int) -> None:
        node, l64 = self.world.nodes[index], locator(index, provider)
        if l64 in node.enabled and (not node.enabled[l64] or node.sendable - {l64}):
            self.world.toggle(index, l64)

    @rule(index=node_index, count=st.integers(1, 15), opening=st.booleans())
    def send(self, index: int, count: int, opening: bool) -> None:
        for _ in range(count):
            if len(self.world.flights) < FLIGHTS_MAX:
                self.world.send(index, opening)

    @rule(index=node_index)
    def ask_names(self, index: int) -> None:
        self.world.open(index)

    @rule(index=node_index, reopen=st.booleans())
    def restart(self, index: int, reopen: bool) -> None:
        self.world.restart(index)
        if reopen:
            self.world.open(index)

    # The network and the time.

    @rule(data=st.data())
    @precondition(lambda self: self.world.flights)
    def deliver_one(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.world.flights) - 1))
        self.world.deliver(self.world.flights.pop(at))

    @rule()
    def deliver_all(self) -> None:
        flights, self.world.flights = self.world.flights, []
        for flight in flights:
            self.world.deliver(flight)

    @rule(data=st.data())
    @precondition(lambda self: self.world.flights)
    def deliver_twice(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.world.flights) - 1))
        self.world.deliver(self.world.flights[at])

    @rule(data=st.data())
    @precondition(lambda self: self.world.flights)
    def lose(self, data: st.DataObject) -> None:
        self.world.flights.pop(data.draw(st.integers(0, len(self.world.flights) - 1)))

    @rule(milliseconds=st.sampled_from([1, 30, 60, 150, 500, 1500, 4000]))
    def pass_time(self, milliseconds: int) -> None:
        self.world.pass_time(milliseconds)
        del self.world.flights[:-FLIGHTS_MAX]

    @rule()
    def converse(self) -> None:
        """Half a second in which all goes well."""
        self.calm(5)

    # The attacker knows every NID and every locator, and no nonce.

    def forge(self, packet: bytes, opening: bool = False) -> Verdict | None:
        nonce = parse_packet(packet).nonce
        if nonce is not None:
            self.forged.add(nonce.octets)
        return self.world.deliver(Flight(packet, opening))

    def ends(self, index: int, data: st.DataObject, evil: bool) -> tuple[Ilv, Ilv]:
        """From the peer, or from the attacker's own place in its name, to a node."""
        node, peer = self.world.nodes[index], self.world.nodes[1 - index]
        places = [EVIL] if evil else sorted(peer.enabled)
        return (
            Ilv(L64(data.draw(st.sampled_from(places))), Nid(peer.nid)),
            Ilv(L64(data.draw(st.sampled_from(sorted(node.enabled)))), Nid(node.nid)),
        )

    @rule(index=node_index, data=st.data(), evil=st.booleans(), size=st.sampled_from([0, 4, 12]))
    def forge_update(self, index: int, data: st.DataObject, evil: bool, size: int) -> None:
        source, destination = self.ends(index, data, evil)
        update = LocatorUpdate(data.draw(st.integers(1, 2)), (LocatorRecord(L64(EVIL), 0, 300),))
        nonce = Nonce(data.draw(st.binary(min_size=size, max_size=size))) if size else None
        before = self.world.nodes[index].core.sessions()
        packet = build.locator_update(source, destination, update, nonce)
        verdict = self.forge(packet)
        # A session that the attacker began it may speak of, to no effect.
        own = nonce is not None and any(s.theirs == nonce.octets for s in before.values())
        if all(s.state is State.OPEN and not s.provisional for s in before.values()):
            assert verdict is Verdict.DROP or own
            assert self.world.nodes[index].core.sessions().keys() == before.keys()

    @rule(
        index=node_index,
        data=st.data(),
        evil=st.booleans(),
        nonce=st.none() | st.binary(min_size=4, max_size=4),
        opening=st.booleans(),
    )
    def forge_data(
        self, index: int, data: st.DataObject, evil: bool, nonce: bytes | None, opening: bool
    ) -> None:
        source, destination = self.ends(index, data, evil)
        packet = build.udp(
            source,
            destination,
            (PORT, PORT),
            b"forged",
            nonce=Nonce(nonce) if nonce is not None else None,
        )
        before = self.world.nodes[index].core.sessions().values()
        verdict = self.forge(packet, opening)
        # To a session that the attacker began it may say what it likes.
        own = any(s.theirs in self.forged and not s.provisional for s in before)
        if evil and not opening and before and not own:
            assert verdict is not Verdict.DELIVER

    @rule(index=node_index, data=st.data(), token=st.binary(min_size=8, max_size=8))
    def forge_answer(self, index: int, data: st.DataObject, token: bytes) -> None:
        source, destination = self.ends(index, data, evil=False)
        message = bytes((129, 0, 0, 0)) + data.draw(st.binary(min_size=4, max_size=4)) + token
        nonce = Nonce(data.draw(st.binary(min_size=4, max_size=4)))
        self.forge(build.icmpv6(source, destination, message, nonce=nonce))

    @rule(index=node_index, data=st.data(), kind=st.sampled_from([1, 2, 4]))
    def forge_error(self, index: int, data: st.DataObject, kind: int) -> None:
        """An error about a packet that the node never sent: it does not bear its nonce."""
        source, destination = self.ends(index, data, evil=False)
        wrong = Nonce(data.draw(st.binary(min_size=4, max_size=4)))
        quote = build.udp(destination, source, (PORT, PORT), b"never sent", nonce=wrong)
        head = bytes((kind, 2 if kind == 4 else 0, 0, 0)) + (42).to_bytes(4, "big")
        router = Ilv(L64(EVIL), Nid(1))
        self.forge(build.icmpv6(router, destination, head + quote))

    # What holds at all times.

    @invariant()
    def memory_is_bounded(self) -> None:
        assert ilnpcore.memory() <= MEMORY_MAX

    @invariant()
    def sessions_are_bounded(self) -> None:
        for node in self.world.nodes:
            # pair_max, one more that may yet be proven, one of our own
            assert len(node.core.sessions()) <= 6

    @invariant()
    def nobody_heard_of_the_attackers_place(self) -> None:
        """Only a session that the attacker began itself has it, and that is never proven."""
        for node in self.world.nodes:
            for session in node.core.sessions().values():
                if EVIL in session.locators:
                    assert not session.initiator
                    assert not session.confirmed
                    assert session.theirs in self.forged

    # When the network is quiet both ends agree again.

    def calm(self, rounds: int) -> None:
        for _ in range(rounds):
            for index in range(2):
                self.world.send(index)
            self.deliver_everything()
            self.world.pass_time(100)
            self.deliver_everything()

    def deliver_everything(self) -> None:
        while self.world.flights:
            self.world.deliver(self.world.flights.pop(0))

    def settle(self) -> None:
        if not self.world.nodes[0].enabled:
            return
        self.world.flights.clear()
        for index in range(2):
            self.world.open(index)
        self.calm(120)
        for index in range(2):
            self.world.open(index)  # what both lost, names give back
        self.calm(60)
        for index in range(2):
            node, peer = self.world.nodes[index], self.world.nodes[1 - index]
            before = peer.delivered
            self.world.send(index)
            flight = self.world.flights[-1]
            nonce = parse_packet(flight.octets).nonce
            assert nonce is not None
            self.deliver_everything()
            assert peer.delivered > before, "data is still dropped"
            session = next(s for s in peer.core.sessions().values() if s.theirs == nonce.octets)
            assert session.confirmed, [n.core.sessions() for n in self.world.nodes]
            assert session.sendable >= node.sendable, "the ends do not agree"
            past = peer.past.get(session.id, Past())
            for l64 in session.sendable - node.sendable:
                # A packet that came after the last update may have taught a place that was given
                # up before; as nobody answers from there, nothing is sent there but probes.
                late = Flag.LEARNT | Flag.UNPROVEN
                if session.locators[l64][1] & late == late:
                    continue
                # Else only what names said, and no update has put right since, may be out of date.
                named = peer.named.get(l64, 0)
                assert named > (past.last_update_at if past.last_update else 0)
                assert not session.locators[l64][1] & Flag.LEARNT


def run_batch(number: int) -> None:
    options: dict[str, Any] = {
        "max_examples": BATCH,
        "stateful_step_count": STEPS,
        "deadline": None,
        "database": None,
        "phases": [Phase.generate],
        "suppress_health_check": list(HealthCheck),
    }
    seed(number)(get_state_machine_test(TwoNodes, settings=settings(**options)))()


@pytest.mark.timeout(SECONDS * 3 + 240)
@pytest.mark.checklist(15, 42, 44, 46, 55, 71, 72, 73, 74, 75, 76, 77, 86)
def test_cores_follow_the_rules_whatever_happens() -> None:
    end = time.monotonic() + SECONDS
    number = SEED
    while number == SEED or time.monotonic() < end:
        run_batch(number)
        number += 1


def test_rules_see_what_a_broken_core_does() -> None:
    """The watch is worth something: a session changed behind its back is noticed."""
    machine = TwoNodes()
    machine.begin()
    machine.calm(10)
    world = machine.world
    node = world.nodes[1]
    before = node.core.sessions()
    session = next(iter(before.values()))
    lie = {
        **before,
        session.id: session.__class__(**_fields(session, locators={EVIL: (0, Flag(0))})),
    }
    packet = build.udp(
        Ilv(L64(EVIL), Nid(NIDS[0])), Ilv(L64(locator(1, 0)), Nid(NIDS[1])), (1, 2), b""
    )
    with pytest.raises(AssertionError):
        world._watch(node, parse_packet(packet), packet, lie)
    machine.teardown()


def _fields(session: ilnpcore.Session, **changes: object) -> dict[str, Any]:
    return {name: changes.get(name, getattr(session, name)) for name in session.__slots__}
