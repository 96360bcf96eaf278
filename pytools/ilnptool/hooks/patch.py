# SPDX-License-Identifier: BSD-2-Clause
"""Shows a plan to people: an ordinary patch, a place in its surroundings, a function to review."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import PurePosixPath

from ilnptool.hooks.place import region_of
from ilnptool.hooks.plan import FilePlan, Placed, Plan
from ilnptool.hooks.tokens import line_begin, line_number


def _diff(path: PurePosixPath, old: str, new: str, *, created: bool = False) -> str:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True),
        new.splitlines(keepends=True),
        "/dev/null" if created else f"a/{path}",
        f"b/{path}",
    )
    return "".join(lines)


def unified(plan: Plan, added: Iterable[tuple[PurePosixPath, str]] = ()) -> str:
    """Return the patch that turns the unpatched tree into the patched one.

    `added` are whole files of ours that the patch is to create as well.
    """
    parts = [_diff(file.path, file.pristine, file.patched) for file in plan.files]
    parts += [_diff(path, "", text, created=True) for path, text in added]
    return "".join(parts)


def _file_of(plan: Plan, place: Placed) -> FilePlan:
    return next(file for file in plan.files if file.path == place.hook.file)


def context(plan: Plan, place: Placed, around: int = 4) -> str:
    """Return the lines around a hook as they are with it; ours are marked with a plus sign."""
    lines = _file_of(plan, place).patched.splitlines()
    first = place.line - 1
    last = first + len(place.hook.text.splitlines())
    return "\n".join(
        f"{'+' if first <= index < last else ' '}{index + 1:6} {lines[index]}".rstrip()
        for index in range(max(0, first - around), min(len(lines), last + around))
    )


def function_text(plan: Plan, place: Placed) -> str:
    """Return the whole function a hook is in, as it is with all hooks, with line numbers."""
    text = _file_of(plan, place).patched
    region = region_of(text, place.hook)
    begin = line_begin(text, region.begin)
    first = line_number(text, begin)
    body = text[begin : region.end].splitlines()
    return "\n".join(f"{first + index:7} {line}".rstrip() for index, line in enumerate(body))
