# SPDX-License-Identifier: BSD-2-Clause
"""This machine's own kernel, if it is FreeBSD: sysctlbyname(3) by way of cffi.

Which variables exist and of what kind they are is known from the C tables, so nothing is walked.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from ilnptool.errors import EnvironmentMissing, UsageError
from ilnptool.sysctl.variables import TREE, known_variables

_C = """
int sysctlbyname(const char *name, void *oldp, size_t *oldlenp,
    const void *newp, size_t newlen);
"""
_TEXTS = ("algorithm", "nids", "disabled", "locators")
_LARGEST = 65536


class KernelBackend:
    """See ilnptool.sysctl.variables.Backend."""

    where = "this machine"

    def __init__(self) -> None:
        if os.uname().sysname != "FreeBSD":
            raise EnvironmentMissing(
                "this machine's kernel is not FreeBSD's; name a node: --lab LAB --node NODE, "
                "--socket PATH, or node in dns.toml"
            )
        try:
            import cffi  # noqa: PLC0415  (wanted on FreeBSD only)
        except ImportError as err:
            raise EnvironmentMissing("no cffi; pip install cffi, or pkg install py-cffi") from err
        self._ffi: Any = cffi.FFI()
        self._ffi.cdef(_C)
        self._libc: Any = self._ffi.dlopen(None)

    def _call(self, name: str, old: Any, size: Any, new: bytes | None) -> None:
        pointer = self._ffi.NULL if new is None else self._ffi.from_buffer(new)
        length = 0 if new is None else len(new)
        if self._libc.sysctlbyname(f"{TREE}.{name}".encode(), old, size, pointer, length) != 0:
            reason = os.strerror(self._ffi.errno)
            raise UsageError(f"{TREE}.{name}: {reason}")

    def get(self, name: str) -> str:
        buffer = self._ffi.new("char[]", _LARGEST)
        size = self._ffi.new("size_t *", _LARGEST)
        self._call(name, buffer, size, None)
        octets = bytes(self._ffi.buffer(buffer, size[0]))
        if name in _TEXTS:
            return octets.rstrip(b"\0").decode()
        return str(int.from_bytes(octets, "little"))

    def set(self, name: str, value: str) -> None:
        # Counters, which are of eight octets, cannot be written.
        new = value.encode() if name in _TEXTS else int(value).to_bytes(4, "little")
        self._call(name, self._ffi.NULL, self._ffi.NULL, new)

    def read_all(self) -> dict[str, str]:
        found = {}
        for name in known_variables():
            # A kernel of another day may not have it.
            with contextlib.suppress(UsageError):
                found[name] = self.get(name)
        return found
