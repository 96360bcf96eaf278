# SPDX-License-Identifier: BSD-2-Clause
"""The resolver against BIND and Knot, as primaries and, BIND, as the resolver in between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from resolving import Found, resolve
from servers import SERVERS, Server, bind, zone_text

ZONE = zone_text(
    "two NID 10 0000:0000:0000:0001",
    "two NID 20 0000:0000:0000:0002",
    "two L64 30 2001:0db8:0003:0003",
    "two L64 10 2001:0db8:0001:0001",
    "two L64 20 2001:0db8:0002:0002",
    "two AAAA 2001:db8:1:1::1",
    "two A 192.0.2.1",
    "zero 0 NID 10 0000:0000:0000:0003",
    "zero 0 L64 10 2001:0db8:0001:0001",
    "plain AAAA 2001:db8:9::9",
    "plain A 192.0.2.9",
    "alias CNAME two",
    "chain1 NID 10 0000:0000:0000:0004",
    "chain1 LP 10 target",
    "chain1 L64 50 2001:0db8:0005:0005",
    "target L64 40 2001:0db8:0004:0004",
    "chain2 NID 10 0000:0000:0000:0005",
    "chain2 LP 10 chain1b",
    "chain1b LP 10 target",
    "ring1 NID 10 0000:0000:0000:0006",
    "ring1 LP 10 ring2",
    "ring2 NID 10 0000:0000:0000:0007",
    "ring2 LP 10 ring1",
    "far NID 10 0000:0000:0000:0008",
    "far LP 10 target.example.org.",
    *(f"big AAAA 2001:db8:b::{i:x}" for i in range(1, 91)),
    "big NID 10 0000:0000:0000:0009",
    *(f"big L64 {i} 2001:0db8:{i:04x}:0001" for i in range(1, 91)),
)
ORG = zone_text("target L64 40 2001:0db8:0007:0007")


@pytest.fixture(scope="module", params=[*sorted(SERVERS), "resolver"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A primary, or a resolver that asks one."""
    folder = tmp_path_factory.mktemp(request.param)
    zones = {"example.com": ZONE, "example.org": ORG}
    with SERVERS.get(request.param, bind)(folder, zones) as primary:
        if request.param in SERVERS:
            yield primary
            return
        there = dict.fromkeys(zones, (primary.address, primary.port))
        with bind(folder / "resolver", {}, forward=there) as running:
            yield running


def ask(server: Server, name: str) -> Found:
    return resolve(f"{name}.example.com", server.port)


@pytest.mark.checklist(107)
def test_two_nids_and_three_locators_make_six_pairs(server: Server) -> None:
    found = ask(server, "two")
    assert found.nids == ["0000-0000-0000-0001", "0000-0000-0000-0002"]
    for peer in found.peers:
        assert [x["l64"] for x in peer["locators"]] == [
            "2001+0db8+0001+0001",
            "2001+0db8+0002+0002",
            "2001+0db8+0003+0003",
        ]
    assert sorted(found.addresses) == ["192.0.2.1", "2001:db8:1:1::1"]
    assert 0 < found.peers[0]["lifetime"] <= 30


def test_an_alias_leads_to_the_same(server: Server) -> None:
    found = ask(server, "alias")
    assert found.name == "two.example.com"
    assert len(found.peers) == 2


def test_a_ttl_of_zero_is_good_for_one_session(server: Server) -> None:
    assert [peer["lifetime"] for peer in ask(server, "zero").peers] == [0]


def test_a_name_without_ilnp_records_has_its_addresses(server: Server) -> None:
    found = ask(server, "plain")
    assert found.peers == []
    assert sorted(found.addresses) == ["192.0.2.9", "2001:db8:9::9"]


def test_a_pointer_adds_its_targets_locators(server: Server) -> None:
    found = ask(server, "chain1")
    assert [(x["l64"], x["preference"]) for x in found.peers[0]["locators"]] == [
        ("2001+0db8+0004+0004", 40),
        ("2001+0db8+0005+0005", 50),
    ]


@pytest.mark.parametrize("name", ["chain2", "ring1", "ring2"])
def test_chains_and_rings_of_pointers_lead_nowhere(server: Server, name: str) -> None:
    assert ask(server, name).peers == []


def test_a_pointer_out_of_the_zone_is_asked_for(server: Server) -> None:
    assert ask(server, "far").l64s == ["2001+0db8+0007+0007"]


def test_large_answers_come_whole(server: Server) -> None:
    found = ask(server, "big")
    assert len(found.addresses) == 90
    assert found.l64s == [f"2001+0db8+{i:04x}+0001" for i in range(1, 9)]


def test_what_is_not_there_is_told(server: Server) -> None:
    assert ask(server, "nobody").status == "no such name"
    found = resolve("target.example.com", server.port)
    assert (found.status, found.peers) == ("no such data", [])


@pytest.mark.checklist(105)
def test_a_pointer_to_itself_which_bind_serves_is_refused(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    zone = zone_text(
        "self NID 10 0000:0000:0000:0001", "self LP 10 self", "self L64 10 2001:0db8:0001:0001"
    )
    with bind(tmp_path_factory.mktemp("self"), {"example.com": zone}) as server:
        assert ask(server, "self").l64s == ["2001+0db8+0001+0001"]
        assert server.records("self.example.com", "LP")


def test_a_paused_server_is_given_up_and_a_dead_one_at_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with bind(tmp_path_factory.mktemp("slow"), {"example.com": ZONE}) as server:
        server.pause()
        assert resolve("two.example.com", server.port, seconds=1).status == "try again"
        server.resume()
        assert len(ask(server, "two").peers) == 2
        server.stop()
        assert resolve("two.example.com", server.port, seconds=20).seconds < 10
