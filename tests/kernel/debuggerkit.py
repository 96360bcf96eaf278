# SPDX-License-Identifier: BSD-2-Clause
"""What the debugger of a kernel is to show of the connection that leave_to_debugger() leaves."""

from __future__ import annotations

import re

_FAR = "0211-22ff-fe99-aabb"
_LINES = {
    "show ilcc": (
        r"vnet 0x\w+ edge 0x\w+ cache 0x\w+ here 0x\w+ flows [1-9]\d* unsure \d+",
        r" sessions [1-9]\d* of \d+, unconfirmed \d+ of \d+, busy \d+, generation \d+, now \d+",
        r"  locator 2001\+0db8\+000a\+0001 state \d+ pref 10 .*",
        rf"  session 0x\w+ id \d+ 0211-22ff-fe33-4455 {_FAR} state \d+.* holds [1-9]\d*",
    ),
    "show ilnp_session": (
        rf"  session 0x\w+ id \d+ 0211-22ff-fe33-4455 {_FAR} state \d+.*",
        r"  remote 2001\+0db8\+000c\+0001 state \d+ .*",
        r"  path 2001\+0db8\+000a\+0001 2001\+0db8\+000c\+0001 state \d+ .*",
    ),
}
_NONCE = "a53c960f"


def wrong_in_debugger(console: str) -> list[str]:
    """Return what a console lacks of what each command is to print; no nonce is to be there."""
    wrong = []
    said = console.replace("\r", "")
    for command, lines in _LINES.items():
        answer = re.search(rf"^db:.*> +{command}\n((?:(?!db:).*\n)*)", said, re.MULTILINE)
        shown = answer[1].splitlines() if answer else []
        wrong += [
            f"{command}: {line}"
            for line in lines
            if not any(re.fullmatch(line, one) for one in shown)
        ]
    return [*wrong, *(["the nonce"] if _NONCE in console else [])]
