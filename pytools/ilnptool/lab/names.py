# SPDX-License-Identifier: BSD-2-Clause
"""The two files from which nodes learn each other's names.

`hosts.ilnp` tells the ILNP node which I-LVs belong to a name; the overlay for /etc/hosts tells
applications which address to use for it.
"""

from __future__ import annotations

from ilnptool.lab.addressing import (
    ilvs_of,
    infrastructure_address,
    nids_of,
    provider_addresses,
)
from ilnptool.lab.ident import identity_address
from ilnptool.lab.model import Node, Role, Topology

HOSTS_FILE = "hosts.ilnp"

_LOCALHOST = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]


def hosts_ilnp(topology: Topology) -> str:
    """Return the I-LVs of all nodes that speak ILNP, or are said to, one per line."""
    lines = [
        f"{ilv} {node.name}"
        for node in topology.nodes
        if node.ilnp or node.listed_as_ilnp
        for ilv in ilvs_of(topology, node)
    ]
    return "".join(line + "\n" for line in lines)


def _lines_for(topology: Topology, viewer: Node, node: Node) -> list[str]:
    addresses = provider_addresses(topology, node.name)
    plain = [str(address) for address in addresses.values()]
    if node.role is Role.ROUTER:
        plain.insert(0, str(infrastructure_address(topology, node.name)))
    if viewer.ilnp and (node.ilnp or node.listed_as_ilnp):
        named = [str(identity_address(nid)) for nid in nids_of(topology, node)]
    else:
        named = plain
    return [
        *(f"{address} {node.name}" for address in named),
        *(f"{address} {node.name}.v6" for address in plain),
        *(f"{address} {node.name}-{provider}" for provider, address in addresses.items()),
    ]


def hosts_overlay(topology: Topology, viewer: Node) -> str:
    """Return what /etc/hosts holds for the programs of one node.

    NAME is the identity address where both speak ILNP and all ordinary addresses otherwise; NAME.v6
    is always the ordinary ones, NAME-PROVIDER the one of that provider.
    """
    lines = list(_LOCALHOST)
    for node in topology.nodes:
        lines += _lines_for(topology, viewer, node)
    return "".join(line + "\n" for line in lines)
