# SPDX-License-Identifier: BSD-2-Clause
"""Measures what a look-up by our module costs beside one by glibc's `dns`, on the same server.

    ratio.py [DELAY_MS [ROUNDS]]

Two processes look the same name up in turn, A B A B: `dns` asks for AAAA, or for AAAA and A; `ilnp`
for NID, L64 and LP as well, asks the node, and teaches it.  Prints the medians, the least, and the
ratio of each.  Needs root.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / x) for x in ("dns", "lab"))]

from namenet import environment, name_net  # noqa: E402
from nodenet import NodeNet, wait_until  # noqa: E402

ROUNDS = 100
# Stands before the name server and lets each question and each answer wait.
PROXY = """
import heapq, itertools, selectors, socket, sys, time
delay = float(sys.argv[1]) / 1000
front = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
front.bind((sys.argv[2], 5354))
loop = selectors.DefaultSelector()
loop.register(front, selectors.EVENT_READ)
waiting, count = [], itertools.count()
print("ready", flush=True)
while True:
    wait = max(0, waiting[0][0] - time.perf_counter()) if waiting else None
    for key, _ in loop.select(wait):
        data, whence = key.fileobj.recvfrom(4096)
        due = time.perf_counter() + delay
        if key.fileobj is front:
            back = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            loop.register(back, selectors.EVENT_READ, whence)
            heapq.heappush(waiting, (due, next(count), back, data, (sys.argv[2], 53)))
        else:
            heapq.heappush(waiting, (due, next(count), front, data, key.data))
            loop.unregister(key.fileobj)
            key.fileobj.close()
    while waiting and waiting[0][0] <= time.perf_counter():
        _, _, sock, data, to = heapq.heappop(waiting)
        sock.sendto(data, to)
"""
SCRIPT = """
import ctypes, socket, sys, time
order, family, name = sys.argv[1].encode(), int(sys.argv[2]), sys.argv[3]
ctypes.CDLL(None).__nss_configure_lookup(b"hosts", order)
def once():
    begin = time.perf_counter()
    socket.getaddrinfo(name, 1, family, socket.SOCK_STREAM)
    return time.perf_counter() - begin
once()  # loads the module and reads the configuration
print(flush=True)
for _ in sys.stdin:
    print(once(), flush=True)
"""


class Asker:
    """A process that looks one name up in one way whenever it is told to."""

    def __init__(self, net: NodeNet, order: str, family: int, name: str) -> None:
        env = {**os.environ, **environment()}
        words = [sys.executable, "-c", SCRIPT, order, str(int(family)), name]
        argv = ["ip", "netns", "exec", net.prefix + "a", *words]
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )
        self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def seconds(self) -> float:
        """Have it look the name up; return how long that took."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._read())

    def stop(self) -> None:
        self._process.communicate(timeout=10)


def compare(net: NodeNet, family: int, name: str, rounds: int) -> list[tuple[float, float]]:
    """Return the seconds of look-ups, of which each pair was done in a row."""
    askers = [Asker(net, order, family, name) for order in ("dns", "ilnp")]
    try:
        rows = []
        for _ in range(rounds):
            dns, ilnp = (asker.seconds() for asker in askers)
            rows.append((dns, ilnp))
        return rows
    finally:
        for asker in askers:
            asker.stop()


def slow_down(net: NodeNet, server: str, delay: float) -> None:
    """Have each question and each answer between `a` and the server wait half of `delay` ms."""
    proxy = net.start("r", sys.executable, "-c", PROXY, str(delay / 2), server)
    wait_until("the proxy listens", lambda: "ready" in proxy.tail())
    # Resolvers know one port only.
    rule = f"ip6 daddr {server} udp dport 53 dnat to [{server}]:5354"
    net.exec("a", "nft", "add table ip6 slow")
    net.exec("a", "nft", "add chain ip6 slow out { type nat hook output priority -100; }")
    net.exec("a", "nft", f"add rule ip6 slow out {rule}")


def main(delay: float, rounds: int) -> None:
    with name_net("plain AAAA 2001:db8:9::9", "plain A 192.0.2.9") as names:
        if delay:
            slow_down(names.net, names.server.address, delay)
        for name in ("plain.example.com", "b.example.com"):
            for family in (socket.AF_INET6, socket.AF_UNSPEC):
                rows = compare(names.net, family, name, rounds)
                dns, ilnp = zip(*rows, strict=True)
                kind = "AAAA" if family == socket.AF_INET6 else "AAAA and A"
                for what, of in (("median", statistics.median), ("least", min)):
                    print(
                        f"{name}, {kind}, delay {delay:g} ms, {what}: dns {of(dns) * 1e3:.3f} ms, "
                        f"ilnp {of(ilnp) * 1e3:.3f} ms, ratio {of(ilnp) / of(dns):.3f}"
                    )


if __name__ == "__main__":
    numbers = [float(word) for word in sys.argv[1:]]
    main(numbers[0] if numbers else 20, int(numbers[1]) if len(numbers) > 1 else ROUNDS)
