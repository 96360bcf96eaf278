# SPDX-License-Identifier: BSD-2-Clause
"""A copy of a tree's sys/ that we may change: hard links where that is possible, else copies.

The tree itself is only read.  Files of the copy are replaced, never written in place, and what
somebody edits in the tree since is picked up by the next refresh.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LEFT_OUT = {".git", ".svn", ".hg"}
# Lists the files that are as in the tree, with what they looked like there.
_INDEX = ".ilnp-index"


@dataclass(frozen=True, slots=True)
class Overlay:
    """The copy, and a hash of what it was made from."""

    root: Path
    digest: str
    changed: int


def _files(top: Path, prefix: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(top) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        name = f"{prefix}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _LEFT_OUT:
                yield from _files(Path(entry.path), f"{name}/")
        else:
            yield name, entry


def _stamp(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return f"-> {Path(entry.path).readlink()}"
    stat = entry.stat(follow_symlinks=False)
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ino}"


def _read_index(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    return dict(line.split("\t", 1) for line in path.read_text().splitlines())


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        target.unlink()
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    try:
        target.hardlink_to(source)
    except OSError:
        # Another file system, or a file that is not ours to link.
        shutil.copy2(source, target)


def _digest(stamps: dict[str, str]) -> str:
    # Inode numbers tell a replaced file from an edited one, but mean nothing to a cache.
    content = "".join(f"{name}\t{stamp.rsplit(' ', 1)[0]}\n" for name, stamp in stamps.items())
    return hashlib.sha256(content.encode()).hexdigest()


def digest_of_tree(source: Path) -> str:
    """Return a hash of the names, sizes and times of all files of a tree."""
    return _digest({name: _stamp(entry) for name, entry in _files(source)})


def refresh(source: Path, overlay: Path) -> Overlay:
    """Make `overlay` hold the files of `source`, touching only what changed since last time."""
    overlay.mkdir(parents=True, exist_ok=True)
    index = overlay / _INDEX
    old = _read_index(index)
    # Gone while we work: an interrupted refresh is done again from the beginning.
    index.unlink(missing_ok=True)
    new = {name: _stamp(entry) for name, entry in _files(source)}
    changed = [name for name, stamp in new.items() if old.get(name) != stamp]
    for name in changed:
        _place(source / name, overlay / name)
    for name in old.keys() - new.keys():
        (overlay / name).unlink(missing_ok=True)
    text = "".join(f"{name}\t{stamp}\n" for name, stamp in new.items())
    index.write_text(text)
    return Overlay(overlay, _digest(new), len(changed))
