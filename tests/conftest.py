# SPDX-License-Identifier: BSD-2-Clause
"""What all tests share: those that need root are skipped without it, and say so."""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked `root` where we are not root."""
    if os.geteuid() == 0:
        return
    skip = pytest.mark.skip(reason="needs root: makes network namespaces and links")
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(skip)
