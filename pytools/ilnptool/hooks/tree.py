# SPDX-License-Identifier: BSD-2-Clause
"""Says which FreeBSD a source tree is, and refuses what is none we can work on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ilnptool.errors import UsageError

MAJORS = (14, 15)
GET_SOURCE = (
    "get one with: git clone --depth 1 -b stable/14 https://git.freebsd.org/src.git /usr/src"
)
_VERSION = re.compile(r"^#define\s+__FreeBSD_version\s+(\d+)", re.MULTILINE)
_WORD = re.compile(r'^(REVISION|BRANCH)="?([^"\n]*)"?', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Tree:
    """A FreeBSD source tree of a release that we know."""

    root: Path
    release: str
    version: int

    @property
    def major(self) -> int:
        return self.version // 100000


def _read(root: Path, name: str) -> str:
    path = root / name
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as err:
        raise UsageError(
            f"{root}: not a FreeBSD source tree ({name}: {err.strerror}); {GET_SOURCE}"
        ) from err


def open_tree(root: Path) -> Tree:
    """Identify the tree at `root` by the files that every FreeBSD tree has."""
    if not root.is_dir():
        raise UsageError(f"{root}: no such directory; {GET_SOURCE}")
    param = _read(root, "sys/sys/param.h")
    newvers = _read(root, "sys/conf/newvers.sh")
    match = _VERSION.search(param)
    words = dict(_WORD.findall(newvers))
    if match is None or "REVISION" not in words:
        raise UsageError(f"{root}: not a FreeBSD source tree (no version in it); {GET_SOURCE}")
    release = f"{words['REVISION']}-{words.get('BRANCH', 'UNKNOWN')}"
    tree = Tree(root, release, int(match[1]))
    if tree.major not in MAJORS:
        known = " and ".join(str(major) for major in MAJORS)
        raise UsageError(
            f"{root}: this is FreeBSD {release} (sys/sys/param.h: {tree.version}); "
            f"ILNP has hooks for {known} only; {GET_SOURCE}"
        )
    return tree
