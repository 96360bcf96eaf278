# SPDX-License-Identifier: BSD-2-Clause
"""What became of test cases, as Kyua and our small equivalent of it tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

_END = re.compile(r"^end (\S+) (\d+) (\w+)(?:: (.*))?$")
# A line of `kyua test'; of the case that runs there is but the first half.
_TOLD = re.compile(
    r"^(?P<case>\S+:\S+)  ->  (?:(?P<status>\w+)(?:: (?P<reason>.*))?"
    r"  \[(?P<seconds>\d+\.\d+)s\])?$"
)
_KYUA_ENDED = re.compile(r"^kyua ended with status (\d+)$", re.MULTILINE)
_REPORT = "<?xml "
_STDERR = "Original stderr\n---------------\n\n"  # what stands before it in a report
_NOTHING = "<EMPTY>\n"
_CUT_SHORT = "the machine ended before the case did"
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
        add(begun, "broken", 0, _CUT_SHORT)
    return tuple(cases), count == len(cases)


def kyua_report(text: str) -> str:
    """Return the JUnit file that Kyua wrote behind its results; nothing if it did not."""
    start = text.find(_REPORT)
    end = text.rfind("</testsuite>")
    return text[start:end] + "</testsuite>\n" if 0 <= start < end else ""


def _outputs(report: str) -> Mapping[tuple[str, str], str]:
    """Return what each case of a report wrote, by its class and name."""
    found = {}
    for case in ElementTree.fromstring(report).iter("testcase") if report else ():
        stderr = (case.findtext("system-err") or "").partition(_STDERR)[2]
        text = (case.findtext("system-out") or "") + ("" if stderr == _NOTHING else stderr)
        found[case.get("classname", ""), case.get("name", "")] = text.rstrip("\n")
    return found


def read_kyua(text: str) -> tuple[tuple[Case, ...], bool]:
    """Read what `kyua test' and `kyua report-junit' told; return the cases and whether all ran.

    A case that began and did not end is "broken".
    """
    text = text.replace("\r", "")
    outputs = _outputs(kyua_report(text))
    cases = []
    for found in map(_TOLD.match, text.partition(_REPORT)[0].splitlines()):
        if found is None:
            continue
        program, _, name = found["case"].rpartition(":")
        status, reason = found["status"] or "broken", found["reason"] or ""
        if found["status"] is None:
            reason = _CUT_SHORT
        output = outputs.get((program.replace("/", "."), name), "")
        cases.append(
            Case(program, name, status, round(float(found["seconds"] or 0)), reason, output)
        )
    status = _KYUA_ENDED.search(text)
    return tuple(cases), status is not None and status[1] in "01" and len(outputs) == len(cases)


def progress_of(text: str) -> tuple[int, str]:
    """Return how many cases are done, and which one runs, from what has been told so far."""
    done, now = 0, "starts"
    for line in text.splitlines():
        if line.startswith("begin "):
            now = line[6:]
        elif line.startswith("end "):
            done += 1
        elif found := _TOLD.match(line):
            now = found["case"]
            done += found["status"] is not None
    return done, now


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
