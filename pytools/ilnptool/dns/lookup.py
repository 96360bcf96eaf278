# SPDX-License-Identifier: BSD-2-Clause
"""Asks a resolver where a name's node is: NID, L64 and, through one LP, the L64 there."""

from __future__ import annotations

from dataclasses import dataclass

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

from ilnptool.dns.faults import ServerDown
from ilnptool.errors import Timeout
from ilnptool.wire.text import parse_dns_l64, parse_dns_nid
from ilnptool.wire.values import L64, Nid

RECORDS_MAX = 16  # of one type, at one name; a name with more is not what we are made for


@dataclass(frozen=True, slots=True)
class Answer:
    """What a name holds, best preference first; `ttl` is the shortest of all that was used."""

    nids: tuple[tuple[int, Nid], ...]
    l64s: tuple[tuple[int, L64], ...]
    ttl: int  # seconds


def _ask(server: str, port: int, name: str, rdtype: str, timeout: float) -> dns.rrset.RRset | None:
    try:
        query = dns.message.make_query(name, rdtype)
        answer, _ = dns.query.udp_with_fallback(query, server, timeout, port)
    except dns.exception.Timeout as err:
        raise Timeout(f"{server} port {port}: no answer within {timeout:g} s") from err
    except (dns.exception.DNSException, OSError) as err:
        raise ServerDown(f"{server} port {port}: {err or type(err).__name__}") from err
    wanted = dns.rdatatype.from_text(rdtype)
    return next((x for x in answer.answer if x.rdtype == wanted), None)


def lookup(server: str, name: str, *, port: int = 53, timeout: float = 2.0) -> Answer:
    """Return the identifiers and locators of a name; none at all if it has none.

    Each type is asked for by itself, as a server need not add the others (RFC 6742 s3.1).
    """
    sets = {x: _ask(server, port, name, x, timeout) for x in ("NID", "L64", "LP")}
    ttls = [x.ttl for x in sets.values() if x is not None]
    l64s = _l64s(sets["L64"])
    for pointer in list(sets["LP"] or ())[:RECORDS_MAX]:
        there = _ask(server, port, str(pointer.fqdn), "L64", timeout)
        if there is not None and str(pointer.fqdn) != name:
            l64s += _l64s(there)
            ttls.append(there.ttl)
    nids = [(rd.preference, parse_dns_nid(rd.nodeid)) for rd in list(sets["NID"] or ())]
    return Answer(
        tuple(sorted(nids)[:RECORDS_MAX]),
        tuple(sorted(set(l64s))[:RECORDS_MAX]),
        min(ttls, default=0),
    )


def _l64s(rrset: dns.rrset.RRset | None) -> list[tuple[int, L64]]:
    return [(rd.preference, parse_dns_l64(rd.locator64)) for rd in list(rrset or ())]
