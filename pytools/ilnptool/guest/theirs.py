# SPDX-License-Identifier: BSD-2-Clause
"""FreeBSD's own tests of the network, as far as they need no more than a lab machine has.

Which programs there are, and what they require, stands in the Makefiles of tests/sys; programs in C
are compiled with our atf-c.h.  Those in Python are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from ilnptool.build.kernel import Workshop
from ilnptool.build.sources import project
from ilnptool.build.userland import Userland
from ilnptool.errors import UsageError
from ilnptool.run import run

PLACE = "usr/tests/sys"  # in an image
# Folders below tests/sys that are about what ILNP touches, and which of their programs are.
FOLDERS = {
    "netinet6": ("*",),
    "netinet": ("*",),
    "net": ("*",),
    "kern": ("socket_*", "unix_*", "sendfile_test"),
    "netpfil/common": ("*",),
    "netpfil/pf": ("*",),
    "netpfil/pf/ioctl": ("*",),
}
# Variables for Kyua that let cases run: these routing tables, and changes of the machine.
SETTINGS = ("fibs=1 2 3", "allow_sysctl_side_effects=true")
TUNABLES = {"net.fibs": "4"}

_TARGET = "x86_64-unknown-freebsd14.0"
_INCLUDE = Path("pytools/ilnptool/guest/include")
# What shell tests call that is not among the programs of a lab machine.
_BESIDE = {"usr/sbin/ifmcstat": "usr.sbin/ifmcstat"}
_LIST = re.compile(r"^(ATF_TESTS_C|ATF_TESTS_SH|PROGS)\s*\+?=(.*)$", re.MULTILINE)
_METADATA = re.compile(r'^TEST_METADATA\.(\S+?)\s*\+?=\s*(\w+="[^"]*")', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Program:
    """A test program: its path below tests/sys, its source, and what Kyua is told of it."""

    name: str
    source: Path
    metadata: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """Return the line of a Kyuafile."""
        words = ", ".join((f'name="{self.name}"', *self.metadata))
        return f"atf_test_program{{{words}}}\n"


def compile_static(shop: Workshop, userland: Userland, sources: Sequence[Path], out: Path) -> Path:
    """Compile C files into one static program of a lab machine; return it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    run(
        [
            *(str(shop.host.clang), "-target", _TARGET, f"--sysroot={userland.sysroot}"),
            *("-std=gnu11", "-O2", "-w", "-DINET6", "-static", f"--ld-path={shop.host.lld}"),
            *(f"-I{project() / _INCLUDE}", f"-I{shop.tree.root}/tests", "-o", str(out)),
            *map(str, sources),
            *("-lpthread", "-lutil"),
        ],
        timeout=120,
    )
    return out


def _lists(folder: Path) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return what a Makefile names, by kind, and the metadata by program."""
    makefile = folder / "Makefile"
    text = makefile.read_text().replace("\\\n", " ") if makefile.exists() else ""
    named: dict[str, list[str]] = {}
    for kind, words in _LIST.findall(text):
        named.setdefault(kind, []).extend(words.split())
    metadata: dict[str, list[str]] = {}
    for program, word in _METADATA.findall(text):
        metadata.setdefault(program, []).append(word)
    return named, metadata


def programs(tree: Path) -> list[Program]:
    """Return the test programs of a tree, folder by folder."""
    found = []
    for name, patterns in FOLDERS.items():
        folder = tree / "tests/sys" / name
        named, metadata = _lists(folder)
        for kind, ending in (("ATF_TESTS_SH", ".sh"), ("ATF_TESTS_C", ".c")):
            for program in sorted(named.get(kind, [])):
                source = folder / f"{program}{ending}"
                if any(fnmatch(program, x) for x in patterns) and source.exists():
                    known = tuple(metadata.get(program, ()))
                    found.append(Program(f"{name}/{program}", source, known))
    return found


def choose_programs(tree: Path, wanted: Sequence[str]) -> list[Program]:
    """Return those that are wanted, programs or whole folders, or all; UsageError if unknown."""
    known = programs(tree)

    def meant(program: Program, word: str) -> bool:
        return program.name == word or program.name.startswith(f"{word.rstrip('/')}/")

    for word in wanted:
        if not any(meant(program, word) for program in known):
            raise UsageError(
                f"no test {word} in {tree}/tests/sys; there are: {', '.join(FOLDERS)}, and what is "
                "in them"
            )
    return [x for x in known if not wanted or any(meant(x, word) for word in wanted)]


def image_files(
    shop: Workshop, userland: Userland, chosen: Sequence[Program], folder: Path
) -> dict[str, Path]:
    """Return test programs and what they need, by their path in an image; made in `folder`."""
    top = shop.tree.root / "tests/sys"
    files: dict[str, Path] = {}
    for name in ("common", *FOLDERS):
        for path in sorted((top / name).glob("*")):
            if path.suffix in (".subr", ".py", ".conf"):
                files[f"{PLACE}/{name}/{path.name}"] = path
        for helper in _lists(top / name)[0].get("PROGS", []):
            source = top / name / f"{helper}.c"
            if source.exists() and (name != "kern" or helper.startswith("sendfile")):
                made = compile_static(shop, userland, [source], folder / name / helper)
                files[f"{PLACE}/{name}/{helper}"] = made
    for program in chosen:
        made = program.source
        if made.suffix == ".c":
            made = compile_static(shop, userland, [made], folder / program.name)
        files[f"{PLACE}/{program.name}"] = made
    for place, origin in _BESIDE.items():
        sources = sorted((shop.tree.root / origin).glob("*.c"))
        files[place] = compile_static(shop, userland, sources, folder / place)
    kyuafile = folder / "Kyuafile"
    kyuafile.write_text("syntax(2)\n" + "".join(program.line for program in chosen))
    files[f"{PLACE}/Kyuafile"] = kyuafile
    return files
