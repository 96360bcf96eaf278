# SPDX-License-Identifier: BSD-2-Clause
"""Topology files: what is read, and how each kind of mistake is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from ilnptool import tomlfile
from ilnptool.errors import FileError, UsageError
from ilnptool.lab import units
from ilnptool.lab.catalogue import find_topology, shipped
from ilnptool.lab.knobs import CORE, known_knobs
from ilnptool.lab.model import ALGORITHMS, Advertisement, Impairment, Role, Topology
from ilnptool.lab.topofile import format_topology
from ilnptool.lab.topology import build_topology, load_topology

GOOD = """\
name = "tiny"
[ra]
max_interval = "8s"
[[provider]]
name = "p"
prefix = "2001:db8:1:1::/64"
[[node]]
name = "h"
role = "host"
nids = ["0211:22ff:fe33:4455"]
[node.knobs]
nonce_size = 12
[[node]]
name = "q"
role = "plain"
[[node]]
name = "r"
role = "router"
[[node]]
name = "s"
role = "router"
[[link]]
name = "l"
ends = ["h:if1", "r:lan"]
provider = "p"
rate = "10mbit"
delay = "20ms"
[[link]]
name = "core"
ends = ["r:core", "s:core"]
"""


def read(text: str) -> Topology:
    return build_topology(tomlfile.parse(text, Path("t.toml")))


def test_values_arrive() -> None:
    topology = read(GOOD)
    link = topology.link("l")
    assert (link.rate, link.impairment) == (10_000_000, Impairment(delay=0.02))
    assert topology.node("h").knobs == {"nonce_size": 12}
    assert topology.node("h").ilnp
    assert not topology.node("q").ilnp
    assert link.advertisement == Advertisement(max_interval=8)


def test_advertisement_defaults_are_table_6_of_the_paper() -> None:
    ra = read(GOOD.replace('max_interval = "8s"\n', "")).link("l").advertisement
    assert (ra.max_interval, ra.min_interval, ra.valid, ra.preferred) == (5, 3, 15, 9)


def test_link_overrides_the_advertisement_of_the_file() -> None:
    text = GOOD.replace('delay = "20ms"', '[link.ra]\nvalid = "60s"')
    ra = read(text).link("l").advertisement
    assert (ra.max_interval, ra.valid) == (8, 60)


def test_provider_link_has_its_customer_first() -> None:
    link = read(GOOD.replace('["h:if1", "r:lan"]', '["r:lan", "h:if1"]')).link("l")
    assert [end.node for end in link.ends] == ["h", "r"]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('"10mbit"', '"10 Mbps"', 26, "bad value '10 Mbps'; allowed: .*mbit"),
        ('"10mbit"', '"10Mbit"', 26, "bad value '10Mbit'"),
        ('"10mbit"', '"0mbit"', 26, "bad value '0mbit'"),
        ('"10mbit"', '"-1mbit"', 26, "bad value '-1mbit'"),
        ('"10mbit"', "10", 26, "bad value 10; allowed: .*mbit"),
        ('"20ms"', '"20"', 27, "bad value '20'; allowed: .*ms"),
        ('delay = "20ms"', 'loss = "101%"', 27, "bad value '101%'; allowed: .*0 to 100"),
        ('delay = "20ms"', 'jitter = "1ms"', 27, "bad value '1ms'; allowed: at most the delay"),
        ('delay = "20ms"', 'queue = "64k"', 27, "bad value '64k'; allowed: .*kB"),
        ('delay = "20ms"', "offload = 1", 27, "bad value 1; allowed: true, false"),
        ('delay = "20ms"', 'delay = "1ms"\noffload = true', 28, "bad value True; allowed: false"),
        ('delay = "20ms"', "mtu = 1279", 27, "bad value 1279; allowed: .* 1280 to 9000"),
        ('delay = "20ms"', 'bottleneck = "both"', 27, "bad value 'both'; allowed: ends, middle"),
        ('delay = "20ms"', "weight = 0", 27, "bad value 0; allowed: .* 1 to 65535"),
        ('rate = "10mbit"', 'queue = "64kB"', 26, "key without a rate: 'queue'"),
        ('"20ms"\n', '"20ms"\ncolour = "red"\n', 28, "unknown key 'colour'; allowed: name, ends"),
        ('provider = "p"', 'provider = "x"', 25, "bad value 'x'; allowed: p$"),
        ('"h:if1"', '"x:if1"', 24, "unknown node 'x'; allowed: h, q, r, s"),
        ('"h:if1"', '"h"', 24, "bad value 'h'; allowed: .*NODE:INTERFACE"),
        ('"h:if1"', '"h:lo"', 24, "duplicate interface 'h:lo'"),
        ('"r:core"', '"r:lan"', 30, "duplicate interface 'r:lan'"),
        ('"h:if1", ', "", 24, "bad value .*allowed: two of"),
        ('"h:if1"', '"s:if1"', 24, "allowed: a host or plain node and a router"),
        ('"r:core"', '"h:core"', 30, "allowed: two routers, or a provider"),
        ('"r:core"', '"s:other"', 30, "allowed: ends on two different nodes"),
        ('name = "core"', 'name = "l"', 29, "duplicate name 'l'"),
        ('name = "s"', 'name = "h"', 20, "duplicate name 'h'"),
        ('name = "s"', 'name = "S"', 20, "bad value 'S'; allowed: 1 to 15 of a-z"),
        ('name = "s"\n', "", 19, "this table lacks the key 'name'"),
        ('role = "host"', 'role = "server"', 9, "bad value 'server'; allowed: host, router, plain"),
        ('role = "plain"', 'role = "plain"\nilnp = true', 16, "unknown key 'ilnp'"),
        ('role = "router"', 'role = "router"\nnids = []', 19, "unknown key 'nids'"),
        ("0211:22ff:fe33:4455", "0211:22ff:fe33", 10, "bad value '0211:22ff:fe33'; allowed: four"),
        ("0211:22ff:fe33:4455", "0:0:0:0", 10, "bad value '0:0:0:0'"),
        ("nonce_size", "nonce_siez", 12, "unknown key 'nonce_siez'; allowed: nonce_size, "),
        ("nonce_size = 12", "nonce_size = 13", 12, "bad value 13; allowed: .* 4 to 12"),
        ("1:1::/64", "1:1::/48", 6, "bad value '2001:db8:1:1::/48'; allowed: a /64"),
        ("2001:db8:1:1", "fe80", 6, "bad value 'fe80::/64'; allowed: a /64 inside 2000::/3"),
        ("2001:db8:1:1::/64", "nonsense", 6, "bad value 'nonsense'"),
        ('"8s"', '"3s"', 3, "bad value '3s'; allowed: 4s to 1800s"),
        ('max_interval = "8s"', 'min_interval = "4s"', 3, "allowed: 3s to 3.75s"),
        ('max_interval = "8s"', 'preferred = "20s"', 3, "allowed: at most the valid time, 15s"),
        ('max_interval = "8s"', 'valid = "15500ms"', 3, "allowed: whole seconds"),
        ("[[link]]", "[[linc]]", 22, "unknown key 'linc'; allowed: name, description, ra, node"),
        ('name = "tiny"', "name = 1", 1, "bad value 1; allowed: 1 to 15"),
        ("[[provider]]", "[provider]", 4, "allowed: .*tables"),
    ],
)
def test_mistake_is_reported_with_its_line(old: str, new: str, line: int, message: str) -> None:
    assert old in GOOD
    with pytest.raises(FileError, match=message) as caught:
        read(GOOD.replace(old, new, 1))
    assert caught.value.line == line
    assert str(caught.value).startswith(f"t.toml:{line}: ")
    assert caught.value.exit_code == 2


def test_second_node_with_a_nid_is_an_error() -> None:
    text = GOOD.replace(
        'name = "q"\nrole = "plain"', 'name = "q"\nrole = "host"\nnids = ["211:22ff:fe33:4455"]'
    )
    with pytest.raises(FileError, match=r"t\.toml:16: duplicate NID"):
        read(text)


def test_second_link_of_a_provider_is_an_error() -> None:
    text = GOOD.replace('["r:core", "s:core"]', '["q:if1", "s:lan"]\nprovider = "p"')
    with pytest.raises(FileError, match=r"t\.toml:31: used provider 'p'"):
        read(text)


def test_empty_topology_is_an_error() -> None:
    with pytest.raises(FileError, match="empty topology"):
        read('name = "none"\n')


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_topology_reads_and_survives_being_written(name: str) -> None:
    topology = load_topology(find_topology(name))
    assert topology.name == name
    assert topology.description
    assert read(format_topology(topology)) == topology


def test_everything_that_can_be_set_survives_being_written() -> None:
    text = GOOD.replace(
        'delay = "20ms"',
        'delay = "1500us"\njitter = "1ms"\nloss = "0.25%"\nreorder = "3%"\nqueue = "100kB"\n'
        'burst = "9KiB"\nbottleneck = "middle"\nmtu = 1400\nup = false\npreference = 5\n'
        'weight = 7\ndisabled = true\n[link.ra]\nvalid = "77s"',
    ).replace(
        'role = "plain"',
        'role = "plain"\nlisted_as_ilnp = true\nsource_routing = true\ndad_transmits = 3\n'
        'optimistic_dad = false\nrs_delay = "1s"\nrs_interval = "4s"',
    )
    assert read(format_topology(read(text))) == read(text)


def test_shipped_topologies_are_those_promised() -> None:
    assert set(shipped()) >= {
        "duality",
        "one-four-one",
        "two-paths",
        "three-paths",
        "both-multihomed",
        "fallback",
    }


def test_duality_is_the_test_bed_of_the_paper() -> None:
    topology = load_topology(find_topology("duality"))
    assert [x.name for x in topology.nodes if x.role is Role.HOST] == ["mn", "cn"]
    providers = {link.provider for link, _ in topology.links_of("mn")}
    assert providers == {"aa", "bb", "cc"}
    assert {link.provider for link, _ in topology.links_of("cn")} == {"dd"}


def test_unknown_topology_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"there are: .*duality"):
        find_topology("dualty")


def test_missing_file_is_named() -> None:
    with pytest.raises(UsageError, match=r"\./none\.toml: no such"):
        find_topology("./none.toml")


def test_algorithms_are_those_of_the_c_plugins() -> None:
    names = {
        line.split('"')[1]
        for path in (CORE / "select").glob("*.c")
        for line in path.read_text().splitlines()
        if ".sa_name" in line
    }
    assert set(ALGORITHMS) == names


def test_knobs_are_those_of_the_c_table() -> None:
    rows = [
        line
        for line in (CORE / "core" / "ilnp_knob.h").read_text().splitlines()
        if line.startswith("\tX(")
    ]
    assert len(known_knobs()) == len(rows)
    assert known_knobs()["lu_max"].high == 255  # a name in the table, resolved


@pytest.mark.parametrize(
    ("text", "value"), [("10mbit", 10**7), ("1.5gbit", 1.5e9), ("64kbit", 64000), ("9600bit", 9600)]
)
def test_rates(text: str, value: float) -> None:
    assert units.parse_rate(text) == value
    assert units.parse_rate(units.format_rate(round(value))) == value


@pytest.mark.parametrize(
    ("text", "value"), [("0s", 0), ("20ms", 0.02), ("1.5s", 1.5), ("250us", 0.00025)]
)
def test_times(text: str, value: float) -> None:
    assert units.parse_time(text) == pytest.approx(value)
    assert units.parse_time(units.format_time(value)) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "ms", "-1ms", "1 ms", "1m", "1e3s", "∞s", "1.s", ".5s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        units.parse_time(text)
