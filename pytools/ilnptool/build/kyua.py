# SPDX-License-Identifier: BSD-2-Clause
"""Kyua and ATF for machines of the lab: what runs test programs on every FreeBSD.

Both are C++, so all of libc++ is built with them; they are linked statically like the other
programs.  Kyua looks users up, so its image has a data base of them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ilnptool.build.kernel import Workshop, is_marked, key_of
from ilnptool.build.maketask import Reporter, silent
from ilnptool.build.overlay import digest_of_tree
from ilnptool.build.userland import (
    STATIC_VARIABLES,
    build_static,
    build_userland,
    library_script,
    program_script,
)
from ilnptool.build.world import gaps_of
from ilnptool.errors import UsageError
from ilnptool.hooks.tree import GET_SOURCE
from ilnptool.run import run

# In the order of their dependencies.
_LIBRARIES = "libcxxrt libc++ liblua liblutok libsqlite3 atf/libatf-c atf/libatf-c++"
_PROGRAMS = "usr.bin/kyua libexec/atf/atf-sh libexec/atf/atf-check"
# Nothing of it is FreeBSD's own, and what compilers warn of differs.  It waits for what it runs, so
# the time to optimise it would be lost.
_FLAGS = " MK_WERROR=no DEBUG_FLAGS=-O0"
_FOLDERS = (
    *("etc/kyua", "usr/bin", "usr/libexec", "usr/share/atf", "usr/share/doc/kyua"),
    *("usr/share/kyua/misc", "usr/share/kyua/store"),
)
# Tests that want no privileges run as `tests', as FreeBSD's own kyua.conf(5) has it.
_USERS = """\
root::0:0::0:0:Superuser:/tmp:/bin/sh
nobody:*:65534:65534::0:0:Nobody:/nonexistent:/usr/sbin/nologin
tests:*:977:977::0:0:Tests without privileges:/nonexistent:/usr/sbin/nologin
"""
_CONFIG = "syntax(2)\nunprivileged_user = 'tests'\n"
_GROUPS = "wheel:*:0:root\ntests:*:977:\nnobody:*:65534:\n"


@dataclass(frozen=True, slots=True)
class Kyua:
    """Kyua, ATF's shell and what they read, by their paths in an image."""

    root: Path

    def files(self) -> dict[str, Path]:
        return {
            str(path.relative_to(self.root)): path
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }


def missing_for_kyua(tree: Path) -> str:
    """Say what a tree lacks for Kyua and how to get it; nothing if it has all."""
    wanted = {gap.file: gap.origin for gap in gaps_of(tree) if gap.wanted_by in ("kyua", "atf")}
    if not wanted:
        return ""
    files = ", ".join(f"{name} ({origin})" for name, origin in wanted.items())
    return f"{tree} lacks what Kyua is built from: {files}; put them into a copy, or {GET_SOURCE}"


def need_sources(tree: Path) -> None:
    """Raise UsageError, which says what to do, unless a tree has all that Kyua is built from."""
    if missing := missing_for_kyua(tree):
        raise UsageError(missing)


def _make_users(shop: Workshop, etc: Path) -> None:
    """Write the data bases in which the C library looks users up."""
    draft = etc.parent / "users"
    draft.write_text(_USERS)
    program = shop.tools / "bin/pwd_mkdb"
    run([str(program), "-i", "-p", "-d", str(etc), str(draft)], timeout=60)
    (etc / "group").write_text(_GROUPS)
    (etc / "kyua/kyua.conf").write_text(_CONFIG)


def build_kyua(shop: Workshop, report: Reporter = silent) -> Kyua:
    """Build Kyua, ATF and all they need, unless that has been done from the same tree.

    UsageError if the tree lacks some of it.  An interrupted build goes on with the libraries where
    it was.
    """
    need_sources(shop.tree.root)
    build_userland(shop, report)
    root = shop.root / "kyua"
    libraries = library_script(shop, _LIBRARIES, _FLAGS)
    # One of them is nearly all of the work.
    programs = (program_script(shop, root, f"{_FLAGS} -j{shop.jobs}"), _PROGRAMS)
    stem = (digest_of_tree(shop.tree.root), shop.host.compiler, *STATIC_VARIABLES)
    key = key_of(*stem, libraries, *programs, _USERS, _GROUPS, _CONFIG)
    mark = shop.root / "kyua.key"
    if is_marked(mark, key):
        return Kyua(root)
    with shop.alone(report):
        if is_marked(mark, key):  # by whoever we have waited for
            return Kyua(root)
        mark.unlink(missing_ok=True)
        if root.exists():
            shutil.rmtree(root)
        for name in _FOLDERS:
            (root / name).mkdir(parents=True)
        build_static(shop, "kyua", libraries, programs, report)
        shutil.rmtree(root / "usr/share/doc")
        _make_users(shop, root / "etc")
        mark.write_text(key)
    return Kyua(root)
