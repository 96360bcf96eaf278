# SPDX-License-Identifier: BSD-2-Clause
"""Boots a FreeBSD kernel with ILNP, whose first program tests it from inside.

    make test-kernel

The environment says what and where, as kernelkit.py has it; besides, ILNP_FORGED how many forged
packets are sent, and ILNP_STEADY=1 to count time in instructions.  Console and JUnit file of each
group stay in ILNP_KEEP.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from chancekit import wants_another
from debuggerkit import wrong_in_debugger
from kernelkit import CONF, WATCHED_CONF, given_kernel, kept, kernel_marks, workshop

from ilnptool.guest.quick import FORGED, STEADY, USUAL, WATCHED, Report, run_groups

# How many facts each group has at least: one that ends early must not pass.
# Kernels that watch themselves have three fewer of sockets, and one of harm.
FACTS = {"wire": 224, "sockets": 140, "harm": 86, "move": 27, "load": 25, "end": 4, "short": 12}
# This one ends in the kernel's debugger.
DEBUGGED = "sockets"

pytestmark = kernel_marks(7200)


@pytest.fixture(scope="module", params=WATCHED if WATCHED_CONF else USUAL)
def booted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Report]:
    """A group of scenarios, and what a machine that ran it left."""
    group = request.param
    folder = kept(group, tmp_path_factory)

    def boot(folder: Path) -> Report:
        return run_groups(
            workshop(),
            folder,
            conf=CONF,
            kernel=given_kernel(),
            groups=(group,),
            forged=int(os.environ.get("ILNP_FORGED", FORGED)),
            machine=STEADY if os.environ.get("ILNP_STEADY") == "1" else None,
        )

    report = boot(folder)
    if wants_another(group, report.verdict):
        report = boot(folder / "again")
    return group, report


# lesson: 75
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
