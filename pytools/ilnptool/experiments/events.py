# SPDX-License-Identifier: BSD-2-Clause
"""Keeps what a node reports while a run goes on: one JSON object per line."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ilnptool.lab.netns import NetnsLab
from ilnptool.lab.protocol import Lab
from ilnptool.lab.qemu import QemuLab

_CHUNK = 65536
_CONNECT_SECONDS = 5.0


@contextmanager
def recorded_events(lab: Lab, node: str, file: Path) -> Iterator[None]:
    """Write the events of a block's time to a file, if the node has a socket that tells them.

    The node keeps them for us until the end, so nothing has to read meanwhile.
    """
    if not isinstance(lab, NetnsLab) or (isinstance(lab, QemuLab) and node in lab.machines):
        yield
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
        control.settimeout(_CONNECT_SECONDS)
        control.connect(str(lab.control_socket(node)))
        control.sendall(b'{"cmd": "subscribe"}\n')
        control.setblocking(False)
        try:
            yield
        finally:
            _drain(control, file)


def _drain(control: socket.socket, file: Path) -> None:
    """Write all that can be read at once; a node that has ended has nothing more to say."""
    with file.open("wb") as out, suppress(BlockingIOError, ConnectionError):
        while chunk := control.recv(_CHUNK):
            out.write(chunk)
