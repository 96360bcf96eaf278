# SPDX-License-Identifier: BSD-2-Clause
"""What a FreeBSD machine is told so that it becomes a node of a topology.

Only texts: lines for sh(1) and files.  The first are the same for every driver whose machines have
the lab's agent.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from ipaddress import IPv6Address

from ilnptool.lab.addressing import (
    infrastructure_address,
    mac_of,
    nids_of,
    provider_address,
    provider_addresses,
    routes_of,
)
from ilnptool.lab.agent import Agent
from ilnptool.lab.ident import Nid, address_of, format_l64, format_nid
from ilnptool.lab.model import End, Link, Locator, Node, Role, Topology
from ilnptool.lab.protocol import Address

ILNP = "net.inet6.ilnp6"
HOSTS = "/tmp/hosts"  # where /etc/hosts leads
FRESH = "guest"  # what a machine calls itself before it is told

_INET6 = re.compile(r"^\s+inet6 (\S+?)(?:%\S+)? prefixlen \d+(.*)$")


def device_names(topology: Topology, node: Node) -> dict[End, str]:
    """Return what FreeBSD calls the interfaces of a machine that has virtio ones only."""
    links = topology.links_of(node.name)
    return {end: f"vtnet{index}" for index, (_, end) in enumerate(links)}


def interface_lines(
    topology: Topology, node: Node, devices: Mapping[End, str], cards: Collection[End] = ()
) -> list[str]:
    """Return the lines that give interfaces, by now called `devices`, their names and life.

    An end that is not among them is not there.  The MAC address of real cards is their own.
    """
    lines = []
    links = [x for x in topology.links_of(node.name) if x[1] in devices]
    for link, end in links:
        device = devices[end]
        if end.interface != device:
            lines.append(f"ifconfig {device} name {end.interface}")
        if end not in cards:
            # A wrong order of devices must not go unseen.
            lines.append(f"ifconfig {end.interface} | grep -q {mac_of(topology, end)}")
        if link.mtu != 1500:
            lines.append(f"ifconfig {end.interface} mtu {link.mtu}")
    if node.role is Role.ROUTER:
        lines += _router_lines(topology, node, links)
    else:
        dad = node.discovery.dad_transmits
        lines.append(f"sysctl net.inet6.ip6.forwarding=0 net.inet6.ip6.dad_count={dad}")
        for link, end in links:
            flags = "inet6 -ifdisabled accept_rtadv auto_linklocal"
            lines.append(f"ifconfig {end.interface} {flags} {'up' if link.up else 'down'}")
    return lines


def _router_lines(topology: Topology, node: Node, links: Sequence[tuple[Link, End]]) -> list[str]:
    lines = ["sysctl net.inet6.ip6.forwarding=1 net.inet6.ip6.dad_count=0"]
    address = infrastructure_address(topology, node.name)
    lines.append(f"ifconfig lo0 inet6 {address} prefixlen 128 alias")
    for link, end in links:
        lines.append(f"ifconfig {end.interface} inet6 -ifdisabled auto_linklocal up")
        if link.provider is not None:
            own = provider_address(topology, link, end)
            lines.append(f"ifconfig {end.interface} inet6 {own} prefixlen 64 alias")
    lines += [
        f"route -6 add -net {route.destination} {route.via}%{route.interface}"
        for route in routes_of(topology, node.name)
        if route.interface in {end.interface for _, end in links}
    ]
    return lines


def rtadvd_conf(topology: Topology, router: str, ends: Collection[End]) -> str:
    """Return rtadvd.conf(5) for a router with these interfaces; empty if it has no customers."""
    text = ""
    for link, end in topology.links_of(router):
        if link.provider is None or end not in ends:
            continue
        prefix = topology.provider(link.provider).prefix
        ra = link.advertisement
        text += (
            f"{end.interface}:\\\n"
            f'\t:addr="{prefix.network_address}":prefixlen#64:\\\n'
            f"\t:vltime#{ra.valid:.0f}:pltime#{ra.preferred:.0f}:\\\n"
            f"\t:maxinterval#{ra.max_interval:.0f}:mininterval#{ra.min_interval:.0f}:\n"
        )
    return text


def solicit_lines(end: End) -> list[str]:
    """Return the lines that ask for routers; nobody waits for them."""
    return [f"rtsol {end.interface} >/dev/null 2>&1 &"]


def up_lines(topology: Topology, link: Link, end: End) -> list[str]:
    """Return the lines that switch an interface on."""
    router = topology.node(end.node).role is Role.ROUTER
    lines = [f"ifconfig {end.interface} up"]
    return lines if router or link.provider is None else lines + solicit_lines(end)


def down_lines(end: End) -> list[str]:
    """Return the lines that switch an interface off."""
    return [f"ifconfig {end.interface} down"]


def _correspondents(topology: Topology, own: Node) -> list[str]:
    """Return what the kernel is taught of each other node that speaks ILNP, or is said to."""
    taught = []
    for node in topology.nodes:
        if node == own or not (node.ilnp or node.listed_as_ilnp):
            continue
        locators = " ".join(
            format_l64(topology.provider(name).prefix)
            for name in provider_addresses(topology, node.name)
        )
        taught += [f"{format_nid(nid)} {locators}" for nid in nids_of(topology, node) if locators]
    return taught


def ilnp_lines(topology: Topology, node: Node) -> list[str]:
    """Return the lines that make a host speak ILNP as its topology says."""
    if not node.ilnp:
        return []
    nids = " ".join(format_nid(nid) for nid in nids_of(topology, node))
    links = topology.links_of(node.name)
    unused = [end.interface for link, end in links if link.locator.disabled]
    ranks = [
        f"{end.interface},{link.locator.preference},{link.locator.weight}"
        for link, end in links
        if (link.locator.preference, link.locator.weight)
        != (Locator().preference, Locator().weight)
    ]
    return [
        f"sysctl {ILNP}.nids={shlex.quote(nids)}",
        f"sysctl {ILNP}.disabled={shlex.quote(' '.join(unused))}",
        *([f"sysctl {ILNP}.preferences={shlex.quote(' '.join(ranks))}"] if ranks else []),
        *(f"sysctl {ILNP}.{name}={value}" for name, value in node.knobs.items()),
        f"sysctl {ILNP}.enable=1",
        f"sysctl {ILNP}.algorithm={node.algorithm}",
        *(f"sysctl {ILNP}.teach={shlex.quote(text)}" for text in _correspondents(topology, node)),
    ]


def set_up_lines(
    topology: Topology,
    node: Node,
    devices: Mapping[End, str] | None = None,
    cards: Collection[End] = (),
) -> list[str]:
    """Return all that a machine is told after it has started, each line short.

    `devices` are the names of its interfaces before, `cards` as in interface_lines().
    """
    known = device_names(topology, node) if devices is None else devices
    lines = [*interface_lines(topology, node, known, cards), *_rtadvd_lines(topology, node, known)]
    lines += ilnp_lines(topology, node)
    if node.role is not Role.ROUTER:
        for link, end in topology.links_of(node.name):
            if link.up and end in known:
                lines += solicit_lines(end)
    # Last: this name says that all of it was done.
    return [*lines, f"hostname {node.name}"]


def _rtadvd_lines(topology: Topology, node: Node, present: Collection[End]) -> list[str]:
    if node.role is not Role.ROUTER:
        return []
    conf = rtadvd_conf(topology, node.name, present)
    if not conf:
        return []
    links = topology.links_of(node.name)
    ends = [end.interface for link, end in links if link.provider and end in present]
    octets = conf.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    path = "/tmp/rtadvd.conf"
    return [f"printf '{octets}' >{path}", f"rtadvd -c {path} {' '.join(ends)}"]


def is_set_up(agent: Agent) -> bool:
    """Tell whether a machine has been told who it is."""
    return agent.ask("hostname").text.strip() != FRESH


def ilvs(topology: Topology, node: Node) -> list[tuple[str, IPv6Address]]:
    """Return the I-LVs of a node as ordinary addresses, each with its provider."""
    nids: tuple[Nid, ...] = nids_of(topology, node)
    return [
        (name, address_of(topology.provider(name).prefix, nid))
        for name in provider_addresses(topology, node.name)
        for nid in nids
    ]


def hosts_file(topology: Topology, viewer: Node) -> str:
    """Return /etc/hosts of a machine: as that of a userspace node, but that a name leads to I-LVs.

    The kernel knows of ILNP, so programs use the addresses that DNS would give them.
    """
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    for node in topology.nodes:
        addresses = provider_addresses(topology, node.name)
        plain = [str(address) for address in addresses.values()]
        if node.role is Role.ROUTER:
            plain.insert(0, str(infrastructure_address(topology, node.name)))
        both = viewer.ilnp and node.ilnp
        named = [str(x) for _, x in ilvs(topology, node)] if both else plain
        lines += [f"{address} {node.name}" for address in named]
        lines += [f"{address} {node.name}.v6" for address in plain]
        lines += [f"{address} {node.name}-{name}" for name, address in addresses.items()]
    return "".join(line + "\n" for line in lines)


def _seconds(words: list[str], key: str) -> float | None:
    if key not in words:
        return None
    value = words[words.index(key) + 1]
    return None if value == "infty" else float(value)


def parse_addresses(text: str) -> list[Address]:
    """Return the IPv6 addresses in what `ifconfig -L' says, loopback left out."""
    found: list[Address] = []
    interface = ""
    for line in text.splitlines():
        if line and not line[0].isspace():
            interface = line.partition(":")[0]
            continue
        match = _INET6.match(line)
        if match is None or interface.startswith("lo"):
            continue
        address, words = IPv6Address(match[1]), match[2].split()
        found.append(
            Address(
                interface=interface,
                address=address,
                scope="link" if address.is_link_local else "global",
                usable=not {"tentative", "duplicated", "detached"} & {*words},
                deprecated="deprecated" in words,
                valid=_seconds(words, "vltime"),
                preferred=_seconds(words, "pltime"),
            )
        )
    return found
