# SPDX-License-Identifier: BSD-2-Clause
"""Each hook, and each journey of a packet, has a case that runs it in a booted kernel.

Cases say so in a comment above them: `hook: connect, output', `journey: 3'.  The journeys are those
of docs/architecture.rst: packet out, packet in, Locator Update, Router Advertisement or event of an
interface, answer of the DNS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ilnptool.hooks.spec import HOOK_FILE, load_hooks

TOP = Path(__file__).parents[2]
JOURNEYS = {"1", "2", "3", "4", "5"}


def marks(word: str) -> Iterator[str]:
    """Yield what the cases say that they run."""
    for folder, pattern in (("net", "*_test"), ("kernel", "*.[cp]*")):
        for path in (TOP / "tests" / folder).glob(pattern):
            for text in re.findall(
                rf"^(?:#|/\*) {word}: ([\w, -]+)", path.read_text(), re.MULTILINE
            ):
                yield from (name.strip() for name in text.split(","))


def test_each_hook_has_a_case() -> None:
    # An include only declares what the others call; a line for config(8) is run by every build.
    hooks = {
        hook.id
        for hook in load_hooks(TOP / HOOK_FILE)
        if not hook.id.endswith("-include") and not hook.id.startswith("conf-")
    }
    assert {*marks("hook")} == hooks


def test_each_journey_has_a_case() -> None:
    assert {*marks("journey")} == JOURNEYS
