# SPDX-License-Identifier: BSD-2-Clause
"""Boots a FreeBSD kernel with ILNP and runs the shell tests of tests/net in it, all in one boot.

As test_guest.py; on FreeBSD itself the same files run under Kyua (docs/kernel-tests.rst).
"""

from __future__ import annotations

import pytest
from kernelkit import CONF, WATCHED_CONF, kept, kernel, kernel_marks, workshop

from ilnptool.guest.suite import Outcome, choose, our_programs, run_suite

CASES = 47

# A kernel that watches itself takes up to an hour and a half, and longer beside other work.
pytestmark = kernel_marks(25_000 if WATCHED_CONF else 7200)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What one boot told of all cases."""
    shop, folder = workshop(), kept("net", tmp_path_factory)
    return run_suite(shop, folder, kernel(shop), choose(()), suite=f"net-{CONF}")


def test_every_case_passes(outcome: Outcome) -> None:
    bad = [f"{x.ident}: {x.status}: {x.reason}\n{x.output}" for x in outcome.cases if not x.good]
    assert bad == []
    assert outcome.ended
    assert len(outcome.cases) >= CASES
    assert {case.program for case in outcome.cases} == {*our_programs()}
    assert [case.ident for case in outcome.cases if case.status == "skipped"] == []


def test_the_kernel_bears_it_without_a_word(outcome: Outcome) -> None:
    assert outcome.complaints == ()
