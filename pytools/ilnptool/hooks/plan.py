# SPDX-License-Identifier: BSD-2-Clause
"""What applying the hooks to a tree would do, worked out as a whole before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath

from ilnptool.errors import UsageError
from ilnptool.hooks.lock import Lock
from ilnptool.hooks.place import PlaceError, fingerprint, locate, region_of
from ilnptool.hooks.spec import HOOK_FILE, LIBC_HOOK_FILE, Hook
from ilnptool.hooks.tokens import line_number
from ilnptool.hooks.tree import Tree

# Another implementation's names: such a file is no longer FreeBSD's own.
_FOREIGN = re.compile(r"\b(?:INP_)?ILNP6?(?:_\w+)?\b|\bilnp6?(?:_\w+|\.[ch])\b")
_PUBLISHED = "take a tree as FreeBSD publishes it"


class State(Enum):
    """Of one hook in one tree."""

    FITS = "fits"
    APPLIED = "applied"


@dataclass(frozen=True, slots=True)
class Placed:
    """A hook and where it is, or would be, in a tree."""

    hook: Hook
    state: State
    line: int
    fingerprint: str | None
    reviewed: tuple[str, ...]

    @property
    def is_reviewed(self) -> bool:
        """Someone has read the function as it is here; places outside functions need no reader."""
        return self.fingerprint is None or bool(self.reviewed)


@dataclass(frozen=True, slots=True)
class FilePlan:
    """One file: its text without and with the hooks."""

    path: PurePosixPath
    pristine: str
    patched: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All hooks in one tree, all of them fitting."""

    tree: Tree
    placed: tuple[Placed, ...]
    files: tuple[FilePlan, ...]

    @property
    def applied(self) -> bool:
        return all(place.state is State.APPLIED for place in self.placed)

    @property
    def unreviewed(self) -> tuple[Placed, ...]:
        return tuple(place for place in self.placed if not place.is_reviewed)


def _remove(text: str, hook: Hook) -> str | None:
    """Return the file without the text of a hook, or None if it is not there."""
    region = region_of(text, hook)
    body = "\n" + text[region.begin : region.end]
    count = body.count("\n" + hook.text)
    if count == 0:
        return None
    if count > 1:
        raise PlaceError(f"its text is there {count} times already, want at most 1")
    at = region.begin + body.index("\n" + hook.text)
    return text[:at] + text[at + len(hook.text) :]


def _insert(pristine: str, hooks: Iterable[Hook]) -> tuple[str, dict[str, int]]:
    """Return the file with the hooks, and the line on which each begins in it."""
    places = sorted(
        ((locate(pristine, hook), order, hook) for order, hook in enumerate(hooks)),
        key=lambda place: place[:2],
    )
    parts: list[str] = []
    lines: dict[str, int] = {}
    done = 0
    for offset, _order, hook in places:
        parts.append(pristine[done:offset])
        lines[hook.id] = line_number("".join(parts), sum(map(len, parts)))
        parts.append(hook.text)
        done = offset
    return "".join(parts) + pristine[done:], lines


class _FilePlanner:
    """Plans one file and gathers everything that is wrong with it."""

    def __init__(self, tree: Tree, path: PurePosixPath, hooks: list[Hook], lock: Lock) -> None:
        self._tree = tree
        self._path = path
        self._hooks = hooks
        self._lock = lock
        self.problems: list[str] = []
        self.drifted = False

    def _problem(self, hook: Hook, what: str) -> None:
        self.drifted = True
        said = f"hook {hook.id}: {hook.place}: {what}; anchor `{' '.join(hook.anchor.split())}'"
        if said not in self.problems:
            self.problems.append(said)

    def _read(self) -> str | None:
        path = self._tree.root / self._path
        try:
            text = path.read_bytes().decode()
        except OSError as err:
            names = ", ".join(hook.id for hook in self._hooks)
            self.problems.append(f"hooks {names}: {self._path}: {err.strerror}; {_PUBLISHED}")
            return None
        except UnicodeDecodeError:
            self.problems.append(f"{self._path}: is not UTF-8 text; {_PUBLISHED}")
            return None
        if "\r" in text:
            self.problems.append(f"{self._path}: its lines end with CR LF; {_PUBLISHED}")
            return None
        return text

    def _strip(self, text: str) -> tuple[str, list[Hook]]:
        """Return the file without our text, and the hooks whose text was there."""
        present: list[Hook] = []
        for hook in self._hooks:
            try:
                without = _remove(text, hook)
            except PlaceError as err:
                self._problem(hook, str(err))
                continue
            if without is not None:
                present.append(hook)
                text = without
        return text, present

    def plan(self) -> tuple[FilePlan, list[Placed]] | None:
        """Return the plan of the file, or None with `problems` filled."""
        found = self._read()
        if found is None:
            return None
        pristine, present = self._strip(found)
        foreign = _FOREIGN.search(pristine)
        if foreign is not None:
            self.problems.append(
                f"{self._path}:{line_number(pristine, foreign.start())}: {foreign.group()} is "
                "there already: this tree has other ILNP code, or an older version of ours; "
                f"{_PUBLISHED}"
            )
            return None
        for hook in self._hooks:
            try:
                locate(pristine, hook)
            except PlaceError as err:
                self._problem(hook, str(err))
        if self.problems:
            return None
        patched, lines = _insert(pristine, self._hooks)
        if len(present) == len(self._hooks) and found != patched:
            self.problems.append(
                f"{self._path}: our lines are there, but not where they belong; {_PUBLISHED}"
            )
            return None
        placed = [self._placed(hook, pristine, lines, hook in present) for hook in self._hooks]
        return FilePlan(self._path, pristine, patched), placed

    def _placed(self, hook: Hook, pristine: str, lines: dict[str, int], present: bool) -> Placed:
        state = State.APPLIED if present else State.FITS
        if hook.function is None:
            return Placed(hook, state, lines[hook.id], None, ())
        mark = fingerprint(pristine, region_of(pristine, hook))
        reviewed = self._lock.releases(hook.file, hook.function, mark)
        return Placed(hook, state, lines[hook.id], mark, reviewed)


