# SPDX-License-Identifier: BSD-2-Clause
"""This machine's own kernel, if it is FreeBSD: sysctlbyname(3).

Which variables exist and of what kind they are is known from the C tables, so nothing is walked.
"""

from __future__ import annotations

import contextlib
import errno
import os

from ilnptool import libc
from ilnptool.errors import EnvironmentMissing, UsageError
from ilnptool.sysctl.variables import STATS, TREE, known_variables, refused


def is_freebsd() -> bool:
    """Tell whether this machine's kernel may speak ILNP itself."""
    return os.uname().sysname == "FreeBSD"


def _is_text(name: str) -> bool:
    """Tell whether a variable is text; the others are numbers of the kernel's own size."""
    known = known_variables().get(name)
    return not name.startswith(STATS) and (known is None or not known.highest)


class KernelBackend:
    """See ilnptool.sysctl.variables.Backend."""

    where = "this machine"

    def __init__(self) -> None:
        if not is_freebsd():
            raise EnvironmentMissing(
                "this machine's kernel is not FreeBSD's; name a node: --lab LAB --node NODE, "
                "--socket PATH, or node in dns.toml"
            )
        try:
            libc.read_sysctl("kern.features.ilnp6")
        except OSError as err:
            raise EnvironmentMissing(
                "this machine's kernel has no ILNP; kldload ilnp, or boot one that "
                "`ilnptool build-kernel' has built"
            ) from err

    def _read(self, name: str) -> bytes:
        try:
            return libc.read_sysctl(f"{TREE}.{name}")
        except OSError as err:
            if err.errno == errno.ENOENT:
                raise UsageError(f"{self.where} has no variable {name}") from err
            raise UsageError(f"{TREE}.{name}: {err.strerror}") from err

    def get(self, name: str) -> str:
        octets = self._read(name)
        if _is_text(name):
            return octets.rstrip(b"\0").decode()
        return str(int.from_bytes(octets, "little"))

    def set(self, name: str, value: str) -> None:
        if _is_text(name):
            new = value.encode()
        else:
            new = int(value).to_bytes(len(self._read(name)), "little")
        try:
            libc.write_sysctl(f"{TREE}.{name}", new)
        except OSError as err:
            raise refused(TREE, name, value, err.strerror or str(err)) from err

    def read_all(self) -> dict[str, str]:
        found = {}
        for name in known_variables():
            # A kernel of another day may not have it.
            with contextlib.suppress(UsageError):
                found[name] = self.get(name)
        return found
