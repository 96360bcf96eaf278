# SPDX-License-Identifier: BSD-2-Clause
"""What runs in the nodes of an experiment about names, each as a process of its own.

  serve    greets everybody who connects
  arrive   has new clients look a name up and connect to it, one after the other
  watch    writes down whenever the primary server's answer for a name changes
  learn    looks a name up and teaches it to the node, as the resolver of a program does

Each writes one JSON object per line.
"""

from __future__ import annotations

import argparse
import json
import socket
import time
from collections.abc import Sequence
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

from ilnptool.dns.lookup import Answer, lookup
from ilnptool.errors import IlnpError
from ilnptool.lab.control import NodeControl
from ilnptool.wire.text import parse_nid
from ilnptool.wire.values import IDENTITY_L64, Nid

GREETING = b"welcome\n"
CONNECT_SECONDS = 5.0
WATCH_SECONDS = 0.1
NAMES_SOCKET = b"\0ilnpd.names"  # where resolvers teach the node
LOCATORS_MAX = 8  # that a node learns of one correspondent


def identity(nid: Nid) -> str:
    """Return the address by which programs call a NID."""
    return str(IPv6Address(IDENTITY_L64.packed + nid.packed))


def tell(**fields: Any) -> None:
    print(json.dumps({"time": time.time(), **fields}), flush=True)


def serve(port: int) -> None:
    """Greet everybody, for ever."""
    with socket.create_server(("::", port), family=socket.AF_INET6) as door:
        tell(port=port)
        while True:
            guest, _ = door.accept()
            with guest:
                guest.sendall(GREETING)


def teach(name: str, nid: Nid, answer: Answer) -> None:
    """Tell the node what a name stands for, as the resolver of any program does."""
    locators = " ".join(
        f"{l64},{preference},{max(answer.ttl, 1)}" for preference, l64 in answer.l64s[:LOCATORS_MAX]
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as node:
        node.settimeout(CONNECT_SECONDS)
        node.connect(NAMES_SOCKET)
        node.send(f"teach {name} {nid} {locators}".encode())
        said = node.recv(4096).decode()
    if said != "ok":
        raise IlnpError(f"{name}: the node does not learn it: {said}")


def _knows(control: NodeControl, local: Nid, remote: Nid) -> bool:
    sessions = control.request({"cmd": "sessions"})["sessions"]
    return any((x["local_nid"], x["remote_nid"]) == (str(local), str(remote)) for x in sessions)


def _arrival(control: NodeControl, resolver: str, name: str, port: int, nid: Nid) -> dict[str, Any]:
    """Return what one new client saw."""
    began = time.monotonic()
    answer = lookup(resolver, name)
    found: dict[str, Any] = {
        "l64s": [str(l64) for _, l64 in answer.l64s],
        "lookup_s": time.monotonic() - began,
    }
    if not answer.nids or not answer.l64s:
        return {**found, "error": "the name has no NID or no L64"}
    remote = answer.nids[0][1]
    found["fresh"] = not _knows(control, nid, remote)
    teach(name, remote, answer)
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as client:
            client.settimeout(CONNECT_SECONDS)
            client.bind((identity(nid), 0))
            client.connect((identity(remote), port))
            greeting = client.recv(len(GREETING))
    except OSError as err:
        return {**found, "error": err.strerror or str(err)}
    found["setup_s"] = time.monotonic() - began
    return {**found, "error": None if greeting == GREETING else "no greeting"}


def arrive(
    path: Path, resolver: str, name: str, port: int, interval: float, nids: Sequence[Nid]
) -> None:
    """Have a client arrive every `interval` seconds, each under another NID."""
    with NodeControl(path) as control:
        number = 0
        while True:
            began = time.time()
            try:
                seen = _arrival(control, resolver, name, port, nids[number % len(nids)])
            except IlnpError as err:
                seen = {"error": str(err)}
            tell(**{"fresh": True, "l64s": [], **seen, "began": began})
            number += 1
            time.sleep(max(0.0, began + interval - time.time()))


def watch(server: str, names: Sequence[str]) -> None:
    """Tell what names hold, now and after each change."""
    held: dict[str, list[str]] = {}
    while True:
        for name in names:
            try:
                l64s = sorted(str(l64) for _, l64 in lookup(server, name).l64s)
            except IlnpError:
                continue
            if held.get(name) != l64s:
                held[name] = l64s
                tell(name=name, l64s=l64s)
        time.sleep(WATCH_SECONDS)


def learn(resolver: str, name: str) -> None:
    """Teach the node what a name stands for: it will ask the name again when that leads nowhere."""
    answer = lookup(resolver, name)
    for _, nid in answer.nids:
        teach(name, nid, answer)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="arrivals")
    acts = parser.add_subparsers(dest="act", required=True)
    act = acts.add_parser("serve")
    act.add_argument("port", type=int)
    act = acts.add_parser("arrive")
    act.add_argument("socket", type=Path)
    act.add_argument("resolver")
    act.add_argument("name")
    act.add_argument("port", type=int)
    act.add_argument("interval", type=float)
    act.add_argument("nids", type=parse_nid, nargs="+")
    act = acts.add_parser("watch")
    act.add_argument("server")
    act.add_argument("names", nargs="+")
    act = acts.add_parser("learn")
    act.add_argument("resolver")
    act.add_argument("name")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Do what the first argument says."""
    given = _arguments(argv)
    match given.act:
        case "serve":
            serve(given.port)
        case "arrive":
            arrive(given.socket, given.resolver, given.name, given.port, given.interval, given.nids)
        case "watch":
            watch(given.server, given.names)
        case "learn":
            learn(given.resolver, given.name)


if __name__ == "__main__":
    main()
