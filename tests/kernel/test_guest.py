# SPDX-License-Identifier: BSD-2-Clause
"""Boots a FreeBSD kernel with ILNP, whose first program tests it from inside.

    make test-kernel

ILNP_TEST_KERNEL=1 asks for it, ILNP_SRC names the FreeBSD tree (default /usr/src), ILNP_OBJ where
everything is built, ILNP_CONF the configuration (default ILNP), ILNP_KERNEL a kernel that is built
already, ILNP_FORGED how many forged packets are sent, ILNP_KEEP where console and JUnit file of
each group are left; ILNP_STEADY=1 counts time in instructions.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest
from chancekit import wants_another
from debuggerkit import wrong_in_debugger

from ilnptool.build.kernel import open_workshop
from ilnptool.guest.quick import FORGED, STEADY, USUAL, WATCHED, Report, run_groups

# How many facts each group has at least: one that ends early must not pass.
FACTS = {"wire": 205, "sockets": 113, "harm": 76, "move": 24, "load": 24, "end": 4, "short": 12}
# This one ends in the kernel's debugger.
DEBUGGED = "sockets"
CONF = os.environ.get("ILNP_CONF", "ILNP")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(
        os.environ.get("ILNP_TEST_KERNEL") != "1",
        reason="make test-kernel asks for it; needs a FreeBSD 14 tree in /usr/src or $ILNP_SRC",
    ),
]


@pytest.fixture(scope="module", params=WATCHED if CONF.endswith("-DEBUG") else USUAL)
def booted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Report]:
    """A group of scenarios, and what a machine that ran it left."""
    src = Path(os.environ.get("ILNP_SRC", "/usr/src"))
    obj = os.environ.get("ILNP_OBJ") or platformdirs.user_cache_path("ilnptool") / "freebsd"
    given = os.environ.get("ILNP_KERNEL")
    keep = os.environ.get("ILNP_KEEP")
    group = request.param
    folder = Path(keep) / group if keep else tmp_path_factory.mktemp(group)

    def boot(folder: Path) -> Report:
        return run_groups(
            open_workshop(src, Path(obj), os.cpu_count() or 1),
            folder,
            conf=CONF,
            kernel=Path(given) if given else None,
            groups=(group,),
            forged=int(os.environ.get("ILNP_FORGED", FORGED)),
            machine=STEADY if os.environ.get("ILNP_STEADY") == "1" else None,
        )

    report = boot(folder)
    if wants_another(group, report.verdict):
        report = boot(folder / "again")
    return group, report


def test_every_fact_of_the_guest_holds(booted: tuple[str, Report]) -> None:
    group, report = booted
    verdict = report.verdict
    assert [f"{fact.scenario}: {fact.text}" for fact in verdict.failures] == []
    assert verdict.ended
    assert len(verdict.facts) >= FACTS[group]


# WITNESS, KASAN and INVARIANTS speak up in make test-kernel CONF=ILNP-DEBUG: WITNESS of any lock
# that is held where Locator Updates, their acknowledgements and probes are sent, too.
# lesson: 35
def test_the_kernel_does_not_complain(booted: tuple[str, Report]) -> None:
    assert booted[1].verdict.complaints == ()


def test_the_debugger_shows_what_there_is(booted: tuple[str, Report]) -> None:
    group, report = booted
    if group == DEBUGGED:
        assert wrong_in_debugger(report.console.read_text(errors="replace")) == []
