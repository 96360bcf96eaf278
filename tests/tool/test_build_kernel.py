# SPDX-License-Identifier: BSD-2-Clause
"""Builds kernels for real and boots them; minutes the first time, so only where asked for.

    ILNP_TEST_KERNEL=1 pytest tests/tool/test_build_kernel.py

ILNP_SRC names the FreeBSD tree (default /usr/src), ILNP_OBJ where everything is built.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from ilnptool.build.boot import HELLO, build_quick_image, compile_program
from ilnptool.build.kernel import Workshop, build_kernel, open_workshop
from ilnptool.build.trial import Machine, run_machine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        os.environ.get("ILNP_TEST_KERNEL") != "1", reason="ILNP_TEST_KERNEL=1 asks for it"
    ),
]


@pytest.fixture(scope="module")
def shop() -> Workshop:
    src = Path(os.environ.get("ILNP_SRC", "/usr/src"))
    obj = os.environ.get("ILNP_OBJ") or platformdirs.user_cache_path("ilnptool") / "freebsd"
    return open_workshop(src, Path(obj), os.cpu_count() or 1)


def boot(shop: Workshop, kernel: Path, tmp_path: Path) -> list[str]:
    init = tmp_path / "hello"
    image = tmp_path / "image"
    compile_program(shop.host, HELLO, init, shop.tree.root / "sys")
    build_quick_image(shop, kernel, init, image)
    console = run_machine(Machine(image), tmp_path / "console", timeout=120)
    return [line for line in console.splitlines() if line.startswith("HELLO")]


@pytest.mark.parametrize("stock", [True, False], ids=["stock", "patched"])
def test_a_kernel_without_ilnp_boots(shop: Workshop, tmp_path: Path, stock: bool) -> None:
    kernel = build_kernel(shop, "ILNP-STOCK", stock=stock)
    said = boot(shop, kernel.path, tmp_path)
    assert said[0] == "HELLO kern.ident ILNP-STOCK"
    assert said[-1] == "HELLO done"
    again = build_kernel(shop, "ILNP-STOCK", stock=stock)
    assert again.cached == (again.key == kernel.key)


def test_a_kernel_with_ilnp_boots(shop: Workshop, tmp_path: Path) -> None:
    kernel = build_kernel(shop, "ILNP")
    assert boot(shop, kernel.path, tmp_path)[0] == "HELLO kern.ident ILNP"
