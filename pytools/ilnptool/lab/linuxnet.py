# SPDX-License-Identifier: BSD-2-Clause
"""What Linux is told so that namespaces become the nodes and links of a topology.

Only texts: batches for ip and tc, sysctl settings.  ilnptool.lab.netns has them carried out.
"""

from __future__ import annotations

from ilnptool.lab.addressing import (
    infrastructure_address,
    link_local,
    mac_of,
    provider_address,
    routes_of,
)
from ilnptool.lab.machine import tap_name
from ilnptool.lab.model import End, Link, Node, Role, Topology

# The two interfaces in the namespace that sits in the middle of an emulated link.
LEFT = "left"
RIGHT = "right"
BRIDGE = "middle"

# Everything by which an interface takes or gives more than one frame of the wire at a time, or
# leaves a checksum to hardware that is not there.
OFFLOADS = ("tx", "tso", "gso", "gro", "sg")

_FIRST_TABLE = 100  # routing tables for source routing, one per link of a node


def netns_of(lab: str, node: str) -> str:
    """Return the name of a node's namespace."""
    return f"ilnp.{lab}.{node}"


def middle_of(lab: str, link: str) -> str:
    """Return the name of the namespace in the middle of an emulated link."""
    return f"ilnp.{lab}.link.{link}"


def sysctls(node: Node) -> str:
    """Return the settings of a node's namespace, in the form of sysctl.conf."""
    if node.role is Role.ROUTER:
        values = {"forwarding": 1, "accept_ra": 0, "accept_dad": 0, "dad_transmits": 0}
    else:
        discovery = node.discovery
        values = {
            "forwarding": 0,
            "accept_ra": 1,
            "autoconf": 1,
            "use_tempaddr": 0,
            "router_solicitation_delay": int(discovery.rs_delay),
            "router_solicitation_interval": int(discovery.rs_interval),
            "dad_transmits": discovery.dad_transmits,
        }
        # Not written unless wanted: there are kernels without it.
        if discovery.optimistic_dad:
            values |= {"optimistic_dad": 1, "use_optimistic": 1}
    common = {"disable_ipv6": 0, "addr_gen_mode": 0}
    return "".join(
        f"net.ipv6.conf.{scope}.{name}={value}\n"
        for scope in ("all", "default")
        for name, value in {**common, **values}.items()
        # Writing these to `all` is an error or changes nothing.
        if scope == "default" or name in ("forwarding", "optimistic_dad", "use_optimistic")
    )


def middle_sysctls() -> str:
    """Return the settings of a link's middle, which must say nothing of its own."""
    return "net.ipv6.conf.all.disable_ipv6=1\nnet.ipv6.conf.default.disable_ipv6=1\n"


def _veth(netns: str, name: str, peer_netns: str, peer: str, mtu: int) -> str:
    return (
        f"link add name {name} netns {netns} mtu {mtu} type veth "
        f"peer name {peer} mtu {mtu} netns {peer_netns}"
    )


def link_lines(lab: str, topology: Topology) -> list[str]:
    """Return the `ip` lines that make all links, each end at once in its namespace."""
    lines = []
    for link in topology.links:
        (a, b), mtu = link.ends, link.mtu
        netns_a, netns_b = netns_of(lab, a.node), netns_of(lab, b.node)
        if link.emulated:
            middle = middle_of(lab, link.name)
            lines.append(_veth(middle, LEFT, netns_a, a.interface, mtu))
            lines.append(_veth(middle, RIGHT, netns_b, b.interface, mtu))
        else:
            lines.append(_veth(netns_a, a.interface, netns_b, b.interface, mtu))
    return lines


def mac_lines(topology: Topology, node: str) -> list[str]:
    """Return the `ip` lines that give the interfaces of a node their MAC addresses."""
    return [
        f"link set {end.interface} address {mac_of(topology, end)}"
        for _, end in topology.links_of(node)
    ]


