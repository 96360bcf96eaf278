# SPDX-License-Identifier: BSD-2-Clause
"""Prints a line for each datagram, its first octet and its length: datagrams.py ADDRESS PORT COUNT.

A datagram that is not all of one octet is reported as bad.
"""

from __future__ import annotations

import socket
import sys

with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
    sock.bind((sys.argv[1], int(sys.argv[2])))
    sock.settimeout(15)
    print("ready", flush=True)
    for _ in range(int(sys.argv[3])):
        data = sock.recv(65536)
        print(data[0] if len(set(data)) == 1 else "bad", len(data), flush=True)
