# SPDX-License-Identifier: BSD-2-Clause
"""Boots a FreeBSD kernel as it is and loads ilnp.ko into it; run as test_guest.py is.

ILNP_KERNEL is not for this test: the module must fit the kernel, so both are built.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from ilnptool.build.boot import build_quick_image
from ilnptool.build.kernel import build_kernel, open_workshop
from ilnptool.build.kmod import build_module
from ilnptool.build.trial import Machine, run_machine
from ilnptool.run import run

HERE = Path(__file__).parent
BOOT_SECONDS = 600
COMPLAINTS = (
    *("panic:", "lock order reversal", "KASAN", "Fatal trap", "acquiring duplicate lock"),
    "leaked memory",  # of a module that has been unloaded
)

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
    keep = os.environ.get("ILNP_KEEP")
    folder = Path(keep) / "module" if keep else tmp_path_factory.mktemp("module")
    folder.mkdir(parents=True, exist_ok=True)
    src = Path(os.environ.get("ILNP_SRC", "/usr/src"))
    obj = os.environ.get("ILNP_OBJ") or platformdirs.user_cache_path("ilnptool") / "freebsd"
    shop = open_workshop(src, Path(obj), os.cpu_count() or 1)
    run(["make", "-s", "-C", str(HERE), f"OUT={folder}", f"SRC={src}"], timeout=300)
    kernel = build_kernel(shop, os.environ.get("ILNP_STOCK_CONF", "ILNP-STOCK"), stock=True)
    files = {"boot/kernel/ilnp.ko": build_module(shop, kernel)}
    init, image = folder / "tests/kernel/init", folder / "image"
    tunables = {"kt.groups": "module"}
    build_quick_image(shop, kernel.path, init, image, files=files, tunables=tunables)
    return run_machine(Machine(image), folder / "console", timeout=BOOT_SECONDS).splitlines()


def test_the_module_works_on_a_kernel_without_hooks(console: list[str]) -> None:
    facts = [line.strip() for line in console if line.startswith(("  ok  ", "  FAIL"))]
    assert [fact for fact in facts if fact.startswith("FAIL")] == []
    assert len(facts) > 45
    assert "KT: PASS" in console


def test_it_leaves_nothing_behind(console: list[str]) -> None:
    assert [line for line in console if any(word in line for word in COMPLAINTS)] == []
