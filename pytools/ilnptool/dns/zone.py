# SPDX-License-Identifier: BSD-2-Clause
"""Zone files: checks what RFC 6742 asks of NID, L64 and LP records, and writes them.

Three kinds of files are read; each record remembers where it stood, so an error can say so:

  hosts      I-LV NAME [PREFERENCE [LIFETIME]]     the node's hosts file; gives NID, L64 and AAAA
  locators   l64 NAME L64 [PREFERENCE [TTL]]       a subnet that hosts point to
             nid NAME NID [PREFERENCE [TTL]]       a host that points to subnets
             lp  NAME TARGET [PREFERENCE [TTL]]
  zone       a master file (RFC 1035 s5), of which only our records are looked at
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ilnptool.dns.rrset import NAME_FORM, TTL_MAX, absolute, addresses, l64_rdata, nid_rdata
from ilnptool.errors import FileError, UsageError
from ilnptool.wire.fault import WireError
from ilnptool.wire.text import parse_dns_l64, parse_dns_nid, parse_ilv, parse_l64, parse_nid
from ilnptool.wire.values import L64, Nid

PREFERENCE = 10
PREFERENCE_FORM = "a preference from 0 to 65535"
TTL_FORM = f"a TTL from 0 to {TTL_MAX} seconds"
L64_FORM = "a locator in 2000::/3 or fc00::/7"
NID_FORM = "an identifier that is not zero and no subnet anycast identifier"
LOCATORS_FORM = "l64 NAME L64, nid NAME NID or lp NAME TARGET, each with [PREFERENCE [TTL]]"
HOSTS_FORM = "I-LV NAME [PREFERENCE [LIFETIME]]"

# RFC 2526: the highest 128 identifiers of a subnet, apart from the u bit, are anycast.
_ANYCAST_FIRST = 0xFDFF_FFFF_FFFF_FF80
_ANYCAST_LAST = 0xFDFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"

    def fault(self, value: object, allowed: str, what: str = "bad value") -> FileError:
        return FileError(self.path, self.line, value, allowed, what)


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `value` is a Nid, an L64, or the absolute name that an LP points to."""

    owner: str
    preference: int
    value: Nid | L64 | str
    ttl: int | None  # seconds; None: that of the zone
    place: Place

    @property
    def rdtype(self) -> str:
        return {Nid: "NID", L64: "L64", str: "LP"}[type(self.value)]

    @property
    def rdata(self) -> str:
        """Return the record's data as RFC 6742 writes it, with four digits per group."""
        match self.value:
            case Nid():
                return nid_rdata(self.preference, self.value)
            case L64():
                return l64_rdata(self.preference, self.value)
        return f"{self.preference} {self.value}"


def number(text: str, most: int, place: Place, allowed: str) -> int:
    """Return a whole number from 0 to `most`."""
    if not (text.isascii() and text.isdigit()) or int(text) > most:
        raise place.fault(text, allowed)
    return int(text)


def _name(text: str, origin: str, place: Place) -> str:
    try:
        return absolute(text, origin)
    except UsageError as err:
        raise place.fault(text, NAME_FORM) from err


def checked(record: Record, shown: str) -> Record:
    """Return a record whose value may be published; `shown` is how it stands in the file."""
    place = record.place
    match record.value:
        case L64() if not record.value.is_plausible:
            raise place.fault(shown, L64_FORM)
        case Nid() if (
            record.value.value == 0 or _ANYCAST_FIRST <= record.value.value <= _ANYCAST_LAST
        ):
            raise place.fault(shown, NID_FORM)
        case str() if record.value == record.owner:
            raise place.fault(shown, "another name than the record's own (RFC 6742 s2.4.1.2)")
    return record


def _lines(path: Path) -> Iterator[tuple[Place, list[str]]]:
    """Yield the words of each line that has some; # begins a comment."""
    for line, text in enumerate(read_text(path).splitlines(), 1):
        words = text.partition("#")[0].split()
        if words:
            yield Place(path, line), words


