# SPDX-License-Identifier: BSD-2-Clause
"""FreeBSD's C library by way of cffi, for what Python itself has no door to.

That is sysctlbyname(3), and getsockopt(2) for values of more than 1024 octets.
"""

from __future__ import annotations

import errno
import os
from functools import cache
from typing import Any

from ilnptool.errors import EnvironmentMissing

_C = """
int sysctlbyname(const char *name, void *oldp, size_t *oldlenp,
    const void *newp, size_t newlen);
int getsockopt(int s, int level, int optname, void *optval,
    unsigned int *optlen);
"""
_FIRST = 1 << 16  # octets offered for the value of a variable
_LARGEST = 1 << 26


@cache
def _library() -> tuple[Any, Any]:
    try:
        import cffi  # noqa: PLC0415  (wanted on FreeBSD only)
    except ImportError as err:
        raise EnvironmentMissing("no cffi; pkg install py311-cffi, or pip install cffi") from err
    ffi = cffi.FFI()
    ffi.cdef(_C)
    return ffi, ffi.dlopen(None)


def _check(ffi: Any, status: int) -> None:
    if status != 0:
        raise OSError(ffi.errno, os.strerror(ffi.errno))


def read_sysctl(name: str) -> bytes:
    """Return a variable as the kernel has it; OSError says why not."""
    ffi, libc = _library()
    room = _FIRST
    while True:
        value, size = ffi.new("char[]", room), ffi.new("size_t *", room)
        try:
            _check(ffi, libc.sysctlbyname(name.encode(), value, size, ffi.NULL, 0))
        except OSError as err:
            # A listing has no size that is known before.
            if err.errno != errno.ENOMEM or room >= _LARGEST:
                raise
            room *= 4
            continue
        return bytes(ffi.buffer(value, size[0]))


def write_sysctl(name: str, value: bytes) -> None:
    """Change a variable; OSError says why not."""
    ffi, libc = _library()
    new = ffi.from_buffer(value)
    _check(ffi, libc.sysctlbyname(name.encode(), ffi.NULL, ffi.NULL, new, len(value)))


def getsockopt(socket: int, level: int, option: int, room: int) -> bytes:
    """Return the value of a socket's option, at most `room` octets of it; OSError says why not."""
    ffi, libc = _library()
    value, size = ffi.new("char[]", room), ffi.new("unsigned int *", room)
    _check(ffi, libc.getsockopt(socket, level, option, value, size))
    return bytes(ffi.buffer(value, size[0]))
