# SPDX-License-Identifier: BSD-2-Clause
"""How NIDs, L64s and I-LVs are written by people and by other programs.

We write `L64(+).NID(-)` with four digits per group.  The same shapes are in use elsewhere with
other meanings (contradiction C18), so the separator, not the position, tells NID from L64 unless
the caller knows that a file follows the habit of L64 first.
"""

from __future__ import annotations

import re
from enum import StrEnum

from ilnptool.wire.fault import Fault, WireError
from ilnptool.wire.values import L64, Ilv, Nid

_GROUP = re.compile(r"[0-9a-fA-F]{1,4}")
_SEPARATORS = "+-:"
_DIGITS = "four groups of 1 to 4 hexadecimal digits"


class IlvForm(StrEnum):
    """Which half of dash.plus is the NID."""

    SEPARATOR = "separator"
    L64_FIRST = "l64-first"


def _error(what: str, text: str, allowed: str) -> WireError:
    return WireError(Fault.TEXT, f"bad {what} {text!r}; allowed: {allowed}")


def _parse_groups(what: str, text: str, separators: str) -> int:
    example = separators[0].join(["2001", "db8", "1", "1"])
    joined = " or ".join(f"'{mark}'" for mark in separators)
    allowed = f"{_DIGITS} separated by {joined}, as in {example}"
    marks = {char for char in text if char in _SEPARATORS}
    if len(marks) != 1 or not marks <= set(separators):
        raise _error(what, text, allowed)
    groups = text.split(marks.pop())
    if len(groups) != 4 or not all(_GROUP.fullmatch(group) for group in groups):
        if "::" in text:
            allowed += "; '::' may not stand for zeros"
        raise _error(what, text, allowed)
    return int("".join(group.zfill(4) for group in groups), 16)


def parse_nid(text: str) -> Nid:
    """Reads a lone NID: dashes (ours), plus signs (Wireshark, ilnp(8)) or colons (DNS)."""
    return Nid(_parse_groups("NID", text, "-+:"))


def parse_l64(text: str) -> L64:
    """Reads a lone L64: plus signs (ours), dashes or colons (DNS)."""
    return L64(_parse_groups("L64", text, "+-:"))


def parse_ilv(text: str, form: IlvForm = IlvForm.SEPARATOR) -> Ilv:
    """Reads an I-LV.  `plus.dash` is always L64.NID; `form` decides about `dash.plus`."""
    allowed = (
        "L64.NID as 2001+0db8+0001+0001.0211-22ff-fe33-4455, "
        "NID.L64 as 0211-22ff-fe33-4455.2001+0db8+0001+0001"
    )
    left, dot, right = text.partition(".")
    shape = tuple("".join(sorted({c for c in half if c in _SEPARATORS})) for half in (left, right))
    if not dot or shape not in {("+", "-"), ("-", "+")}:
        raise _error("I-LV", text, allowed)
    if shape == ("-", "+") and form is IlvForm.SEPARATOR:
        left, right, shape = right, left, ("+", "-")
    return Ilv(
        L64(_parse_groups("L64", left, shape[0])),
        Nid(_parse_groups("NID", right, shape[1])),
    )


def parse_dns_nid(text: str) -> Nid:
    """Reads the NID of a DNS record (RFC 6742 s2.1.2)."""
    return Nid(_parse_groups("NID", text, ":"))


def parse_dns_l64(text: str) -> L64:
    """Reads the L64 of a DNS record (RFC 6742 s2.3.2)."""
    return L64(_parse_groups("L64", text, ":"))
