# SPDX-License-Identifier: BSD-2-Clause
"""sys/hooks/hooks.toml, and that of lib/libc-ilnp: what is inserted where, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ilnptool.errors import FileError
from ilnptool.hooks.tokens import is_c, tokenize
from ilnptool.tomlfile import Table, load

HOOK_FILE = Path("sys/hooks/hooks.toml")
LIBC_HOOK_FILE = Path("lib/libc-ilnp/hooks.toml")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FUNCTION = re.compile(r"[A-Za-z_]\w*")
_KEYS = ("id", "why", "file", "function", "anchor", "where", "text")


@dataclass(frozen=True, slots=True)
class Hook:
    """One insertion; values are valid by the time one exists."""

    id: str
    why: str
    file: PurePosixPath
    function: str | None
    anchor: str
    where: str
    text: str

    @property
    def c(self) -> bool:
        return is_c(Path(self.file))

    @property
    def anchor_tokens(self) -> tuple[str, ...]:
        return tuple(token.text for token in tokenize(self.anchor, c=self.c))

    @property
    def place(self) -> str:
        """The words an error uses for where this hook belongs."""
        return f"{self.file}: {self.function}()" if self.function else str(self.file)

    @property
    def lines(self) -> int:
        """How many lines are inserted, blank ones not counted."""
        return sum(1 for line in self.text.splitlines() if line.strip())


def _file(table: Table) -> PurePosixPath:
    path = PurePosixPath(table.string("file"))
    if path.is_absolute() or ".." in path.parts or path.parts[:1] not in (("sys",), ("lib",)):
        table.fail("file", str(path), "a path below the tree that begins with sys/ or lib/")
    return path


def _text(table: Table) -> str:
    text = table.string("text")
    allowed = "whole lines, at least one not blank, no white space at their ends"
    if not text.strip() or not text.endswith("\n"):
        table.fail("text", text, allowed)
    for line in text.splitlines():
        if line != line.rstrip():
            table.fail("text", line, allowed)
    return text


def _hook(table: Table) -> Hook:
    table.only(_KEYS)
    name = table.string("id")
    if not _ID.fullmatch(name):
        table.fail("id", name, "lower-case words joined by hyphens")
    function = table.string("function", "")
    if function and not _FUNCTION.fullmatch(function):
        table.fail("function", function, "the name of a C function")
    hook = Hook(
        id=name,
        why=" ".join(table.string("why").split()),
        file=_file(table),
        function=function or None,
        anchor=table.string("anchor").strip(),
        where=table.choice("where", ("before", "after")),
        text=_text(table),
    )
    if not hook.why:
        table.fail("why", "", "a sentence")
    if not hook.anchor_tokens:
        table.fail("anchor", hook.anchor, "at least one token")
    if hook.function and not hook.c:
        table.fail("function", function, "only in files that end in .c or .h")
    return hook


def load_hooks(path: Path) -> tuple[Hook, ...]:
    """Read the hooks in their order; each id occurs once."""
    table = load(path)
    table.only(("hook",))
    hooks: list[Hook] = []
    for row in table.tables("hook"):
        hook = _hook(row)
        if any(other.id == hook.id for other in hooks):
            row.fail("id", hook.id, "an id that no other hook has")
        hooks.append(hook)
    if not hooks:
        raise FileError(path, 1, "no hook", "tables [[hook]]", "file with")
    return tuple(hooks)
