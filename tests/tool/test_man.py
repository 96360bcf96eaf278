# SPDX-License-Identifier: BSD-2-Clause
"""The manual pages."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ilnptool.cli import cli
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


def commands(group: click.Group, *words: str) -> Iterator[tuple[str, click.Command]]:
    """Yield the commands that do something, with the words that call them."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, *words, name)
        else:
            yield " ".join((*words, name)), command


@pytest.mark.parametrize(("words", "command"), list(commands(cli)), ids=str)
def test_every_command_and_option_is_in_the_manual(words: str, command: click.Command) -> None:
    text = (TOP / "share/man/ilnptool.1").read_text()
    items = re.findall(rf"^\.It Cm {words}(?: .*)?\n(?:(?!\.It Cm).*\n)*", text, re.MULTILINE)
    assert items, f"ilnptool.1 says nothing of `ilnptool {words}'"
    for parameter in command.params:
        for option in parameter.opts:
            if option.startswith("--"):
                assert re.search(rf"Fl -{option[2:]}\b", items[0]), f"{words} {option}"
