# SPDX-License-Identifier: BSD-2-Clause
"""Captures of one run: one per interface of both ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ilnptool.lab.protocol import Capture, Lab

# Ethernet, IPv6, the longest nonce option, TCP with all its options, and the head of the data; a
# Locator Update of eight records is shorter.
SNAPLEN = 192


@dataclass(slots=True)
class Captures:
    """The captures of a run, by node; `files` are complete when the block has ended."""

    files: dict[str, list[Path]] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)

    def remove(self) -> None:
        """Delete the files."""
        for path in [path for paths in self.files.values() for path in paths]:
            path.unlink(missing_ok=True)

    def notes(self) -> list[str]:
        """Return what a reader must know of them."""
        return [f"capture on {where} lost {n} packets" for where, n in self.dropped.items() if n]


@contextmanager
def capturing(lab: Lab, nodes: Sequence[str], folder: Path, captures: Captures) -> Iterator[None]:
    """Capture on all interfaces of some nodes, which must be on, for the time of a block.

    The files are entered into `captures` as they begin, so the caller knows them in any case.
    """
    with ExitStack() as stack:
        for node in nodes:
            captures.files[node] = []
            for _, end in lab.topology.links_of(node):
                file = folder / f"{node}-{end.interface}.pcap"
                captures.files[node].append(file)
                capture = lab.capture(node, end.interface, file, snaplen=SNAPLEN)
                stack.callback(_stop, f"{node}:{end.interface}", capture, captures)
        yield


def _stop(where: str, capture: Capture, captures: Captures) -> None:
    captures.dropped[where] = capture.stop().dropped