def read_text(path: Path) -> str:
    """Return the text of a file."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as err:
        raise UsageError(f"{path}: cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise FileError(path, 1, "bytes that are not UTF-8", "UTF-8 text") from err


def read_hosts(path: Path, origin: str) -> list[Record]:
    """Read a hosts file of the node: one NID and one L64 record for each I-LV.

    The shortest lifetime of a host's locators is the TTL of them all; 0 means for ever in that
    file and never in the DNS, so it is passed over.
    """
    shortest: dict[str, int] = {}
    found = []
    for place, words in _lines(path):
        if not 2 <= len(words) <= 4:
            raise place.fault(" ".join(words), HOSTS_FORM)
        try:
            ilv = parse_ilv(words[0])
        except WireError as err:
            raise place.fault(words[0], _allowed(err)) from err
        owner = _name(words[1], origin, place)
        preference = PREFERENCE
        if len(words) > 2:
            preference = number(words[2], 65535, place, PREFERENCE_FORM)
        ttl = number(words[3], TTL_MAX, place, TTL_FORM) if len(words) > 3 else 0
        if ttl:
            shortest[owner] = min(ttl, shortest.get(owner, ttl))
        found += [
            checked(Record(owner, PREFERENCE, ilv.nid, None, place), words[0]),
            checked(Record(owner, preference, ilv.l64, None, place), words[0]),
        ]
    # A host with three locators stands on three lines, and has one identifier.
    unique = list({(x.owner, x.value): x for x in reversed(found)}.values())[::-1]
    return [replace(x, ttl=shortest.get(x.owner)) if x.rdtype == "L64" else x for x in unique]


def _allowed(err: WireError) -> str:
    """Return what a parser of ours would have taken."""
    return str(err).partition("allowed: ")[2] or str(err)


def _value(kind: str, text: str, origin: str, place: Place) -> Nid | L64 | str:
    try:
        if kind == "nid":
            return parse_nid(text)
        return parse_l64(text) if kind == "l64" else _name(text, origin, place)
    except WireError as err:
        raise place.fault(text, _allowed(err)) from err


def read_locators(path: Path, origin: str) -> list[Record]:
    """Read a locators file: records by name, with the type in front."""
    found = []
    for place, words in _lines(path):
        kind = words[0].lower()
        if kind not in ("l64", "nid", "lp") or not 3 <= len(words) <= 5:
            raise place.fault(" ".join(words), LOCATORS_FORM)
        owner = _name(words[1], origin, place)
        value = _value(kind, words[2], origin, place)
        preference, ttl = PREFERENCE, None
        if len(words) > 3:
            preference = number(words[3], 65535, place, PREFERENCE_FORM)
        if len(words) > 4:
            ttl = number(words[4], TTL_MAX, place, TTL_FORM)
        found.append(checked(Record(owner, preference, value, ttl, place), words[2]))
    return found


def dns_value(rdtype: str, text: str, origin: str, place: Place) -> Nid | L64 | str:
    """Read the value of a record in a master file, where only colons separate groups."""
    try:
        if rdtype == "NID":
            return parse_dns_nid(text)
        return parse_dns_l64(text) if rdtype == "L64" else _name(text, origin, place)
    except WireError as err:
        raise place.fault(text, _allowed(err)) from err


def check(records: Sequence[Record]) -> list[str]:
    """Raise FileError for what RFC 6742 forbids; return what is allowed and probably not meant."""
    _refuse_contradictions(records)
    by_name: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        by_name.setdefault(record.owner, {}).setdefault(record.rdtype, []).append(record)
    found = []
    for owner, types in by_name.items():
        for lp in types.get("LP", []):
            target = by_name.get(str(lp.value), {})
            if "LP" in target and "L64" not in target:
                raise lp.place.fault(
                    lp.value, "a name with L64 records: an LP leads to locators, not to another LP"
                )
            if not target:
                found.append(f"{lp.place}: {lp.value} is not in these files; is it elsewhere?")
        if "NID" in types and not {"L64", "LP"} & set(types):
            place = types["NID"][0].place
            found.append(f"{place}: {owner} has a NID and neither L64 nor LP: nobody reaches it")
        if "LP" in types and "NID" not in types:
            place = types["LP"][0].place
            found.append(f"{place}: {owner} has an LP and no NID: nobody reaches it")
        if "LP" in types and "L64" in types:
            place = types["LP"][0].place
            found.append(f"{place}: {owner} has L64 and LP records; both are used")
    return found


def _refuse_contradictions(records: Iterable[Record]) -> None:
    """Refuse a record that stands twice, and two TTLs within one set (RFC 2181 s5.2)."""
    seen: dict[tuple[str, object], Record] = {}
    ttls: dict[tuple[str, str], Record] = {}
    for record in records:
        before = seen.setdefault((record.owner, record.value), record)
        if before is not record:
            allowed = f"records that are not there yet; it stands in {before.place}"
            raise record.place.fault(record.rdata, allowed, "duplicate record")
        first = ttls.setdefault((record.owner, record.rdtype), record)
        if first.ttl != record.ttl:
            allowed = f"one TTL for all {record.rdtype} of {record.owner}, as in {first.place}"
            raise record.place.fault(record.ttl, allowed, "bad TTL")


@dataclass(frozen=True, slots=True)
class Layout:
    """What a zone file says beside our records."""

    origin: str
    ttl: int = 20
    nid_ttl: int = 3600  # of NID and LP records
    aaaa: bool = True
    primary: str | None = None  # absolute; with it the file is a whole zone
    mail: str = "hostmaster"
    serial: int = 1


def render(records: Sequence[Record], layout: Layout) -> str:
    """Return a master file with our records; the same records give the same text."""
    lines = [f"$ORIGIN {layout.origin}", f"$TTL {layout.ttl}"]
    if layout.primary is not None:
        mail = absolute(layout.mail, layout.origin)
        timers = f"{layout.serial} 3600 600 86400 {min(layout.ttl, 60)}"
        lines += [f"@ SOA {layout.primary} {mail} {timers}", f"@ NS {layout.primary}"]
    for record in sorted(records, key=lambda x: (x.owner, x.rdtype != "NID", x.rdtype, x.rdata)):
        usual = layout.ttl if record.rdtype == "L64" else layout.nid_ttl
        ttl = usual if record.ttl is None else record.ttl
        lines.append(f"{record.owner} {ttl} {record.rdtype} {record.rdata}")
    if layout.aaaa:
        lines += _addresses(records, layout.ttl)
    return "".join(f"{line}\n" for line in lines)


def _addresses(records: Sequence[Record], usual: int) -> list[str]:
    """Return the AAAA records of all names, through one LP where there is one."""
    lines = []
    l64s: dict[str, list[Record]] = {}
    lps: dict[str, list[str]] = {}
    nids: dict[str, list[Nid]] = {}
    for record in records:
        match record.value:
            case L64():
                l64s.setdefault(record.owner, []).append(record)
            case Nid():
                nids.setdefault(record.owner, []).append(record.value)
            case str():
                lps.setdefault(record.owner, []).append(record.value)
    for owner in sorted(nids):
        sources = [owner, *lps.get(owner, [])]
        found = [x for source in sources for x in l64s.get(source, [])]
        ttl = min((usual if x.ttl is None else x.ttl for x in found), default=usual)
        values = (x.value for x in found if isinstance(x.value, L64))
        unique = sorted(set(addresses(values, nids[owner])))
        lines += [f"{owner} {ttl} AAAA {address}" for address in unique]
    return lines
