# SPDX-License-Identifier: BSD-2-Clause
"""What the tests that boot a kernel share: who asks for them, and what the environment says.

ILNP_TEST_KERNEL=1 asks for them, ILNP_SRC names the FreeBSD tree (default /usr/src), ILNP_OBJ where
everything is built, ILNP_CONF the configuration (default ILNP), ILNP_KERNEL a kernel that is built
already, ILNP_KEEP where what each of them leaves is kept.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from ilnptool.build.kernel import Workshop, build_kernel, open_workshop

SRC = Path(os.environ.get("ILNP_SRC", "/usr/src"))
OBJ = Path(os.environ.get("ILNP_OBJ") or platformdirs.user_cache_path("ilnptool") / "freebsd")
CONF = os.environ.get("ILNP_CONF", "ILNP")
# A kernel that watches itself takes several times as long.
WATCHED_CONF = CONF.endswith("-DEBUG")

ASKED = pytest.mark.skipif(
    os.environ.get("ILNP_TEST_KERNEL") != "1",
    reason="make test-kernel asks for it, by ILNP_TEST_KERNEL=1; needs a FreeBSD 14 tree in "
    "/usr/src or $ILNP_SRC",
)


def kernel_marks(seconds: int) -> list[pytest.MarkDecorator]:
    """Return what marks a file of tests that boot a kernel, each of which may take that long."""
    return [pytest.mark.slow, pytest.mark.timeout(seconds), ASKED]


def workshop() -> Workshop:
    """Return where kernels are built."""
    return open_workshop(SRC, OBJ, os.cpu_count() or 1)


def given_kernel() -> Path | None:
    """Return the kernel that the environment names."""
    given = os.environ.get("ILNP_KERNEL")
    return Path(given) if given else None


def kernel(shop: Workshop, conf: str = CONF) -> Path:
    """Return the kernel that the environment names, or else one that is built now."""
    return given_kernel() or build_kernel(shop, conf).path


def kept(name: str, factory: pytest.TempPathFactory) -> Path:
    """Return a folder for what a test leaves: one that stays, if the environment says where."""
    keep = os.environ.get("ILNP_KEEP")
    folder = Path(keep) / name if keep else factory.mktemp(name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
