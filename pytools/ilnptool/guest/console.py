# SPDX-License-Identifier: BSD-2-Clause
"""What a machine of the quick image says, and what that means.

Its test program prints `== scenario`, then a line `  ok  ` or `  FAIL ` with one fact each, further
lines as evidence, and at the end how many there were of both.  It does so on the console, for
whoever reads it, and on the machine's second serial line, for us: on the console the kernel speaks
as well, in the middle of a line of others, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

_END = re.compile(r"^KT: (\d+) ok, (\d+) failed$")
# What a kernel says of itself when something is wrong with it.
_COMPLAINTS = (
    "panic:",
    "Fatal trap",
    "KASAN",
    "lock order reversal",
    "acquiring duplicate lock",
    "with the following non-sleepable locks held",
    "Sleeping thread",
)
_REPORT = 8  # lines below the head of a reversal: locks, and the first functions
_REVERSAL = "lock order reversal:"
_LOCK = re.compile(r"^ (?:1st|2nd|3rd) 0x[0-9a-f]+ .* \((.+), [^,()]+\) @ ")
_FRAME = re.compile(r"^#\d+ 0x[0-9a-f]+ at (\w+)\+0x")
# Reversals of FreeBSD's own: the locks, and a function that takes the last of them.  What goes
# round there, and that no lock of ours can be part of it, stands in docs/kernel-tests.rst.
_FREEBSDS = ((("tcphash", "in6_ifaddr_lock"), "in6_selectsrc"),)

# Where the loader, the kernel and init(8) wait for somebody at a keyboard, which nobody has here.
_PROMPT = re.compile(r"^(?:OK|mountroot>|db>|Enter full pathname of shell.*:) ?\Z", re.MULTILINE)


def waits_for_typing(console: str) -> bool:
    """Tell whether a console ends where only somebody who types can help."""
    return _PROMPT.search(console.replace("\r", "")) is not None


@dataclass(frozen=True, slots=True)
class Said:
    """All that one boot left on the two lines of a machine."""

    console: str  # the kernel and everybody else
    told: str  # the test program alone


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was, or was not, as it must be."""

    scenario: str
    text: str
    holds: bool
    evidence: str = ""  # what was printed since the fact before


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that one boot told."""

    facts: tuple[Fact, ...]
    complaints: tuple[str, ...]  # of the kernel
    ended: bool  # the program came to its end and counted as we did

    @property
    def good(self) -> bool:
        return self.ended and not self.complaints and all(fact.holds for fact in self.facts)

    @property
    def failures(self) -> list[Fact]:
        return [fact for fact in self.facts if not fact.holds]

    def summary(self) -> str:
        """Say in one line how it went."""
        bad = len(self.failures)
        text = f"{len(self.facts) - bad} facts hold, {bad} do not"
        if self.complaints:
            text += f"; the kernel complains: {self.complaints[0]}"
        return text if self.ended else f"{text}; the program did not come to its end"


def _is_freebsds(report: Sequence[str]) -> bool:
    """Say whether the lines below the head of a lock order reversal are those of a known one."""
    locks = tuple(found[1] for found in map(_LOCK.match, report) if found)
    frames = [found[1] for found in map(_FRAME.match, report) if found]
    return any(locks == known and function in frames for known, function in _FREEBSDS)


def complaints_in(console: str) -> tuple[str, ...]:
    """Return the lines of a console in which the kernel says that something is wrong with it."""
    lines = console.replace("\r", "").splitlines()
    return tuple(
        line.strip()
        for number, line in enumerate(lines, 1)
        if any(word in line for word in _COMPLAINTS)
        and not (line == _REVERSAL and _is_freebsds(lines[number : number + _REPORT]))
    )


def judge(said: Said) -> Verdict:
    """Find the facts that the program told, and what the kernel complains of."""
    scenario = "start"
    facts: list[Fact] = []
    evidence: list[str] = []
    counted: tuple[int, int] | None = None
    for line in said.told.replace("\r", "").splitlines():
        if line.startswith("== "):
            scenario, evidence = line[3:].strip(), []
        elif line.startswith(("  ok  ", "  FAIL ")):
            holds = line.startswith("  ok  ")
            facts.append(Fact(scenario, line[7:].strip(), holds, "\n".join(evidence)))
            evidence = []
        elif end := _END.match(line):
            counted = int(end[1]), int(end[2])
        else:
            evidence.append(line)
    bad = sum(not fact.holds for fact in facts)
    ended = counted == (len(facts) - bad, bad)
    return Verdict(tuple(facts), complaints_in(said.console), ended)


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable() or c in "\n\t")


def junit(verdict: Verdict, suite: str) -> bytes:
    """Return a verdict as a JUnit file; what the kernel complains of is a case of its own."""
    cases = [(fact.scenario, fact.text, fact.holds, fact.evidence) for fact in verdict.facts]
    complaints = "\n".join(verdict.complaints)
    cases.append(("kernel", "it does not complain", not complaints, complaints))
    cases.append(("program", "it comes to its end", verdict.ended, ""))
    bad = sum(not holds for _, _, holds, _ in cases)
    root = ElementTree.Element(
        "testsuite", name=suite, tests=str(len(cases)), failures=str(bad), errors="0", skipped="0"
    )
    for scenario, text, holds, evidence in cases:
        case = ElementTree.SubElement(
            root, "testcase", classname=f"{suite}.{scenario}", name=_printable(text)
        )
        if not holds:
            failure = ElementTree.SubElement(case, "failure", message="does not hold")
            failure.text = _printable(evidence)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document
