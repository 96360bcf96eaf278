# SPDX-License-Identifier: BSD-2-Clause
"""The servers that other tests need: they answer, take updates, and can be stopped and paused."""

from __future__ import annotations

from pathlib import Path

import dns.exception
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest
from servers import MOVER, Server, bind, zone_text


def test_a_server_holds_its_zone_and_takes_an_update(server: Server) -> None:
    assert server.records("other.example.com", "AAAA") == ["2001:db8:77::1"]
    update = dns.update.UpdateMessage("example.com")
    update.add("one", 30, "L64", "10 2001:0db8:0001:0001")
    update.use_tsig(dns.tsig.Key(MOVER.name, MOVER.secret, MOVER.algorithm))
    answer = dns.query.tcp(update, server.address, timeout=5, port=server.port)
    assert answer.rcode() == dns.rcode.NOERROR
    assert server.records("one.example.com", "L64") == ["10 2001:0db8:0001:0001"]


def test_a_server_can_be_paused_and_stopped(server: Server) -> None:
    server.pause()
    with pytest.raises(dns.exception.Timeout):
        dns.query.udp(
            dns.message.make_query("example.com", "SOA"), server.address, 0.5, server.port
        )
    server.resume()
    assert server.records("example.com", "NS") == ["ns.example.net."]
    server.stop()
    server.start()
    assert server.records("example.com", "NS") == ["ns.example.net."]


def test_a_secondary_and_a_resolver_follow_the_primary(tmp_path: Path) -> None:
    zones = {"example.com": zone_text("mn NID 10 0211:22ff:fe33:4455")}
    with (
        bind(tmp_path / "1", zones) as first,
        bind(tmp_path / "2", {}, secondary={"example.com": (first.address, first.port)}) as second,
        bind(
            tmp_path / "3", {}, forward={"example.com": (second.address, second.port)}
        ) as resolver,
    ):
        for each in (first, second, resolver):
            assert each.records("mn.example.com", "NID") == ["10 0211:22ff:fe33:4455"]
