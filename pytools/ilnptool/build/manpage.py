# SPDX-License-Identifier: BSD-2-Clause
"""Writes the lists of knobs and counters in ilnp(4) anew, from the tables in the C source.

python -m ilnptool.build.manpage
"""

from __future__ import annotations

import re
from pathlib import Path

from ilnptool.build.sources import project
from ilnptool.errors import UsageError
from ilnptool.tables import Counter, Knob, read_counters, read_knobs

PAGE = Path("share/man/ilnp.4")


def _prose(text: str) -> str:
    """Return a sentence as lines of mdoc(7), which wants a new line after each of them."""
    return re.sub(r"([.;:]) ", r"\1\n", text.rstrip(".")) + "."


def _knob(knob: Knob) -> str:
    unit = f" {knob.unit}" if knob.unit else ""
    return (
        f".It Va net.inet6.ilnp6.{knob.name}\n{_prose(knob.text)}\n"
        f"{knob.lowest} to {knob.highest}{unit}, default {knob.default}.\n"
    )


def _counter(counter: Counter) -> str:
    return f".It Va {counter.name}\n{_prose(counter.text)}\n"


def _replace(page: str, name: str, text: str) -> str:
    begin, end = f'.\\" {name}: generated\n', f'.\\" {name}: end\n'
    if page.count(begin) != 1 or page.count(end) != 1:
        raise UsageError(f"{PAGE}: wants the lines {begin.strip()} and {end.strip()}, once each")
    head, rest = page.split(begin)
    return head + begin + text + end + rest.split(end)[1]


def render(tree: Path, page: str) -> str:
    """Return the manual page with its lists as the tables of the source tree have them."""
    page = _replace(page, "knobs", "".join(_knob(knob) for knob in read_knobs(tree)))
    return _replace(page, "counters", "".join(_counter(row) for row in read_counters(tree)))


if __name__ == "__main__":
    path = project() / PAGE
    path.write_text(render(project(), path.read_text()))
