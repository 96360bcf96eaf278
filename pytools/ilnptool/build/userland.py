# SPDX-License-Identifier: BSD-2-Clause
"""The small userland of a lab machine: some sixty of FreeBSD's own programs, linked statically.

A whole world takes an hour where these take minutes, and a machine of the lab runs from a CD image
in memory: it needs a shell, what configures a network and what talks over it.  Everything is built
from the tree's own Makefiles.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ilnptool.build.kernel import Workshop, build_tools, key_of
from ilnptool.build.maketask import Reporter, run_task, silent
from ilnptool.build.overlay import digest_of_tree
from ilnptool.build.world import VARIABLES

# In the order of their dependencies.
_LIBRARIES = """
csu libcompiler_rt libgcc_eh libc msun libthr libmd libcrypt libutil libelf libsbuf libexpat libxo
libkvm libmemstat libdevstat libjail lib80211 libnv libifconfig libregex ncurses/tinfo libedit
libipsec
"""
_PROGRAMS = """
bin/cat bin/chmod bin/cp bin/date bin/dd bin/echo bin/expr bin/hostname bin/kenv bin/kill bin/ln
bin/ls bin/mkdir bin/mv bin/pkill bin/ps bin/pwd bin/rm bin/rmdir bin/sh bin/sleep bin/stty bin/sync
bin/test sbin/dmesg sbin/ifconfig sbin/init sbin/kldstat sbin/md5 sbin/mount sbin/ping sbin/reboot
sbin/route sbin/rtsol sbin/sysctl sbin/umount usr.bin/cmp usr.bin/cut usr.bin/env usr.bin/grep
usr.bin/head usr.bin/nc usr.bin/netstat usr.bin/sed usr.bin/sort usr.bin/tail usr.bin/time
usr.bin/touch usr.bin/tr usr.bin/true usr.bin/uname usr.bin/vmstat usr.bin/wc usr.bin/xargs
usr.bin/yes usr.sbin/jail usr.sbin/jexec usr.sbin/jls usr.sbin/ndp usr.sbin/rtadvd libexec/getty
"""
_FOLDERS = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/libexec", "etc")
# Statistics and netgraph would only need more of the tree.
_VARIABLES = (
    *VARIABLES,
    *("-DWITHOUT_DYNAMICROOT", "-DWITHOUT_NETGRAPH", "-DWITHOUT_STATS"),
    *("-DWITHOUT_TESTS_SUPPORT", "-DWITHOUT_PIE", "-DWITHOUT_ICONV"),
)
# What is made for a shared library has no use here.
_LIBRARY_FLAGS = "-DNO_PIC -DNO_FSCHG MK_PROFILE=no"
# Casper wants shared libraries, and no option switches it off.
_PROGRAM_FLAGS = "NO_SHARED=yes -DNO_FSCHG MK_CASPER=no"


@dataclass(frozen=True, slots=True)
class Userland:
    """A folder as it goes into an image, and what to compile further programs with."""

    root: Path
    sysroot: Path


def _script(shop: Workshop, root: Path) -> str:
    """Return the shell script that make's build environment runs."""
    src, sysroot = shop.tree.root, shop.platform / "tmp"
    # Owners and the like mean nothing here; this installer of the tree's leaves them out.
    common = f"-j{shop.jobs} -DWITH_AUTO_OBJ INSTALL='sh {src}/tools/install.sh'"
    lines = ["set -e"]
    for name in _LIBRARIES.split():
        make = f"make {common} {_LIBRARY_FLAGS}"
        install = f"{make} DESTDIR={sysroot} install"
        lines.append(f'echo "===> lib/{name}"; cd {src}/lib/{name}; {make} all; {install}')
    for name in _PROGRAMS.split():
        make = f"make {common} {_PROGRAM_FLAGS}"
        install = f"{make} DESTDIR={root} install"
        # What build-world has left here is linked otherwise.
        lines.append(f'echo "===> {name}"; cd {src}/{name}; {make} clean; {make} all; {install}')
    return "\n".join(lines) + "\n"


def build_userland(shop: Workshop, report: Reporter = silent) -> Userland:
    """Build and install the programs, unless that has been done from the same tree.

    An interrupted build goes on where it was.
    """
    root = shop.root / "userland"
    found = Userland(root, shop.platform / "tmp")
    script = _script(shop, root)
    key = key_of(digest_of_tree(shop.tree.root), shop.host.compiler, script, *_VARIABLES)
    mark = shop.root / "userland.key"
    if mark.exists() and mark.read_text() == key:
        return found
    with shop.alone():
        mark.unlink(missing_ok=True)
        build_tools(shop, report)
        run_task(shop.task("_includes", _VARIABLES, "headers"), report)
        if root.exists():
            shutil.rmtree(root)
        for name in _FOLDERS:
            (root / name).mkdir(parents=True)
        path = shop.root / "userland.sh"
        path.write_text(script)
        variables = (*_VARIABLES, f"BUILDENV_SHELL=sh {path}")
        run_task(shop.single("buildenv", variables, "userland"), report)
        mark.write_text(key)
    return found
