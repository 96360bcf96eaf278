# SPDX-License-Identifier: BSD-2-Clause
"""Resolves names by getaddrinfo(3) in two ways and prints what came out, as JSON.

    lookups.py ORDER ORDER < list of [name, family, type, flags]

An ORDER is what nsswitch.conf would say after `hosts:`.  Each look-up is done in a process of its
own, as glibc keeps what it has read.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys

Case = tuple[str, int, int, int]


def look_up(order: str, case: Case) -> object:
    name, family, kind, flags = case
    libc = ctypes.CDLL(None)
    libc.__nss_configure_lookup(b"hosts", order.encode())
    try:
        found = socket.getaddrinfo(name, 80, family, kind, 0, flags)
    except socket.gaierror as err:
        return ["error", err.errno]
    except UnicodeError:
        return ["error", "name"]
    return [[int(f), int(t), p, canon, list(address)] for f, t, p, canon, address in found]


def in_child(order: str, case: Case) -> object:
    r, w = os.pipe()
    if os.fork() == 0:
        os.close(r)
        os.write(w, json.dumps(look_up(order, case)).encode())
        os._exit(0)
    os.close(w)
    with os.fdopen(r) as file:
        text = file.read()
    os.wait()
    return json.loads(text)


def main() -> None:
    cases = json.load(sys.stdin)
    answers = [[in_child(order, tuple(case)) for order in sys.argv[1:]] for case in cases]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
