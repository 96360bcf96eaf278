# SPDX-License-Identifier: BSD-2-Clause
"""Finds the processes of a lab in /proc, also those whose starter is long dead.

A process belongs to a lab if it is in one of its network namespaces, or carries the lab's mark in
its environment: the second finds a process that has been started but not yet entered its place.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection
from pathlib import Path

from ilnptool.errors import Timeout

MARK = "ILNPTOOL_LAB"

_PROC = Path("/proc")
_NETNS = Path("/run/netns")
_TERM_SECONDS = 3.0
_KILL_SECONDS = 5.0


def netns_exists(name: str) -> bool:
    """Tell whether there is a network namespace of that name."""
    return (_NETNS / name).exists()


def _place(path: Path) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None


def _fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name, which may hold anything."""
    with contextlib.suppress(OSError):
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return []


def started(pid: int) -> int | None:
    """Return when a living process was started, in ticks since boot; with its id it is unique."""
    fields = _fields(pid)
    return int(fields[19]) if fields and fields[0] not in "ZX" else None


def _has_mark(pid: int, mark: bytes) -> bool:
    with contextlib.suppress(OSError):
        return mark in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    return False


def members(netns: Collection[str], mark: str) -> list[int]:
    """Return the living processes of a lab, other than ourselves."""
    places = {_place(_NETNS / name) for name in netns} - {None}
    marked = f"{MARK}={mark}".encode()
    found = []
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        pid = int(entry.name)
        inside = _place(entry / "ns" / "net") in places or _has_mark(pid, marked)
        if inside and started(pid) is not None:
            found.append(pid)
    return found


def _signal_all(pids: Collection[int], sig: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sig)


def _gone_by(netns: Collection[str], mark: str, deadline: float) -> bool:
    while members(netns, mark):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def end_all(netns: Collection[str], mark: str) -> None:
    """End every process of a lab: ask first, then kill until none is left."""
    _signal_all(members(netns, mark), signal.SIGTERM)
    if _gone_by(netns, mark, time.monotonic() + _TERM_SECONDS):
        return
    deadline = time.monotonic() + _KILL_SECONDS
    while pids := members(netns, mark):
        if time.monotonic() >= deadline:
            raise Timeout(f"processes {pids} do not die; look at them with: ps -fp PID")
        _signal_all(pids, signal.SIGKILL)
        time.sleep(0.02)
