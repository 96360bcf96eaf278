# SPDX-License-Identifier: BSD-2-Clause
"""One paced flow of numbered UDP datagrams: `python -m ilnptool.bench.datagram`.

`receive` writes the line "listening" as soon as a sender may come; both ends end with one line of
JSON.  Only payload is counted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import struct
import sys
import time
from dataclasses import asdict, dataclass

from ilnptool.errors import CheckFailed

HEADER = struct.Struct("!Q")
LAST = (1 << 64) - 1  # the number of the datagrams that end a flow; they are not counted
LAST_COPIES = 6
LAST_GAP = 0.05  # seconds: a full queue of 100 ms has room again before the last copy
PAYLOAD_MAX = 1432  # 1500 less IPv6, an ILNP option of 12 octets in its header, and UDP
SO_RCVBUFFORCE = 33  # the socket module does not name it
BUFFER = 4 << 20
TICK = 0.001
BURST_SECONDS = 0.005
QUIET_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class DatagramReport:
    """What a receiver has seen of a flow."""

    received: int
    misordered: int  # arrived after one with a higher number
    duplicates: int
    highest: int  # -1: nothing arrived
    bytes: int
    seconds: float  # from the first to the last datagram

    @property
    def goodput(self) -> float:
        """Bits of payload per second; the first datagram only starts the clock."""
        different = self.received - self.duplicates
        if self.seconds <= 0:
            raise CheckFailed("fewer than two datagrams arrived")
        return self.bytes * (different - 1) / different * 8 / self.seconds


@dataclass(frozen=True, slots=True)
class SentReport:
    """What a sender has sent."""

    sent: int
    refused: int  # by the host's own queues
    seconds: float


class Tally:
    """Counts the datagrams of one flow as they arrive."""

    def __init__(self) -> None:
        self._seen = bytearray()
        self._first = self._last = 0.0
        self._received = self._misordered = self._duplicates = self._bytes = 0
        self._highest = -1

    def add(self, number: int, length: int, now: float) -> None:
        if self._received == 0:
            self._first = now
        self._last = now
        if number >= len(self._seen):
            self._seen.extend(bytes(number + 1 - len(self._seen)))
        self._received += 1
        if self._seen[number]:
            self._duplicates += 1
            return
        self._seen[number] = 1
        self._bytes += length
        if number < self._highest:
            self._misordered += 1
        self._highest = max(self._highest, number)

    def report(self) -> DatagramReport:
        return DatagramReport(
            self._received,
            self._misordered,
            self._duplicates,
            self._highest,
            self._bytes,
            self._last - self._first,
        )


def receive(bind: str, port: int, *, timeout: float) -> DatagramReport:
    """Take one flow until its end is told, or nothing has come for a while."""
    tally = Tally()
    buffer = bytearray(65536)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        sock.bind((bind, port))
        sock.settimeout(timeout)
        print("listening", flush=True)
        with contextlib.suppress(TimeoutError):
            while True:
                length = sock.recv_into(buffer)
                (number,) = HEADER.unpack_from(buffer)
                if number == LAST:
                    break
                tally.add(number, length, time.monotonic())
                sock.settimeout(QUIET_SECONDS)
    return tally.report()


def send(
    address: str,
    port: int,
    *,
    seconds: float,
    rate: float,
    size: int,
    source: str | None = None,
    device: str | None = None,
) -> SentReport:
    """Send datagrams of `size` bytes at `rate` bits of payload per second.

    A sender that was kept from running does not make up for more than BURST_SECONDS: a machine that
    is busy would else be measured as a network that gets everything at once.
    """
    per_second = rate / (8 * size)
    burst = max(2, int(per_second * BURST_SECONDS))
    filling = bytes(size - HEADER.size)
    number = refused = 0
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        if device is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
        if source is not None:
            sock.bind((source, 0))
        sock.connect((address, port))
        began = time.monotonic()
        skipped = 0
        while (passed := time.monotonic() - began) < seconds:
            due = int(passed * per_second) + 1 - skipped
            skipped += max(0, due - number - burst)
            due = min(due, number + burst)
            while number < due:
                try:
                    sock.send(HEADER.pack(number) + filling)
                except OSError:
                    refused += 1
                number += 1
            time.sleep(TICK)
        took = time.monotonic() - began
        for _ in range(LAST_COPIES):
            time.sleep(LAST_GAP)
            with contextlib.suppress(OSError):
                sock.send(HEADER.pack(LAST) + filling)
    return SentReport(number, refused, took)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ilnptool.bench.datagram")
    parser.add_argument("--port", type=int, default=5302)
    ends = parser.add_subparsers(dest="end", required=True)
    receiver = ends.add_parser("receive")
    receiver.add_argument("--bind", default="::")
    receiver.add_argument("--timeout", type=float, default=10.0, help="seconds to the first one")
    sender = ends.add_parser("send")
    sender.add_argument("address")
    sender.add_argument("--seconds", type=float, required=True)
    sender.add_argument("--rate", type=float, required=True, help="bits of payload per second")
    sender.add_argument("--size", type=int, default=PAYLOAD_MAX, help="bytes of payload")
    sender.add_argument("--source")
    sender.add_argument("--device")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Be one end of a flow and print what it has seen."""
    options = _arguments(argv)
    report: DatagramReport | SentReport
    if options.end == "receive":
        report = receive(options.bind, options.port, timeout=options.timeout)
    else:
        report = send(
            options.address,
            options.port,
            seconds=options.seconds,
            rate=options.rate,
            size=options.size,
            source=options.source,
            device=options.device,
        )
    print(json.dumps(asdict(report)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
