# SPDX-License-Identifier: BSD-2-Clause
"""What a name is to hold, given the locators of a host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ilnptool.dns.config import DnsConfig
from ilnptool.dns.rrset import OwnerSet, RRset, addresses, l64_rdata, nid_rdata
from ilnptool.errors import UsageError
from ilnptool.wire.values import L64, Nid

LU_LIFETIME = 300  # seconds; the node's default of the knob lu_lifetime


@dataclass(frozen=True, slots=True)
class LocalView:
    """What a host has to publish: NIDs that last, and locators with their preferences.

    Ephemeral NIDs are never in it: they must not be linked to a name.
    """

    nids: tuple[Nid, ...]
    l64s: tuple[tuple[int, L64], ...]
    lu_lifetime: int = LU_LIFETIME  # seconds a Locator Update promises

    def __post_init__(self) -> None:
        for _, l64 in self.l64s:
            if not l64.is_plausible:
                raise UsageError(f"bad locator {l64}; allowed: those in 2000::/3 or fc00::/7")
        for nid in self.nids:
            if nid.value == 0:
                raise UsageError("bad NID 0; allowed: one that is not zero")


def ttl_of(config: DnsConfig, view: LocalView) -> int:
    """Return the TTL of locators: who caches them must not believe in them longer than a peer."""
    return min(config.ttl, view.lu_lifetime)


def compose(config: DnsConfig, view: LocalView) -> tuple[OwnerSet, ...]:
    """Return the names to publish and what they are to hold.

    UsageError if there is nothing to publish: a host without a locator does not announce so, as
    nobody could reach it at none, and most likely it does not reach the server either.
    """
    if not view.l64s:
        raise UsageError("no locator is in use, so there is nothing to publish")
    if config.name is not None and not view.nids:
        raise UsageError("no NID that lasts, so there is nothing to publish")
    found: list[OwnerSet] = []
    ttl = ttl_of(config, view)
    l64s = tuple(sorted(l64_rdata(preference, l64) for preference, l64 in view.l64s))
    if config.name is not None:
        found.append(_host(config, view, ttl, l64s))
    if config.lp is not None and config.lead:
        found.append(OwnerSet(config.lp, (RRset("L64", ttl, l64s),)))
    return tuple(found)


def _host(config: DnsConfig, view: LocalView, ttl: int, l64s: Sequence[str]) -> OwnerSet:
    assert config.name is not None
    nids = tuple(sorted(nid_rdata(config.preference, nid) for nid in view.nids))
    lps = () if config.lp is None else (f"{config.preference} {config.lp}",)
    sets = [
        RRset("NID", config.nid_ttl, nids),
        RRset("L64", ttl, () if config.lp is not None else tuple(l64s)),
        RRset("LP", config.nid_ttl, lps),
    ]
    if config.aaaa:
        ours = addresses((l64 for _, l64 in view.l64s), view.nids)
        sets.append(RRset("AAAA", ttl, tuple(sorted(ours))))
    return OwnerSet(config.name, tuple(sets))
