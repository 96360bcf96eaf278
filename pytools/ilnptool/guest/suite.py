# SPDX-License-Identifier: BSD-2-Clause
"""Runs test programs in a booted machine: those of tests/net, or others of FreeBSD's kind.

They are written for Kyua and ATF.  A lab machine has neither, so bhyve/guest brings what runs them:
atf-sh and atf-run, which tells its results on the second serial line.
"""

from __future__ import annotations

import re
import shlex
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from ilnptool.build.boot import build_lab_image
from ilnptool.build.kernel import Workshop
from ilnptool.build.maketask import Progress, Reporter, silent
from ilnptool.build.sources import project
from ilnptool.build.trial import Machine, run_machine, second_line
from ilnptool.build.userland import Userland, build_userland
from ilnptool.errors import UsageError
from ilnptool.guest.console import complaints_in
from ilnptool.guest.quick import need_qemu
from ilnptool.run import run

SOURCE = Path("tests/net")
PLACE = "usr/tests/ilnp"  # of our tests in an image
SECONDS = 5400.0

_LOOK = 2.0  # seconds between two looks at what a machine does
_TARGET = "x86_64-unknown-freebsd14.0"
_END = re.compile(r"^end (\S+) (\d+) (\w+)(?:: (.*))?$")
_PROGRAM = re.compile(r'^atf_test_program *\{.*name *= *"([^"]+)"', re.MULTILINE)
_GOOD = ("passed", "skipped", "expected_failure")


@dataclass(frozen=True, slots=True)
class Case:
    """One test case and what became of it."""

    program: str
    name: str
    status: str  # passed, skipped, failed, broken or expected_failure
    seconds: int
    reason: str = ""
    output: str = ""

    @property
    def ident(self) -> str:
        return f"{self.program}:{self.name}"

    @property
    def good(self) -> bool:
        return self.status in _GOOD


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that one boot told; its console and a JUnit file lie in a folder."""

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
        text = f"{count['passed']} cases passed, {count['skipped']} skipped, {bad} failed"
        if self.complaints:
            text += f"; the kernel complains: {self.complaints[0]}"
        return text if self.ended else f"{text}; the tests did not come to their end"


def read_results(text: str) -> tuple[tuple[Case, ...], bool]:
    """Read what atf-run wrote; return the cases and whether all of them were run.

    A case that began and did not end is "broken".
    """
    cases: list[Case] = []
    output: list[str] = []
    begun = ""
    count = -1

    def add(ident: str, status: str, seconds: int, reason: str) -> None:
        program, _, name = ident.rpartition(":")
        cases.append(Case(program, name, status, seconds, reason, "\n".join(output)))

    for line in text.replace("\r", "").splitlines():
        if line.startswith("begin "):
            begun, output = line[6:], []
        elif line.startswith("> "):
            output.append(line[2:])
        elif found := _END.match(line):
            add(found[1], found[3], int(found[2]), found[4] or "")
            begun = ""
        elif line.startswith("done "):
            count = int(line[5:])
    if begun:
        add(begun, "broken", 0, "the machine ended before the case did")
    return tuple(cases), count == len(cases)


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable() or c in "\n\t")


def junit(cases: Iterable[Case], complaints: Sequence[str], ended: bool, suite: str) -> bytes:
    """Return results as a JUnit file; what the kernel complains of is a case of its own."""
    kernel = Case(
        "kernel", "it does not complain", "failed" if complaints else "passed", 0,
        "it complains", "\n".join(complaints),
    )  # fmt: skip
    end = Case("machine", "all cases are run", "passed" if ended else "failed", 0, "they are not")
    listed = [*cases, kernel, end]
    root = ElementTree.Element(
        "testsuite",
        name=suite,
        tests=str(len(listed)),
        failures=str(sum(not case.good for case in listed)),
        errors="0",
        skipped=str(sum(case.status == "skipped" for case in listed)),
    )
    for case in listed:
        element = ElementTree.SubElement(
            root,
            "testcase",
            classname=f"{suite}.{case.program}",
            name=case.name,
            time=str(case.seconds),
        )
        if case.status == "skipped":
            ElementTree.SubElement(element, "skipped", message=_printable(case.reason))
        elif not case.good:
            message = _printable(f"{case.status}: {case.reason}")
            failure = ElementTree.SubElement(element, "failure", message=message)
            failure.text = _printable(case.output)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


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


def start_script(
    arguments: Sequence[str], *, everywhere: bool = False, settings: Sequence[str] = ("host=1",)
) -> str:
    """Return what a machine runs to test itself, with ILNP in each stack if `everywhere'."""
    lines = ["stty -f /dev/cuau1 raw -echo 115200"]
    if everywhere:
        lines += ["ATF_RUN_PATH=/usr/libexec/ilnp-on", "export ATF_RUN_PATH"]
    words = [word for setting in settings for word in ("-v", setting)]
    lines.append(shlex.join(["atf-run", "-r", "/dev/cuau1", *words, *arguments]))
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
            lines = results.read_text(errors="replace").splitlines()
            done = sum(line.startswith("end ") for line in lines)
            now = next((x[6:] for x in reversed(lines) if x.startswith("begin ")), "starts")
            report(Progress(suite, time.monotonic() - began, done, now, "cases"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def run_suite(
    shop: Workshop,
    folder: Path,
    kernel: Path,
    arguments: Sequence[str],
    *,
    suite: str,
    files: Mapping[str, Path] | None = None,
    settings: Sequence[str] = ("host=1",),
    tunables: Mapping[str, str] | None = None,
    everywhere: bool = False,
    seconds: float = SECONDS,
    report: Reporter = silent,
) -> Outcome:
    """Boot a kernel with the small userland and run test cases; `arguments` are atf-run's.

    The image holds `files`, or our tests; `settings` are variables for Kyua, `tunables` go to the
    loader.  The console, the results as they came and a JUnit file are left in `folder`.
    """
    need_qemu()
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    userland = build_userland(shop, report)
    results = folder / "results"
    with tempfile.TemporaryDirectory(prefix="ilnp-suite-") as name:
        work = Path(name)
        script = work / "rc.tests"
        script.write_text(start_script(arguments, everywhere=everywhere, settings=settings))
        image = work / "image"
        given = {**(files or our_files(shop, userland)), "etc/rc.tests": script}
        build_lab_image(
            shop, kernel, userland, image, files=given, tunables=tunables, report=report
        )
        # Emulated processors wait for each other whenever a program starts, which these do often.
        machine = Machine(image, memory=1024, cpus=1, extra=second_line(results))
        console = folder / "console"
        with _told(suite, results, report):
            text = run_machine(machine, console, timeout=seconds)
    cases, ended = read_results(results.read_text(errors="replace"))
    complaints = complaints_in(text)
    outcome = Outcome(cases, complaints, ended, console, folder / "junit.xml")
    outcome.junit.write_bytes(junit(cases, complaints, ended, suite))
    return outcome
