# SPDX-License-Identifier: BSD-2-Clause
"""What a running node has to publish."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilnptool.dns.compose import LocalView
from ilnptool.errors import CheckFailed
from ilnptool.lab.control import NodeControl
from ilnptool.wire.fault import WireError
from ilnptool.wire.text import parse_l64, parse_nid


def view_of_node(socket: Path) -> LocalView:
    """Ask a node for its NIDs that last, the locators in use, and the lifetime it promises them.

    Ephemeral NIDs are not in what a node calls its NIDs.  A deprecated locator serves what is
    under way; it is left out as soon as there is another one.
    """
    with NodeControl(socket) as control:
        status = _granted(control.request({"cmd": "status"}), socket)
        knobs = _granted(control.request({"cmd": "knobs"}), socket)["knobs"]
    used = [x for x in status["locators"] if x["state"] == "used"]
    fresh = [x for x in used if not x["deprecated"]]
    try:
        return LocalView(
            tuple(parse_nid(text) for text in status["nids"]),
            tuple(sorted((x["preference"], parse_l64(x["l64"])) for x in fresh or used)),
            int(knobs["lu_lifetime"]["value"]),
        )
    except (WireError, KeyError, TypeError, ValueError) as err:
        raise CheckFailed(f"{socket}: not the answer of a node: {err}") from err


def _granted(answer: Mapping[str, Any], socket: Path) -> Mapping[str, Any]:
    if not answer.get("ok"):
        raise CheckFailed(f"{socket}: the node refuses: {answer.get('error', answer)}")
    return answer
