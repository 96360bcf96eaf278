# SPDX-License-Identifier: BSD-2-Clause
"""Boots a FreeBSD kernel as it is and loads ilnp.ko into it; run as test_guest.py is.

ILNP_KERNEL is not for this test: the module must fit the kernel, so both are built.
"""

from __future__ import annotations

import pytest
from chancekit import wants_another
from debuggerkit import wrong_in_debugger
from kernelkit import WATCHED_CONF, kept, kernel_marks, workshop

from ilnptool.build.boot import build_quick_image
from ilnptool.build.kernel import build_kernel
from ilnptool.build.kmod import build_module
from ilnptool.build.trial import Machine
from ilnptool.guest.console import Said, judge
from ilnptool.guest.quick import build_program, run_quick

STOCK = "ILNP-STOCK-DEBUG" if WATCHED_CONF else "ILNP-STOCK"

pytestmark = kernel_marks(3600)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """What the machine said."""
    shop, folder = workshop(), kept("module", tmp_path_factory)
    kernel = build_kernel(shop, STOCK, stock=True)
    files = {"boot/kernel/ilnp.ko": build_module(shop, kernel)}
    init, image = build_program(shop, folder), folder / "image"
    tunables = {"kt.groups": "module"}
    build_quick_image(shop, kernel.path, init, image, files=files, tunables=tunables)
    said = run_quick(Machine(image), folder)
    if wants_another("module", judge(said)):
        again = folder / "again"
        again.mkdir(exist_ok=True)
        said = run_quick(Machine(image), again)
    return said


def test_the_module_works_on_a_kernel_without_hooks(said: Said) -> None:
    verdict = judge(said)
    assert [f"{fact.scenario}: {fact.text}" for fact in verdict.failures] == []
    assert len(verdict.facts) > 70
    assert verdict.ended


# The program leaves a connection, and has the debugger show it at the end.
def test_the_debugger_shows_what_there_is(said: Said) -> None:
    assert wrong_in_debugger(said.console) == []


def test_it_leaves_nothing_behind(said: Said) -> None:
    assert judge(said).complaints == ()
    # Of a module that has been unloaded.
    assert "leaked memory" not in said.console
