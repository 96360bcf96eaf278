# SPDX-License-Identifier: BSD-2-Clause
"""Writes a topology back as the TOML that ilnptool.lab.topology reads.

A running lab keeps its topology in this form, and an experiment its record of what it ran on, both
with what was changed after the file was read.
"""

from __future__ import annotations

from typing import Any

import tomlkit

from ilnptool.lab.ident import format_nid
from ilnptool.lab.model import Advertisement, Discovery, Link, Node, Provider, Role, Topology
from ilnptool.lab.units import format_rate, format_time


def _node(node: Node) -> dict[str, Any]:
    table: dict[str, Any] = {"name": node.name, "role": node.role.value}
    if node.role is Role.ROUTER:
        return table
    if node.role is Role.PLAIN:
        table["listed_as_ilnp"] = node.listed_as_ilnp
        if node.dns:
            table["dns"] = node.dns
    else:
        table["ilnp"] = node.ilnp
        table["nids"] = [format_nid(nid) for nid in node.nids]
        table["algorithm"] = node.algorithm
    discovery: Discovery = node.discovery
    table["source_routing"] = node.source_routing
    table["rs_delay"] = format_time(discovery.rs_delay)
    table["rs_interval"] = format_time(discovery.rs_interval)
    table["dad_transmits"] = discovery.dad_transmits
    table["optimistic_dad"] = discovery.optimistic_dad
    if node.knobs:
        table["knobs"] = dict(node.knobs)
    return table


def _provider(provider: Provider) -> dict[str, Any]:
    return {"name": provider.name, "prefix": str(provider.prefix)}


def _advertisement(ra: Advertisement) -> dict[str, Any]:
    return {
        "max_interval": format_time(ra.max_interval),
        "min_interval": format_time(ra.min_interval),
        "valid": format_time(ra.valid),
        "preferred": format_time(ra.preferred),
    }


def _link(link: Link) -> dict[str, Any]:
    table: dict[str, Any] = {
        "name": link.name,
        "ends": [f"{end.node}:{end.interface}" for end in link.ends],
    }
    if link.rate is not None:
        table["rate"] = format_rate(link.rate)
        table["bottleneck"] = link.bottleneck
    if link.queue is not None:
        table["queue"] = f"{link.queue}B"
    if link.burst is not None:
        table["burst"] = f"{link.burst}B"
    if link.impairment is not None:
        table["delay"] = format_time(link.impairment.delay)
        table["jitter"] = format_time(link.impairment.jitter)
        table["loss"] = f"{link.impairment.loss * 100:g}%"
        table["reorder"] = f"{link.impairment.reorder * 100:g}%"
    table["offload"] = link.offload
    table["mtu"] = link.mtu
    table["up"] = link.up
    if link.provider is not None:
        table["provider"] = link.provider
        table["preference"] = link.locator.preference
        table["weight"] = link.locator.weight
        table["disabled"] = link.locator.disabled
        table["ra"] = _advertisement(link.advertisement)
    return table


def format_topology(topology: Topology) -> str:
    """Return the text of a topology file that reads back as the same topology."""
    return tomlkit.dumps(
        {
            "name": topology.name,
            "description": topology.description,
            "provider": [_provider(provider) for provider in topology.providers],
            "node": [_node(node) for node in topology.nodes],
            "link": [_link(link) for link in topology.links],
        }
    )
