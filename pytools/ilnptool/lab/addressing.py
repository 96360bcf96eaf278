# SPDX-License-Identifier: BSD-2-Clause
"""Who is called what below the names: MAC addresses, IPv6 addresses, routes.

All of it follows from the topology alone, so every driver gets the same, and it is known before
anything runs.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network

from ilnptool.lab.ident import Nid, address_of, format_ilv, nid_of_address, nid_of_mac
from ilnptool.lab.model import End, Link, Node, Role, Topology

# Routers call themselves by these where they have no provider's address, so that their ICMPv6
# errors have a source.
INFRASTRUCTURE = IPv6Network("fd00:696c:6e70::/64")
ROUTER_ID = Nid(1)

_LINK_LOCAL = IPv6Network("fe80::/64")


@dataclass(frozen=True, slots=True)
class Route:
    """One static route of a router."""

    destination: IPv6Network
    via: IPv6Address
    interface: str


def mac_of(topology: Topology, end: End) -> str:
    """Return the MAC address of an interface: locally administered, from its place in the file."""
    number = [node.name for node in topology.nodes].index(end.node) + 1
    index = [own.interface for _, own in topology.links_of(end.node)].index(end.interface) + 1
    return f"02:69:6c:{number >> 8:02x}:{number & 0xFF:02x}:{index:02x}"


def link_local(topology: Topology, end: End) -> IPv6Address:
    """Return the link-local address of an interface."""
    return address_of(_LINK_LOCAL, nid_of_mac(mac_of(topology, end)))


def infrastructure_address(topology: Topology, router: str) -> IPv6Address:
    """Return the address a router has apart from its providers."""
    number = [node.name for node in topology.nodes].index(router) + 1
    return address_of(INFRASTRUCTURE, Nid(number))


def provider_address(topology: Topology, link: Link, end: End) -> IPv6Address:
    """Return the address that an end of a provider's link gets from that provider.

    The router is number 1, an end system makes its own by RFC 4862 from its MAC address.
    """
    assert link.provider is not None
    prefix = topology.provider(link.provider).prefix
    if topology.node(end.node).role is Role.ROUTER:
        return address_of(prefix, ROUTER_ID)
    return address_of(prefix, nid_of_mac(mac_of(topology, end)))


def provider_addresses(topology: Topology, node: str) -> dict[str, IPv6Address]:
    """Return the addresses of a node by provider, in file order."""
    return {
        link.provider: provider_address(topology, link, end)
        for link, end in topology.links_of(node)
        if link.provider is not None
    }


def nids_of(topology: Topology, node: Node) -> tuple[Nid, ...]:
    """Return a node's identifiers: those of the file, else its first interface's (RFC 6741 2.2)."""
    if node.nids:
        return node.nids
    links = topology.links_of(node.name)
    return (nid_of_mac(mac_of(topology, links[0][1])),) if links else ()


def ilvs_of(topology: Topology, node: Node) -> list[str]:
    """Return the I-LVs under which others know a node, as text.

    For a node that is only listed as ILNP they are its ordinary addresses: anything else would
    reach nobody.
    """
    addresses = provider_addresses(topology, node.name)
    if node.listed_as_ilnp:
        return [
            format_ilv(topology.provider(name).prefix, nid_of_address(address))
            for name, address in addresses.items()
        ]
    return [
        format_ilv(topology.provider(name).prefix, nid)
        for name in addresses
        for nid in nids_of(topology, node)
    ]


def _neighbours(topology: Topology, router: str) -> list[tuple[str, End, End]]:
    """Return (router, its end, our end) for each link to another router."""
    found = []
    for link, own in topology.links_of(router):
        other = link.ends[1] if link.ends[0] == own else link.ends[0]
        if link.provider is None:
            found.append((other.node, other, own))
    return found


def _first_hops(topology: Topology, router: str) -> dict[str, tuple[End, End]]:
    """Return for each other router that can be reached the first hop: (next end, our end)."""
    hops: dict[str, tuple[End, End]] = {}
    queue = deque([router])
    while queue:
        here = queue.popleft()
        for name, theirs, ours in _neighbours(topology, here):
            if name != router and name not in hops:
                hops[name] = hops.get(here, (theirs, ours))
                queue.append(name)
    return hops


def routes_of(topology: Topology, router: str) -> list[Route]:
    """Return a router's static routes: the shortest way to each prefix, first in file order."""
    routes = []
    for target, (theirs, ours) in _first_hops(topology, router).items():
        destinations = [
            topology.provider(name).prefix for name in provider_addresses(topology, target)
        ]
        destinations.append(IPv6Network(infrastructure_address(topology, target)))
        via = link_local(topology, theirs)
        routes += [Route(destination, via, ours.interface) for destination in destinations]
    return routes