def _advice(path: PurePosixPath) -> str:
    """Return what to do about hooks whose place in a file has changed."""
    file = LIBC_HOOK_FILE if path.parts[0] == "lib" else HOOK_FILE
    return (
        "the tree has drifted: find where these statements went and correct anchor or function "
        f"in {file}; docs/hooks.rst, `Moving to a new release of FreeBSD', says how"
    )


def make_plan(tree: Tree, hooks: Iterable[Hook], lock: Lock) -> Plan:
    """Work out every hook; raise one UsageError that names all that does not fit."""
    by_file: dict[PurePosixPath, list[Hook]] = {}
    for hook in hooks:
        by_file.setdefault(hook.file, []).append(hook)
    files: list[FilePlan] = []
    placed: list[Placed] = []
    problems: list[str] = []
    drifted = False
    for path, of_file in by_file.items():
        planner = _FilePlanner(tree, path, of_file, lock)
        result = planner.plan()
        problems += planner.problems
        drifted |= planner.drifted
        if result is not None:
            files.append(result[0])
            placed += result[1]
    if problems:
        lines = [f"  {problem}" for problem in problems]
        if drifted:
            lines.append(_advice(next(iter(by_file))))
        raise UsageError(
            f"{tree.root} (FreeBSD {tree.release}): the hooks do not fit, nothing was written\n"
            + "\n".join(lines)
        )
    states = {place.state for place in placed}
    if len(states) > 1:
        missing = ", ".join(place.hook.id for place in placed if place.state is State.FITS)
        raise UsageError(
            f"{tree.root}: patched in part (missing: {missing}), nothing was written; "
            "take a clean tree"
        )
    return Plan(tree, tuple(placed), tuple(files))


def apply_plan(
    plan: Plan, *, into: Path | None = None, unreviewed: bool = False
) -> tuple[PurePosixPath, ...]:
    """Write the patched files, all of them or none; return those that changed.

    `into` is another copy of the tree than the one the plan was made from.  Files are replaced,
    never written in place: a hard link elsewhere keeps its content.
    """
    if plan.unreviewed and not unreviewed:
        names = ", ".join(place.hook.id for place in plan.unreviewed)
        raise UsageError(
            f"{plan.tree.root}: nobody has reviewed the functions of {names} as they are in "
            f"FreeBSD {plan.tree.release}; nothing was written.  Read them with `ilnptool hooks "
            f"review {plan.tree.root}', or go on without (--unreviewed)"
        )
    root = into or plan.tree.root
    writes = _Writes()
    try:
        changed = [file.path for file in plan.files if writes.stage(root, file)]
        writes.commit()
    except OSError as err:
        writes.undo()
        raise UsageError(
            f"{err.filename}: cannot be written: {err.strerror}; all files are as they were"
        ) from err
    return tuple(changed)


class _Writes:
    """Files on their way: all drafts are written before the first takes its place."""

    def __init__(self) -> None:
        self._drafts: list[tuple[Path, Path, bytes]] = []

    def stage(self, root: Path, file: FilePlan) -> bool:
        """Write a draft unless the file is as wanted already."""
        target = root / file.path
        old = target.read_bytes()
        wanted = file.patched.encode()
        if old == wanted:
            return False
        draft = target.with_name(target.name + ".ilnp-draft")
        self._drafts.append((draft, target, old))
        draft.write_bytes(wanted)
        draft.chmod(target.stat().st_mode & 0o7777)
        return True

    def commit(self) -> None:
        for draft, target, _old in self._drafts:
            draft.replace(target)

    def undo(self) -> None:
        for draft, target, old in self._drafts:
            with suppress(OSError):
                if target.read_bytes() != old:
                    target.write_bytes(old)
            with suppress(OSError):
                draft.unlink(missing_ok=True)
