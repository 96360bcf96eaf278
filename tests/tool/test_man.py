# SPDX-License-Identifier: BSD-2-Clause
"""The manual pages."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ilnptool.run import run

TOP = Path(__file__).parents[2]
PAGES = sorted((TOP / "share/man").glob("*.[1-9]"))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_manual_page_is_clean(page: Path) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed")
    found = run(["mandoc", "-T", "lint", "-W", "style", str(page)], timeout=30, check=False).stdout
    # Which other pages this machine has, and how old its index of them is, is not our pages' fault.
    ours = ("referenced manual not found", "outdated mandoc.db")
    wrong = [line for line in found.splitlines() if not any(text in line for text in ours)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_manual_page_is_written_in_mdoc_and_named_as_its_file(page: Path) -> None:
    text = page.read_text()
    name, section = page.name.split(".")
    assert re.search(rf"^\.Dt {name.upper()} {section}$", text, re.MULTILINE)
