# SPDX-License-Identifier: BSD-2-Clause
"""A lab as values that JSON can hold: what `ilnptool lab status` prints."""

from __future__ import annotations

from typing import Any

from ilnptool.lab import control, linkem
from ilnptool.lab.model import Link, Node
from ilnptool.lab.netns import NetnsLab
from ilnptool.lab.units import format_rate, format_time


def _node(lab: NetnsLab, node: Node) -> dict[str, Any]:
    addresses = lab.addresses(node.name) if lab.is_up else []
    return {
        "name": node.name,
        "role": node.role.value,
        "ilnp": node.ilnp,
        "algorithm": node.algorithm if node.ilnp else None,
        "addresses": [
            f"{x.interface} {x.address}{'' if x.usable else ' (not usable)'}"
            for x in addresses
            if x.scope == "global"
        ],
    }


def _link(lab: NetnsLab, link: Link) -> dict[str, Any]:
    impairment = link.impairment
    socket = linkem.control_socket(lab.state.directory / f"link.{link.name}")
    return {
        "name": link.name,
        "ends": [f"{end.node}:{end.interface}" for end in link.ends],
        "provider": link.provider,
        "rate": None if link.rate is None else format_rate(link.rate),
        "delay": None if impairment is None else format_time(impairment.delay),
        "loss": None if impairment is None else f"{impairment.loss * 100:g}%",
        "emulator": control.ask_linkem(socket, "stats") if socket.exists() else None,
    }


def describe_lab(lab: NetnsLab) -> dict[str, Any]:
    """Return what a lab consists of and how it is now."""
    return {
        "name": lab.name,
        "topology": lab.topology.name,
        "up": lab.is_up,
        "directory": str(lab.state.directory),
        "nodes": [_node(lab, node) for node in lab.topology.nodes],
        "links": [_link(lab, link) for link in lab.topology.links],
        "services": [
            {"name": x.name, "running": x.alive, "pid": x.pid, "log": str(lab.services.log(x.name))}
            for x in lab.services.all()
        ],
    }
