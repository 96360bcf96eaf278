# SPDX-License-Identifier: BSD-2-Clause
"""Boots the kernel ILNP-STACKS, where TCP is RACK and then BBR, and moves connections.

It is another kernel to build, so ILNP_TEST_STACKS=1 asks for it besides what test_guest.py wants.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from ilnptool.build.kernel import open_workshop
from ilnptool.guest.quick import run_groups

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(
        os.environ.get("ILNP_TEST_KERNEL") != "1" or os.environ.get("ILNP_TEST_STACKS") != "1",
        reason="ILNP_TEST_KERNEL=1 ILNP_TEST_STACKS=1 ask for it",
    ),
]


def test_connections_of_other_stacks_move(tmp_path: Path) -> None:
    src = Path(os.environ.get("ILNP_SRC", "/usr/src"))
    obj = os.environ.get("ILNP_OBJ") or platformdirs.user_cache_path("ilnptool") / "freebsd"
    shop = open_workshop(src, Path(obj), os.cpu_count() or 1)
    verdict = run_groups(shop, tmp_path, conf="ILNP-STACKS", groups=("stacks",)).verdict
    assert [f"{fact.scenario}: {fact.text}" for fact in verdict.failures] == []
    assert verdict.ended
    assert {fact.scenario for fact in verdict.facts} >= {"rack", "bbr"}
    assert verdict.complaints == ()
