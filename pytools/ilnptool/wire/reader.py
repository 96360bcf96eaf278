# SPDX-License-Identifier: BSD-2-Clause
"""A reader that cannot leave the range it was given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ilnptool.wire.fault import Fault, WireError


class Reader:
    """Takes integers in network order and octets from a range, front to back."""

    __slots__ = ("_data", "_end", "_pos")

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = bytes(data)
        self._pos = 0
        self._end = len(self._data)

    @property
    def position(self) -> int:
        """Octets taken since the start of the data."""
        return self._pos

    @property
    def remaining(self) -> int:
        """Octets left in the range in force."""
        return self._end - self._pos

    def take(self, count: int) -> bytes:
        if count < 0 or count > self.remaining:
            raise WireError(
                Fault.TRUNCATED,
                f"{count} octets wanted at offset {self._pos}, {self.remaining} left",
            )
        start = self._pos
        self._pos += count
        return self._data[start : self._pos]

    def rest(self) -> bytes:
        return self.take(self.remaining)

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "big")

    @contextmanager
    def limited(self, count: int) -> Iterator[Reader]:
        """Narrows the range to the next `count` octets, which must all be taken inside.

        After an error inside, the reader stands behind those octets in its former range.
        """
        if count < 0 or count > self.remaining:
            raise WireError(
                Fault.TRUNCATED,
                f"range of {count} octets at offset {self._pos}, {self.remaining} left",
            )
        outer, inner = self._end, self._pos + count
        self._end = inner
        try:
            yield self
            if self._pos != inner:
                raise WireError(
                    Fault.LEFTOVER, f"{inner - self._pos} octets not used at offset {self._pos}"
                )
        finally:
            self._pos, self._end = inner, outer
