# SPDX-License-Identifier: BSD-2-Clause
"""The labs of the benchmark: two hosts, joined by some of the paths of one topology file."""

from __future__ import annotations

from dataclasses import replace

from ilnptool.bench.traffic import Way
from ilnptool.lab.addressing import provider_addresses
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.model import Link, Role, Topology
from ilnptool.lab.topology import load_topology

SENDER = "a"
RECEIVER = "b"
PATHS_MAX = 3
RECEIVER_FACTOR = 5


def parallel_paths(
    count: int, *, rate: int | None, offload: bool = False, both: bool = False
) -> Topology:
    """Return two hosts joined by `count` equal paths of `rate` bits per second, or unlimited.

    The sender's links are what limits; the receiver's have room for all of it, so that what one
    path can carry does not depend on what the others do.  With `both` they are limited alike.
    """
    if not 1 <= count <= PATHS_MAX:
        raise ValueError(f"{count} paths; there are 1 to {PATHS_MAX}")
    whole = load_topology(find_topology("three-paths"))
    routers = {f"r{number}" for number in range(1, count + 1)}
    nodes = tuple(
        # The yardsticks need what ILNP does by itself: a router that fits the source address.
        replace(node, source_routing=True) if node.role is not Role.ROUTER else node
        for node in whole.nodes
        if node.role is not Role.ROUTER or node.name in routers
    )
    kept = {node.name for node in nodes}
    links = tuple(
        replace(link, rate=_rate_of(link, rate, 1 if both else RECEIVER_FACTOR), offload=offload)
        for link in whole.links
        if all(end.node in kept for end in link.ends)
    )
    providers = tuple(
        provider
        for provider in whole.providers
        if any(link.provider == provider.name for link in links)
    )
    return replace(whole, name=f"bench{count}", nodes=nodes, links=links, providers=providers)


def _rate_of(link: Link, rate: int | None, factor: int) -> int | None:
    if link.provider is None or rate is None:
        return None
    return rate if link.ends[0].node == SENDER else factor * rate


def plain_ways(topology: Topology) -> list[Way]:
    """Return one way of plain IPv6 for each path, which neither end can leave."""
    sources = provider_addresses(topology, SENDER).values()
    targets = provider_addresses(topology, RECEIVER).values()
    devices = [end.interface for _, end in topology.links_of(SENDER)]
    return [
        Way(SENDER, RECEIVER, str(target), str(source), device)
        for source, target, device in zip(sources, targets, devices, strict=True)
    ]


def ilnp_way() -> Way:
    """Return the way that ILNP chooses for each packet anew."""
    return Way(SENDER, RECEIVER, RECEIVER)
