# SPDX-License-Identifier: BSD-2-Clause
"""What tshark reads in a capture file: a second opinion on our packets."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ilnptool.wire.decode import decode_file

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def read_by_tshark(path: Path) -> list[dict[str, Any]]:
    """Return the layers of every packet of a capture."""
    argv = ["tshark", "-r", str(path), "-T", "json", "--no-duplicate-keys"]
    done = subprocess.run(argv, capture_output=True, check=True, timeout=300)
    return [packet["_source"]["layers"] for packet in json.loads(done.stdout)]


def values(tree: object, field: str) -> Iterator[str]:
    """Every value of one field, at any depth, in order."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == field:
                yield from value if isinstance(value, list) else [value]
            else:
                yield from values(value, field)
    elif isinstance(tree, list):
        for value in tree:
            yield from values(value, field)


def _hex(texts: Iterator[str]) -> list[str]:
    return [text.removeprefix("0x").replace(":", "") for text in texts]


def assert_agreement(path: Path) -> list[dict[str, Any]]:
    """Check that tshark reads the nonces, types and locators that we read; return our records."""
    ours = list(decode_file(path))
    theirs = read_by_tshark(path)
    assert len(ours) == len(theirs) > 0
    for mine, their in zip(ours, theirs, strict=True):
        outer = [mine["nonce"]] if "nonce" in mine else []
        quoted = mine.get("quoted")
        inner = [quoted["nonce"]] if isinstance(quoted, dict) and "nonce" in quoted else []
        assert _hex(values(their, "ipv6.opt.ilnp_nonce")) == outer + inner
        types = [int(value) for value in values(their, "icmpv6.type")]
        icmp = mine.get("icmp")
        assert types == ([icmp["type"]] if isinstance(icmp, dict) else [])
        update = mine.get("locator_update")
        if isinstance(update, dict):
            assert types == [156]
            seen = _hex(values(their, "icmpv6.ilnp.nb_locator"))
            assert seen == [loc["l64"].replace("+", "") for loc in update["locators"]]
    return ours
