# SPDX-License-Identifier: BSD-2-Clause
"""Splits source text into tokens with their places; white space and comments do not count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_C = re.compile(
    r"(?P<skip>\s+|/\*.*?\*/|//[^\n]*)"
    r'|(?P<token>"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|\w+|.)',
    re.DOTALL,
)
# The lists of files and options of config(8): words, with # for comments.
_WORDS = re.compile(r'(?P<skip>\s+|#[^\n]*)|(?P<token>"[^"\n]*"|[^\s#"]+|.)')


@dataclass(frozen=True, slots=True)
class Token:
    """One token and where it begins and ends in the text."""

    text: str
    begin: int
    end: int


def is_c(path: Path) -> bool:
    return path.suffix in {".c", ".h"}


@lru_cache(maxsize=32)
def tokenize(text: str, *, c: bool) -> tuple[Token, ...]:
    """Return the tokens of C source or, with `c` false, of a file of config(8)."""
    pattern = _C if c else _WORDS
    return tuple(
        Token(match["token"], match.start(), match.end())
        for match in pattern.finditer(text)
        if match["token"] is not None
    )


def find_sequence(tokens: Sequence[Token], wanted: Sequence[str]) -> Iterator[int]:
    """Yield each index at which the texts `wanted` stand one after the other."""
    first = wanted[0]
    for index in range(len(tokens) - len(wanted) + 1):
        if tokens[index].text == first and all(
            tokens[index + offset].text == text for offset, text in enumerate(wanted)
        ):
            yield index


def line_begin(text: str, at: int) -> int:
    """Return where the line begins that `at` is on."""
    return text.rfind("\n", 0, at) + 1


def line_end(text: str, at: int) -> int:
    """Return where the line after the one that `at` is on begins."""
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def line_number(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
