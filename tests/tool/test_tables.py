# SPDX-License-Identifier: BSD-2-Clause
"""The tables of knobs and counters as Python reads them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ilnptool.errors import UsageError
from ilnptool.tables import KNOB_FILE, LIMIT_FILE, STAT_FILE, read_counters, read_knobs

TOP = Path(__file__).parents[2]


def test_every_row_is_read() -> None:
    rows = (TOP / KNOB_FILE).read_text().count("\n\tX(")
    assert len(read_knobs(TOP)) == rows > 20
    rows = (TOP / STAT_FILE).read_text().count("\n\tX(")
    assert len(read_counters(TOP)) == rows > 20


def test_a_row_with_commas_and_parentheses_in_its_sentence(tmp_path: Path) -> None:
    for path, text in (
        (LIMIT_FILE, "#define\tILNP_TOP\t0x10\t/* x */\n"),
        (
            KNOB_FILE,
            "#define\tILNP_KNOBS(X)\t\\\n"
            '\tX(one, 1, 0, ILNP_TOP, "s", "First, (second) and third") \\\n'
            '\tX(two, 2, 1, 3, "", "Last")\n\nX(no, 0, 0, 0, "", "behind the table")\n',
        ),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    one, two = read_knobs(tmp_path)
    assert (one.name, one.highest, one.unit, one.text) == (
        "one",
        16,
        "s",
        "First, (second) and third",
    )
    assert (two.default, two.lowest, two.highest, two.unit) == (2, 1, 3, "")


def test_a_foreign_tree_is_refused(tmp_path: Path) -> None:
    (tmp_path / STAT_FILE).parent.mkdir(parents=True)
    (tmp_path / STAT_FILE).write_text("int main(void) { return (0); }\n")
    with pytest.raises(UsageError, match="no table ILNP_STATS"):
        read_counters(tmp_path)


def test_defaults_lie_within_their_ranges() -> None:
    for knob in read_knobs(TOP):
        assert knob.lowest <= knob.default <= knob.highest < 1 << 32, knob.name


def test_every_knob_is_used_by_the_core() -> None:
    files = (TOP / "sys/netinet6/ilnp/core").glob("*.[ch]")
    code = "".join(p.read_text() for p in files if p.name != "ilnp_knob.h")
    for knob in read_knobs(TOP):
        assert re.search(rf"\b{knob.name}\b", code), f"knob {knob.name} does nothing"


def test_every_counter_is_counted_somewhere() -> None:
    code = "".join(
        p.read_text()
        for folder in ("sys/netinet6/ilnp/core", "sys/netinet6/ilnp/kern", "usr.sbin/ilnpd")
        for p in (TOP / folder).glob("*.c")
    )
    for counter in read_counters(TOP):
        assert re.search(
            rf"ILNP_(?:EDGE_)?STAT\([^)]*\b{counter.name}\)|(?:->|stats\.){counter.name}\b", code
        ), f"counter {counter.name} never counts"