def middle_lines(*, bridged: bool) -> list[str]:
    """Return the `ip` lines that ready a link's middle, which netem needs to be a bridge."""
    lines = [f"link set {side} up" for side in (LEFT, RIGHT)]
    if not bridged:
        return lines
    bridge = f"link add name {BRIDGE} type bridge mcast_snooping 0 forward_delay 0"
    joined = [f"link set {side} master {BRIDGE}" for side in (LEFT, RIGHT)]
    return [bridge, *joined, *lines, f"link set {BRIDGE} up"]


def machine_lines(topology: Topology, node: str) -> list[str]:
    """Return the `ip` lines that join each interface of a machine to its end of a link."""
    lines = []
    for index, (_, end) in enumerate(topology.links_of(node)):
        bridge, tap = f"br_{index}", tap_name(index)
        lines += [
            f"link add name {bridge} type bridge mcast_snooping 0 forward_delay 0",
            f"tuntap add dev {tap} mode tap",
            *(f"link set {name} master {bridge} up" for name in (tap, end.interface)),
            f"link set {bridge} up",
        ]
    return lines


def offloads_off(interface: str) -> list[str]:
    """Return the command after which an interface takes and gives single, finished frames."""
    return ["ethtool", "-K", interface, *(word for x in OFFLOADS for word in (x, "off"))]


def router_lines(topology: Topology, router: str) -> list[str]:
    """Return the `ip` lines that give a router its addresses and routes; they may be repeated."""
    lines = [
        "link set lo up",
        f"address replace {infrastructure_address(topology, router)}/128 dev lo",
    ]
    for link, end in topology.links_of(router):
        lines.append(f"link set {end.interface} up")
        if link.provider is not None:
            address = provider_address(topology, link, end)
            lines.append(f"address replace {address}/64 dev {end.interface} nodad")
    lines += [
        f"route replace {route.destination} via {route.via} dev {route.interface} onlink"
        for route in routes_of(topology, router)
    ]
    return lines


def source_rules(topology: Topology, node: str) -> list[str]:
    """Return the `ip` lines by which a source address chooses a routing table."""
    return [
        f"rule add from {topology.provider(link.provider).prefix} lookup {table} pref {table}"
        for table, (link, _) in enumerate(topology.links_of(node), _FIRST_TABLE)
        if link.provider is not None
    ]


def source_route(topology: Topology, link: Link, end: End) -> list[str]:
    """Return the `ip` lines for the table of one provider; they hold while the link is up."""
    assert link.provider is not None
    table = _FIRST_TABLE + topology.links_of(end.node).index((link, end))
    router = link_local(topology, link.ends[1])
    prefix = topology.provider(link.provider).prefix
    return [
        f"route replace {prefix} dev {end.interface} table {table}",
        f"route replace default via {router} dev {end.interface} onlink table {table}",
    ]


def up_lines(topology: Topology, link: Link, end: End) -> list[str]:
    """Return the `ip` lines that switch an interface on, with the routes that hang on it."""
    lines = [f"link set {end.interface} up"]
    node = topology.node(end.node)
    if node.role is Role.ROUTER:
        return [*lines, *router_lines(topology, node.name)]
    return lines + source_route(topology, link, end) if node.source_routing else lines


def shaping_line(link: Link, interface: str, verb: str) -> str:
    """Return the `tc` line that limits what leaves by one end of a link."""
    return (
        f"qdisc {verb} dev {interface} root handle 1: tbf rate {link.rate}bit "
        f"burst {link.burst_bytes} limit {link.queue_bytes}"
    )


def shaping_lines(topology: Topology, node: str) -> list[str]:
    """Return the `tc` lines for those links of a node that are limited at their ends."""
    return [
        shaping_line(link, end.interface, "add")
        for link, end in topology.links_of(node)
        if link.rate is not None and link.bottleneck == "ends"
    ]
