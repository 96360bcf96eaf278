# SPDX-License-Identifier: BSD-2-Clause
"""Our own files as they go into a FreeBSD source tree."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

from ilnptool.config import PROJECT
from ilnptool.errors import EnvironmentMissing

# Below sys/, what is ours; the hooks themselves are no part of a kernel.
_PARTS = ("netinet6/ilnp", "conf/files.ilnp", "amd64/conf", "modules/ilnp")
_KERNEL_SUFFIXES = {".c", ".h", ".ilnp", ""}


def project() -> Path:
    """Return the checkout this tool runs from, which holds the kernel sources."""
    if not (PROJECT / "sys/hooks/hooks.toml").exists():
        raise EnvironmentMissing(
            f"{PROJECT} holds no kernel sources; run ilnptool from a checkout of the project: "
            "git clone it, then pip install -e ."
        )
    return PROJECT


def kernel_sources(root: Path | None = None) -> dict[PurePosixPath, Path]:
    """Return our kernel files: where each goes in a FreeBSD tree, and where it is here."""
    sys_dir = (root or project()) / "sys"
    found: dict[PurePosixPath, Path] = {}
    for part in _PARTS:
        top = sys_dir / part
        paths = sorted(top.rglob("*")) if top.is_dir() else [top]
        for path in paths:
            if path.is_file() and path.suffix in _KERNEL_SUFFIXES:
                found[PurePosixPath("sys") / path.relative_to(sys_dir).as_posix()] = path
    return found


# The core's parts that the resolver is built on.
_LIBC_CORE = "ilnp_addr.c ilnp_addr.h ilnp_env.h ilnp_rd.h ilnp_types.h ilnp_wire.h"
# Front doors of other systems, and what is built from outside of the tree.
_NOT_LIBC = {"nss_freebsd.c", "nss_linux.c", "renew.c", "resolve.c", "teach_node.c"}


def libc_sources(root: Path | None = None) -> dict[PurePosixPath, Path]:
    """Return our files for FreeBSD's libc: where each goes in a tree, and where it is here."""
    top = root or project()
    found = {
        PurePosixPath("lib/libc-ilnp") / path.name: path
        for path in sorted((top / "lib/libc-ilnp").glob("*.[ch]"))
        if path.name not in _NOT_LIBC
    }
    core = [f"sys/netinet6/ilnp/core/{name}" for name in _LIBC_CORE.split()]
    for name in (*core, "sys/netinet6/ilnp/ilnp.h"):
        found[PurePosixPath(name)] = top / name
    return found


def digest_of(files: dict[PurePosixPath, Path]) -> str:
    """Return a hash of the names and contents of files."""
    total = hashlib.sha256()
    for name, path in sorted(files.items()):
        total.update(f"{name}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def install(files: dict[PurePosixPath, Path], tree: Path) -> list[PurePosixPath]:
    """Put our files into a tree; return those that were not there in this form."""
    changed: list[PurePosixPath] = []
    for name, path in files.items():
        target = tree / name
        content = path.read_bytes()
        if target.is_file() and target.read_bytes() == content:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        # A new file each time: the old one may be a hard link into somebody's tree.
        draft = target.with_name(target.name + ".ilnp-draft")
        draft.write_bytes(content)
        draft.replace(target)
        changed.append(name)
    return changed
