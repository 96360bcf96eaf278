# SPDX-License-Identifier: BSD-2-Clause
"""Locator Updates (RFC 6743) and their extended records (contradictions C4 and C5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from ilnptool.wire.constants import (
    ICMP6_LU,
    LU_ACK,
    LU_ADVERT,
    LU_CODE,
    LU_COUNT_MAX,
    LU_HDRLEN,
    LU_REC_EXT14,
    LU_REC_EXT16,
    LU_REC_RFC,
)
from ilnptool.wire.fault import Fault, WireError
from ilnptool.wire.reader import Reader
from ilnptool.wire.values import L64


class RecordForm(IntEnum):
    """Octets per record; locator, preference and lifetime in that order, network order."""

    RFC = LU_REC_RFC  #: 8 + 2 + 2
    EXT14 = LU_REC_EXT14  #: 8 + 2 + 4
    EXT16 = LU_REC_EXT16  #: 8 + 4 + 4

    @property
    def preference_octets(self) -> int:
        return 4 if self is RecordForm.EXT16 else 2

    @property
    def lifetime_octets(self) -> int:
        return 2 if self is RecordForm.RFC else 4


@dataclass(frozen=True, slots=True)
class LuMode:
    """What a receiver accepts beyond RFC 6743: longer records, one code beside 0."""

    extended: bool = False
    soft_code: int | None = None


RFC_MODE = LuMode()
EXTENDED_MODE = LuMode(extended=True)


@dataclass(frozen=True, slots=True)
class LocatorRecord:
    """One locator with its preference (lower is preferred) and lifetime in seconds."""

    l64: L64
    preference: int
    lifetime: int

    def __post_init__(self) -> None:
        for what, value in (("preference", self.preference), ("lifetime", self.lifetime)):
            if not 0 <= value <= 0xFFFFFFFF:
                raise WireError(Fault.VALUE, f"{what} {value}; allowed: 0 to 4294967295")


@dataclass(frozen=True, slots=True)
class LocatorUpdate:
    """A Locator Update message without its checksum."""

    operation: int
    records: tuple[LocatorRecord, ...]
    code: int = LU_CODE
    form: RecordForm = RecordForm.RFC

    def __post_init__(self) -> None:
        if self.operation not in (LU_ADVERT, LU_ACK):
            raise WireError(
                Fault.LU_OPERATION,
                f"operation {self.operation}; allowed: {LU_ADVERT} (advertisement), {LU_ACK} (ack)",
            )
        if not 1 <= len(self.records) <= LU_COUNT_MAX:
            raise WireError(
                Fault.LU_COUNT, f"{len(self.records)} locators; allowed: 1 to {LU_COUNT_MAX}"
            )
        if not 0 <= self.code <= 0xFF:
            raise WireError(Fault.LU_CODE, f"code {self.code}; allowed: 0 to 255")

    @property
    def is_ack(self) -> bool:
        return self.operation == LU_ACK

    def acknowledged(self) -> LocatorUpdate:
        """The acknowledgement: the same message with the other operation."""
        return replace(self, operation=LU_ACK)

    @property
    def packed(self) -> bytes:
        """The ICMPv6 message with a zero checksum; numbers too large for the form are clamped."""
        head = bytes((ICMP6_LU, self.code, 0, 0, len(self.records), self.operation, 0, 0))
        return head + b"".join(self._pack(record) for record in self.records)

    def _pack(self, record: LocatorRecord) -> bytes:
        fields = (
            (record.preference, self.form.preference_octets),
            (record.lifetime, self.form.lifetime_octets),
        )
        return record.l64.packed + b"".join(
            min(value, (1 << 8 * octets) - 1).to_bytes(octets, "big") for value, octets in fields
        )

    @classmethod
    def parse(cls, message: bytes, mode: LuMode = RFC_MODE) -> LocatorUpdate:
        """Reads an ICMPv6 message of type 156 whose checksum was looked at elsewhere.

        By RFC 6743 records have 12 octets and octets behind the last are ignored.  In extended mode
        the length of the message tells the form, so it must fit one form exactly.
        """
        rd = Reader(message)
        if rd.remaining < LU_HDRLEN:
            raise WireError(Fault.LU_LENGTH, f"{len(message)} octets; the header alone is 8")
        kind, code = rd.u8(), rd.u8()
        rd.take(2)  # checksum
        count, operation = rd.u8(), rd.u8()
        rd.take(2)  # reserved: ignored on receipt
        if kind != ICMP6_LU:
            raise WireError(Fault.VALUE, f"ICMPv6 type {kind} is no Locator Update")
        if code not in (LU_CODE, mode.soft_code):
            raise WireError(Fault.LU_CODE, f"code {code} is not in use here")
        if count == 0:
            raise WireError(Fault.LU_COUNT, f"no locators; allowed: 1 to {LU_COUNT_MAX}")
        form = _form_of(rd.remaining, count, mode)
        records = tuple(
            LocatorRecord(
                L64(rd.u64()),
                int.from_bytes(rd.take(form.preference_octets), "big"),
                int.from_bytes(rd.take(form.lifetime_octets), "big"),
            )
            for _ in range(count)
        )
        return cls(operation, records, code, form)


def _form_of(octets: int, count: int, mode: LuMode) -> RecordForm:
    if not mode.extended:
        if octets < count * RecordForm.RFC:
            raise WireError(
                Fault.LU_LENGTH, f"{octets} octets for {count} locators of {RecordForm.RFC:d}"
            )
        return RecordForm.RFC
    for form in RecordForm:
        if octets == count * form:
            return form
    allowed = ", ".join(str(int(form)) for form in RecordForm)
    raise WireError(
        Fault.LU_LENGTH, f"{octets} octets for {count} locators; allowed: {allowed} octets each"
    )
