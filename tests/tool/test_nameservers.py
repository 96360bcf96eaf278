# SPDX-License-Identifier: BSD-2-Clause
"""The zone and the files of a lab with name servers, and what a topology may not say of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ilnptool import tomlfile
from ilnptool.dns.master import read_zone
from ilnptool.dns.zone import check
from ilnptool.errors import FileError, UsageError
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.model import Topology
from ilnptool.lab.nameservers import ZONE, resolver_address, write_resolv_conf, zone_file
from ilnptool.lab.topofile import format_topology
from ilnptool.lab.topology import build_topology, load_topology


@pytest.fixture
def topology() -> Topology:
    return load_topology(find_topology("renumber"))


def test_the_zone_holds_every_end_system(topology: Topology, tmp_path: Path) -> None:
    path = tmp_path / "zone"
    path.write_text(zone_file(topology))
    records = read_zone(path, ZONE)
    assert check(records) == []
    held = {(x.owner, x.rdtype): x for x in records}
    assert held["server.lab.test.", "NID"].rdata == "10 0211:22ff:fe33:4455"
    assert held["server.lab.test.", "L64"].rdata == "10 2001:0db8:0001:0001"
    assert held["server.lab.test.", "L64"].ttl == 2
    assert sum(x.owner == "late.lab.test." and x.rdtype == "NID" for x in records) == 8
    assert "ns1 AAAA 2001:db8:d:1:" in path.read_text()
    assert "@ NS ns2\n" in path.read_text()


def test_nodes_ask_the_resolver(topology: Topology, tmp_path: Path) -> None:
    write_resolv_conf(topology, tmp_path)
    assert f"nameserver {resolver_address(topology)}\n" in (tmp_path / "resolv.conf").read_text()
    assert "2001:db8:d:3:" in str(resolver_address(topology))
    plain = load_topology(find_topology("duality"))
    (tmp_path / "plain").mkdir()
    write_resolv_conf(plain, tmp_path / "plain")
    assert list((tmp_path / "plain").iterdir()) == []
    with pytest.raises(UsageError, match="no name server"):
        resolver_address(plain)


def test_what_a_node_serves_is_kept_in_the_file_of_a_lab(topology: Topology) -> None:
    again = build_topology(tomlfile.parse(format_topology(topology), Path("again")))
    assert again == topology


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[[node]]\nname = "a"\nrole = "plain"\ndns = "main"\n',
            "5: dns: bad value 'main'; allowed: pri",
        ),
        ('[[node]]\nname = "a"\nrole = "host"\ndns = "primary"\n', "5: unknown key 'dns'"),
        (
            '[[node]]\nname = "a"\nrole = "plain"\ndns = "primary"\n'
            '[[node]]\nname = "b"\nrole = "plain"\ndns = "primary"\n',
            "9: second name server that is 'primary'; allowed: one primary",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(FileError, match=f"x:{said}"):
        build_topology(tomlfile.parse('name = "x"\n' + text, Path("x")))
