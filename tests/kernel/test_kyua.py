# SPDX-License-Identifier: BSD-2-Clause
"""Boots FreeBSD twice with the same test programs: Kyua runs them, and our small equivalent of it.

Each case of tests/tool/kinds.atf ends in a way of its own; both have to make the same of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kernelkit import SRC, kernel, kernel_marks, workshop

from ilnptool.build.kyua import missing_for_kyua
from ilnptool.guest.suite import KYUA, SMALL, Outcome, find_kyua, run_suite

PLACE = "usr/tests/kinds"
TOOL = Path(__file__).parents[1] / "tool"
KYUAFILE = """\
syntax(2)
test_suite("ilnp")
atf_test_program{
    name="kinds_test", -- longer than they need in an emulator
    timeout=60
}
atf_test_program{name='no_list'}
"""
# A property that is given twice spoils the whole program.
NO_LIST = """\
#! /usr/libexec/atf-sh
atf_test_case a
a_head() { atf_set descr one; atf_set descr two; }
a_body() { :; }
atf_init_test_cases() { atf_add_test_case a; }
"""
SETTINGS = ("word=hello", "words=two words", "limit=30")

pytestmark = [
    *kernel_marks(7200),
    pytest.mark.skipif(bool(missing_for_kyua(SRC)), reason=missing_for_kyua(SRC)),
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What each of the two told."""
    shop = workshop()
    booted = kernel(shop, "ILNP")
    folder = tmp_path_factory.mktemp("kyua")
    files = {f"{PLACE}/kinds_test": TOOL / "kinds.atf"}
    for name, text in (("Kyuafile", KYUAFILE), ("no_list", NO_LIST)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
        files[f"{PLACE}/{name}"] = folder / name
    found = {}
    for runner in (KYUA, SMALL):
        found[runner] = run_suite(
            shop,
            folder / runner,
            booted,
            (f"/{PLACE}/Kyuafile",),
            suite="kinds",
            files=files,
            settings=SETTINGS,
            kyua=find_kyua(shop, runner),
        )
    return found


def test_both_make_the_same_of_each_case(outcomes: dict[str, Outcome]) -> None:
    kyua, small = (
        {case.ident: case.status for case in outcomes[runner].cases} for runner in (KYUA, SMALL)
    )
    assert small == kyua
    assert {"passed", "failed", "broken", "skipped", "expected_failure"} == {*kyua.values()}
    assert len(kyua) >= 34
    assert all(outcome.ended for outcome in outcomes.values())


def test_the_reasons_of_what_is_not_run_are_the_same(outcomes: dict[str, Outcome]) -> None:
    for case, other in zip(*(outcomes[runner].cases for runner in (KYUA, SMALL)), strict=True):
        assert case.ident == other.ident  # in the same order
        # Kyua counts octets in units of its own.
        if case.status == "skipped" and case.name != "huge":
            # It adds where it has looked.
            assert case.reason.startswith(other.reason)
