# SPDX-License-Identifier: BSD-2-Clause
"""How the lab configures and starts the ILNP node (ilnpd) of a host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomlkit

from ilnptool.config import Config
from ilnptool.errors import CheckFailed, EnvironmentMissing
from ilnptool.lab.addressing import nids_of
from ilnptool.lab.ident import format_nid
from ilnptool.lab.model import Node, Topology

STATUS = {"cmd": "status"}  # a request that every node answers

_CONF = "ilnpd.toml"


def find_ilnpd(config: Config) -> Path:
    """Return the daemon's path; the error says how to get it."""
    if not config.ilnpd.is_file():
        raise EnvironmentMissing(
            f"{config.ilnpd}: no ILNP node there; build it with `make`, or name one by ILNPD=PATH"
        )
    return config.ilnpd


def control_socket(directory: Path) -> Path:
    """Return the control socket of the node whose state is in `directory`."""
    return directory / "ctl.sock"


def write_conf(topology: Topology, node: Node, directory: Path, hosts: Path) -> None:
    """Write a node's configuration into its directory."""
    conf = tomlkit.document()
    section = tomlkit.table()
    section["name"] = node.name
    section["nids"] = [format_nid(nid) for nid in nids_of(topology, node)]
    section["interfaces"] = [end.interface for _, end in topology.links_of(node.name)]
    section["hosts"] = str(hosts)
    section["control"] = str(control_socket(directory))
    section["state_dir"] = str(directory)
    section["algorithm"] = node.algorithm
    conf["node"] = section
    knobs = tomlkit.table()
    knobs.update(node.knobs)
    conf["knobs"] = knobs
    interfaces = tomlkit.table(is_super_table=True)
    for link, end in topology.links_of(node.name):
        locator = tomlkit.table()
        locator["preference"] = link.locator.preference
        locator["weight"] = link.locator.weight
        locator["disabled"] = link.locator.disabled
        interfaces[end.interface] = locator
    conf["interface"] = interfaces
    (directory / _CONF).write_text(tomlkit.dumps(conf))


def survey(where: str, ask: Callable[[Mapping[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Return all that a node tells of itself: its status, its sessions with paths, its counters."""
    found = _granted(ask(STATUS), where)
    found["session_list"] = []
    start: int | None = 0
    while start is not None:
        page = _granted(ask({"cmd": "sessions", "from": start}), where)
        found["session_list"] += page["sessions"]
        start = page["next"]
    found["counters"] = _granted(ask({"cmd": "counters"}), where)["counters"]
    return found


def _granted(answer: dict[str, Any], where: str) -> dict[str, Any]:
    if not answer.pop("ok", False):
        raise CheckFailed(f"{where}: the node refuses: {answer.get('error', answer)}")
    return answer


def interfaces_in_use(status: Mapping[str, Any]) -> set[str]:
    """Return the interfaces with locators in use, from the answer to STATUS."""
    return {x["interface"] for x in status["locators"] if x["state"] == "used"}


def command(ilnpd: Path, directory: Path) -> list[str]:
    """Return the command that runs the node in the foreground."""
    return [str(ilnpd), "-f", "-c", str(directory / _CONF)]
