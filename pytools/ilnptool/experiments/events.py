# SPDX-License-Identifier: BSD-2-Clause
"""Keeps what a node reports while a run goes on: one JSON object per line.

A kernel tells of itself by devctl(4).  Its events get the names that the node's have, and times of
this machine's clock.
"""

from __future__ import annotations

import json
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ilnptool.devd import fields
from ilnptool.lab.netns import NetnsLab
from ilnptool.lab.protocol import Lab
from ilnptool.lab.qemu import QemuLab
from ilnptool.sockopt import read_event

_CHUNK = 65536
_CONNECT_SECONDS = 5.0
# The time to the microsecond, which date(1) does not tell.
_CLOCK = ": >/tmp/clock; stat -f %Fm /tmp/clock"
# cat, for each event is one read(2), and what does not fit is lost.
_LISTEN = (
    "cat -u /dev/devctl | while read -r line; do case $line in '!system=ILNP'*) "
    ': >/tmp/clock; echo "$(stat -f %Fm /tmp/clock) $line";; esac; done'
)


@contextmanager
def recorded_events(lab: Lab, node: str, file: Path) -> Iterator[None]:
    """Write the events of a block's time to a file, if the node has a socket that tells them.

    The node keeps them for us until the end, so nothing has to read meanwhile.
    """
    if not isinstance(lab, NetnsLab):
        yield
        return
    if isinstance(lab, QemuLab) and node in lab.machines:
        with _kernel_events(lab, node, file):
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


@contextmanager
def _kernel_events(lab: QemuLab, node: str, file: Path) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="ilnp-events-") as name:
        log, out = Path(name) / "log", Path(name) / "out"
        # What has been before, and waits for somebody to read it.
        lab.agent(node).ask("timeout 1 cat /dev/devctl >/dev/null", check=False)
        before = time.time()
        there = float(lab.agent(node).ask(_CLOCK).text)
        ahead = there - (before + time.time()) / 2
        job = lab.popen(node, ["sh", "-c", _LISTEN], log=log, stdout=out)
        try:
            yield
        finally:
            job.stop()
            lines = out.read_text(errors="replace").splitlines()
            events = filter(None, (event_of(line, ahead) for line in lines))
            file.write_text("".join(json.dumps(event) + "\n" for event in events))


def event_of(line: str, ahead: float) -> dict[str, object] | None:
    """Return what a line of a machine says, as the node would; None if it is no event of ILNP.

    The line is that of devctl(4) behind the time; the machine's clock is so many seconds `ahead`.
    """
    when, _, text = line.partition(" ")
    words = fields(text)
    found = read_event(words)
    if found is None:
        return None
    nids = {f"{side}_nid": words[side] for side in ("local", "remote") if side in words}
    return {**found, "time": float(when) - ahead, **nids}


def _drain(control: socket.socket, file: Path) -> None:
    """Write all that can be read at once; a node that has ended has nothing more to say."""
    with file.open("wb") as out, suppress(BlockingIOError, ConnectionError):
        while chunk := control.recv(_CHUNK):
            out.write(chunk)
