# SPDX-License-Identifier: BSD-2-Clause
"""Locators that come and go under load: no octet of a TCP stream is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from nodenet import NodeNet, Stream, identity_of, l64_of, node_net, prefix_of, wait_until

pytestmark = pytest.mark.root


@pytest.fixture
def net() -> Iterator[NodeNet]:
    with node_net(3) as net:
        yield net


def start_both(net: NodeNet) -> None:
    """Start two nodes that have found each other."""
    for host in ("a", "b"):
        net.node(host)
    assert net.ping("a", identity_of("b")) == 3


def all_of(host: str, *links: int) -> set[str]:
    return {l64_of(host, link) for link in links}


@pytest.mark.slow
@pytest.mark.checklist(29, 71, 72, 73, 91, 92, 95)
def test_tcp_survives_networks_that_are_disabled_and_enabled(net: NodeNet) -> None:
    start_both(net)
    stream = Stream(net, "a", identity_of("b"), "b", 12)
    wait_until("b knows all of a", lambda: net.remote_locators("b") == all_of("a", 1, 2, 3))
    for link in (1, 2):
        net.tell("a", "disable", interface=f"if{link}")
        net.wait_locators("a", link, "quiet")
    wait_until("b knows one of a", lambda: net.remote_locators("b") == all_of("a", 3))
    net.tell("a", "enable", interface="if1")
    net.wait_locators("a", 2)
    wait_until("b knows two of a", lambda: net.remote_locators("b") == all_of("a", 1, 3))
    stream.finish()


@pytest.mark.slow
@pytest.mark.checklist(29, 71, 97)
def test_tcp_survives_links_that_go_down_at_both_ends(net: NodeNet) -> None:
    start_both(net)
    stream = Stream(net, "a", identity_of("b"), "b", 10)
    net.wait_paths("a", 9)
    net.exec("a", "ip", "link", "set", "if1", "down")
    wait_until("b knows two of a", lambda: net.remote_locators("b") == all_of("a", 2, 3))
    net.exec("b", "ip", "link", "set", "if3", "down")
    wait_until("a knows two of b", lambda: net.remote_locators("a") == all_of("b", 1, 2))
    net.exec("a", "ip", "link", "set", "if1", "up")
    wait_until("b knows all of a", lambda: net.remote_locators("b") == all_of("a", 1, 2, 3))
    stream.finish()


@pytest.mark.slow
def test_tcp_survives_a_silent_black_hole(net: NodeNet) -> None:
    start_both(net)
    net.wait_paths("a", 9)
    stream = Stream(net, "a", identity_of("b"), "b", 8)
    # The link stays up, but the router drops all that goes through it.
    net.exec("r", "nft", "add table ip6 hole; add chain ip6 hole c { type filter hook forward "
             "priority 0; }; add rule ip6 hole c iifname a1 drop; add rule ip6 hole c oifname a1 "
             "drop")  # fmt: skip
    net.wait_paths("a", 3, "down")
    net.exec("r", "nft", "delete", "table", "ip6", "hole")
    net.wait_paths("a", 9)
    assert stream.finish() < 3


@pytest.mark.slow
@pytest.mark.checklist(9, 93)
def test_a_network_that_appears_becomes_a_locator(net: NodeNet) -> None:
    net.exec("a", "ip", "link", "set", "if3", "down")
    net.node("a", wait=False)
    net.wait_locators("a", 2)
    net.node("b")
    assert net.ping("a", identity_of("b")) == 3
    net.exec("a", "ip", "link", "set", "if3", "up")
    net.wait_locators("a", 3)
    wait_until("b knows all of a", lambda: net.remote_locators("b") == all_of("a", 1, 2, 3))


@pytest.mark.slow
@pytest.mark.checklist(9)
def test_a_prefix_no_longer_advertised_is_given_up(net: NodeNet) -> None:
    net.node("a")
    net.radvd_stop()
    # radvd's last advertisement ends its life as a default router.
    wait_until("no locator is in use", lambda: "used" not in net.locators("a").values())
    net.radvd_start()
    net.wait_locators("a", 3)


@pytest.mark.checklist(5)
def test_a_locator_with_a_duplicate_of_our_nid_is_not_used() -> None:
    with node_net(3, dad=True) as net:
        net.exec("r", "ip", "addr", "add", f"{prefix_of('a', 2)}::a/64", "dev", "a2", "nodad")
        net.node("a", wait=False)
        net.wait_locators("a", 1, "duplicate")
        net.wait_locators("a", 2)
        assert net.locators("a")[l64_of("a", 2)] == "duplicate"


@pytest.mark.slow
@pytest.mark.checklist(5, 9)
def test_a_new_network_waits_for_duplicate_detection_once() -> None:
    """Seven seconds for the link-local address, the kernel's and ours together, not one by one."""
    with node_net(1, dad=True) as net:
        net.node("a")
        net.exec("a", "ip", "link", "set", "if1", "down")
        net.wait_locators("a", 0)
        net.exec("a", "sysctl", "-qw", "net.ipv6.conf.if1.dad_transmits=7")
        began = time.monotonic()
        net.exec("a", "ip", "link", "set", "if1", "up")
        net.wait_locators("a", 1)
        assert 7 <= time.monotonic() - began < 13


@pytest.mark.checklist(2)
def test_the_default_nid_is_the_modified_eui64(net: NodeNet) -> None:
    path = net.conf("a")
    path.write_text("\n".join(x for x in path.read_text().splitlines() if "nids" not in x))
    net.nodes["a"] = net.start("a", *net.argv(path))
    net.wait_locators("a", 3)
    assert net.tell("a", "status")["nids"] == ["0000-00ff-fe00-0101"]


def test_a_static_locator_needs_no_advertisement(net: NodeNet) -> None:
    net.radvd_stop()
    via = net.exec("r", "ip", "-6", "-br", "addr", "show", "dev", "a1").stdout.split()
    gateway = next(x.split("/")[0] for x in via if x.startswith("fe80"))
    net.node("a", f'locators = ["if1 {prefix_of("a", 1)} via {gateway}"]', wait=False)
    net.wait_locators("a", 1)
    assert net.locators("a")[l64_of("a", 1)] == "used"


def test_denied_prefixes_are_not_used(net: NodeNet) -> None:
    net.node("a", f'deny = ["{prefix_of("a", 2)}::/64"]', wait=False)
    net.wait_locators("a", 2)
    assert l64_of("a", 2) not in net.locators("a")


def test_preference_and_weight_come_from_the_configuration(net: NodeNet) -> None:
    net.node("a", "[interface.if2]\npreference = 20\nweight = 3")
    found = {x["interface"]: x for x in net.tell("a", "locators")["locators"]}
    assert (found["if2"]["preference"], found["if2"]["weight"]) == (20, 3)
    assert (found["if1"]["preference"], found["if1"]["weight"]) == (10, 1)


@pytest.mark.slow
@pytest.mark.checklist(29)
def test_a_segment_that_found_no_path_is_sent_as_soon_as_there_is_one(net: NodeNet) -> None:
    """TCP alone would sit silent for as long again as there was none."""
    start_both(net)
    stream = Stream(net, "a", identity_of("b"), "b", 12)
    net.wait_paths("a", 9)
    for link in (1, 2, 3):
        net.exec("a", "ip", "link", "set", f"if{link}", "down")
    time.sleep(4)
    assert net.counters("a")["node_out_held"] == 0
    net.exec("a", "ip", "link", "set", "if1", "up")
    wait_until("it is sent", lambda: net.counters("a")["node_out_held"] >= 1)
    stream.finish(60)
