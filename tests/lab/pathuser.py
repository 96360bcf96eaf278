# SPDX-License-Identifier: BSD-2-Clause
"""An unprivileged program that uses the locator API: pathuser.py TARGET PORT, requests on stdin.

Opens a connected UDP socket, sends one datagram, and answers each line of JSON with one: a request
to ilnptool.sock, or {"send": COUNT}, {"events": SECONDS}, {"detach": 1}, {"close": 1}.
"""

from __future__ import annotations

import dataclasses
import json
import socket
import sys
import time
from typing import Any

from ilnptool.errors import IlnpError
from ilnptool.sock import LocatorSocket
from ilnptool.wire.text import parse_l64


def act(paths: LocatorSocket, line: socket.socket, asked: dict[str, Any]) -> Any:
    match asked:
        case {"send": count}:
            for _ in range(count):
                line.send(b"x" * 100)
                time.sleep(0.005)
            return count
        case {"events": seconds, "until": wanted}:
            for event in paths.events(seconds):
                if event["event"] == wanted:
                    return event
            return None
        case {"close": _}:
            return line.close()
        case {"detach": _}:
            return paths.close()
        case {"status": _}:
            return dataclasses.asdict(paths.status())
        case {"choose": kind, **pair}:
            l64s = {key: parse_l64(text) for key, text in pair.items() if key != "strict"}
            call = {"release": paths.release, "redundant": paths.redundant}.get(kind)
            if call is not None:
                return dataclasses.asdict(call())
            if kind == "prefer":
                return dataclasses.asdict(paths.prefer(**l64s))
            return dataclasses.asdict(paths.pin(**l64s, strict="strict" in pair))
    raise ValueError(asked)


def main() -> None:
    target, port = sys.argv[1], int(sys.argv[2])
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as line:
        line.connect((target, port))
        line.send(b"first")
        paths = LocatorSocket(line)
        for text in sys.stdin:
            try:
                said = {"done": act(paths, line, json.loads(text))}
            except (IlnpError, OSError) as err:
                said = {"error": str(err)}
            print(json.dumps(said, default=str), flush=True)


if __name__ == "__main__":
    main()
