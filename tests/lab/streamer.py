# SPDX-License-Identifier: BSD-2-Clause
"""A TCP stream whose octets can be checked, for tests that move its locators meanwhile.

    streamer.py serve ADDRESS PORT
    streamer.py send ADDRESS PORT SECONDS

The sender sends pseudo-random octets; both print one JSON object: octets, digest, and the longest
time in seconds without progress.
"""

from __future__ import annotations

import hashlib
import json
import random
import socket
import sys
import time

CHUNK = 16384
PAUSE = 0.005  # about 3 MB/s: enough to be busy, little enough for a shared machine


def report(octets: int, digest: str, gap: float) -> None:
    print(json.dumps({"octets": octets, "digest": digest, "gap": round(gap, 3)}), flush=True)


def serve(address: str, port: int) -> None:
    with socket.create_server((address, port), family=socket.AF_INET6) as server:
        print("ready", flush=True)
        stream, _ = server.accept()
        digest, octets, gap, last = hashlib.sha256(), 0, 0.0, time.monotonic()
        while data := stream.recv(1 << 18):
            digest.update(data)
            octets += len(data)
            now = time.monotonic()
            gap, last = max(gap, now - last), now
        stream.sendall(b"!")
        report(octets, digest.hexdigest(), gap)


def send(address: str, port: int, seconds: float) -> None:
    source, digest, octets = random.Random(1), hashlib.sha256(), 0
    with socket.create_connection((address, port), timeout=60) as stream:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            data = source.randbytes(CHUNK)
            stream.sendall(data)
            digest.update(data)
            octets += len(data)
            time.sleep(PAUSE)
        stream.shutdown(socket.SHUT_WR)
        assert stream.recv(1) == b"!"
    report(octets, digest.hexdigest(), 0.0)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
