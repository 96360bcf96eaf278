# SPDX-License-Identifier: BSD-2-Clause
"""Runs the resolver in C and reads what it says."""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ilnptool import run

TOP = Path(__file__).parents[2]
OUT = Path(os.environ.get("ILNP_OUT", TOP / "build"))


@functools.cache
def resolver(sanitized: bool = True) -> Path:
    """Build the resolver, under AddressSanitizer unless told otherwise, and return it."""
    san = ["SAN=address,undefined"] if sanitized else []
    argv = ["make", "-s", "-C", str(TOP / "lib/libc-ilnp"), f"OUT={OUT}", *san]
    run.run(argv, timeout=120)
    return OUT / f"ilnp-resolve{'-asan' if sanitized else ''}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a name stands for."""

    status: str
    name: str
    peers: list[dict[str, Any]]
    addresses: list[str]
    seconds: float

    @property
    def nids(self) -> list[str]:
        return [peer["nid"] for peer in self.peers]

    @property
    def l64s(self) -> list[str]:
        """Return the locators of the first correspondent, which all have."""
        return [locator["l64"] for locator in self.peers[0]["locators"]] if self.peers else []


def resolve(
    name: str, port: int, *words: str, address: str = "::1", seconds: int = 2, attempts: int = 1
) -> Found:
    """Ask one server for a name; nobody is taught."""
    argv = [str(resolver()), "-n", "-s", address, "-p", str(port)]
    argv += ["-t", str(seconds), "-a", str(attempts), *words, "--", name]
    # Whatever this machine's own resolv.conf says, no other name is tried.
    result = run.run(argv, timeout=60, check=False, env={"LOCALDOMAIN": ".", "RES_OPTIONS": ""})
    assert not result.stderr, result.stderr
    found = json.loads(result.stdout)
    return Found(found["status"], found["name"], found["peers"], found["addresses"], result.seconds)
