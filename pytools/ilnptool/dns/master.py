# SPDX-License-Identifier: BSD-2-Clause
"""Reads our records out of a master file (RFC 1035 s5), with the lines they stand on.

dnspython splits the words, with quotes, parentheses and comments; it is not asked for the records,
because it takes only groups of four digits and forgets the lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dns.exception
import dns.tokenizer
import dns.ttl

from ilnptool.dns.rrset import ILNP_TYPES, TTL_MAX, absolute
from ilnptool.dns.zone import (
    PREFERENCE_FORM,
    TTL_FORM,
    Place,
    Record,
    checked,
    dns_value,
    number,
    read_text,
)
from ilnptool.errors import FileError, UsageError
from ilnptool.wire.values import L64, Nid

_CLASSES = ("IN", "CH", "HS", "ANY", "NONE")
_RDATA_FORM = {
    "NID": "PREFERENCE NID, as 10 0014:4fff:ff20:ee64",
    "L64": "PREFERENCE L64, as 10 2001:0db8:1140:1000",
    "LP": "PREFERENCE NAME, as 10 l64-subnet1.example.com.",
}
_OCTETS = 10  # of NID and L64 records (RFC 6742 s2.1.1, s2.3.1)


def read_zone(path: Path, origin: str) -> list[Record]:
    """Return the NID, L64 and LP records of a master file.

    Other records are passed over: the name server's own checker knows them better.
    """
    found: list[Record] = []
    owner: str | None = None
    default: int | None = None
    for place, indented, words in _entries(path):
        if words[0].upper() == "$ORIGIN" and len(words) == 2:
            origin = _absolute(words[1], origin, place)
        elif words[0].upper() == "$TTL" and len(words) == 2:
            default = _ttl(words[1], place)
        elif words[0].upper() == "$INCLUDE":
            raise place.fault(words[0], "files without it; check the included file by itself")
        elif not words[0].startswith("$"):
            if not indented:
                owner = _absolute(words.pop(0), origin, place)
            if owner is None:
                raise place.fault(words[0], "a name on the first record")
            record = _record(owner, words, origin, default, place)
            found += [] if record is None else [record]
    return found


def _entries(path: Path) -> Iterator[tuple[Place, bool, list[str]]]:
    """Yield the words of each entry, whether it begins with a blank, and its first line."""
    tokens = dns.tokenizer.Tokenizer(read_text(path), filename=str(path))
    while True:
        words: list[str] = []
        indented, line = False, 0
        try:
            while True:
                token = tokens.get(want_leading=not words and line == 0)
                line = line or tokens.where()[1]
                if token.is_whitespace():
                    indented = True
                elif token.is_eol_or_eof():
                    break
                else:
                    words.append(token.value)
        except dns.exception.DNSException as err:
            raise FileError(path, tokens.where()[1], str(err), "a master file") from err
        if words:
            yield Place(path, line), indented, words
        if token.is_eof():
            return


def _absolute(text: str, origin: str, place: Place) -> str:
    try:
        return absolute(text, origin)
    except UsageError as err:
        raise place.fault(text, "a domain name") from err


def _ttl(text: str, place: Place) -> int:
    try:
        return min(dns.ttl.from_text(text), TTL_MAX)
    except dns.exception.DNSException as err:
        raise place.fault(text, TTL_FORM) from err


def _record(
    owner: str, words: list[str], origin: str, ttl: int | None, place: Place
) -> Record | None:
    """Return a record if it is one of ours; TTL and class stand before the type in any order."""
    while words and (words[0].upper() in _CLASSES or words[0][0].isdigit()):
        word = words.pop(0)
        if word.upper() not in _CLASSES:
            ttl = _ttl(word, place)
    if not words or words[0].upper() not in ILNP_TYPES:
        return None
    rdtype = words.pop(0).upper()
    if words and words[0] == "\\#":
        return _generic(owner, rdtype, words, ttl, place)
    if len(words) != 2:
        raise place.fault(" ".join(words), _RDATA_FORM[rdtype])
    preference = number(words[0], 65535, place, PREFERENCE_FORM)
    value = dns_value(rdtype, words[1], origin, place)
    return checked(Record(owner, preference, value, ttl, place), words[1])


def _generic(
    owner: str, rdtype: str, words: list[str], ttl: int | None, place: Place
) -> Record | None:
    """Read the form of RFC 3597 for types that are not known; an LP in it is passed over."""
    shown = " ".join(words)
    try:
        octets = bytes.fromhex("".join(words[2:]))
        matches = int(words[1]) == len(octets)
    except (ValueError, IndexError):
        matches = False
    if not matches:
        raise place.fault(shown, r"\# LENGTH and as many octets in hexadecimal")
    if rdtype == "LP":
        return None
    if len(octets) != _OCTETS:
        raise place.fault(shown, f"{_OCTETS} octets in a record of type {rdtype}")
    low = int.from_bytes(octets[2:], "big")
    value = Nid(low) if rdtype == "NID" else L64(low)
    preference = int.from_bytes(octets[:2], "big")
    return checked(Record(owner, preference, value, ttl, place), shown)
