# SPDX-License-Identifier: BSD-2-Clause
"""TOML files that people write: values together with the lines they stand on.

tomllib reads the values but forgets the lines, so the text is scanned a second time for them
(ilnptool.tomllines), and each error can name its place.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from ilnptool.errors import FileError, UsageError
from ilnptool.tomllines import Key, lines_of

T = TypeVar("T")
_SYNTAX_LINE = re.compile(r"\(at line (\d+), column \d+\)$")


class Table:
    """One table of a file: typed access to its keys, errors with file and line."""

    def __init__(
        self, path: Path, data: dict[str, Any], lines: dict[Key, int], key: Key = ()
    ) -> None:
        self.path = path
        self.key = key
        self._data = data
        self._lines = lines

    def line(self, *key: str | int) -> int:
        """Return the line of a key below this table, or of the table itself."""
        return self._lines.get(self.key + key, self._lines.get(self.key, 1))

    def fail(
        self, key: str, value: object, allowed: str | Iterable[str], what: str | None = None
    ) -> NoReturn:
        """Raise the error for a key of this table; the key is named if `what` says nothing else."""
        what = f"{key}: bad value" if what is None else what
        raise FileError(self.path, self.line(key), value, allowed, what)

    def only(self, allowed: Iterable[str]) -> None:
        """Refuse keys that nobody would read."""
        known = list(allowed)
        for key in self._data:
            if key not in known:
                self.fail(key, key, known, "unknown key")

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def get(self, key: str, kind: type[T], default: T | None, allowed: str) -> T:
        """Return a value of exactly the type `kind`; without a default it must be there."""
        if key not in self._data:
            if default is None:
                raise FileError(
                    self.path, self.line(), key, f"{key} = {allowed}", "this table lacks the key"
                )
            return default
        value = self._data[key]
        if type(value) is not kind:
            self.fail(key, value, allowed)
        return value

    def string(self, key: str, default: str | None = None, allowed: str = "a string") -> str:
        return self.get(key, str, default, allowed)

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        allowed = f"a whole number from {low} to {high}"
        value = self.get(key, int, default, allowed)
        if not low <= value <= high:
            self.fail(key, value, allowed)
        return value

    def flag(self, key: str, default: bool) -> bool:
        return self.get(key, bool, default, "true, false")

    def choice(self, key: str, allowed: Iterable[str], default: str | None = None) -> str:
        words = list(allowed)
        value = self.string(key, default, ", ".join(words))
        if value not in words:
            self.fail(key, value, words)
        return value

    def parsed(
        self, key: str, parse: Callable[[str], T], allowed: str, default: T | None = None
    ) -> T:
        """Return a string turned into a value by `parse`, whose ValueError means a bad value."""
        if key not in self._data and default is not None:
            return default
        text = self.string(key, None, allowed)
        try:
            return parse(text)
        except ValueError:
            self.fail(key, text, allowed)

    def texts(self, key: str, allowed: str = "a list of strings") -> tuple[str, ...]:
        """Return a list of strings, empty if absent."""
        values = self.get(key, list, [], allowed)
        for index, value in enumerate(values):
            if not isinstance(value, str):
                raise FileError(self.path, self.line(key, index), value, allowed)
        return tuple(values)

    def strings(self, key: str, allowed: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        """Return a list of strings, each turned into a value by `parse`; empty if absent."""
        values: list[T] = []
        for index, text in enumerate(self.texts(key, f"a list of: {allowed}")):
            try:
                values.append(parse(text))
            except ValueError as err:
                raise FileError(self.path, self.line(key, index), text, allowed) from err
        return tuple(values)

    def table(self, key: str) -> Table:
        """Return a sub-table, an empty one if it is absent."""
        data = self.get(key, dict, {}, f"a table [{key}]")
        return Table(self.path, data, self._lines, (*self.key, key))

    def tables(self, key: str) -> list[Table]:
        """Return an array of tables, empty if it is absent."""
        allowed = f"tables [[{key}]]"
        found = []
        for index, data in enumerate(self.get(key, list, [], allowed)):
            if not isinstance(data, dict):
                self.fail(key, data, allowed)
            found.append(Table(self.path, data, self._lines, (*self.key, key, index)))
        return found


def parse(text: str, path: Path) -> Table:
    """Return the top table of a TOML text; `path` is what errors call it."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        match = _SYNTAX_LINE.search(str(err))
        line = int(match.group(1)) if match else text.count("\n") + 1
        reason = _SYNTAX_LINE.sub("", str(err)).strip()
        lines = text.splitlines()
        shown = lines[line - 1].strip() if line <= len(lines) else "end of file"
        raise FileError(path, line, shown, f"TOML ({reason})", "not TOML:") from err
    return Table(path, data, lines_of(text))


def load(path: Path) -> Table:
    """Read a TOML file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as err:
        raise UsageError(f"{path}: cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise FileError(path, 1, "bytes that are not UTF-8", "UTF-8 text") from err
    return parse(text, path)
