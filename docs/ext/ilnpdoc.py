# SPDX-License-Identifier: BSD-2-Clause
"""Directives that write tables from the sources: knobs, counters, hooks, checklist, lessons."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from ilnptool.hooks.spec import HOOK_FILE, load_hooks
from ilnptool.tables import read_counters, read_knobs

TOP = Path(__file__).parents[2]

# How a C test names the checklist lines it shows: /* checklist: 42, 43 */ above it.
C_MARK = re.compile(r"/\*\s*checklist:\s*([\d,\s]+)\*/\s*(?:static\s+)?void\s+(\w+)")

# How a test, in C or Python, names the lessons it shows, above it: lesson: 42, 43
LESSON_MARK = re.compile(
    r"(?:/\*|#) lesson: ([\d, ]+)(?:\*/)?\n(?:(?:/\*|#|@).*\n)*(?:def|[a-z ]+\n?) ?\*?(\w+)\("
)


def table(heads: list[str], widths: list[int], rows: Iterable[list[str]]) -> nodes.table:
    """Return a table of plain text; the first column is set as code."""

    def row(cells: list[str], code_first: bool) -> nodes.row:
        line = nodes.row()
        for i, text in enumerate(cells):
            inner = nodes.literal(text=text) if code_first and i == 0 else nodes.Text(text)
            line += nodes.entry("", nodes.paragraph("", "", inner))
        return line

    group = nodes.tgroup(cols=len(heads))
    for width in widths:
        group += nodes.colspec(colwidth=width)
    group += nodes.thead("", row(heads, False))
    group += nodes.tbody("", *[row(cells, True) for cells in rows])
    return nodes.table("", group)


class Knobs(Directive):
    """``.. ilnp-knobs::`` writes the table of knobs."""

    def run(self) -> list[nodes.Node]:
        rows = (
            [k.name, f"{k.default}", f"{k.lowest} to {k.highest}", k.unit, k.text]
            for k in read_knobs(TOP)
        )
        return [table(["Knob", "Default", "Range", "Unit", "Meaning"], [18, 9, 14, 10, 49], rows)]


class Counters(Directive):
    """``.. ilnp-counters::`` writes the table of counters."""

    def run(self) -> list[nodes.Node]:
        rows = ([c.name, c.text] for c in read_counters(TOP))
        return [table(["Counter", "Counts"], [25, 75], rows)]


class Hooks(Directive):
    """``.. ilnp-hooks::`` writes what is inserted into FreeBSD, and why."""

    def run(self) -> list[nodes.Node]:
        hooks = load_hooks(TOP / HOOK_FILE)
        lines = sum(hook.lines for hook in hooks)
        files = len({hook.file for hook in hooks})
        summary = nodes.paragraph(text=f"{lines} lines in {files} files.")
        rows = ([hook.id, hook.place, str(hook.lines), hook.why] for hook in hooks)
        heads = ["Hook", "File and function", "Lines", "Why there"]
        return [summary, table(heads, [14, 28, 6, 52], rows)]


def python_marks(path: Path) -> Iterable[tuple[int, str]]:
    """Yield the checklist lines that the tests of a Python file are marked with."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith("mark.checklist"):
                for arg in mark.args:
                    yield int(ast.literal_eval(arg)), node.name


def shown() -> dict[int, list[str]]:
    """Return the tests that show each line of the checklist."""
    found: dict[int, list[str]] = {}
    for path in sorted((TOP / "tests").rglob("*.py")):
        for line, name in python_marks(path):
            found.setdefault(line, []).append(f"{path.stem}: {name}")
    for path in sorted((TOP / "tests").rglob("*.c")):
        for numbers, name in C_MARK.findall(path.read_text()):
            for number in numbers.replace(",", " ").split():
                found.setdefault(int(number), []).append(f"{path.stem}: {name}")
    return found


class Checklist(Directive):
    """``.. ilnp-checklist::`` writes which lines of the checklist tests show."""

    def run(self) -> list[nodes.Node]:
        lines = tomllib.loads((TOP / "docs/checklist.toml").read_text())["line"]
        tests = shown()
        unknown = set(tests) - {line["number"] for line in lines}
        if unknown:
            raise self.error(f"tests show checklist lines that do not exist: {sorted(unknown)}")
        done = sum(1 for line in lines if line["number"] in tests)
        rows = []
        for line in lines:
            by = tests.get(line["number"], [])
            more = f" and {len(by) - 2} more" if len(by) > 2 else ""
            rows.append(
                [
                    str(line["number"]),
                    line["level"],
                    f"{line['text']} ({line['source']})",
                    ", ".join(by[:2]) + more if by else line.get("absent", "not yet"),
                ]
            )
        summary = nodes.paragraph(text=f"{done} of {len(lines)} lines are shown by tests.")
        return [summary, table(["Line", "Level", "What", "Shown by"], [6, 12, 50, 32], rows)]


class Lessons(Directive):
    """``.. ilnp-lessons::`` writes which lessons of earlier code tests show to be learnt."""

    def run(self) -> list[nodes.Node]:
        lessons = tomllib.loads((TOP / "docs/lessons.toml").read_text())["lesson"]
        tests: dict[int, list[str]] = {}
        for path in sorted((TOP / "tests").rglob("*.[cp]*")):
            if path.suffix not in {".c", ".py"}:
                continue
            for numbers, name in LESSON_MARK.findall(path.read_text()):
                for number in numbers.replace(",", " ").split():
                    tests.setdefault(int(number), []).append(f"{path.stem}: {name}")
        unknown = set(tests) - {lesson["number"] for lesson in lessons}
        if unknown:
            raise self.error(f"tests show lessons that do not exist: {sorted(unknown)}")
        rows = [
            [
                str(lesson["number"]),
                lesson["severity"],
                lesson["text"],
                ", ".join(tests.get(lesson["number"], ["not yet"])),
            ]
            for lesson in lessons
        ]
        summary = nodes.paragraph(text=f"{len(tests)} of {len(lessons)} are shown by tests.")
        heads = ["Lesson", "Severity", "What went wrong", "Shown not to by"]
        return [summary, table(heads, [7, 10, 45, 38], rows)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("ilnp-knobs", Knobs)
    app.add_directive("ilnp-counters", Counters)
    app.add_directive("ilnp-hooks", Hooks)
    app.add_directive("ilnp-checklist", Checklist)
    app.add_directive("ilnp-lessons", Lessons)
    return {"parallel_read_safe": True}
