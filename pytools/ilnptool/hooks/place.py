# SPDX-License-Identifier: BSD-2-Clause
"""Finds functions and anchors in a file, and from them the place of an insertion."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ilnptool.hooks.spec import Hook
from ilnptool.hooks.tokens import (
    Token,
    find_sequence,
    line_begin,
    line_end,
    line_number,
    tokenize,
)

_CLOSE = {"(": ")", "[": "]", "{": "}"}
# Comments that stand on lines of their own, up to the end of the text.
_COMMENTS = re.compile(r"(?:^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*\n)+\Z", re.DOTALL | re.MULTILINE)


class PlaceError(Exception):
    """A hook does not fit; the text says how, the caller adds which hook it is."""


@dataclass(frozen=True, slots=True)
class Region:
    """The part of a file in which an anchor is looked for."""

    begin: int
    end: int


def _closing(tokens: Sequence[Token], index: int) -> int:
    """Return the index of the parenthesis that closes the one at `index`, or the end."""
    depth = 0
    for at in range(index, len(tokens)):
        depth += (tokens[at].text == "(") - (tokens[at].text == ")")
        if depth == 0:
            return at
    return len(tokens)


def find_function(text: str, name: str) -> Region:
    """Return the definition of a function, from its name to the brace in the first column.

    Braces are not counted: with preprocessor conditionals they need not balance, and style(9)
    puts the last one, and no other, at the beginning of a line.
    """
    tokens = tokenize(text, c=True)
    found: list[Region] = []
    for index, token in enumerate(tokens[:-1]):
        if token.text != name or tokens[index + 1].text != "(":
            continue
        after = _closing(tokens, index + 1) + 1
        if after >= len(tokens) or tokens[after].text != "{":
            continue
        end = text.find("\n}", tokens[after].begin)
        if end < 0:
            raise PlaceError(f"the function {name}() has no end (a brace in the first column)")
        found.append(Region(token.begin, line_end(text, end + 1)))
    if len(found) != 1:
        raise PlaceError(f"the function {name}() is defined {len(found)} times, want 1")
    return found[0]


def region_of(text: str, hook: Hook) -> Region:
    return find_function(text, hook.function) if hook.function else Region(0, len(text))


def fingerprint(text: str, region: Region) -> str:
    """Return a hash of the tokens of a function: comments and layout do not count."""
    tokens = tokenize(text[region.begin : region.end], c=True)
    return hashlib.sha256(" ".join(token.text for token in tokens).encode()).hexdigest()


def _statement_end(tokens: Sequence[Token], last: int) -> int:
    """Return the index of the token that ends the statement in which `last` stands."""
    depth = 0
    for index in range(last, len(tokens)):
        word = tokens[index].text
        if index == last and word in {";", "{", "}"}:
            return index
        if index > last:
            depth += (word in _CLOSE) - (word in _CLOSE.values())
        # The anchor may have ended inside parentheses: those only lower the depth.
        if word == ";" and depth <= 0:
            return index
    raise PlaceError("no end of the statement in which the anchor stands")


def _ends_in_directive(anchor: Sequence[str]) -> bool:
    """True of `#include <x.h>' and of an anchor whose last words are `#endif'."""
    return anchor[0] == "#" or anchor[-2:-1] == ("#",)


def _offset(text: str, hook: Hook, tokens: Sequence[Token], index: int) -> int:
    last = index + len(hook.anchor_tokens) - 1
    if hook.where == "before":
        begin = line_begin(text, tokens[index].begin)
        if text[begin : tokens[index].begin].strip():
            number = line_number(text, begin)
            raise PlaceError(f"the anchor does not begin the line on which it stands ({number})")
        above = _COMMENTS.search(text, 0, begin) if hook.c else None
        return above.start() if above else begin
    if hook.c and not _ends_in_directive(hook.anchor_tokens):
        last = _statement_end(tokens, last)
    end = line_end(text, tokens[last].end)
    if last + 1 < len(tokens) and tokens[last + 1].begin < end:
        number = line_number(text, tokens[last].begin)
        raise PlaceError(f"line {number}, after which it belongs, goes on behind the statement")
    return end


def _nearest(text: str, tokens: Sequence[Token], wanted: Sequence[str]) -> str:
    """Say where the longest beginning of an anchor stands that is nowhere as a whole."""
    lengths = [
        next((at for at, word in enumerate(wanted) if tokens[index + at].text != word), len(wanted))
        for index in range(len(tokens) - len(wanted) + 1)
    ]
    longest = max(lengths, default=0)
    if longest == 0:
        return ""
    line = line_number(text, tokens[lengths.index(longest)].begin)
    return f" (the first {longest} of its {len(wanted)} tokens on line {line})"


def locate(text: str, hook: Hook) -> int:
    """Return the offset at which the text of a hook belongs in a file without it.

    Raises PlaceError unless the anchor occurs exactly once.
    """
    region = region_of(text, hook)
    tokens = [
        Token(token.text, token.begin + region.begin, token.end + region.begin)
        for token in tokenize(text[region.begin : region.end], c=hook.c)
    ]
    places = list(find_sequence(tokens, hook.anchor_tokens))
    if len(places) != 1:
        lines = ", ".join(str(line_number(text, tokens[place].begin)) for place in places)
        at = f" (lines {lines})" if places else _nearest(text, tokens, hook.anchor_tokens)
        raise PlaceError(f"the anchor occurs {len(places)} times{at}, want 1")
    return _offset(text, hook, tokens, places[0])
