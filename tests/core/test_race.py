# SPDX-License-Identifier: BSD-2-Clause
"""One cache used by five threads at once, watched by two sanitizers."""

from __future__ import annotations

import re

import pytest
from ccore import start

from ilnptool.run import tail_of

MILLISECONDS = 3000


# lesson: 33, 36
@pytest.mark.parametrize("sanitizer", ["tsan", "asan"])
def test_threads_do_not_disturb_each_other(sanitizer: str) -> None:
    result = start(f"{sanitizer}_ilcc", str(MILLISECONDS))
    assert result.status == 0, tail_of(result.stderr, result.stdout)
    done = {name: int(n) for name, n in re.findall(r"(\w+) (\d+)", result.stdout)}
    # What was not done was not tested.
    for what in ("input", "output", "tick", "control", "created", "lu_rcvd", "probe_reply"):
        assert done[what] > 0, result.stdout
