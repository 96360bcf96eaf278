# SPDX-License-Identifier: BSD-2-Clause
"""Events of FreeBSD's kernel, by devctl(4), which devd(8) hands on to programs of any user."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ilnptool.errors import EnvironmentMissing

PIPE = Path("/var/run/devd.seqpacket.pipe")
_MESSAGE_MAX = 8192


@contextmanager
def listening(pipe: Path) -> Iterator[socket.socket]:
    """Have a connection to devd for the time of a block; EnvironmentMissing if there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as devd:
        try:
            devd.connect(str(pipe))
        except OSError as err:
            raise EnvironmentMissing(f"{pipe}: {err.strerror}; start devd(8)") from err
        yield devd


def receive(devd: socket.socket) -> dict[str, str]:
    """Return what the next event says by KEY=VALUE; nothing if it is no notification."""
    text = devd.recv(_MESSAGE_MAX).decode("utf-8", "replace")
    if not text:
        raise EnvironmentMissing("devd(8) has ended")
    return fields(text)


def fields(line: str) -> dict[str, str]:
    """Return the words of a line like "!system=ILNP subsystem=PATH type=UP"."""
    if not line.startswith("!"):
        return {}
    return dict(word.split("=", 1) for word in line[1:].split() if "=" in word)
