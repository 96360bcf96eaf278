# SPDX-License-Identifier: BSD-2-Clause
"""sys/hooks/hooks.lock: the functions that a person has read, as hashes per release.

One line each: release, FILE:FUNCTION, hash of its tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ilnptool.errors import FileError

LOCK_FILE = Path("sys/hooks/hooks.lock")
LIBC_LOCK_FILE = Path("lib/libc-ilnp/hooks.lock")
_LINE = re.compile(r"(\S+)\s+(\S+):(\w+)\s+([0-9a-f]{64})")
_HEAD = """\
# SPDX-License-Identifier: BSD-2-Clause
# Functions with a hook in them, as they were when somebody read them:
# release, place, SHA-256 of the tokens.  Written by `ilnptool hooks review --accept'.
"""


@dataclass(frozen=True, slots=True, order=True)
class Reviewed:
    """One function of one release."""

    release: str
    file: PurePosixPath
    function: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.release} {self.file}:{self.function} {self.fingerprint}"


@dataclass(frozen=True, slots=True)
class Lock:
    """All that has been reviewed."""

    entries: tuple[Reviewed, ...] = ()

    def releases(self, file: PurePosixPath, function: str, mark: str) -> tuple[str, ...]:
        """Return the releases in which this function was reviewed with these tokens."""
        return tuple(
            entry.release
            for entry in self.entries
            if (entry.file, entry.function, entry.fingerprint) == (file, function, mark)
        )

    def accept(self, new: Iterable[Reviewed]) -> Lock:
        """Return the lock with `new` in it, in place of what those releases had."""
        fresh = set(new)
        known = {(entry.release, entry.file, entry.function) for entry in fresh}
        kept = {
            entry
            for entry in self.entries
            if (entry.release, entry.file, entry.function) not in known
        }
        return Lock(tuple(sorted(kept | fresh)))


def load_lock(path: Path) -> Lock:
    """Read a lock; a file that is not there has nothing in it."""
    if not path.exists():
        return Lock()
    entries: list[Reviewed] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise FileError(path, number, line, "RELEASE FILE:FUNCTION SHA256", "bad line")
        entries.append(Reviewed(match[1], PurePosixPath(match[2]), match[3], match[4]))
    return Lock(tuple(entries))


def save_lock(path: Path, lock: Lock) -> None:
    body = "".join(f"{entry}\n" for entry in lock.entries)
    path.write_text(_HEAD + body, encoding="utf-8")
