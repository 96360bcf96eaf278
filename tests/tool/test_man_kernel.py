# SPDX-License-Identifier: BSD-2-Clause
"""ilnp(4) says what the kernel has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ilnptool.build.manpage import PAGE, render
from ilnptool.errors import UsageError
from ilnptool.lab.model import ALGORITHMS

TOP = Path(__file__).parents[2]
KERN = TOP / "sys/netinet6/ilnp/kern"


def page() -> str:
    return (TOP / PAGE).read_text()


def test_knobs_and_counters_are_those_of_the_tables() -> None:
    assert render(TOP, page()) == page(), "python -m ilnptool.build.manpage writes them anew"


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(UsageError, match="knobs"):
        render(TOP, page().replace("knobs: end", ""))


def test_every_other_sysctl_is_there() -> None:
    source = "".join(path.read_text() for path in KERN.glob("*.c"))
    names = re.findall(r"_net_inet6_ilnp6, OID_AUTO, (\w+),", source)
    names += re.findall(r"^LISTING\((\w+)", source, re.MULTILINE)
    names = [name for name in names if name not in {"name", "stats"}]
    assert len(names) >= 8
    assert [name for name in names if f".It Va net.inet6.ilnp6.{name}\n" not in page()] == []


def test_every_algorithm_is_there() -> None:
    text = page().partition(".It Va net.inet6.ilnp6.algorithm\n")[2].partition(".It ")[0]
    assert [name for name in ALGORITHMS if name not in text.replace(",", "").split()] == []


def test_every_socket_option_is_there() -> None:
    header = (TOP / "sys/netinet6/ilnp/ilnp.h").read_text()
    names = re.findall(r"#define\s+(ILNP_(?:SO|CHOICE|SUM)_\w+)", header)
    assert len(names) == 15
    assert [name for name in names if f"Dv {name}" not in page()] == []


def test_every_event_is_there() -> None:
    source = (KERN / "ilnp_edge_event.c").read_text()
    events = re.findall(r'\{ "([A-Z]+)", "([A-Z]+)" \}', source)
    assert len(events) == 9
    names = (KERN / "ilnp_edge_name.c").read_text()
    events += re.findall(r'devctl_notify\("ILNP", "([A-Z]+)", "([A-Z]+)"', names)
    assert len(events) == 10
    assert [pair for pair in events if f".It Li {' '.join(pair)}\n" not in page()] == []
