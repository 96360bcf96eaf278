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
