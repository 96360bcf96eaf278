# SPDX-License-Identifier: BSD-2-Clause
"""What follows from a topology: addresses, routes, names, and what the machine is told."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address, IPv6Network

import pytest

from ilnptool.lab import addressing, ident, linkem, linuxaddr, linuxnet, names, routers
from ilnptool.lab.catalogue import find_topology, shipped
from ilnptool.lab.ident import Nid
from ilnptool.lab.model import Impairment, Role, Topology
from ilnptool.lab.topology import load_topology


def topology(name: str = "duality") -> Topology:
    return load_topology(find_topology(name))


def test_identity_prefix_adds_nothing_to_a_checksum() -> None:
    words = ident.IDENTITY_PREFIX.network_address.packed[:8]
    total = sum(int.from_bytes(words[i : i + 2], "big") for i in range(0, 8, 2))
    assert total % 0xFFFF == 0


def test_nid_of_mac_is_the_modified_eui64() -> None:
    # RFC 4291, appendix A.
    assert ident.format_nid(ident.nid_of_mac("34:56:78:9a:bc:de")) == "3656:78ff:fe9a:bcde"


def test_ilv_text_is_the_canonical_form() -> None:
    prefix = IPv6Network("2001:db8:1:1::/64")
    nid = ident.parse_nid("211:22ff:fe33:4455")
    assert ident.format_ilv(prefix, nid) == "2001+0db8+0001+0001.0211-22ff-fe33-4455"


def test_identity_address_is_prefix_and_nid() -> None:
    nid = ident.parse_nid("0211:22ff:fe33:4455")
    assert str(ident.identity_address(nid)) == "fd69:6c6e:702d:25fa:211:22ff:fe33:4455"


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_interface_has_its_own_mac_and_interface_names_fit(name: str) -> None:
    lab = topology(name)
    ends = [end for link in lab.links for end in link.ends]
    macs = {addressing.mac_of(lab, end) for end in ends}
    assert len(macs) == len(ends)
    assert all(len(end.interface) <= 15 for end in ends)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_router_knows_every_prefix_it_does_not_own(name: str) -> None:
    lab = topology(name)
    for router in lab.nodes:
        if router.role is not Role.ROUTER:
            continue
        own = {lab.provider(p).prefix for p in addressing.provider_addresses(lab, router.name)}
        known = {
            route.destination
            for route in addressing.routes_of(lab, router.name)
            if route.destination.prefixlen == 64
        }
        assert known == {provider.prefix for provider in lab.providers} - own


def test_following_routes_arrives_at_the_owner_of_the_prefix() -> None:
    lab = topology("both-multihomed")
    by_address = {
        addressing.link_local(lab, end): end.node for link in lab.links for end in link.ends
    }
    here, hops = "ra1", 0
    target = lab.provider("b2").prefix
    while "b2" not in addressing.provider_addresses(lab, here):
        (route,) = [r for r in addressing.routes_of(lab, here) if r.destination == target]
        here, hops = by_address[route.via], hops + 1
    assert (here, hops) == ("rb2", 2)


def test_node_without_nids_gets_that_of_its_first_interface() -> None:
    lab = topology()
    mn = replace(lab.node("mn"), nids=())
    (nid,) = addressing.nids_of(lab, mn)
    address = addressing.provider_addresses(lab, "mn")["aa"]
    assert ident.nid_of_address(address) == nid


def test_hosts_ilnp_has_one_line_per_ilv() -> None:
    lines = names.hosts_ilnp(topology()).splitlines()
    assert lines[0] == "2001+0002+00aa+00aa.0211-22ff-fe33-4455 mn"
    assert [line.split()[1] for line in lines] == ["mn", "mn", "mn", "cn"]


def test_two_nids_and_three_locators_make_six_ilvs() -> None:
    lab = topology()
    mn = lab.node("mn")
    both = lab.with_node(replace(mn, nids=(*mn.nids, Nid(7))))
    assert len(addressing.ilvs_of(both, both.node("mn"))) == 6


def hosts_for(lab: Topology, viewer: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in names.hosts_overlay(lab, lab.node(viewer)).splitlines():
        address, name, *_ = line.split()
        found.setdefault(name, []).append(address)
    return found


def test_name_is_the_identity_address_between_ilnp_nodes() -> None:
    hosts = hosts_for(topology(), "mn")
    assert hosts["cn"] == ["fd69:6c6e:702d:25fa:211:22ff:fe66:7788"]
    assert hosts["cn.v6"] == hosts["cn-dd"] == ["2001:2:dd:dd:69:6cff:fe00:201"]
    assert len(hosts["mn.v6"]) == 3
    assert hosts["mn-bb"] == [hosts["mn.v6"][1]]


def test_name_of_a_plain_host_is_its_ordinary_address() -> None:
    lab = topology("fallback")
    assert hosts_for(lab, "a")["plain"] == hosts_for(lab, "a")["plain.v6"]
    assert hosts_for(lab, "plain")["a"] == hosts_for(lab, "plain")["a.v6"]


def test_plain_host_that_is_listed_is_called_by_identity_and_reached_at_its_own_address() -> None:
    lab = topology("fallback")
    (address,) = addressing.provider_addresses(lab, "listed").values()
    nid = ident.nid_of_address(address)
    assert hosts_for(lab, "a")["listed"] == [str(ident.identity_address(nid))]
    (ilv,) = addressing.ilvs_of(lab, lab.node("listed"))
    assert f"{ilv} listed" in names.hosts_ilnp(lab)
    assert ilv == ident.format_ilv(lab.provider("l1").prefix, nid)


def test_radvd_gets_the_timing_of_the_paper() -> None:
    conf = routers.radvd_conf(topology(), "r1")
    for setting in (
        "MaxRtrAdvInterval 5;",
        "MinRtrAdvInterval 3;",
        "AdvValidLifetime 15;",
        "AdvPreferredLifetime 9;",
        "prefix 2001:2:aa:aa::/64",
    ):
        assert setting in conf


def test_router_without_customers_advertises_nothing() -> None:
    assert routers.radvd_conf(topology("both-multihomed"), "core") == ""


def test_ingress_filter_knows_only_its_own_prefix() -> None:
    rules = routers.ingress_rules(topology("two-paths"), "r1")
    assert 'iifname "lan-a" ip6 saddr != 2001:db8:a:1::/64 counter drop' in rules
    assert 'iifname "lan-b" ip6 saddr != 2001:db8:b:1::/64 counter drop' in rules
    assert rules.count("drop") == 2


def test_emulated_link_has_a_namespace_in_its_middle() -> None:
    lines = linuxnet.link_lines("x", topology())
    assert [line for line in lines if "netns ilnp.x.link.dd" in line]
    assert len(lines) == len(topology().links) + 1


def test_linkem_is_told_the_rate_only_if_the_bottleneck_is_in_the_middle() -> None:
    link = topology().link("dd")
    assert linkem.settings_of(link) == "delay_us=0 jitter_us=0 loss_ppm=0 reorder_ppm=0"
    middle = linkem.settings_of(replace(link, bottleneck="middle"))
    assert middle.endswith("rate_bps=100000000 queue_bytes=1250000")


def test_netem_is_told_the_same_as_linkem() -> None:
    impairment = Impairment(delay=0.02, jitter=0.001, loss=0.01, reorder=0.005)
    link = replace(topology().link("dd"), impairment=impairment)
    assert linkem.netem_lines(link, "add") == [
        f"qdisc add dev {side} root netem limit 100000 delay 20000us 1000us loss 1% "
        "reorder 0.5% rate 100000000000bit"
        for side in ("left", "right")
    ]


def test_source_routing_sends_each_prefix_to_its_router() -> None:
    lab = topology("two-paths")
    assert linuxnet.source_rules(lab, "a") == [
        "rule add from 2001:db8:a:1::/64 lookup 100 pref 100",
        "rule add from 2001:db8:a:2::/64 lookup 101 pref 101",
    ]
    (link, end) = lab.links_of("a")[1]
    router = addressing.link_local(lab, lab.link("a2").ends[1])
    assert (
        f"default via {router} dev if2 onlink table 101" in linuxnet.source_route(lab, link, end)[1]
    )


def test_addresses_are_read_from_ip() -> None:
    text = """[{},{"ifname":"lo","addr_info":[{"family":"inet6","local":"::1","scope":"host",
      "valid_life_time":4294967295,"preferred_life_time":4294967295}]},
      {"ifname":"if1","addr_info":[
      {"family":"inet","local":"10.0.0.1","scope":"global","valid_life_time":1,
       "preferred_life_time":1},
      {"family":"inet6","local":"2001:db8::1","scope":"global","dynamic":true,
       "valid_life_time":15,"preferred_life_time":9},
      {"family":"inet6","local":"2001:db8::2","scope":"global","tentative":true,
       "valid_life_time":15,"preferred_life_time":0,"deprecated":true},
      {"family":"inet6","local":"2001:db8::3","scope":"global","tentative":true,
       "optimistic":true,"valid_life_time":15,"preferred_life_time":9},
      {"family":"inet6","local":"fe80::1","scope":"link","dadfailed":true,"tentative":true,
       "optimistic":true,"valid_life_time":4294967295,"preferred_life_time":4294967295}]}]"""
    found = linuxaddr.parse_addresses(text)
    assert [(str(x.address), x.usable) for x in found] == [
        ("2001:db8::1", True),
        ("2001:db8::2", False),
        ("2001:db8::3", True),
        ("fe80::1", False),
    ]
    assert (found[0].valid, found[0].preferred, found[3].valid) == (15, 9, None)
    assert found[1].deprecated
    assert found[0].address == IPv6Address("2001:db8::1")
