# SPDX-License-Identifier: BSD-2-Clause
"""Runs test programs in a booted machine: those of tests/net, or others of FreeBSD's kind.

They are written for Kyua and ATF.  Where the source tree has all that these are built from, they
run them; else it is what bhyve/guest brings in their place, atf-run and an atf-sh.  Both tell their
results on the second serial line.
"""

from __future__ import annotations

import re
import shlex
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ilnptool.build.boot import build_lab_image
from ilnptool.build.kernel import Workshop
from ilnptool.build.kyua import Kyua, build_kyua, missing_for_kyua
from ilnptool.build.maketask import Progress, Reporter, silent
from ilnptool.build.sources import project
from ilnptool.build.trial import Machine, run_machine, second_line
from ilnptool.build.userland import Userland, build_userland
from ilnptool.errors import CheckFailed, UsageError
from ilnptool.guest.console import complaints_in
from ilnptool.guest.quick import need_qemu
from ilnptool.guest.results import (
    Case,
    junit,
    kyua_report,
    progress_of,
    read_kyua,
    read_results,
)
from ilnptool.lab.machine import MEMORY_KASAN, memory_for
from ilnptool.run import run, tail_of

SOURCE = Path("tests/net")
PLACE = "usr/tests/ilnp"  # of our tests in an image
SECONDS = 5400.0
_WATCHED = 4  # times as long for all cases, with a kernel that watches itself

KYUA = "kyua"
SMALL = "atf-run"  # the equivalent in sh(1)

