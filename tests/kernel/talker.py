# SPDX-License-Identifier: BSD-2-Clause
"""Sends and receives what can be checked: the Linux side of guest/talker.c, which says how.

talker.py receive tcp|udp|udplite PORT COUNT SIZE
talker.py send tcp|udp|udplite ADDRESS PORT COUNT SIZE PAUSE_MS STOP
"""

from __future__ import annotations

import socket
import sys
import time
import zlib
from pathlib import Path

BLOCK = bytes(x * 7 & 255 for x in range(65536))
WAIT_SECONDS = 20.0  # for the next datagram
UDPLITE = 136


def open_socket(proto: str) -> socket.socket:
    if proto == "tcp":
        return socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    number = socket.IPPROTO_UDP if proto == "udp" else UDPLITE
    return socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, number)


def receive(proto: str, port: int, count: int) -> tuple[int, int]:
    octets = total = 0
    with open_socket(proto) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("::", port))
        if proto == "tcp":
            sock.listen(1)
            print("ready", flush=True)
            stream, _ = sock.accept()
            with stream:
                while data := stream.recv(1 << 18):
                    total = zlib.crc32(data, total)
                    octets += len(data)
            return octets, total
        sock.settimeout(WAIT_SECONDS)
        print("ready", flush=True)
        for _ in range(count):
            try:
                data = sock.recv(65536)
            except TimeoutError:
                break
            total = (total + zlib.crc32(data)) & 0xFFFFFFFF
            octets += len(data)
    return octets, total


def send(words: list[str]) -> tuple[int, int]:
    proto, address, port, count, size, pause, stop = words
    octets = total = number = 0
    with open_socket(proto) as sock:
        sock.connect((address, int(port)))
        while number < int(count) or (stop != "-" and not Path(stop).exists()):
            data = number.to_bytes(8, "big") + BLOCK[8 : int(size)]
            sock.sendall(data)
            total = zlib.crc32(data, total) if proto == "tcp" else total + zlib.crc32(data)
            octets += len(data)
            number += 1
            time.sleep(int(pause) / 1000)
    return octets, total & 0xFFFFFFFF


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        print(*receive(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])), flush=True)
    else:
        print(*send(sys.argv[2:]), flush=True)
