# SPDX-License-Identifier: BSD-2-Clause
"""What a lab keeps on disk: its files, its lock, and the journal of what was made.

A thing is in the journal before it exists, so that whoever cleans up after a killed process knows
of all there can be, and of nothing that belongs to others.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ilnptool.errors import Timeout, UsageError
from ilnptool.lab.model import check_name

# Unix socket paths end at 107 bytes, and the longest we make is link.NAME/ctl.sock below the lab.
_SOCKET_PATH_MAX = 107
_LONGEST_BELOW = "link." + "x" * 15 + "/ctl.sock"

Entry = dict[str, Any]


class LabState:
    """The directory of one lab."""

    def __init__(self, root: Path, lab: str) -> None:
        try:
            check_name(lab)
        except ValueError as err:
            raise UsageError(f"bad lab name {lab!r}: use 1 to 15 of a-z, 0-9 and -") from err
        self.lab = lab
        self.directory = root / "labs" / lab
        self._journal = self.directory / "journal.jsonl"
        self._lock = root / "locks" / lab
        self._kept = root / "kept"
        if len(os.fsencode(self.directory / _LONGEST_BELOW)) > _SOCKET_PATH_MAX:
            raise UsageError(
                f"{self.directory}: too long a path for sockets; set ILNPTOOL_STATE to another"
            )

    def node(self, name: str) -> Path:
        """Return the directory of a node, made if need be."""
        path = self.directory / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def link(self, name: str) -> Path:
        """Return the directory of an emulated link; no node's name has a dot."""
        return self.node(f"link.{name}")

    def exists(self) -> bool:
        return self._journal.exists()

    def record(self, kind: str, **fields: Any) -> None:
        """Append an entry; it is in the file when this returns."""
        self.directory.mkdir(parents=True, exist_ok=True)
        # A line break also before it, so that an entry torn off there does not swallow this one.
        with self._journal.open("a") as journal:
            journal.write("\n" + json.dumps({"kind": kind, **fields}) + "\n")

    def entries(self, kind: str | None = None) -> list[Entry]:
        """Return the journal, or its entries of one kind; what was half written does not count."""
        try:
            lines = self._journal.read_text().splitlines()
        except FileNotFoundError:
            return []
        found: list[Entry] = []
        for line in lines:
            with contextlib.suppress(json.JSONDecodeError):
                found.append(json.loads(line))
        return [entry for entry in found if kind in (None, entry["kind"])]

    def keep(self, path: Path) -> Path:
        """Copy a file of a node to where it outlives the lab; return that place.

        It takes the place of what was kept before of a lab and node of these names.
        """
        kept = self._kept / f"{self.lab}.{path.parent.name}.{path.name}"
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, kept)
        return kept

    def remove(self) -> None:
        """Forget the lab; its journal goes last."""
        for path in sorted(self.directory.glob("*")):
            if path.is_dir():
                shutil.rmtree(path)
            elif path != self._journal:
                path.unlink()
        shutil.rmtree(self.directory, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self, timeout: float = 60.0) -> Iterator[int]:
        """Hold the lab's lock; yields its descriptor.

        A child that inherits the descriptor holds the lock too.  Commands that make things get it,
        so that nobody cleans up while one of them outlives its killed parent.
        """
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock_by(lock, time.monotonic() + timeout, self.lab)
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            yield lock
        finally:
            os.close(lock)


def _lock_by(lock: int, deadline: float, lab: str) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as err:
            if time.monotonic() >= deadline:
                holder = os.pread(lock, 32, 0).decode() or "?"
                raise Timeout(
                    f"lab {lab} is being changed by process {holder}; wait for it or end it"
                ) from err
            time.sleep(0.05)


def find_lab(root: Path, lab: str) -> LabState:
    """Return the state of a lab that is there, complete or not; UsageError if there is none."""
    state = LabState(root, lab)
    if not state.exists():
        known = ", ".join(labs_in(root)) or "none"
        raise UsageError(f"no lab {lab}; there are: {known}")
    return state


def labs_in(root: Path) -> list[str]:
    """Return the names of the labs that have state below `root`."""
    return sorted(path.parent.name for path in root.glob("labs/*/journal.jsonl"))
