# SPDX-License-Identifier: BSD-2-Clause
"""Boots a FreeBSD kernel with ILNP and runs the shell tests of tests/net in it, all in one boot.

As test_guest.py; on FreeBSD itself the same files run under Kyua (docs/kernel-tests.rst).
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from ilnptool.build.kernel import build_kernel, open_workshop
from ilnptool.guest.suite import Outcome, choose, our_programs, run_suite

CASES = 47
CONF = os.environ.get("ILNP_CONF", "ILNP")

pytestmark = [
    pytest.mark.slow,
    # A kernel that watches itself takes up to an hour and a half, and longer beside other work.
    pytest.mark.timeout(25_000 if CONF.endswith("-DEBUG") else 7200),
    pytest.mark.skipif(
        os.environ.get("ILNP_TEST_KERNEL") != "1",
        reason="make test-kernel asks for it; needs a FreeBSD 14 tree in /usr/src or $ILNP_SRC",
    ),
]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What one boot told of all cases."""
    src = Path(os.environ.get("ILNP_SRC", "/usr/src"))
    obj = os.environ.get("ILNP_OBJ") or platformdirs.user_cache_path("ilnptool") / "freebsd"
    shop = open_workshop(src, Path(obj), os.cpu_count() or 1)
    given, keep = os.environ.get("ILNP_KERNEL"), os.environ.get("ILNP_KEEP")
    folder = Path(keep) / "net" if keep else tmp_path_factory.mktemp("net")
    kernel = Path(given) if given else build_kernel(shop, CONF).path
    return run_suite(shop, folder, kernel, choose(()), suite=f"net-{CONF}")


def test_every_case_passes(outcome: Outcome) -> None:
    bad = [f"{x.ident}: {x.status}: {x.reason}\n{x.output}" for x in outcome.cases if not x.good]
    assert bad == []
    assert outcome.ended
    assert len(outcome.cases) >= CASES
    assert {case.program for case in outcome.cases} == {*our_programs()}
    assert [case.ident for case in outcome.cases if case.status == "skipped"] == []


def test_the_kernel_bears_it_without_a_word(outcome: Outcome) -> None:
    assert outcome.complaints == ()
