# SPDX-License-Identifier: BSD-2-Clause
"""What belongs to the session of a flow: its nonces, Locator Updates and checksums."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ilnptool.measure.packets import FlowKey, Scan, UpdatePacket
from ilnptool.wire.cksum import ChecksumMode, ChecksumVerdict
from ilnptool.wire.lu import LocatorUpdate


class NonceCount(NamedTuple):
    """The nonces of one direction of a session, seen at both ends.

    `verified` is True if there were packets, each carried a nonce, and it was one and the same at
    both ends.
    """

    with_nonce: int
    without_nonce: int
    values: int
    verified: bool


class ChecksumCount(NamedTuple):
    """Checksums of packets that were captured whole, at the end that received them."""

    checked: int
    bad: int
    unfinished: int


class SeenUpdate(NamedTuple):
    """A Locator Update at the end that sent it, and whether the other end's capture has it."""

    time_ns: int
    from_sender: bool
    update: LocatorUpdate
    arrived: bool


def _own_updates(scan: Scan, keys: list[FlowKey]) -> list[UpdatePacket]:
    """Locator Updates that the senders of these flows sent to their receivers."""
    ends = {(key.source_nid, key.destination_nid) for key in keys}
    return [u for u in scan.updates if (u.source_nid, u.destination_nid) in ends]


def count_nonces(origin: Scan, target: Scan, keys: list[FlowKey]) -> NonceCount:
    """Counts the nonces on the packets of these flows, and on their Locator Updates, one way."""
    values: list[set[bytes]] = []
    with_nonce = without = 0
    for scan in (origin, target):
        found = [packet.nonce for key in keys for packet in scan.flows.get(key, ())]
        found += [update.nonce for update in _own_updates(scan, keys)]
        values.append({nonce for nonce in found if nonce is not None})
        with_nonce += sum(nonce is not None for nonce in found)
        without += sum(nonce is None for nonce in found)
    same = len(values[0]) == 1 and values[0] == values[1]
    return NonceCount(with_nonce, without, len(values[0] | values[1]), same and not without)


def find_updates(sent: Scan, received: Scan, keys: list[FlowKey]) -> list[SeenUpdate]:
    """The Locator Updates of the flows' sessions, each as captured at the end that sent it."""
    seen: list[SeenUpdate] = []
    back = [key.reverse() for key in keys]
    for origin, target, own, from_sender in (
        (sent, received, keys, True),
        (received, sent, back, False),
    ):
        arrived = Counter((u.source_nid, u.nonce, u.update) for u in target.updates)
        for update in _own_updates(origin, own):
            name = (update.source_nid, update.nonce, update.update)
            here = arrived[name] > 0
            arrived[name] -= here
            seen.append(SeenUpdate(update.time_ns, from_sender, update.update, here))
    return sorted(seen, key=lambda entry: entry.time_ns)


def _count(verdicts: list[ChecksumVerdict], mode: ChecksumMode | None) -> ChecksumCount:
    """Counts verdicts; without a mode the more frequent one is taken as the session's."""
    tally = Counter(verdicts)
    if mode is None:
        rfc = tally[ChecksumVerdict.RFC] >= tally[ChecksumVerdict.IPV6]
        mode = ChecksumMode.RFC if rfc else ChecksumMode.IPV6
    unfinished = tally[ChecksumVerdict.UNFINISHED]
    checked = len(verdicts) - unfinished
    return ChecksumCount(checked, checked - tally[ChecksumVerdict(mode.value)], unfinished)


def count_checksums(target: Scan, keys: list[FlowKey], mode: ChecksumMode | None) -> ChecksumCount:
    """Checks what arrived at one end: TCP and UDP in the session's mode, Locator Updates in full.

    A checksum that holds the pseudo-header's sum only is counted apart: on a virtual link with
    checksum offload a packet is handed over that way, no wire having been there to damage it.
    """
    flow = _count(
        [
            packet.verdict
            for key in keys
            for packet in target.flows.get(key, ())
            if packet.verdict is not None
        ],
        mode,
    )
    updates = _count(
        [u.verdict for u in _own_updates(target, keys) if u.verdict is not None],
        ChecksumMode.IPV6,
    )
    return ChecksumCount(*(a + b for a, b in zip(flow, updates, strict=True)))
