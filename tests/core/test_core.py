# SPDX-License-Identifier: BSD-2-Clause
"""The unit tests of the C core, each cmocka case as one case here.

Every test program runs once; its TAP output tells what became of each case.  A comment
`checklist: 42 43` directly above a test in C names the checklist lines that it shows.
"""

from __future__ import annotations

import functools
import re

import pytest
from ccore import HERE, start

from ilnptool.run import Result, tail_of

CASE = re.compile(r"\b(?:[A-Z]+_)?TEST\((\w+)\)")
CHECKLIST = re.compile(r"/\* checklist: ([\d ]+) \*/\s*static void\s+(\w+)\(")
DEFINITION = re.compile(r"^static void\n(\w+)\(\s*void \*\*state\)", re.MULTILINE)
TAP = re.compile(r"^(ok|not ok) \d+ - (\w+)", re.MULTILINE)
PROGRAMS = sorted(path.stem for path in HERE.glob("test_*.c"))


def source(program: str) -> str:
    return (HERE / f"{program}.c").read_text(encoding="utf-8")


def listed(program: str) -> list[str]:
    return CASE.findall(source(program).partition("TEST_MAIN(")[2])


def collect() -> list[object]:
    """One parameter per case, with the checklist lines found in its source."""
    cases: list[object] = []
    for program in PROGRAMS:
        lines = {name: numbers.split() for numbers, name in CHECKLIST.findall(source(program))}
        for name in listed(program):
            mark = pytest.mark.checklist(*(int(line) for line in lines.get(name, ())))
            marks = [mark] if name in lines else []
            cases.append(pytest.param(program, name, id=f"{program}-{name}", marks=marks))
    return cases


@functools.cache
def outcome(program: str) -> tuple[Result, dict[str, str]]:
    """Runs one program; the verdict of each case that came to its end."""
    result = start(program, env={"CMOCKA_MESSAGE_OUTPUT": "TAP"})
    return result, {name: verdict for verdict, name in TAP.findall(result.stdout + result.stderr)}


@pytest.mark.parametrize(("program", "case"), collect())
def test_core(program: str, case: str) -> None:
    result, verdicts = outcome(program)
    if verdicts.get(case) != "ok":
        pytest.fail(f"{case}: {verdicts.get(case, 'did not end')}\n{tail_of(result.stderr)}")


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_ends_without_a_sanitizer_report(program: str) -> None:
    result, _ = outcome(program)
    assert result.status == 0, tail_of(result.stderr)


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_case_that_is_written_is_also_run(program: str) -> None:
    assert sorted(DEFINITION.findall(source(program))) == sorted(listed(program))
