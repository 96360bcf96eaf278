#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A telephone that sends each UDP datagram to every locator of its peer.

    telephone.py answer [--port 4000]
    telephone.py call HOST [--port 4000] [--seconds 10] [--single]

It is the sample of the LIN6 talk (SAINT 2003) in today's shape: 50 frames of voice a second, both
ways.  Whichever path fails, a copy of each frame has taken another one, so nothing is heard of it.
With --single the node chooses one path for each frame, for comparison.  No privilege is needed.

At the end each side prints one JSON object: frames that the peer has sent so far, those that never
came, copies, and the longest time without a new frame in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import struct
import time
from contextlib import suppress

from ilnptool.sockopt import paths_of

FRAME_SECONDS = 0.02
VOICE = bytes(160)  # 20 ms at 8000 samples a second, one octet each
HEAD = struct.Struct("!Id")  # number, time of sending
SILENCE_SECONDS = 3.0  # after which the answering side hangs up
ROOM = 1 << 20  # octets that may wait for us: each frame comes four times, and Python may be late


class Ear:
    """What was heard: frames by number, each counted once."""

    def __init__(self) -> None:
        self.heard: set[int] = set()
        self.copies = 0
        self.longest = 0.0
        self.last: float | None = None

    def frame(self, datagram: bytes) -> None:
        number, _sent = HEAD.unpack_from(datagram)
        if number in self.heard:
            self.copies += 1
            return
        self.heard.add(number)
        now = time.monotonic()
        if self.last is not None:
            self.longest = max(self.longest, now - self.last)
        self.last = now

    def report(self) -> str:
        sent = max(self.heard, default=-1) + 1
        return json.dumps(
            {
                "frames": sent,
                "missing": sent - len(self.heard),
                "copies": self.copies,
                "longest_gap_ms": round(self.longest * 1000),
            }
        )


def talk(line: socket.socket, seconds: float, first: bytes | None) -> Ear:
    """Send a frame every 20 ms and listen, until the time is up or somebody hangs up.

    `first` has come already.
    """
    ear = Ear()
    if first is not None:
        ear.frame(first)
    begin = time.monotonic()
    number = 0
    # Who has hung up refuses what comes after.
    with suppress(KeyboardInterrupt, ConnectionRefusedError):
        while (now := time.monotonic()) < begin + seconds:
            due = begin + number * FRAME_SECONDS
            if now >= due:
                line.send(HEAD.pack(number, time.time()) + VOICE)
                number += 1
            elif not select.select([line], [], [], due - now)[0]:
                continue
            # A few at most: who is late still has to speak.
            with suppress(BlockingIOError):
                for _ in range(8):
                    ear.frame(line.recv(2048, socket.MSG_DONTWAIT))
            if ear.last is not None and time.monotonic() - ear.last > SILENCE_SECONDS:
                break
    return ear


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    acts = parser.add_subparsers(dest="act", required=True)
    for act in (acts.add_parser("answer"), acts.add_parser("call")):
        act.add_argument("--port", type=int, default=4000)
        act.add_argument("--single", action="store_true", help="one path for each frame")
    act.add_argument("host")
    act.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()

    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        seconds, first = float("inf"), None
        if given.act == "answer":
            line.bind(("::", given.port))
            print("waiting for a call", flush=True)
            first, caller = line.recvfrom(2048)
            line.connect(caller)
        else:
            found = socket.getaddrinfo(given.host, given.port, socket.AF_INET6, socket.SOCK_DGRAM)
            line.connect(found[0][4])
            seconds = given.seconds
        if given.single:
            print(talk(line, seconds, first).report())
            return
        with paths_of(line) as paths:
            paths.redundant()
            print(talk(line, seconds, first).report())


if __name__ == "__main__":
    main()
