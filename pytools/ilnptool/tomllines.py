# SPDX-License-Identifier: BSD-2-Clause
"""Finds the lines on which the keys, tables and array elements of a TOML text stand.

Runs only on text that tomllib has accepted and so needs no error handling of its own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable

Key = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")


def lines_of(text: str) -> dict[Key, int]:
    """Return the line of each path, such as ("link", 0, "ends", 1); arrays count from 0."""
    return _Scanner(text).scan()


class _Scanner:
    """Walks valid TOML and notes on which line each path begins."""

    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._at = 0
        self.lines: dict[Key, int] = {(): 1}
        self._array_tables: dict[Key, int] = {}

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1

    def _peek(self, token: str) -> bool:
        return self._text.startswith(token, self._at)

    def _skip(self, *, newlines: bool) -> None:
        blank = " \t\n" if newlines else " \t"
        while self._at < len(self._text):
            if self._text[self._at] in blank:
                self._at += 1
            elif self._peek("#"):
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            else:
                return

    def _string(self) -> str:
        """Consume a string and return what is between the quotes, escapes and all."""
        quote = self._text[self._at]
        mark = quote * 3 if self._peek(quote * 3) else quote
        begin = self._at = self._at + len(mark)
        while not self._peek(mark):
            self._at += 2 if quote == '"' and self._peek("\\") else 1
        # Up to two quotes may stand directly before the closing three.
        while len(mark) == 3 and self._text.startswith(mark, self._at + 1):
            self._at += 1
        raw = self._text[begin : self._at]
        self._at += len(mark)
        return raw

    def _key(self) -> Key:
        parts: list[str] = []
        while True:
            self._skip(newlines=False)
            if self._peek('"'):
                parts.append(tomllib.loads(f'key = "{self._string()}"')["key"])
            elif self._peek("'"):
                parts.append(self._string())
            else:
                match = _BARE.match(self._text, self._at)
                assert match is not None
                parts.append(match.group())
                self._at = match.end()
            self._skip(newlines=False)
            if not self._peek("."):
                return tuple(parts)
            self._at += 1

    def _note(self, base: Key, key: Key, line: int) -> Key:
        for length in range(1, len(key) + 1):
            self.lines.setdefault(base + key[:length], line)
        return base + key

    def _value(self, path: Key) -> None:
        if self._peek('"') or self._peek("'"):
            self._string()
        elif self._peek("["):
            self._at += 1
            self._sequence("]", lambda index: self._element((*path, index)))
        elif self._peek("{"):
            self._at += 1
            self._sequence("}", lambda _index: self._pair(path))
        else:
            match = _SCALAR.match(self._text, self._at)
            assert match is not None
            self._at = match.end()

    def _sequence(self, close: str, item: Callable[[int], None]) -> None:
        index = 0
        while True:
            self._skip(newlines=True)
            if self._peek(close):
                self._at += 1
                return
            if self._peek(","):
                self._at += 1
                continue
            item(index)
            index += 1

    def _element(self, path: Key) -> None:
        self.lines[path] = self._line()
        self._value(path)

    def _pair(self, base: Key) -> None:
        line = self._line()
        path = self._note(base, self._key(), line)
        self._at += 1  # the equals sign
        self._skip(newlines=False)
        self._value(path)

    def _resolve(self, key: Key) -> Key:
        """Insert the index of the newest element for each array of tables on the way."""
        path: Key = ()
        for part in key:
            path = (*path, part)
            if path in self._array_tables:
                path = (*path, self._array_tables[path])
        return path

    def _header(self) -> Key:
        line = self._line()
        array = self._peek("[[")
        self._at += 2 if array else 1
        key = self._key()
        self._at += 2 if array else 1
        base = self._resolve(key[:-1])
        path = self._note(base, key[-1:], line)
        if array:
            index = self._array_tables.get(path, -1) + 1
            self._array_tables[path] = index
            path = (*path, index)
            self.lines[path] = line
        for length in range(1, len(path)):
            self.lines.setdefault(path[:length], line)
        return path

    def scan(self) -> dict[Key, int]:
        table: Key = ()
        while True:
            self._skip(newlines=True)
            if self._at >= len(self._text):
                return self.lines
            if self._peek("["):
                table = self._header()
            else:
                self._pair(table)
