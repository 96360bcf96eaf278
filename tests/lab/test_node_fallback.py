# SPDX-License-Identifier: BSD-2-Clause
"""Correspondents that are said to speak ILNP and do not: plain IPv6 instead."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from nodenet import NodeNet, Stream, identity_of, node_net, prefix_of, wait_until

pytestmark = pytest.mark.root

SILENT = (
    "add table ip6 mute; add chain ip6 mute c { type filter hook input priority -400; };"
    "add rule ip6 mute c ip6 nexthdr 60 drop"
)


@pytest.fixture
def net() -> Iterator[NodeNet]:
    """b is a plain host with the address that its I-LV names."""
    with node_net(1) as net:
        net.exec("b", "ip", "addr", "add", f"{prefix_of('b', 1)}::b/64", "dev", "if1", "nodad")
        net.wait_routes("b")
        yield net


def address_b() -> str:
    return f"{prefix_of('b', 1)}::b"


@pytest.mark.checklist(10, 60, 62, 63)
def test_parameter_problem_leads_to_plain_ipv6(net: NodeNet) -> None:
    net.node("a")
    assert net.ping("a", identity_of("b")) == 3
    session = net.session("a")
    assert (session["state"], session["reason"]) == ("ipv6", "parameter_problem")
    plain = net.tell("a", "status")["plain"]
    assert [(x["nid"], x["reason"]) for x in plain] == [
        ("0000-0000-0000-000b", "parameter_problem")
    ]
    assert net.counters("a")["fallback"] == 1


@pytest.mark.checklist(62, 63)
def test_the_first_packet_is_sent_again_at_once(net: NodeNet) -> None:
    net.node("a")
    assert net.ping("a", identity_of("b"), count=1) == 1
    assert net.counters("a")["node_out_replayed"] == 1


@pytest.mark.checklist(36, 57, 62)
def test_tcp_to_a_plain_host_loses_nothing(net: NodeNet) -> None:
    net.node("a")
    started = time.monotonic()
    stream = Stream(net, "a", identity_of("b"), "b", 3, listen=address_b())
    stream.finish()
    assert time.monotonic() - started < 6
    assert net.session("a")["state"] == "ipv6"


@pytest.mark.checklist(62)
def test_udp_to_a_plain_host_is_answered(net: NodeNet) -> None:
    net.node("a")
    serve = (
        "import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM);"
        f"s.bind(('{address_b()}', 7000)); print('ready', flush=True);"
        "d, w = s.recvfrom(9999); s.sendto(d[::-1], w)"
    )
    ask = (
        "import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.settimeout(5);"
        f"s.sendto(b'abc' * 1000, ('{identity_of('b')}', 7000)); print(s.recv(9999)[:3].decode())"
    )
    net.ping("a", identity_of("b"), count=1)
    server = net.start("b", "python3", "-c", serve)
    wait_until("the server is ready", lambda: "ready" in server.tail())
    assert net.exec("a", "python3", "-c", ask).stdout.strip() == "cba"


@pytest.mark.checklist(64)
def test_silence_leads_to_plain_ipv6(net: NodeNet) -> None:
    net.exec("b", "nft", SILENT)
    net.node("a", "[knobs]\nfallback_wait = 500")
    Stream(net, "a", identity_of("b"), "b", 2, listen=address_b()).finish()
    session = net.session("a")
    assert (session["state"], session["reason"]) == ("ipv6", "silent")
    assert net.counters("a")["fallback_silent"] == 1


@pytest.mark.checklist(65)
def test_unreachable_is_no_reason_for_plain_ipv6(net: NodeNet) -> None:
    net.exec("r", "ip", "-6", "route", "add", "unreachable", f"{prefix_of('b', 1)}::b/128")
    net.node("a", "[knobs]\nfallback_wait = 300")
    assert net.ping("a", identity_of("b"), count=2) == 0
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        assert net.session("a")["state"] == "trying"
        time.sleep(0.1)
    assert net.counters("a")["in_unreach"] > 0


@pytest.mark.checklist(65)
def test_the_host_hears_that_the_only_path_is_unreachable(net: NodeNet) -> None:
    net.exec("r", "ip", "-6", "route", "add", "unreachable", f"{prefix_of('b', 1)}::b/128")
    net.node("a")
    out = net.exec("a", "ping", "-6", "-c", "1", "-W", "3", identity_of("b"), check=False).stdout
    assert "unreachable" in out


def test_the_host_sends_no_reset_into_a_plain_flow(net: NodeNet) -> None:
    net.node("a")
    stream = Stream(net, "a", identity_of("b"), "b", 2, listen=address_b())
    stream.finish()
    snmp = net.exec("a", "cat", "/proc/net/snmp").stdout
    names, values = [x.split() for x in snmp.splitlines() if x.startswith("Tcp:")]
    assert dict(zip(names, values, strict=True))["OutRsts"] == "0"


@pytest.mark.checklist(56)
def test_retry_tries_ilnp_again(net: NodeNet) -> None:
    net.node("a")
    assert net.ping("a", identity_of("b"), count=1) == 1
    assert net.session("a")["state"] == "ipv6"
    net.exec("b", "ip", "addr", "del", f"{prefix_of('b', 1)}::b/64", "dev", "if1")
    net.node("b")
    assert net.tell("a", "retry", nid="0:0:0:b")["retried"] == 1
    wait_until("b answers with ILNP", lambda: net.ping("a", identity_of("b"), count=1) == 1)
    assert net.session("a")["state"] == "open"
