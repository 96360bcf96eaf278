# SPDX-License-Identifier: BSD-2-Clause
"""What runs in the nodes of an experiment about names, each as a process of its own.

  serve    greets everybody who connects, by HTTP
  arrive   has new clients come by name, one after the other; each is a curl as Debian has it
  watch    writes down whenever the primary server's answer for a name changes

Each writes one JSON object per line.
"""

from __future__ import annotations

import argparse
import json
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

from ilnptool import run
from ilnptool.dns.lookup import lookup
from ilnptool.errors import IlnpError
from ilnptool.lab.control import NodeControl
from ilnptool.wire.text import parse_nid
from ilnptool.wire.values import IDENTITY_L64, Nid

GREETING = b"welcome\n"
ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(GREETING), GREETING)
REQUEST_MAX = 4096
CLIENT_SECONDS = 5.0
WATCH_SECONDS = 0.1


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
            with guest, suppress(OSError):
                guest.settimeout(CLIENT_SECONDS)
                guest.recv(REQUEST_MAX)
                guest.sendall(ANSWER)


def _pairs(control: NodeControl) -> set[tuple[str, str]]:
    """Return the NIDs of the node's sessions, ours first."""
    sessions = control.request({"cmd": "sessions"})["sessions"]
    return {(x["local_nid"], x["remote_nid"]) for x in sessions}


def _taught(control: NodeControl, remote: Nid) -> list[str]:
    """Return the locators that a look-up has told the node of."""
    hosts = control.request({"cmd": "hosts"})["hosts"]
    return [y["l64"] for x in hosts if x["nid"] == str(remote) for y in x["locators"]]


def _arrival(control: NodeControl, url: str, nid: Nid) -> dict[str, Any]:
    """Return what one new client saw."""
    before = _pairs(control)
    words = ["curl", "-q", "--silent", "--noproxy", "*", "--max-time", f"{CLIENT_SECONDS:g}"]
    words += ["--interface", f"host!{identity(nid)}", "--write-out", "%{json}", url]
    done = run.run(words, timeout=4 * CLIENT_SECONDS, check=False)
    greeting, brace, rest = done.stdout.partition("{")
    seen = json.loads(brace + rest)
    found: dict[str, Any] = {"lookup_s": seen["time_namelookup"]}
    if seen["exitcode"] != 0:
        return {**found, "error": seen["errormsg"]}
    address = IPv6Address(seen["remote_ip"]).packed
    if address[:8] != IDENTITY_L64.packed:
        return {**found, "error": f"not by ILNP, but to {seen['remote_ip']}"}
    remote = Nid(int.from_bytes(address[8:], "big"))
    return {
        **found,
        "l64s": _taught(control, remote),
        "fresh": (str(nid), str(remote)) not in before,
        "setup_s": seen["time_total"],
        "error": None if greeting.encode() == GREETING else "no greeting",
    }


def arrive(path: Path, url: str, interval: float, nids: Sequence[Nid]) -> None:
    """Have a client arrive every `interval` seconds, each under another NID."""
    with NodeControl(path) as control:
        number = 0
        while True:
            began = time.time()
            try:
                seen = _arrival(control, url, nids[number % len(nids)])
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


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="arrivals")
    acts = parser.add_subparsers(dest="act", required=True)
    act = acts.add_parser("serve")
    act.add_argument("port", type=int)
    act = acts.add_parser("arrive")
    act.add_argument("socket", type=Path)
    act.add_argument("url")
    act.add_argument("interval", type=float)
    act.add_argument("nids", type=parse_nid, nargs="+")
    act = acts.add_parser("watch")
    act.add_argument("server")
    act.add_argument("names", nargs="+")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Do what the first argument says."""
    given = _arguments(argv)
    match given.act:
        case "serve":
            serve(given.port)
        case "arrive":
            arrive(given.socket, given.url, given.interval, given.nids)
        case "watch":
            watch(given.server, given.names)


if __name__ == "__main__":
    main()
