# SPDX-License-Identifier: BSD-2-Clause
"""Lines of keys in TOML files, and errors that name them."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from ilnptool import tomlfile
from ilnptool.errors import FileError, UsageError
from ilnptool.tomllines import lines_of

TEXT = '''# comment [not.a.table]
title = "a # b" # [x]
quoted."with.dot" = 1

[table]
text = """
[[no]]
x = 1 \\""" still
"""
literal = \'\'\'
y = 2\'\'\'\'
list = [
    "one", # comment ]
    { inner = 2,
      other = [3,
               4] },
]
after = 1979-05-27 07:32:00

[[item]]
name = "a"
[[item.sub]]
z = 1
[[item.sub]]
z = 2

[[item]]
name = "b"
[item.deep]
k = 1
[[item.sub]]
z = 3
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("title",), 2),
        (("quoted", "with.dot"), 3),
        (("table",), 5),
        (("table", "text"), 6),
        (("table", "literal"), 10),
        (("table", "list"), 12),
        (("table", "list", 0), 13),
        (("table", "list", 1), 14),
        (("table", "list", 1, "inner"), 14),
        (("table", "list", 1, "other"), 15),
        (("table", "list", 1, "other", 1), 16),
        (("table", "after"), 18),
        (("item",), 20),
        (("item", 0), 20),
        (("item", 0, "name"), 21),
        (("item", 0, "sub", 0, "z"), 23),
        (("item", 0, "sub", 1), 24),
        (("item", 1), 27),
        (("item", 1, "name"), 28),
        (("item", 1, "deep", "k"), 30),
        (("item", 1, "sub", 0), 31),
        (("item", 1, "sub", 0, "z"), 32),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_line_of_key(key: tuple[str | int, ...], line: int) -> None:
    assert lines_of(TEXT)[key] == line


def test_windows_line_ends_count_once() -> None:
    assert lines_of("a = 1\r\nb = 2\r\n")[("b",)] == 2


_KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)
_PLAIN = st.one_of(
    st.integers(-(2**31), 2**31),
    st.booleans(),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])),
)
_VALUES = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=5))
def test_every_top_key_of_any_document_has_its_line(data: dict[str, object]) -> None:
    """The scanner meets whatever TOML allows and never loses its place."""
    text = tomlkit.dumps(data)
    lines = lines_of(text)
    rows = text.split("\n")
    for key in data:
        shown = rows[lines[(key,)] - 1]
        assert shown.lstrip("[").startswith(tomlkit.key(key).as_string())


def parsed(text: str) -> tomlfile.Table:
    return tomlfile.parse(text, Path("f.toml"))


def test_syntax_error_has_its_line() -> None:
    with pytest.raises(FileError, match=r"f\.toml:2: ") as caught:
        parsed("a = 1\nb = = 2\n")
    assert caught.value.line == 2


def test_duplicate_key_has_its_line() -> None:
    with pytest.raises(FileError) as caught:
        parsed("a = 1\nb = 1\na = 2\n")
    assert caught.value.line == 3


def test_unknown_key_lists_the_known_ones() -> None:
    with pytest.raises(FileError, match=r"f\.toml:2: unknown key 'b'; allowed: a, c"):
        parsed("a = 1\nb = 2\n").only(["a", "c"])


def test_wrong_type_is_refused_also_bool_for_int() -> None:
    with pytest.raises(FileError, match=r"f\.toml:1: a: bad value True; allowed: a whole number"):
        parsed("a = true\n").integer("a", 0, 0, 9)


@pytest.mark.parametrize("value", ["-1", "10"])
def test_number_out_of_range_is_refused(value: str) -> None:
    with pytest.raises(FileError, match=f"bad value {value}; allowed: .* from 0 to 9"):
        parsed(f"a = {value}\n").integer("a", 0, 0, 9)


def test_missing_key_names_its_table() -> None:
    top = parsed("x = 1\n[[t]]\ny = 1\n[[t]]\nz = 1\n")
    with pytest.raises(FileError, match=r"f\.toml:4: this table lacks the key 'y'"):
        top.tables("t")[1].string("y")


def test_list_element_has_its_own_line() -> None:
    with pytest.raises(FileError, match=r"f\.toml:3: bad value 7"):
        parsed('a = [\n"x",\n7]\n').texts("a")


def test_unreadable_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        tomlfile.load(tmp_path / "none.toml")


def test_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match="UTF-8"):
        tomlfile.load(path)
