# SPDX-License-Identifier: BSD-2-Clause
"""What is seen beside the numbers: the machine's load, bytes per interface, a node's counters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ilnptool.errors import CheckFailed
from ilnptool.lab.protocol import Lab

SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Load:
    """Time of all processors together, in ticks."""

    working: int
    total: int

    @classmethod
    def now(cls) -> Load:
        """Read the machine's counters."""
        with Path("/proc/stat").open() as stat:
            ticks = [int(word) for word in stat.readline().split()[1:9]]
        idle = ticks[3] + ticks[4]
        return cls(sum(ticks) - idle, sum(ticks))

    def __sub__(self, earlier: Load) -> Load:
        return Load(self.working - earlier.working, self.total - earlier.total)

    @property
    def busy(self) -> float:
        """The share of the time that processors were not idle."""
        return self.working / self.total if self.total else 0.0


def octets_sent(lab: Lab, node: str) -> dict[str, int]:
    """Return the octets that each interface of a node has sent since it exists."""
    text = lab.exec(node, ["ip", "-s", "-json", "link", "show"], timeout=SECONDS).stdout
    own = {end.interface for _, end in lab.topology.links_of(node)}
    return {
        entry["ifname"]: int(entry["stats64"]["tx"]["bytes"])
        for entry in json.loads(text)
        if entry["ifname"] in own
    }


def retransmitted(lab: Lab, node: str) -> int:
    """Return how many TCP segments a node has sent again since it exists."""
    text = lab.exec(node, ["nstat", "-az", "TcpRetransSegs"], timeout=SECONDS).stdout
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Tcp"))


def counters(lab: Lab, node: str) -> dict[str, int]:
    """Return the counters of a node's ILNP."""
    answer = lab.control(node, {"cmd": "counters"})
    found = answer.get("counters")
    if not isinstance(found, Mapping):
        raise CheckFailed(f"{node}: no counters in the answer {str(answer)[:200]}")
    return {str(name): int(value) for name, value in found.items()}


def grown(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, int]:
    """Return by how much each number has grown, those that have not left out."""
    return {
        name: int(value) - int(before.get(name, 0))
        for name, value in after.items()
        if int(value) != int(before.get(name, 0))
    }
