# SPDX-License-Identifier: BSD-2-Clause
"""A configuration file that cannot be right is refused by file and line, and nothing is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from ilnptool.config import load_config
from ilnptool.run import run

pytestmark = pytest.mark.root

GOOD = ['name = "n"', 'interfaces = ["nope0"]', 'nids = ["0211:22ff:fe33:4455"]']


@pytest.mark.parametrize("last", [False, True], ids=["in the middle", "on the last line"])
@pytest.mark.parametrize(
    ("line", "value", "allowed"),
    [
        pytest.param("frob = 1", "frob", "name, interfaces, nids", id="unknown key"),
        pytest.param('mtu = "big"', "mtu", "whole number", id="wrong type"),
        pytest.param("offload = maybe", "maybe", "true, false", id="no value"),
        pytest.param('user = "x" y', "y", "nothing more on this line", id="rubbish behind"),
        pytest.param("mtu =", "end of line", "whole number", id="value missing"),
        pytest.param('name = "again"', "name", "once", id="key twice"),
        pytest.param('algorithm = "best"', "best", "rr, drr", id="unknown algorithm"),
        pytest.param(
            'deny = ["2001:db8::/33x"]', "2001:db8::/33x", "PREFIX/LENGTH", id="bad prefix"
        ),
    ],
)
def test_a_bad_line_is_named_with_its_number(
    tmp_path: Path, line: str, value: str, allowed: str, last: bool
) -> None:
    path = tmp_path / "ilnpd.toml"
    lines = ["[node]", *GOOD[:1], line, *GOOD[1:]]
    if last:
        lines = ["[node]", *GOOD, line]
    path.write_text("\n".join([*lines, ""]))
    program = load_config(environ={}).ilnpd
    done = run([str(program), "-f", "-c", str(path)], timeout=10, check=False)
    assert done.status == 2
    where, _, text = done.stderr.partition(": ")
    assert where == f"{path}:{lines.index(line) + 1}"
    assert value in text
    assert allowed in text.partition("allowed: ")[2]


# What a mistake let start cannot harm: the node has a network namespace of its own.
ALONE = ("unshare", "-n")


def refused(*words: str) -> str:
    """Return what the node says when it is asked for something that cannot be."""
    program = load_config(environ={}).ilnpd
    done = run([*ALONE, str(program), "-f", *words], timeout=10, check=False)
    assert done.status in (2, 3), done.stderr
    assert "running" not in done.stderr
    return done.stderr


def test_a_configuration_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "ilnpd.toml"
    good = "\n".join(["[node]", *GOOD, ""])
    path.write_text(good + "#" * (1 << 20) + '\nmtu = "big"\n')
    assert refused("-c", str(path)) == f"ilnpd: {path}: File too large\n"
    assert refused("-c", str(tmp_path)) == f"ilnpd: {tmp_path}: Is a directory\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("\0\n", 1, id="first"),
        pytest.param("# c\n2001:db8:1:1.0211:22ff:fe33:4455 mn\0rubbish\n", 2, id="behind a line"),
        pytest.param("# c\0\n", 1, id="in a comment"),
        pytest.param("# c\n\0", 2, id="last"),
    ],
)
def test_hosts_file_with_nul_is_no_text(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "hosts"
    path.write_text(text)
    words = ("-N", "0211:22ff:fe33:4455", "-i", "nope0", "-H", str(path))
    assert f"{path}:{line}: bad value NUL; allowed: text" in refused(*words)


def test_no_nid_is_made_of_a_link_without_a_hardware_address() -> None:
    assert "no interface to make a NID from; name one with -N" in refused("-i", "lo")
