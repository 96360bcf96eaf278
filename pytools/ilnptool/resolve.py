# SPDX-License-Identifier: BSD-2-Clause
"""Names for programs that do not ask the system: the resolver of lib/libc-ilnp, run by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ilnptool.errors import CheckFailed, EnvironmentMissing, Timeout
from ilnptool.run import Result

PROGRAM = "ilnp-resolve"
SECONDS = 60.0

# Runs a command somewhere and returns what it left, whatever its status.
Runner = Callable[[Sequence[str]], Result]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a name stands for: correspondents as the resolver describes them, and addresses."""

    name: str
    peers: tuple[dict[str, Any], ...]
    addresses: tuple[str, ...]


def program_beside(ilnpd: Path) -> Path:
    """Return the resolver that was built with a node."""
    path = ilnpd.with_name(PROGRAM)
    if not path.exists():
        raise EnvironmentMissing(f"{path}: not built; `make build` builds it")
    return path


def resolve(run: Runner, program: Path, name: str, *, look: bool = False) -> Resolution:
    """Look a name up and teach the node what it leads to, unless we are only to look.

    Raises CheckFailed if there is no such name, Timeout if no name server answers, and
    EnvironmentMissing if no node runs there.
    """
    result = run([str(program), *(["-n"] if look else []), "--", name])
    try:
        found = json.loads(result.stdout)
    except json.JSONDecodeError as err:
        raise CheckFailed(f"{program}: {result.stderr.strip() or 'says nothing'}") from err
    match found["status"]:
        case "found":
            return Resolution(found["name"], tuple(found["peers"]), tuple(found["addresses"]))
        case "try again":
            raise Timeout(f"{name}: no name server could tell; see /etc/resolv.conf")
        case "not available":
            raise EnvironmentMissing(
                f"{name}: no host name, or no ILNP node runs in this network namespace"
            )
        case status:
            raise CheckFailed(f"{name}: {status}")
