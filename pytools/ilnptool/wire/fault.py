# SPDX-License-Identifier: BSD-2-Clause
"""What can be wrong with bytes from the wire, each fault with one short name."""

from __future__ import annotations

from enum import StrEnum

from ilnptool.errors import UsageError


class Fault(StrEnum):
    """Names of faults, as written in decoded records and in the byte vectors."""

    TRUNCATED = "truncated"
    LEFTOVER = "leftover"
    NOT_IPV6 = "not-ipv6"
    HEADER_CHAIN = "header-chain"
    OPTION_OVERRUN = "option-overrun"
    NONCE_TWICE = "nonce-twice"
    NONCE_LENGTH = "nonce-length"
    LU_CODE = "lu-code"
    LU_COUNT = "lu-count"
    LU_LENGTH = "lu-length"
    LU_OPERATION = "lu-operation"
    VALUE = "value"
    TEXT = "text"
    CAPTURE = "capture"


class WireError(UsageError):
    """Bytes or text that are not what the protocol, or its notation, allows."""

    def __init__(self, fault: Fault, detail: str) -> None:
        self.fault = fault
        self.detail = detail
        super().__init__(f"{fault}: {detail}")
