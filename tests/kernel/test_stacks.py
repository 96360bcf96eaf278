# SPDX-License-Identifier: BSD-2-Clause
"""Boots the kernel ILNP-STACKS, where TCP is RACK and then BBR, and moves connections.

It is another kernel to build, so ILNP_TEST_STACKS=1 asks for it besides what test_guest.py wants.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kernelkit import kernel_marks, workshop

from ilnptool.guest.quick import run_groups

pytestmark = [
    *kernel_marks(7200),
    pytest.mark.skipif(
        os.environ.get("ILNP_TEST_STACKS") != "1",
        reason="ILNP_TEST_STACKS=1 asks for it, besides make test-kernel",
    ),
]


def test_connections_of_other_stacks_move(tmp_path: Path) -> None:
    verdict = run_groups(workshop(), tmp_path, conf="ILNP-STACKS", groups=("stacks",)).verdict
    assert [f"{fact.scenario}: {fact.text}" for fact in verdict.failures] == []
    assert verdict.ended
    assert {fact.scenario for fact in verdict.facts} >= {"rack", "bbr"}
    assert verdict.complaints == ()
