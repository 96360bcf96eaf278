# SPDX-License-Identifier: BSD-2-Clause
"""Reads topology files; whatever is wrong in one is reported with its line, before anything starts.

A file has a `name`, a `description`, `[ra]`, and any number of `[[provider]]`, `[[node]]` and
`[[link]]`; their keys are the fields of the classes in ilnptool.lab.model, explained there.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Network
from pathlib import Path

from ilnptool import tomlfile
from ilnptool.errors import FileError
from ilnptool.lab import units
from ilnptool.lab.ident import NID_FORM, Nid, parse_nid
from ilnptool.lab.knobs import read_knobs
from ilnptool.lab.model import (
    ALGORITHMS,
    BOTTLENECKS,
    NAME_FORM,
    NAME_SERVERS,
    Advertisement,
    Discovery,
    End,
    Impairment,
    Link,
    Locator,
    Node,
    Provider,
    Role,
    Topology,
    check_name,
)
from ilnptool.tomlfile import Table

PREFIX_FORM = 'a /64 inside 2000::/3 or fc00::/7, such as "2001:db8:1:1::/64"'
END_FORM = '"NODE:INTERFACE", such as "mn:if1"'

_GLOBAL = (IPv6Network("2000::/3"), IPv6Network("fc00::/7"))
_IMPAIRMENT_KEYS = ("delay", "jitter", "loss", "reorder")
_RA_KEYS = ("max_interval", "min_interval", "valid", "preferred")
_DISCOVERY_KEYS = ("rs_delay", "rs_interval", "dad_transmits", "optimistic_dad")
_END_SYSTEM_KEYS = ("name", "role", *_DISCOVERY_KEYS, "source_routing")
_NODE_KEYS = {
    Role.HOST: (*_END_SYSTEM_KEYS, "ilnp", "nids", "algorithm", "knobs"),
    Role.PLAIN: (*_END_SYSTEM_KEYS, "listed_as_ilnp", "dns"),
    Role.ROUTER: ("name", "role"),
}
_LINK_KEYS = ("name", "ends", "provider", "rate", "queue", "burst", "bottleneck", "offload", "mtu")
_PROVIDER_KEYS = ("preference", "weight", "disabled", "ra")
_MORE_LINK_KEYS = (*_IMPAIRMENT_KEYS, "up", *_PROVIDER_KEYS)


def _unique_name(table: Table, taken: Iterable[str]) -> str:
    name = table.parsed("name", check_name, NAME_FORM)
    if name in taken:
        table.fail("name", name, "a name that is not used above", "duplicate name")
    return name


def _whole_seconds(table: Table, key: str, default: float, low: int) -> float:
    value = table.parsed(key, units.parse_time, units.TIME_FORM, default)
    if value != int(value) or value < low:
        table.fail(key, units.format_time(value), f"whole seconds, at least {low}s")
    return value


def _prefix(text: str) -> IPv6Network:
    network = IPv6Network(text)
    if network.prefixlen != 64 or not any(network.subnet_of(area) for area in _GLOBAL):
        raise ValueError(text)
    return network


def _read_providers(top: Table) -> tuple[Provider, ...]:
    found: list[Provider] = []
    for table in top.tables("provider"):
        table.only(("name", "prefix"))
        name = _unique_name(table, [p.name for p in found])
        prefix = table.parsed("prefix", _prefix, PREFIX_FORM)
        if prefix in [p.prefix for p in found]:
            table.fail("prefix", str(prefix), "a prefix not used above", "duplicate prefix")
        found.append(Provider(name, prefix))
    return tuple(found)


def _read_node(table: Table, taken: list[Node]) -> Node:
    role = Role(table.choice("role", [role.value for role in Role]))
    table.only(_NODE_KEYS[role])
    name = _unique_name(table, [node.name for node in taken])
    if role is Role.ROUTER:
        return Node(name, role)
    source_routing = table.flag("source_routing", False)
    discovery = Discovery(
        _whole_seconds(table, "rs_delay", Discovery().rs_delay, 0),
        _whole_seconds(table, "rs_interval", Discovery().rs_interval, 1),
        table.integer("dad_transmits", Discovery().dad_transmits, 0, 10),
        table.flag("optimistic_dad", Discovery().optimistic_dad),
    )
    if role is Role.PLAIN:
        listed = table.flag("listed_as_ilnp", False)
        dns = table.choice("dns", NAME_SERVERS) if "dns" in table else ""
        if dns == "primary" and any(node.dns == dns for node in taken):
            table.fail("dns", dns, "one primary in a lab", "second name server that is")
        return Node(
            name,
            role,
            listed_as_ilnp=listed,
            dns=dns,
            source_routing=source_routing,
            discovery=discovery,
        )
    owners = {nid: node.name for node in taken for nid in node.nids}
    nids: list[Nid] = []
    for index, nid in enumerate(table.strings("nids", NID_FORM, parse_nid)):
        if nid in owners or nid in nids:
            raise FileError(
                table.path,
                table.line("nids", index),
                table.texts("nids")[index],
                "identifiers that no node has above",
                "duplicate NID",
            )
        nids.append(nid)
    return Node(
        name,
        role,
        ilnp=table.flag("ilnp", True),
        nids=tuple(nids),
        algorithm=table.choice("algorithm", ALGORITHMS, "rr"),
        knobs=read_knobs(table.table("knobs")),
        source_routing=source_routing,
        discovery=discovery,
    )


def _read_advertisement(table: Table, base: Advertisement) -> Advertisement:
    table.only(_RA_KEYS)
    longest, shortest = (
        table.parsed(key, units.parse_time, units.TIME_FORM, default)
        for key, default in (
            ("max_interval", base.max_interval),
            ("min_interval", base.min_interval),
        )
    )
    # RFC 4861 section 6.2.1; radvd refuses to start on anything else.
    if not 4 <= longest <= 1800:
        table.fail("max_interval", units.format_time(longest), "4s to 1800s")
    if not 3 <= shortest <= 0.75 * longest:
        highest = units.format_time(0.75 * longest)
        table.fail("min_interval", units.format_time(shortest), f"3s to {highest} (3/4 of max)")
    valid = _whole_seconds(table, "valid", base.valid, 1)
    preferred = _whole_seconds(table, "preferred", base.preferred, 1)
    if preferred > valid:
        limit = units.format_time(valid)
        table.fail("preferred", units.format_time(preferred), f"at most the valid time, {limit}")
    return Advertisement(longest, shortest, valid, preferred)


def _read_ends(table: Table, nodes: dict[str, Node], taken: list[Link]) -> tuple[End, End]:
    texts = table.texts("ends")
    if len(texts) != 2:
        table.fail("ends", texts, f"two of {END_FORM}")
    ends: list[End] = []
    for index, text in enumerate(texts):
        line = table.line("ends", index)
        node, _, interface = text.partition(":")
        try:
            end = End(check_name(node), check_name(interface))
        except ValueError as err:
            raise FileError(table.path, line, text, END_FORM) from err
        if end.node not in nodes:
            raise FileError(table.path, line, end.node, nodes, "unknown node")
        if end in ends or any(end in link.ends for link in taken) or end.interface == "lo":
            allowed = "an interface that no link has yet, other than lo"
            raise FileError(table.path, line, text, allowed, "duplicate interface")
        ends.append(end)
    if ends[0].node == ends[1].node:
        table.fail("ends", texts, "ends on two different nodes")
    return ends[0], ends[1]


def _check_roles(
    table: Table, ends: tuple[End, End], provider: str | None, nodes: dict[str, Node]
) -> tuple[End, End]:
    """Return the ends with the customer first, if their roles fit the kind of link."""
    routers = [nodes[end.node].role is Role.ROUTER for end in ends]
    if provider is None and not all(routers):
        table.fail("ends", table.texts("ends"), "two routers, or a provider for this link")
    if provider is not None and sum(routers) != 1:
        allowed = "a host or plain node and a router, as the link has a provider"
        table.fail("ends", table.texts("ends"), allowed)
    return (ends[1], ends[0]) if provider is not None and routers[0] else ends


def _read_impairment(table: Table) -> Impairment | None:
    if not any(key in table for key in _IMPAIRMENT_KEYS):
        return None
    delay = table.parsed("delay", units.parse_time, units.TIME_FORM, 0.0)
    jitter = table.parsed("jitter", units.parse_time, units.TIME_FORM, 0.0)
    if jitter > delay:
        limit = units.format_time(delay)
        table.fail("jitter", units.format_time(jitter), f"at most the delay, {limit}")
    loss = table.parsed("loss", units.parse_share, units.SHARE_FORM, 0.0)
    reorder = table.parsed("reorder", units.parse_share, units.SHARE_FORM, 0.0)
    return Impairment(delay, jitter, loss, reorder)


def _read_link(
    table: Table,
    nodes: dict[str, Node],
    providers: tuple[Provider, ...],
    ra: Advertisement,
    taken: list[Link],
) -> Link:
    table.only((*_LINK_KEYS, *_MORE_LINK_KEYS))
    name = _unique_name(table, [link.name for link in taken])
    ends = _read_ends(table, nodes, taken)
    provider = None
    if "provider" in table:
        provider = table.choice("provider", [p.name for p in providers])
        if provider in [link.provider for link in taken]:
            table.fail("provider", provider, "a provider without a link above", "used provider")
    ends = _check_roles(table, ends, provider, nodes)
    for key in _PROVIDER_KEYS:
        if provider is None and key in table:
            table.fail(key, key, "together with a provider", "key without a provider:")
    rate = table.parsed("rate", units.parse_rate, units.RATE_FORM) if "rate" in table else None
    if rate is None:
        for key in ("queue", "burst", "bottleneck"):
            if key in table:
                table.fail(key, key, "together with a rate", "key without a rate:")
    impairment = _read_impairment(table)
    bottleneck = table.choice("bottleneck", BOTTLENECKS, "ends")
    shaped = rate is not None or impairment is not None
    offload = table.flag("offload", not shaped)
    if offload and (impairment is not None or bottleneck == "middle"):
        table.fail("offload", offload, "false, as frames pass an emulator one by one")
    queue, burst = (
        table.parsed(key, units.parse_size, units.SIZE_FORM) if key in table else None
        for key in ("queue", "burst")
    )
    return Link(
        name,
        ends,
        provider,
        rate,
        queue,
        burst,
        bottleneck,
        impairment,
        offload,
        table.integer("mtu", 1500, 1280, 9000),
        table.flag("up", True),
        _read_advertisement(table.table("ra"), ra if provider is not None else Advertisement()),
        Locator(
            table.integer("preference", Locator().preference, 0, 65535),
            table.integer("weight", Locator().weight, 1, 65535),
            table.flag("disabled", False),
        ),
    )


def build_topology(top: Table) -> Topology:
    """Return the topology that the top table of a file describes."""
    top.only(("name", "description", "ra", "node", "provider", "link"))
    name = top.parsed("name", check_name, NAME_FORM)
    description = top.string("description", "")
    ra = _read_advertisement(top.table("ra"), Advertisement())
    providers = _read_providers(top)
    nodes: list[Node] = []
    for table in top.tables("node"):
        nodes.append(_read_node(table, nodes))
    by_name = {node.name: node for node in nodes}
    links: list[Link] = []
    for table in top.tables("link"):
        links.append(_read_link(table, by_name, providers, ra, links))
    if not nodes:
        top.fail("node", name, "at least one [[node]]", "empty topology")
    return Topology(name, description, tuple(nodes), providers, tuple(links))


def load_topology(path: Path) -> Topology:
    """Read a topology file."""
    return build_topology(tomlfile.load(path))
