# SPDX-License-Identifier: BSD-2-Clause
"""Compiles iperf3 for lab machines from its own source, which stays where it is.

The source is no part of this project: `apt source iperf3' or the project's site has it.
"""

from __future__ import annotations

from pathlib import Path

from ilnptool.build.kernel import Workshop, key_of
from ilnptool.build.userland import Userland
from ilnptool.errors import UsageError
from ilnptool.run import run

_TARGET = "x86_64-unknown-freebsd14.0"
_SECONDS = 900.0


def build_iperf3(shop: Workshop, userland: Userland, source: Path) -> Path:
    """Return a static iperf3 made from the folder `source`, built before or now."""
    configure = source / "configure"
    if not configure.is_file() or not (source / "src/iperf.h").is_file():
        raise UsageError(f"{source}: no source of iperf3 there; apt source iperf3")
    folder = shop.root / "iperf3" / key_of(str(source.resolve()), shop.host.compiler)
    program = folder / "src/iperf3"
    if program.exists():
        return program
    folder.mkdir(parents=True, exist_ok=True)
    compiler = f"{shop.host.clang} --target={_TARGET} --sysroot={userland.sysroot}"
    linker = f"--ld-path={shop.host.lld}"
    without = ("--without-openssl", "--without-sctp", "--disable-shared", "--enable-static")
    words = (f"--host={_TARGET}", *without, f"CC={compiler} {linker}", "LDFLAGS=-static")
    run([str(configure.resolve()), *words], cwd=folder, timeout=_SECONDS)
    # libtool keeps a plain -static from the linker.
    make = ("nice", "make", f"-j{shop.jobs}", "-C", "src", "LDFLAGS=-all-static", "iperf3")
    run(make, cwd=folder, timeout=_SECONDS)
    return program
