# SPDX-License-Identifier: BSD-2-Clause
"""One TCP or MPTCP stream with a hash at both ends: `python -m ilnptool.bench.stream`.

iperf3 3.12 knows neither MPTCP nor what it has carried, so every arm of a comparison of streams
uses this program.  `receive` writes the line "listening" as soon as a sender may come; both ends
end with one line of JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import socket
import sys
import time
from dataclasses import asdict, dataclass

from ilnptool.errors import CheckFailed

MPTCP = 262  # IPPROTO_MPTCP; the socket module of Python 3.11 does not name it on every machine
CHUNK = 65536
SAMPLE_SECONDS = 0.1
CONNECT_SECONDS = 10.0
BEGUN_SECONDS = 1.0  # from when on gaps count


@dataclass(frozen=True, slots=True)
class StreamReport:
    """What one end of a stream has seen."""

    bytes: int
    seconds: float
    sha256: str
    samples: tuple[tuple[float, int], ...] = ()  # (seconds since the first byte, bytes so far)
    gap: float = 0.0  # longest time without a byte, in seconds, once the stream had begun well


def goodput(report: StreamReport, skip: float) -> float:
    """Return the bits per second that arrived after the first `skip` seconds."""
    before = max((s for s in report.samples if s[0] <= skip), default=(0.0, 0))
    if report.seconds <= before[0]:
        raise CheckFailed(f"the stream lasted {report.seconds:.2f} s, not longer than {skip} s")
    return (report.bytes - before[1]) * 8 / (report.seconds - before[0])


def _socket(mptcp: bool) -> socket.socket:
    return socket.socket(socket.AF_INET6, socket.SOCK_STREAM, MPTCP if mptcp else 0)


def receive(bind: str, port: int, *, mptcp: bool, timeout: float) -> StreamReport:
    """Take one stream to its end."""
    digest = hashlib.sha256()
    buffer = bytearray(4 * CHUNK)
    view = memoryview(buffer)
    # The listener stays: further subflows of an MPTCP stream come by it.
    with _socket(mptcp) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.settimeout(timeout)
        listener.bind((bind, port))
        listener.listen(8)
        print("listening", flush=True)
        stream, _ = listener.accept()
        with stream:
            stream.settimeout(timeout)
            total, samples = stream.recv_into(buffer), [(0.0, 0)]
            digest.update(view[:total])
            began = last = time.monotonic()
            gap = 0.0
            while got := stream.recv_into(buffer):
                now = time.monotonic()
                if last - began >= BEGUN_SECONDS:
                    gap = max(gap, now - last)
                digest.update(view[:got])
                total += got
                last = now
                if last - began >= samples[-1][0] + SAMPLE_SECONDS:
                    samples.append((last - began, total))
    return StreamReport(total, last - began, digest.hexdigest(), tuple(samples), gap)


def _connect(
    address: str, port: int, *, source: str | None, device: str | None, mptcp: bool, timeout: float
) -> socket.socket:
    stream = _socket(mptcp)
    try:
        if device is not None:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
        if source is not None:
            stream.bind((source, 0))
        stream.settimeout(min(timeout, CONNECT_SECONDS))
        stream.connect((address, port))
    except BaseException:
        stream.close()
        raise
    stream.settimeout(timeout)
    return stream


def send(
    address: str,
    port: int,
    *,
    seconds: float,
    seed: int,
    rate: float = 0.0,
    source: str | None = None,
    device: str | None = None,
    mptcp: bool = False,
    timeout: float = 60.0,
) -> StreamReport:
    """Send pseudo-random bytes for some seconds, at `rate` bits per second or as fast as it goes.

    Every chunk begins with its number, so bytes that are missing, doubled or exchanged change the
    hash.
    """
    source_of_bytes = random.Random(seed)
    pool = [source_of_bytes.randbytes(CHUNK) for _ in range(64)]
    digest = hashlib.sha256()
    total = 0
    with _connect(
        address, port, source=source, device=device, mptcp=mptcp, timeout=timeout
    ) as stream:
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            due = total * 8 / rate if rate else 0.0
            if due > passed:
                time.sleep(due - passed)
            number = total // CHUNK
            chunk = number.to_bytes(8, "big") + pool[number % len(pool)][8:]
            stream.sendall(chunk)
            digest.update(chunk)
            total += len(chunk)
        stream.shutdown(socket.SHUT_WR)
        # The peer closes when it has read all: only then nothing is under way any more.
        stream.recv(1)
    return StreamReport(total, time.monotonic() - began, digest.hexdigest())


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ilnptool.bench.stream")
    parser.add_argument("--port", type=int, default=5301)
    parser.add_argument("--mptcp", action="store_true")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds without a byte")
    ends = parser.add_subparsers(dest="end", required=True)
    receiver = ends.add_parser("receive")
    receiver.add_argument("--bind", default="::")
    sender = ends.add_parser("send")
    sender.add_argument("address")
    sender.add_argument("--seconds", type=float, required=True)
    sender.add_argument("--rate", type=float, default=0.0, help="bits per second, 0: no limit")
    sender.add_argument("--source")
    sender.add_argument("--device")
    sender.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Be one end of a stream and print what it has seen."""
    options = _arguments(argv)
    if options.end == "receive":
        report = receive(options.bind, options.port, mptcp=options.mptcp, timeout=options.timeout)
    else:
        report = send(
            options.address,
            options.port,
            seconds=options.seconds,
            seed=options.seed,
            rate=options.rate,
            source=options.source,
            device=options.device,
            mptcp=options.mptcp,
            timeout=options.timeout,
        )
    print(json.dumps(asdict(report)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
