# SPDX-License-Identifier: BSD-2-Clause
"""Stands in for devd(8) on a lab machine: hands on what /dev/devctl says, one message for a line.

devd.py SOCKET
"""

from __future__ import annotations

import os
import select
import socket
import sys
from pathlib import Path


def main() -> None:
    path = Path(sys.argv[1])
    path.unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    door.bind(str(path))
    path.chmod(0o666)
    door.listen(10)
    events = os.open("/dev/devctl", os.O_RDONLY)
    clients: list[socket.socket] = []
    print("ready", flush=True)
    while True:
        for one in select.select([door, events], [], [])[0]:
            if one is door:
                clients.append(door.accept()[0])
                continue
            text = os.read(events, 8192)
            for client in list(clients):
                try:
                    client.send(text)
                except OSError:
                    clients.remove(client)


if __name__ == "__main__":
    main()
