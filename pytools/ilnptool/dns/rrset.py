# SPDX-License-Identifier: BSD-2-Clause
"""What a name holds: sets of records as text, in the one form in which we write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from ilnptool.errors import UsageError
from ilnptool.wire.values import L64, Nid

#: The types that are ours alone at a name; AAAA records there may be somebody else's, too.
ILNP_TYPES = ("NID", "L64", "LP")
TYPES = (*ILNP_TYPES, "AAAA")

TTL_MAX = 2**31 - 1
NAME_FORM = "a domain name, absolute if it ends in a point"


@dataclass(frozen=True, slots=True)
class RRset:
    """All records of one type at one name, without order; empty: there are to be none."""

    rdtype: str
    ttl: int  # seconds
    rdata: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rdtype not in TYPES:
            raise UsageError(f"bad type {self.rdtype!r}; allowed: {', '.join(TYPES)}")
        if not 0 <= self.ttl <= TTL_MAX:
            raise UsageError(f"bad TTL {self.ttl}; allowed: 0 to {TTL_MAX} seconds")


@dataclass(frozen=True, slots=True)
class OwnerSet:
    """The sets of one name; a type that is not in it is none of our business there."""

    owner: str  # absolute, with its last point
    sets: tuple[RRset, ...]

    def rdata(self, rdtype: str) -> tuple[str, ...]:
        """Return the records of a type."""
        return next((x.rdata for x in self.sets if x.rdtype == rdtype), ())

    def as_json(self) -> dict[str, Any]:
        return {
            "owner": self.owner,
            "sets": [{"type": x.rdtype, "ttl": x.ttl, "rdata": list(x.rdata)} for x in self.sets],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> OwnerSet:
        """Read what as_json wrote; KeyError, TypeError or ValueError if it is something else."""
        sets = (RRset(str(x["type"]), int(x["ttl"]), tuple(x["rdata"])) for x in value["sets"])
        return cls(str(value["owner"]), tuple(sets))


def nid_rdata(preference: int, nid: Nid) -> str:
    return f"{preference} {nid.dns()}"


def l64_rdata(preference: int, l64: L64) -> str:
    return f"{preference} {l64.dns()}"


def addresses(l64s: Iterable[L64], nids: Iterable[Nid]) -> tuple[str, ...]:
    """Return the addresses that locators and identifiers make (RFC 6742 s3.1), as text."""
    names = list(nids)
    return tuple(str(IPv6Address(l64.packed + nid.packed)) for l64 in l64s for nid in names)


def nid_of_rdata(text: str) -> str:
    """Return the identifier in a NID record, without its preference."""
    return text.split()[1]


def absolute(text: str, zone: str) -> str:
    """Return a name with its last point, below `zone` if it has none; UsageError if it is none."""
    try:
        name = dns.name.from_text(text, dns.name.from_text(zone))
    except dns.exception.DNSException as err:
        raise UsageError(f"bad name {text!r}: {err}; allowed: {NAME_FORM}") from err
    return str(name).lower()


def rdata(rdtype: str, text: str) -> dns.rdata.Rdata:
    """Return a record of ours as dnspython has it."""
    return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(rdtype), text)