_LOOK = 2.0  # seconds between two looks at what a machine does
_TARGET = "x86_64-unknown-freebsd14.0"
_LINE = "/dev/cuau1"  # on which results are told
_STORE = "/tmp/kyua.db"
_SUITE = "ilnp"  # as our Kyuafile calls it; Kyua's variables have it in their names
_PROGRAM = re.compile(r'^atf_test_program *\{.*name *= *"([^"]+)"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that one boot told; its console and a JUnit file lie in a folder."""

    runner: str
    cases: tuple[Case, ...]
    complaints: tuple[str, ...]  # of the kernel
    ended: bool  # the last case came to its end
    console: Path
    junit: Path

    @property
    def good(self) -> bool:
        return self.ended and not self.complaints and all(case.good for case in self.cases)

    def summary(self) -> str:
        """Say in one line how it went."""
        count = {
            word: sum(case.status == word for case in self.cases) for word in ("passed", "skipped")
        }
        bad = sum(not case.good for case in self.cases)
        done = f"{count['passed']} cases passed, {count['skipped']} skipped, {bad} failed"
        text = f"{self.runner}: {done}"
        if self.complaints:
            text += f"; the kernel complains: {self.complaints[0]}"
        return text if self.ended else f"{text}; the tests did not come to their end"


def _compile_wire(shop: Workshop, userland: Userland) -> Path:
    """Compile the one program that our shell tests need."""
    output = shop.root / "wire"
    run(
        [
            *(str(shop.host.clang), "-target", _TARGET, f"--sysroot={userland.sysroot}"),
            *("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static"),
            *(f"--ld-path={shop.host.lld}", "-o", str(output), str(project() / SOURCE / "wire.c")),
        ],
        timeout=120,
    )
    return output


def our_programs() -> list[str]:
    """Return the test programs that our Kyuafile names."""
    return _PROGRAM.findall((project() / SOURCE / "Kyuafile").read_text())


def our_files(shop: Workshop, userland: Userland) -> dict[str, Path]:
    """Return our tests by their path in an image."""
    folder = project() / SOURCE
    names = ["Kyuafile", "ilnp.subr", *our_programs()]
    return {
        **{f"{PLACE}/{name}": folder / name for name in names},
        f"{PLACE}/wire": _compile_wire(shop, userland),
    }


def choose(words: Sequence[str]) -> tuple[str, ...]:
    """Return arguments of atf-run for PROGRAM[:CASE]..., all of ours if there is none."""
    known = our_programs()
    unknown = [word for word in words if word.partition(":")[0] not in known]
    if unknown:
        raise UsageError(f"no test program {', '.join(unknown)}; there are: {', '.join(known)}")
    return tuple(f"/{PLACE}/Kyuafile:{word}" for word in words) or (f"/{PLACE}/Kyuafile",)


def _words(settings: Sequence[str], prefix: str = "") -> list[str]:
    return [word for setting in settings for word in ("-v", f"{prefix}{setting}")]


def _kyua_script(arguments: Sequence[str], settings: Sequence[str]) -> list[str]:
    """Return what runs Kyua on one Kyuafile, and then its report of what it has found."""
    places = [argument.partition(":") for argument in arguments]
    store = ("-r", _STORE)
    test = ["kyua", *_words(settings, f"test_suites.{_SUITE}."), "test", "-k", places[0][0], *store]
    return [
        "HOME=/tmp; export HOME",
        f"{shlex.join([*test, *(case for _, _, case in places if case)])} >{_LINE} 2>&1",
        f'echo "kyua ended with status $?" >{_LINE}',
        f"{shlex.join(['kyua', 'report-junit', *store])} >{_LINE} 2>&1",
    ]


def find_kyua(
    shop: Workshop,
    runner: str | None,
    report: Reporter = silent,
    tell: Callable[[str], object] | None = None,
) -> Kyua | None:
    """Return Kyua if that is to run the tests, and None for atf-run.

    Without a `runner` it is Kyua where the tree has all that it is built from; `tell` is called
    with what it lacks.
    """
    missing = missing_for_kyua(shop.tree.root) if runner is None else ""
    if missing and tell is not None:
        tell(f"{SMALL} in the place of Kyua: {missing}")
    return None if runner == SMALL or missing else build_kyua(shop, report)


def start_script(
    arguments: Sequence[str],
    *,
    everywhere: bool = False,
    settings: Sequence[str] = ("host=1",),
    runner: str = SMALL,
) -> str:
    """Return what a machine runs to test itself, with ILNP in each stack if `everywhere'."""
    lines = [f"stty -f {_LINE} raw -echo 115200"]
    if everywhere:
        lines += ["ATF_RUN_PATH=/usr/libexec/ilnp-on", "export ATF_RUN_PATH"]
    if runner == KYUA:
        lines += _kyua_script(arguments, settings)
    else:
        lines.append(shlex.join(["atf-run", "-r", _LINE, *_words(settings), *arguments]))
    if everywhere:
        lines.append('echo "ILNP was on in $(cat /tmp/ilnp-on.count) network stacks"')
    lines += ["sleep 1", "reboot -q"]
    return "".join(line + "\n" for line in lines)


@contextmanager
def _told(suite: str, results: Path, report: Reporter) -> Iterator[None]:
    """Report, for the time of a block, how many cases a machine has done and which it does."""
    began, over = time.monotonic(), threading.Event()

    def look() -> None:
        while not over.wait(_LOOK):
            # Whoever clears up may have been faster than the machine's end.
            if not results.exists():
                continue
            done, now = progress_of(results.read_text(errors="replace"))
            report(Progress(suite, time.monotonic() - began, done, now, "cases"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def machine_for(image: Path, results: Path, *, watched: bool) -> Machine:
    """Return a machine for an image that tells its results in a file.

    A kernel that watches itself takes several times as long for everything, and longer where others
    want the host.  There the guest's clock counts instructions while its processor works, 1 ns for
    each: no time limit of a case needs to know of either.
    """
    # Emulated processors wait for each other whenever a program starts, which these do often.
    machine = Machine(image, memory=1024, cpus=1, extra=second_line(results))
    if not watched:
        return machine
    extra = (*machine.extra, "-icount", "shift=0")
    return replace(machine, accel="tcg,thread=single", extra=extra)


def run_suite(
    shop: Workshop,
    folder: Path,
    kernel: Path,
    arguments: Sequence[str],
    *,
    suite: str,
    kyua: Kyua | None = None,
    files: Mapping[str, Path] | None = None,
    settings: Sequence[str] = ("host=1",),
    tunables: Mapping[str, str] | None = None,
    everywhere: bool = False,
    seconds: float = SECONDS,
    report: Reporter = silent,
) -> Outcome:
    """Boot a kernel with the small userland and run test cases; `arguments` are atf-run's.

    With `kyua` that runs them, all of one Kyuafile.  The image holds `files`, or our tests;
    `settings` are variables for Kyua, `tunables` go to the loader.  The console, the results as
    they came and a JUnit file are left in `folder`, and Kyua's own report.
    """
    need_qemu()
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    userland = build_userland(shop, report)
    results = folder / "results"
    runner = KYUA if kyua else SMALL
    with tempfile.TemporaryDirectory(prefix="ilnp-suite-") as name:
        work = Path(name)
        script = work / "rc.tests"
        script.write_text(
            start_script(arguments, everywhere=everywhere, settings=settings, runner=runner)
        )
        image = work / "image"
        brought = kyua.files() if kyua else {}
        given = {**brought, **(files or our_files(shop, userland)), "etc/rc.tests": script}
        build_lab_image(
            shop, kernel, userland, image, files=given, tunables=tunables, report=report
        )
        watched = memory_for(kernel) == MEMORY_KASAN
        machine = machine_for(image, results, watched=watched)
        limit = seconds * (_WATCHED if watched else 1)
        console = folder / "console"
        with _told(suite, results, report):
            text = run_machine(machine, console, timeout=limit)
    told = results.read_text(errors="replace")
    cases, ended = read_kyua(told) if kyua else read_results(told)
    if kyua:
        (folder / "kyua-junit.xml").write_text(kyua_report(told))
        if not cases:
            raise CheckFailed(f"Kyua ran no case; what it told ({results}):\n{tail_of(told)}")
    complaints = complaints_in(text)
    outcome = Outcome(runner, cases, complaints, ended, console, folder / "junit.xml")
    outcome.junit.write_bytes(junit(cases, complaints, ended, suite))
    return outcome
