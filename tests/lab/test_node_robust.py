# SPDX-License-Identifier: BSD-2-Clause
"""Things taken away from a running node, and given back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from nodenet import (
    NodeNet,
    Stream,
    identity_of,
    l64_of,
    node_net,
    paired_net,
    prefix_of,
    wait_until,
)
from scapy.layers.inet6 import ICMPv6ND_RA, ICMPv6NDOptPrefixInfo, IPv6

pytestmark = pytest.mark.root


@pytest.fixture
def net() -> Iterator[NodeNet]:
    with paired_net() as net:
        yield net


def log_of(net: NodeNet, host: str) -> str:
    return net.nodes[host].log.read_text()


def test_a_deleted_tun_device_is_made_again(net: NodeNet) -> None:
    net.exec("a", "ip", "link", "del", "ilnp0")
    wait_until("the device is back", lambda: net.ping("a", identity_of("b"), count=1) == 1)
    assert "ilnp0: made again" in log_of(net, "a")
    assert net.node_stop("a") == 0


@pytest.mark.slow
def test_a_stream_goes_on_when_an_interface_vanishes_and_returns(net: NodeNet) -> None:
    stream = Stream(net, "a", identity_of("b"), "b", 8)
    net.wait_paths("a", 4)
    net.exec("a", "ip", "link", "del", "if1")
    wait_until("its locator is gone", lambda: l64_of("a", 1) not in net.locators("a"))
    net.link("a", 1)
    net.radvd_reload()
    net.wait_locators("a", 2)
    stream.finish()
    assert "if1: gone" in log_of(net, "a")


def test_an_interface_that_is_not_there_yet_is_waited_for() -> None:
    with node_net(1) as net:
        net.exec("a", "ip", "link", "set", "if1", "name", "other")
        net.node("a", wait=False)
        wait_until("the node waits", lambda: "waiting for it" in log_of(net, "a"))
        net.exec("a", "ip", "link", "set", "other", "down")
        net.exec("a", "ip", "link", "set", "other", "name", "if1", "up")
        net.wait_locators("a", 1)


def test_radvd_that_dies_costs_nothing_while_lifetimes_last(net: NodeNet) -> None:
    net.radvd_kill()
    assert net.ping("a", identity_of("b"), count=5) == 5
    assert len(net.locators("a")) == 2


def test_packets_for_a_new_neighbour_wait_until_it_is_known() -> None:
    with node_net(1) as net:
        for host in ("a", "b"):
            net.node(host)
        net.exec("a", "ip", "-6", "neigh", "flush", "all")
        assert net.ping("a", identity_of("b"), count=1) == 1


def test_two_nodes_on_one_link_speak_without_a_router() -> None:
    with node_net(1) as net:
        # b's link moves into a's network: the router's two ends become a bridge.
        for words in (
            "link add name br0 type bridge mcast_snooping 0", "link set br0 up",
            "link set a1 master br0", "link set b1 master br0",
        ):  # fmt: skip
            net.exec("r", "ip", *words.split())
        on_link = f'locators = ["if1 {prefix_of("a", 1)}"]\ndeny = ["{prefix_of("b", 1)}::/64"]'
        for host in ("a", "b"):
            net.node(host, on_link, wait=False)
            net.wait_locators(host, 1)
        hosts = net.folder / "hosts"
        hosts.write_text(hosts.read_text().replace(l64_of("b", 1), l64_of("a", 1)))
        net.tell("a", "resolve")
        assert net.ping("a", identity_of("b")) == 3
        assert net.ping("b", identity_of("a")) == 3


@pytest.mark.checklist(49, 117, 118)
def test_packet_too_big_lowers_the_mtu_of_the_path_it_quotes(net: NodeNet) -> None:
    net.wait_paths("a", 4)
    net.exec("r", "ip", "link", "set", "b1", "mtu", "1400")
    net.exec("b", "ip", "link", "set", "if1", "mtu", "1400")

    def mtus() -> set[tuple[str, int]]:
        net.ping("a", identity_of("b"), "-s", "1440", count=2)
        return {(x["remote_l64"], x["mtu"]) for x in net.tell("a", "paths")["paths"]}

    wait_until("a path knows", lambda: (l64_of("b", 1), 1400) in mtus())
    assert {mtu for remote, mtu in mtus() if remote == l64_of("b", 2)} == {0}
    # The host's own packets leave room for IPv6, ICMPv6 and nonce headers.
    assert net.ping("a", identity_of("b"), "-s", "1380", "-M", "do") == 0
    assert net.ping("a", identity_of("b"), "-s", str(1400 - 8 - 48), "-M", "do") == 3
    Stream(net, "a", identity_of("b"), "b", 1).finish()


def test_prefixes_that_flood_one_network_do_not_keep_another_out(net: NodeNet) -> None:
    net.exec("a", "ip", "link", "set", "if2", "down")
    wait_until("its locator is gone", lambda: l64_of("a", 2) not in net.locators("a"))
    flood = IPv6(src="fe80::bad", dst="ff02::1", hlim=255) / ICMPv6ND_RA(routerlifetime=600)
    for number in range(14):
        flood /= ICMPv6NDOptPrefixInfo(
            prefix=f"2001:db8:bad:{number:x}::", validlifetime=600, preferredlifetime=600
        )
    net.inject("a", 1, bytes(flood))
    wait_until(
        "no place is left for that network",
        lambda: "no_room" in net.locators("a").values(),
    )
    net.exec("a", "ip", "link", "set", "if2", "up")
    wait_until("the other comes in", lambda: net.locators("a").get(l64_of("a", 2)) == "used")
    assert l64_of("a", 1) in net.locators("a")
    assert net.ping("a", identity_of("b")) == 3
