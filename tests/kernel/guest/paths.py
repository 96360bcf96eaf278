# SPDX-License-Identifier: BSD-2-Clause
"""The locator API on a lab machine: does what it is told, line by line, and answers with JSON.

    paths.py KIND HOST PORT FIFO    KIND is udp or tcp; whoever is there sends all back

The lines of FIFO are Python expressions over what stands below, until one says `end'.  Other
threads keep the connection busy and hear its events meanwhile.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading
import time
from dataclasses import fields, is_dataclass
from typing import Any

from ilnptool import libc
from ilnptool.errors import IlnpError
from ilnptool.sockopt import PathChooser, paths_of
from ilnptool.wire.text import parse_l64
from ilnptool.wire.values import L64

NUMBER = struct.Struct("!I")


def plain(value: Any) -> Any:
    """Return a value in what JSON has; L64s become text."""
    if is_dataclass(value) and not isinstance(value, L64):
        return {x.name: plain(getattr(value, x.name)) for x in fields(value)}
    return [plain(x) for x in value] if isinstance(value, list | tuple) else value


class Busy:
    """A connection that sends ten numbers a second and counts which come back."""

    def __init__(self, kind: str, host: str, port: int) -> None:
        family = socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM
        self.sock = socket.socket(socket.AF_INET6, family)
        self.address = socket.getaddrinfo(host, port, socket.AF_INET6, family)[0][4]
        self.sent = 0
        self.back: set[int] = set()
        self.heard: list[Any] = []

    def _send(self) -> None:
        while True:
            try:
                self.sock.send(NUMBER.pack(self.sent))
            except OSError as err:
                self.heard.append(str(err))
            self.sent += 1
            time.sleep(0.1)

    def _receive(self) -> None:
        text = b""
        while True:
            try:
                text += self.sock.recv(65536)
            except OSError:
                continue
            while len(text) >= NUMBER.size:
                self.back.add(NUMBER.unpack(text[: NUMBER.size])[0])
                text = text[NUMBER.size :]

    def connect(self) -> str:
        self.sock.connect(self.address)
        for act in (self._send, self._receive):
            threading.Thread(target=act, daemon=True).start()
        return str(self.sock.getpeername()[0])

    def listen(self, paths: PathChooser) -> None:
        def told() -> None:
            for event in paths.events():
                self.heard.append(event)

        threading.Thread(target=told, daemon=True).start()

    def missing(self) -> int:
        """Count what was sent more than two seconds ago and has not come back."""
        return len(set(range(self.sent - 20)) - self.back)


def traffic() -> dict[str, int]:
    """Count what was sent by each path, as the kernel lists it."""
    listing = libc.read_sysctl("net.inet6.ilnp6.sessions").decode()
    found: dict[str, int] = {}
    for words in (line.split() for line in listing.splitlines()):
        if words and words[0] == "path":
            sent = next(word for word in words if word.startswith("tx="))
            found[" ".join(words[1:3])] = int(sent[3:].partition("/")[0])
    return found


def main() -> None:
    kind, host, port, fifo = sys.argv[1:]
    busy = Busy(kind, host, int(port))
    with paths_of(busy.sock) as paths:
        known = {"busy": busy, "paths": paths, "l64": parse_l64, "traffic": traffic, "time": time}
        # Writers come and go.
        with os.fdopen(os.open(fifo, os.O_RDWR)) as lines:
            for line in iter(lines.readline, "end\n"):
                try:
                    answer = {"value": plain(eval(line, known))}
                except (IlnpError, OSError) as err:
                    answer = {"error": str(err), "kind": type(err).__name__}
                print(json.dumps(answer, default=str), flush=True)


if __name__ == "__main__":
    main()
