# SPDX-License-Identifier: BSD-2-Clause
"""What the tests with real namespaces share."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

from ilnptool import run
from ilnptool.config import Config, load_config
from ilnptool.lab.addressing import provider_addresses
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.model import Topology
from ilnptool.lab.netns import NetnsLab
from ilnptool.lab.topology import load_topology


@contextmanager
def temporary_config() -> Iterator[Config]:
    """Settings with a state directory of their own, short enough for socket paths."""
    with tempfile.TemporaryDirectory(prefix="ilnp-") as folder:
        yield replace(load_config(environ={}), state=Path(folder))


def lab_name(suffix: str) -> str:
    """Return a name no other test run on this machine uses."""
    return f"t{os.getpid()}{suffix}"


def plain(name: str) -> Topology:
    """Return a shipped topology without any ILNP: the lab alone is what is tested here."""
    topology = load_topology(find_topology(name))
    return replace(topology, nodes=tuple(replace(x, ilnp=False) for x in topology.nodes))


def address_of(lab: NetnsLab, node: str, provider: str) -> IPv6Address:
    return provider_addresses(lab.topology, node)[provider]


def ping(lab: NetnsLab, node: str, target: object, *words: str, count: int = 3) -> dict[str, float]:
    """Return what ping measured: received, and the times in ms if anything was."""
    argv = ["ping", "-6", "-n", "-c", str(count), "-i", "0.05", "-W", "2", *words, str(target)]
    text = lab.exec(node, argv, timeout=60, check=False).stdout
    found: dict[str, float] = {}
    for line in text.splitlines():
        if " packets transmitted" in line:
            found["received"] = float(line.split(", ")[1].split()[0])
        if line.startswith("rtt "):
            values = line.split(" = ")[1].split()[0].split("/")
            found.update(zip(("min", "avg", "max"), map(float, values), strict=False))
    return found


def iperf3_json(lab: NetnsLab, node: str, *words: str) -> Any:
    result = lab.exec(node, ["iperf3", "-J", *words], timeout=60)
    return json.loads(result.stdout)


def leftovers(config: Config, lab: str) -> list[str]:
    """Return what a lab has left on the machine: namespaces, processes, files, interfaces."""
    found = [line for line in _lines("ip", "netns", "list") if line.startswith(f"ilnp.{lab}.")]
    mark = f"ILNPTOOL_LAB={config.state / 'labs' / lab}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environ = (entry / "environ").read_bytes().split(b"\0")
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if mark in environ and state not in "ZX":
                found.append(f"process {entry.name}")
    found += [str(path) for path in (config.state / "labs").glob("*")]
    return found


def _lines(*argv: str) -> list[str]:
    return run.run(argv, timeout=30).stdout.splitlines()


def machine() -> dict[str, object]:
    """Return the state of the machine's own network, which no lab may change."""
    forwarding = Path("/proc/sys/net/ipv6/conf/all/forwarding").read_text()
    return {
        "links": _lines("ip", "-o", "link"),
        "addresses": [" ".join(x.split()[:4]) for x in _lines("ip", "-o", "address")],
        "routes": _lines("ip", "-4", "route") + _lines("ip", "-6", "route"),
        "rules": _lines("ip", "-6", "rule"),
        "nft": _lines("nft", "list", "ruleset"),
        "forwarding": forwarding,
        "hosts": Path("/etc/hosts").read_text(),
        "etc-netns": Path("/etc/netns").exists(),
    }
