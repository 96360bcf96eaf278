# SPDX-License-Identifier: BSD-2-Clause
"""Sends Ethernet frames, one per line of hexadecimal digits on standard input: inject.py IFACE."""

from __future__ import annotations

import socket
import sys

with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
    link.bind((sys.argv[1], 0))
    for line in sys.stdin:
        link.send(bytes.fromhex(line))
