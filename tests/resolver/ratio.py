# SPDX-License-Identifier: BSD-2-Clause
"""Measures what a look-up with ILNP records costs beside one of AAAA alone, on the same server.

    ratio.py [DELAY_MS]

Prints medians and minima of interleaved look-ups: `dns` asks for AAAA, `ilnp` for NID, L64, LP and
AAAA, and teaches the node.  Needs root.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / x) for x in ("dns", "lab"))]

from namenet import environment, name_net  # noqa: E402
from nodenet import wait_until  # noqa: E402

ROUNDS = 60
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
import ctypes, json, os, socket, sys, time
def once(order, name):
    r, w = os.pipe()
    if os.fork() == 0:
        ctypes.CDLL(None).__nss_configure_lookup(b"hosts", order)
        try:  # loads the module and reads the configuration
            socket.getaddrinfo("localhost", 1, socket.AF_INET6)
            socket.getaddrinfo("warm.example.com", 1, socket.AF_INET6)
        except OSError:
            pass
        begin = time.perf_counter()
        socket.getaddrinfo(name, 1, socket.AF_INET6, socket.SOCK_STREAM)
        os.write(w, json.dumps(time.perf_counter() - begin).encode())
        os._exit(0)
    os.close(w)
    value = json.loads(os.fdopen(r).read())
    os.wait()
    return value
rows = [[once(b"dns", sys.argv[1]), once(b"ilnp", sys.argv[1])] for _ in range(int(sys.argv[2]))]
print(json.dumps(rows))
"""


def main(delay: int) -> None:
    with name_net("plain AAAA 2001:db8:9::9") as names:
        net, server = names.net, names.server.address
        if delay:
            proxy = net.start("r", sys.executable, "-c", PROXY, str(delay / 2), server)
            wait_until("the proxy listens", lambda: "ready" in proxy.tail())
            # Resolvers know one port only.
            rule = f"ip6 daddr {server} udp dport 53 dnat to [{server}]:5354"
            net.exec("a", "nft", "add table ip6 slow")
            net.exec("a", "nft", "add chain ip6 slow out { type nat hook output priority -100; }")
            net.exec("a", "nft", f"add rule ip6 slow out {rule}")
        env = [f"{key}={value}" for key, value in environment().items()]
        words = ["env", *env, sys.executable, "-c", SCRIPT]
        for name in ("b.example.com", "plain.example.com"):
            text = names.net.exec("a", *words, name, str(ROUNDS), timeout=120).stdout
            dns, ilnp = zip(*json.loads(text), strict=True)
            for what, of in (("median", statistics.median), ("least", min)):
                print(
                    f"{name}, delay {delay} ms, {what}: dns {of(dns) * 1e3:.3f} ms, "
                    f"ilnp {of(ilnp) * 1e3:.3f} ms, ratio {of(ilnp) / of(dns):.3f}"
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
