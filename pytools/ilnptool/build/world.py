# SPDX-License-Identifier: BSD-2-Clause
"""Builds and installs FreeBSD's userland for lab machines, without root and without the tree's
file owners: what a file belongs to stands in a manifest, METALOG, from which makefs(8) reads it.

A tree that was fetched without its largest files can still be built: what needs them is left out.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from ilnptool.build.kernel import Workshop, is_marked, key_of
from ilnptool.build.maketask import Reporter, run_task, silent
from ilnptool.build.overlay import digest_of_tree, refresh
from ilnptool.errors import UsageError
from ilnptool.hooks.tree import GET_SOURCE

# A lab machine routes, resolves and runs tests; it compiles nothing and prints nothing.
_WITHOUT = """
CTF CLANG LLD LLDB LLVM_BINUTILS LLVM_COV LLVM_CXXFILT TOOLCHAIN DEBUG_FILES
ACCT APM AT AUTHPF AUTOFS BHYVE BLACKLIST BLUETOOTH BOOTPARAMD BOOTPD BSDINSTALL BSNMP CALENDAR
CAROOT CCD CDDL CUSE CXGBETOOL DIALOG DICT DMAGENT EFI EXAMPLES FINGER FLOPPY FORTH
FREEBSD_UPDATE FTP GAMES GOOGLETEST GPIO HAST HTML HYPERV INETD IPFILTER ISCSI KERBEROS LDNS
LDNS_UTILS LIB32 LOADER_GELI LOADER_LUA LOADER_ZFS LOCALES LOCATE LPR MAIL MAN MLX5TOOL NLS
NLS_CATALOGS NS_CACHING NTP NVME OFED OPENSSH PKGBOOTSTRAP PMC PPP QUOTAS RADIUS_SUPPORT RBOOTD
ROUTED SENDMAIL SERVICESDB SHAREDOCS SOURCELESS SYSCONS TALK TCP_WRAPPERS TCSH TELNET TESTS
TEXTPROC TFTP UNBOUND USB VT WIRELESS ZFS
"""
VARIABLES = (
    *(f"-DWITHOUT_{name}" for name in _WITHOUT.split()),
    "-DWITH_DISK_IMAGE_TOOLS_BOOTSTRAP",
)
# Most of the work, and missed by nobody in a lab: cryptography of programs, programs for
# emergencies, and the compiler's sanitizers, which lib/Makefile names by a variable of its own.
_SPARED = (
    *("-DWITHOUT_OPENSSL", "-DWITHOUT_RESCUE", "-DWITHOUT_LOADER_KBOOT", "-DWITHOUT_ZONEINFO"),
    "_libclang_rt=",
    "-DWITHOUT_WERROR",  # without OpenSSL a variable of dumpon(8) is not used
)


@dataclass(frozen=True, slots=True)
class Gap:
    """A file that copies of the tree may lack (too large, or ignored by git), and who wants it."""

    file: str
    wanted_by: str
    origin: str  # what the file is, for whoever has to find it
    makefile: str | None = None  # where it is named, if it is not part of Kyua and ATF


_SQLITE = ("contrib/sqlite3/sqlite3.c", "the amalgamation of SQLite")
_CONFIGURED = "what the configure of ATF writes"
_GAPS = (
    Gap(_SQLITE[0], "libsqlite3", _SQLITE[1], "lib/Makefile"),
    Gap(_SQLITE[0], "kyua", _SQLITE[1]),
    Gap("contrib/atf/config.h", "atf", _CONFIGURED),
    Gap("contrib/atf/atf-c/defs.h", "atf", _CONFIGURED),
    Gap(
        "tools/tools/locale/etc/final-maps/map.UTF-8",
        "ctypedef",
        "a table of characters",
        "share/Makefile",
    ),
)


@dataclass(frozen=True, slots=True)
class World:
    """An installed userland."""

    root: Path
    manifest: Path
    sysroot: Path  # headers and libraries to compile programs with
    left_out: tuple[str, ...]


def gaps_of(tree: Path) -> tuple[Gap, ...]:
    """Return what this tree lacks of the files we know to be left out at times."""
    return tuple(gap for gap in _GAPS if not (tree / gap.file).exists())


def _without_word(text: str, word: str) -> str:
    """Take one word out of a list of a Makefile, one word per line."""
    line = f"\t{word} \\\n"
    if text.count(line) != 1:
        raise UsageError(f"cannot leave {word} out of this tree: its Makefile has changed")
    return text.replace(line, "")


def _around(shop: Workshop) -> Workshop:
    """Return a workshop on a copy of the tree."""
    return replace(shop, tree=replace(shop.tree, root=shop.root / "world-src"))


def _leave_out(tree: Path, copy: Path, gaps: tuple[Gap, ...]) -> None:
    """Make the copy of a tree do without what is missing."""
    refresh(tree, copy)
    for gap in gaps:
        if gap.makefile is None:
            continue
        text = _without_word((tree / gap.makefile).read_text(), gap.wanted_by)
        path = copy / gap.makefile
        if path.read_text() != text:
            draft = path.with_name(path.name + ".ilnp-draft")
            draft.write_text(text)
            draft.replace(path)


def build_world(shop: Workshop, *, leave_out: bool = False, report: Reporter = silent) -> World:
    """Build and install a userland, unless that has been done from the same tree.

    With `leave_out`, what wants a file that the tree lacks is not built; else that is an error.
    An interrupted build goes on where it was.
    """
    gaps = gaps_of(shop.tree.root)
    left_out = tuple(dict.fromkeys(gap.wanted_by for gap in gaps))
    if gaps and not leave_out:
        files = ", ".join(sorted({gap.file for gap in gaps}))
        raise UsageError(
            f"{shop.tree.root} lacks {files}; build without {', '.join(left_out)} (--leave-out), "
            f"or {GET_SOURCE}"
        )
    tests = "-DWITHOUT_TESTS_SUPPORT" if {"kyua", "atf"} & {*left_out} else "-DWITH_TESTS_SUPPORT"
    variables = (*VARIABLES, *_SPARED, tests)
    where = _around(shop) if gaps else shop
    root = shop.root / "world"
    world = World(root, root / "METALOG", where.platform / "tmp", left_out)
    key = key_of(digest_of_tree(shop.tree.root), shop.host.compiler, *left_out, *variables)
    mark = shop.root / "world.key"
    if is_marked(mark, key):
        return world
    with shop.alone(report):
        if is_marked(mark, key):  # by whoever we have waited for
            return world
        if gaps:
            _leave_out(shop.tree.root, where.tree.root, gaps)
        _install(where, variables, root, mark, key, report)
    return world


def _install(
    where: Workshop, variables: tuple[str, ...], root: Path, mark: Path, key: str, report: Reporter
) -> None:
    run_task(where.task("buildworld", variables, "buildworld"), report)
    mark.unlink(missing_ok=True)
    if root.exists():
        shutil.rmtree(root)
    root.mkdir(parents=True)
    install = (*variables, "-DNO_ROOT", "DB_FROM_SRC=yes", f"DESTDIR={root}")
    for target in ("installworld", "distribution"):
        run_task(where.task(target, install, target), report)
    mark.write_text(key)
