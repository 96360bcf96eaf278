# SPDX-License-Identifier: BSD-2-Clause
"""What this machine builds FreeBSD with, and what it lacks for that.

On FreeBSD that is make(1) and the compiler of the base system.  Elsewhere it is the tree's own
tools/build/make.py, an LLVM of the distribution and a few libraries for the tools that run here.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from ilnptool.errors import EnvironmentMissing
from ilnptool.run import run

# In the order of what FreeBSD 14 compiles with best.
LLVM_VERSIONS = (16, 17, 18, 15, 19)
_LLVM_PROGRAMS = {"clang": "clang", "clang++": "clang", "clang-cpp": "clang", "ld.lld": "lld"}
_PROGRAMS = {"cc": "gcc", "c++": "g++", "cpp": "cpp", "flex": "flex", "bison": "bison"}
_HEADERS = {"archive.h": "libarchive-dev", "bzlib.h": "libbz2-dev", "zlib.h": "zlib1g-dev"}

# The compiler is given, so neither LLVM nor what would be linked with it is built.
_EXTERNAL_COMPILER = (
    "-DWITHOUT_CLANG",
    "-DWITHOUT_LLD",
    "-DWITHOUT_LLDB",
    "-DWITHOUT_LLVM_BINUTILS",
    "-DWITHOUT_TOOLCHAIN",
)
_TARGET = ("TARGET=amd64", "TARGET_ARCH=amd64")


@dataclass(frozen=True, slots=True)
class Host:
    """How make is called here."""

    make: tuple[str, ...]  # run in the root of a source tree
    flags: tuple[str, ...]
    compiler: str  # program and version, part of the key of what it built
    cross: bool
    clang: Path
    lld: Path

    def argv(
        self, targets: tuple[str, ...], variables: tuple[str, ...], jobs: int | None
    ) -> list[str]:
        """Return the call of make; without `jobs` it runs one at a time, as some targets want."""
        parallel = () if jobs is None else (f"-j{jobs}",)
        return [
            *("nice", "-n", "10", *self.make, *parallel),
            *(*_TARGET, *self.flags, *variables, *targets),
        ]


def _llvm_folders() -> list[Path]:
    return [Path(f"/usr/lib/llvm-{version}/bin") for version in LLVM_VERSIONS]


def _version_of(compiler: Path) -> str:
    first = run([str(compiler), "--version"], timeout=30).stdout.splitlines()[0]
    return f"{compiler} {first}"


def _missing_here(folder: Path | None) -> list[str]:
    """Return the Debian packages that this machine lacks."""
    missing = [] if folder else ["clang-16", "lld-16"]
    missing += [package for name, package in _PROGRAMS.items() if shutil.which(name) is None]
    missing += [
        package
        for header, package in _HEADERS.items()
        if not (Path("/usr/include") / header).exists()
    ]
    return missing


def _detect_foreign() -> Host:
    folder = next(
        (
            path
            for path in _llvm_folders()
            if all((path / name).exists() for name in _LLVM_PROGRAMS)
        ),
        None,
    )
    missing = _missing_here(folder)
    if folder is None or missing:
        raise EnvironmentMissing(
            "building FreeBSD on this machine needs more programs and libraries; "
            f"apt-get install {' '.join(missing)}"
        )
    clang = folder / "clang"
    # bmake tests its Ctrl-C while it is built, and shells have their background jobs ignore that.
    heard = ("env", "--default-signal=INT")
    make = (*heard, sys.executable, "tools/build/make.py", "--no-clean", f"--cross-bindir={folder}")
    return Host(make, _EXTERNAL_COMPILER, _version_of(clang), True, clang, folder / "ld.lld")


def _detect_freebsd() -> Host:
    clang = Path("/usr/bin/cc")
    lld = Path("/usr/bin/ld")
    for path in (clang, lld):
        if not path.exists():
            raise EnvironmentMissing(
                f"{path}: no such program; it belongs to the base system: install the "
                "package FreeBSD-clang or build it from source (see build(7))"
            )
    return Host(("make",), ("-DNO_CLEAN",), _version_of(clang), False, clang, lld)


def detect() -> Host:
    """Find the means to build FreeBSD here, or name all that is missing."""
    return _detect_freebsd() if os.uname().sysname == "FreeBSD" else _detect_foreign()
