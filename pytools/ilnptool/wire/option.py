# SPDX-License-Identifier: BSD-2-Clause
"""Destination options and the nonce among them (RFC 8200 s4.2, RFC 6744)."""

from __future__ import annotations

from dataclasses import dataclass

from ilnptool.wire.constants import OPT_NONCE
from ilnptool.wire.fault import Fault, WireError
from ilnptool.wire.reader import Reader
from ilnptool.wire.values import Nonce

_PAD1 = 0
_PADN = 1
_MAX_HEADER = 8 + 255 * 8


@dataclass(frozen=True, slots=True)
class Option:
    """One option that is not padding."""

    type: int
    data: bytes

    def __post_init__(self) -> None:
        if self.type in (_PAD1, _PADN) or not 0 <= self.type <= 0xFF:
            raise WireError(Fault.VALUE, f"option type {self.type} is padding or beyond 8 bits")
        if len(self.data) > 0xFF:
            raise WireError(Fault.VALUE, f"option of {len(self.data)} octets; allowed: up to 255")

    @property
    def packed(self) -> bytes:
        return bytes((self.type, len(self.data))) + self.data


def _pad(count: int) -> bytes:
    if count == 0:
        return b""
    return b"\0" if count == 1 else bytes((_PADN, count - 2)) + bytes(count - 2)


@dataclass(frozen=True, slots=True)
class DestinationOptions:
    """A destination options header; padding is neither kept nor written except at its end."""

    next_header: int
    options: tuple[Option, ...]

    @classmethod
    def of_nonce(cls, nonce: Nonce, next_header: int) -> DestinationOptions:
        """The header that a node sends: the nonce and nothing else."""
        return cls(next_header, (Option(OPT_NONCE, nonce.octets),))

    @classmethod
    def parse(cls, rd: Reader) -> DestinationOptions:
        """Takes one header; options that run past it are an error."""
        next_header = rd.u8()
        length = rd.u8() * 8 + 6
        options: list[Option] = []
        with rd.limited(length) as body:
            while body.remaining:
                kind = body.u8()
                if kind == _PAD1:
                    continue
                size = body.u8() if body.remaining else 1
                if size > body.remaining:
                    raise WireError(
                        Fault.OPTION_OVERRUN,
                        f"option {kind:#04x} runs past its header at offset {body.position}",
                    )
                data = body.take(size)
                if kind != _PADN:
                    options.append(Option(kind, data))
        return cls(next_header, tuple(options))

    @property
    def nonces(self) -> tuple[bytes, ...]:
        """The data of every nonce option, whatever its length."""
        return tuple(option.data for option in self.options if option.type == OPT_NONCE)

    @property
    def nonce(self) -> Nonce | None:
        """The nonce, None without one; two, or one of another length, are an error."""
        return only_nonce(self.nonces)

    @property
    def packed(self) -> bytes:
        body = b"".join(option.packed for option in self.options)
        body += _pad(-(len(body) + 2) % 8)
        if len(body) + 2 > _MAX_HEADER:
            raise WireError(Fault.VALUE, f"options of {len(body)} octets do not fit one header")
        return bytes((self.next_header, (len(body) + 2) // 8 - 1)) + body


def only_nonce(found: tuple[bytes, ...]) -> Nonce | None:
    """The one nonce of a packet out of all its nonce options (RFC 6744 s2: at most one)."""
    if len(found) > 1:
        raise WireError(Fault.NONCE_TWICE, f"{len(found)} nonce options; allowed: one per packet")
    return Nonce(found[0]) if found else None
