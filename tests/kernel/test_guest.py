# SPDX-License-Identifier: BSD-2-Clause
"""Boots a FreeBSD kernel with ILNP whose first program plays router, far host and attacker.

    ILNP_TEST_KERNEL=1 pytest tests/kernel

ILNP_SRC names the FreeBSD tree (default /usr/src), ILNP_OBJ where everything is built,
ILNP_KERNEL a kernel that is built already, for instance one with KASAN and WITNESS.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from ilnptool.build.boot import build_quick_image
from ilnptool.build.kernel import build_kernel, open_workshop
from ilnptool.build.trial import Machine, run_machine
from ilnptool.run import run

HERE = Path(__file__).parent
BOOT_SECONDS = 600
# What a kernel says of itself when something is wrong with it.
COMPLAINTS = ("panic:", "lock order reversal", "KASAN", "Fatal trap", "acquiring duplicate lock")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        os.environ.get("ILNP_TEST_KERNEL") != "1", reason="ILNP_TEST_KERNEL=1 asks for it"
    ),
]


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the machine said, line by line."""
    folder = tmp_path_factory.mktemp("guest")
    src = Path(os.environ.get("ILNP_SRC", "/usr/src"))
    obj = os.environ.get("ILNP_OBJ") or platformdirs.user_cache_path("ilnptool") / "freebsd"
    shop = open_workshop(src, Path(obj), os.cpu_count() or 1)
    run(["make", "-s", "-C", str(HERE), f"OUT={folder}", f"SRC={src}"], timeout=300)
    given = os.environ.get("ILNP_KERNEL")
    kernel = Path(given) if given else build_kernel(shop, "ILNP").path
    image = folder / "image"
    build_quick_image(shop, kernel, folder / "tests/kernel/init", image)
    return run_machine(Machine(image), folder / "console", timeout=BOOT_SECONDS).splitlines()


def test_every_fact_of_the_guest_holds(console: list[str]) -> None:
    facts = [line.strip() for line in console if line.startswith(("  ok  ", "  FAIL"))]
    assert [fact for fact in facts if fact.startswith("FAIL")] == []
    assert len(facts) > 90
    assert "KT: PASS" in console


def test_the_kernel_does_not_complain(console: list[str]) -> None:
    assert [line for line in console if any(word in line for word in COMPLAINTS)] == []
