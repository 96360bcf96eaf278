# SPDX-License-Identifier: BSD-2-Clause
"""The rules of what a packet may do to a session, in plain Python.

Each rule says what a session must look like after a packet, given what it looked like before.  It
knows nothing of tables, timers or C; of the past only which probes were sent and which Locator
Update was the last to be taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ilnpcore import Flag, Session, State

from ilnptool.wire.constants import LOCS_MAX, LU_ADVERT
from ilnptool.wire.lu import LocatorRecord, LocatorUpdate
from ilnptool.wire.packet import ICMPV6, PacketView

ECHO_REPLY = 129
TOKEN_OCTETS = 8
LEARNT_PREFERENCE = 0xFFFF
PAIR_MAX = 4  # sessions of one pair of NIDs that the peer began and has confirmed
LU_GAP_US = 50_000  # half of lu_gap: how fast updates are taken


@dataclass(slots=True)
class Past:
    """What a node remembers of one of its sessions beyond the session itself."""

    last_update: tuple[LocatorRecord, ...] | None = None
    last_update_at: int = 0
    probes: set[tuple[int, int, int, bytes]] = field(default_factory=set)  #: pair, number, token


def token_of(view: PacketView, packet: bytes) -> tuple[int, int, int, bytes] | None:
    """The probe that a packet answers, as it stands in Past.probes."""
    if view.protocol != ICMPV6 or view.icmp is None or view.icmp.type != ECHO_REPLY:
        return None
    assert view.upper_offset is not None
    token = packet[view.upper_offset + 8 :]
    if len(token) != TOKEN_OCTETS:
        return None
    pair = (view.destination.l64.value, view.source.l64.value)
    return (*pair, view.icmp.parameter & 0xFFFF, token)


def usable(l64: int) -> bool:
    return l64 >> 61 == 0b001 or l64 >> 57 == 0b1111110


def replaced(
    known: dict[int, tuple[int, Flag]], update: LocatorUpdate
) -> dict[int, tuple[int, Flag]] | None:
    """The locators after an update; None if it lists none that may be used."""
    best: dict[int, int] = {}
    for record in update.records:
        if usable(record.l64.value) and record.lifetime:
            old = best.get(record.l64.value)
            if old is None or record.preference < old:
                best.pop(record.l64.value, None)
                best[record.l64.value] = record.preference
    if not best:
        return None
    chosen = sorted(best.items(), key=lambda item: item[1])[:LOCS_MAX]
    now = {
        l64: (pref, known[l64][1] & Flag.UNPROVEN if l64 in known else Flag.UNPROVEN)
        for l64, pref in chosen
    }
    for l64, (pref, flags) in known.items():
        if l64 not in now and len(now) < LOCS_MAX:
            now[l64] = (pref, Flag.WITHDRAWN | flags & Flag.UNPROVEN)
    return now


def _with_source(session: Session, source: int) -> Session:
    """A packet of the session came from a locator: it is learnt if it is new."""
    if source in session.locators or len(session.locators) == LOCS_MAX:
        return session
    learnt = (LEARNT_PREFERENCE, Flag.LEARNT | Flag.UNPROVEN)
    return replace(session, locators={**session.locators, source: learnt})


def _answered(session: Session, source: int) -> Session:
    """A probe of ours was answered from a locator under the session's nonce."""
    locators = dict(session.locators)
    if source in locators:
        locators[source] = (locators[source][0], locators[source][1] & ~Flag.UNPROVEN)
    return replace(session, confirmed=True, provisional=False, locators=locators)


def _updated(session: Session, view: PacketView, past: Past, now: int) -> Session:
    update = view.locator_update
    if update is None or update.operation != LU_ADVERT:
        return session
    if not session.confirmed or session.provisional:
        return session
    listed = {record.l64.value for record in update.records}
    if past.last_update == update.records and session.sendable <= listed:
        return session
    if past.last_update is not None and now - past.last_update_at < LU_GAP_US:
        return session
    locators = replaced(session.locators, update)
    if locators is None:
        return session
    past.last_update, past.last_update_at = update.records, now
    return replace(session, locators=locators)


def _news(session: Session, view: PacketView, past: Past, answers: bool, now: int) -> list[Session]:
    """A packet under the session's own nonce."""
    source = view.source.l64.value
    after = _with_source(session, source)
    after = _updated(after, view, past, now)
    # A late or repeated answer proves less, but never more.
    late = replace(after, confirmed=True, provisional=False)
    return [_answered(after, source), late, after] if answers else [after]


def _foreign(session: Session, view: PacketView, _past: Past, answers: bool) -> list[Session]:
    """A packet under a nonce that the session does not know."""
    source = view.source.l64.value
    assert view.nonce is not None
    nonce = view.nonce.octets
    outcomes = [session]
    tried = session.state is State.TRYING or (session.state is State.OPEN and session.provisional)
    taken = replace(session, theirs=nonce, state=State.OPEN)
    if answers and source in session.locators:
        if not tried:
            # A new incarnation of the peer: only the place it answered from is left.
            taken = replace(taken, locators={source: session.locators[source]})
        outcomes.append(_answered(taken, source))
    if tried and nonce == session.ours:
        shared = _with_source(taken, source)
        outcomes.append(replace(shared, confirmed=True, provisional=False))
    elif tried and source in session.locators:
        outcomes.append(replace(taken, provisional=True))
        if answers:
            outcomes.append(replace(taken, provisional=False, confirmed=True))
    return outcomes


def makes_way(old: Session, before: dict[int, Session], after: dict[int, Session]) -> bool:
    """A session may go if its peer has never proven to be there, or for one that now has."""
    if old.initiator:
        return False
    if not old.confirmed:
        return True
    proven = sum(s.confirmed and not s.initiator for s in before.values())
    newcomers = [s for s in after.values() if s.confirmed and not before.get(s.id, s).confirmed]
    return proven >= PAIR_MAX and any(old.lost or old.proven & new.proven for new in newcomers)


def forgotten(session: Session) -> Session:
    """The session without a nonce of the peer's that it had taken but not proven."""
    return replace(session, theirs=b"", state=State.TRYING, provisional=False)


def outcomes(
    session: Session, view: PacketView, packet: bytes, past: Past, now: int
) -> list[Session]:
    """Every state that the rules allow a session after a packet.

    Whether an update or a retransmission is pending is the timer's business and left out.
    """
    if view.nonce is None or session.state is State.IPV6:
        return [session]
    if not usable(view.source.l64.value) or not usable(view.destination.l64.value):
        return [session]
    answers = token_of(view, packet) in past.probes
    sought = not session.provisional or view.source.l64.value in session.locators
    if view.nonce.octets == session.theirs and sought:
        return _news(session, view, past, answers, now)
    return _foreign(session, view, past, answers)


def same(a: Session, b: Session) -> bool:
    """Equal in all that a packet can change at once."""
    return _essence(a) == _essence(b)


def _essence(s: Session) -> tuple[object, ...]:
    return (s.id, s.state, s.confirmed, s.provisional, s.theirs, s.ours, s.locators)
