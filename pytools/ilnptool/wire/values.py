# SPDX-License-Identifier: BSD-2-Clause
"""The values of the protocol: NID, L64, I-LV and nonce.  All immutable, checked when made."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from ipaddress import IPv6Address

from ilnptool.wire.constants import (
    IDENTITY_W0,
    IDENTITY_W1,
    IDENTITY_W2,
    IDENTITY_W3,
    NONCE_LONG,
    NONCE_SHORT,
)
from ilnptool.wire.fault import Fault, WireError

_MASK64 = (1 << 64) - 1


def _check64(what: str, value: int) -> None:
    if not 0 <= value <= _MASK64:
        raise WireError(Fault.VALUE, f"{what} {value:#x} does not fit 64 bits")


def _groups(value: int, separator: str) -> str:
    digits = f"{value:016x}"
    return separator.join(digits[i : i + 4] for i in range(0, 16, 4))


@dataclass(frozen=True, slots=True, order=True)
class Nid:
    """A node identifier: 64 bits that name a node; printed with dashes."""

    value: int

    def __post_init__(self) -> None:
        _check64("NID", self.value)

    @property
    def packed(self) -> bytes:
        return self.value.to_bytes(8, "big")

    def dns(self) -> str:
        """The form of RFC 6742 records."""
        return _groups(self.value, ":")

    def __str__(self) -> str:
        return _groups(self.value, "-")


@dataclass(frozen=True, slots=True, order=True)
class L64:
    """A locator: 64 bits that name a subnetwork; printed with plus signs."""

    value: int

    def __post_init__(self) -> None:
        _check64("L64", self.value)

    @property
    def packed(self) -> bytes:
        return self.value.to_bytes(8, "big")

    @property
    def is_plausible(self) -> bool:
        """True in 2000::/3 and fc00::/7, where unicast locators are to be expected."""
        return self.value >> 61 == 0b001 or self.value >> 57 == 0b1111110

    @property
    def is_link_local(self) -> bool:
        """True in fe80::/10, which is never a locator."""
        return self.value >> 54 == 0x3FA

    def dns(self) -> str:
        """The form of RFC 6742 records."""
        return _groups(self.value, ":")

    def __str__(self) -> str:
        return _groups(self.value, "+")


#: The prefix of addresses that stand for a NID alone; it never appears between nodes.
IDENTITY_L64 = L64(IDENTITY_W0 << 48 | IDENTITY_W1 << 32 | IDENTITY_W2 << 16 | IDENTITY_W3)


@dataclass(frozen=True, slots=True, order=True)
class Ilv:
    """An identifier-locator vector: what stands in an IPv6 address field."""

    l64: L64
    nid: Nid

    @classmethod
    def of(cls, address: IPv6Address | bytes | str) -> Ilv:
        """Splits an IPv6 address: locator above, identifier below."""
        value = int(IPv6Address(address))
        return cls(L64(value >> 64), Nid(value & _MASK64))

    @property
    def packed(self) -> bytes:
        return self.l64.packed + self.nid.packed

    @property
    def address(self) -> IPv6Address:
        return IPv6Address(self.packed)

    def __str__(self) -> str:
        return f"{self.l64}.{self.nid}"


@dataclass(frozen=True, slots=True)
class Nonce:
    """A session nonce of 4 or 12 octets (RFC 6744 s2)."""

    octets: bytes

    def __post_init__(self) -> None:
        if len(self.octets) not in (NONCE_SHORT, NONCE_LONG):
            raise WireError(
                Fault.NONCE_LENGTH,
                f"nonce of {len(self.octets)} octets; allowed: {NONCE_SHORT}, {NONCE_LONG}",
            )

    @classmethod
    def fresh(cls, size: int = NONCE_SHORT) -> Nonce:
        """A new unpredictable nonce."""
        return cls(secrets.token_bytes(size))

    def __str__(self) -> str:
        return self.octets.hex()
