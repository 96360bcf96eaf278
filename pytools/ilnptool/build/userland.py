# SPDX-License-Identifier: BSD-2-Clause
"""The small userland of a lab machine: some ninety of FreeBSD's own programs, linked statically.

A whole world takes an hour where these take minutes, and a machine of the lab runs from a CD image
in memory: it needs a shell, what configures a network and what talks over it.  Everything is built
from the tree's own Makefiles.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ilnptool.build.kernel import Workshop, build_tools, is_marked, key_of
from ilnptool.build.maketask import Reporter, run_task, silent
from ilnptool.build.overlay import digest_of_tree
from ilnptool.build.world import VARIABLES

# In the order of their dependencies.
_LIBRARIES = """
csu libcompiler_rt libgcc_eh libc msun libthr libmd libcrypt libutil libelf libsbuf libexpat libxo
libkvm libmemstat libdevstat libjail lib80211 libnv libifconfig libregex ncurses/tinfo libedit
libipsec libpfctl
"""
_PROGRAMS = """
bin/cat bin/chmod bin/cp bin/date bin/dd bin/echo bin/expr bin/hostname bin/kenv bin/kill bin/ln
bin/ls bin/mkdir bin/mv bin/pkill bin/ps bin/pwd bin/realpath bin/rm bin/rmdir bin/sh bin/sleep
bin/stty bin/sync bin/test bin/timeout sbin/dmesg sbin/ifconfig sbin/init sbin/ipfw sbin/kldload
sbin/kldstat sbin/kldunload sbin/md5 sbin/mount sbin/pfctl sbin/ping sbin/reboot sbin/route
sbin/rtsol sbin/sysctl sbin/umount usr.bin/awk usr.bin/basename usr.bin/cmp usr.bin/cut usr.bin/diff
usr.bin/dirname usr.bin/env usr.bin/find usr.bin/grep usr.bin/head usr.bin/hexdump usr.bin/id
usr.bin/jot usr.bin/killall usr.bin/mkfifo usr.bin/mktemp usr.bin/nc usr.bin/netstat usr.bin/printf
usr.bin/sed usr.bin/seq usr.bin/sockstat usr.bin/sort usr.bin/stat usr.bin/tail usr.bin/tee
usr.bin/time usr.bin/touch usr.bin/tr usr.bin/true usr.bin/uname usr.bin/uniq usr.bin/vmstat
usr.bin/wc usr.bin/which usr.bin/xargs usr.bin/yes usr.sbin/arp usr.sbin/chroot usr.sbin/daemon
usr.sbin/inetd usr.sbin/jail usr.sbin/jexec usr.sbin/jls usr.sbin/ndp usr.sbin/rtadvd
usr.sbin/setfib usr.sbin/tcpdrop libexec/getty
"""
_FOLDERS = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/libexec", "etc")
# Statistics and netgraph would only need more of the tree.
STATIC_VARIABLES = (
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


def _common(shop: Workshop) -> str:
    # Owners and the like mean nothing here; this installer of the tree's leaves them out.
    return f"-DWITH_AUTO_OBJ INSTALL='sh {shop.tree.root}/tools/install.sh'"


def library_script(shop: Workshop, names: str, flags: str = "") -> str:
    """Return what make's build environment runs to build and install libraries, below lib/."""
    make = f"make -j{shop.jobs} {_common(shop)} {_LIBRARY_FLAGS}{flags}"
    lines = ["set -e"]
    for name in names.split():
        steps = f"{make} all; {make} DESTDIR={shop.platform}/tmp install"
        lines.append(f'echo "===> lib/{name}"; cd {shop.tree.root}/lib/{name}; {steps}')
    return "\n".join(lines) + "\n"


def program_script(shop: Workshop, root: Path, flags: str = "") -> str:
    """Return what it runs to build the program $1, and install it below `root`."""
    make = f"make {_common(shop)} {_PROGRAM_FLAGS}{flags}"
    lines = [
        "set -e",
        'echo "===> $1"',
        f'cd {shop.tree.root}/"$1"',
        # What build-world has left there is compiled and linked otherwise.
        f'rm -f {shop.platform}/"$1"/*.o {shop.platform}/"$1/${{1##*/}}"',
        f"{make} all",
        f"{make} DESTDIR={root} install",
    ]
    return "\n".join(lines) + "\n"


def build_static(
    shop: Workshop, name: str, libraries: str, programs: tuple[str, str], report: Reporter
) -> None:
    """Run the script `libraries`, then that for one program for each of a list of programs.

    Call it inside `shop.alone()'.
    """
    script, names = programs
    one = shop.root / f"{name}-program.sh"
    one.write_text(script)
    path = shop.root / f"{name}.sh"
    each = f"echo {' '.join(names.split())} | xargs -n 1 -P {shop.jobs} sh {one}\n"
    path.write_text(libraries + each)
    variables = (*STATIC_VARIABLES, f"BUILDENV_SHELL=sh {path}")
    run_task(shop.single("buildenv", variables, name), report)


def build_userland(shop: Workshop, report: Reporter = silent) -> Userland:
    """Build and install the programs, unless that has been done from the same tree.

    An interrupted build begins again with the programs; libraries go on where they were.
    """
    root = shop.root / "userland"
    found = Userland(root, shop.platform / "tmp")
    libraries, programs = library_script(shop, _LIBRARIES), (program_script(shop, root), _PROGRAMS)
    scripts = (libraries, *programs)
    key = key_of(digest_of_tree(shop.tree.root), shop.host.compiler, *scripts, *STATIC_VARIABLES)
    mark = shop.root / "userland.key"
    if is_marked(mark, key):
        return found
    with shop.alone(report):
        if is_marked(mark, key):  # by whoever we have waited for
            return found
        mark.unlink(missing_ok=True)
        build_tools(shop, report)
        run_task(shop.task("_includes", STATIC_VARIABLES, "headers"), report)
        if root.exists():
            shutil.rmtree(root)
        for name in _FOLDERS:
            (root / name).mkdir(parents=True)
        build_static(shop, "userland", libraries, programs, report)
        _relate_links(root)
        mark.write_text(key)
    return found


def _relate_links(root: Path) -> None:
    """Make links that lead to a file by its path on this machine lead there in the image too."""
    for path in root.rglob("*"):
        if path.is_symlink() and path.readlink().is_relative_to(root):
            target = os.path.relpath(path.readlink(), path.parent)
            path.unlink()
            path.symlink_to(target)
