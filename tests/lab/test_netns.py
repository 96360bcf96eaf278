# SPDX-License-Identifier: BSD-2-Clause
"""The lab in namespaces: it comes up, carries packets as its topology says, and can be changed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv6Address
from pathlib import Path

import dpkt
import pytest
from labkit import (
    address_of,
    iperf3_json,
    lab_name,
    machine,
    ping,
    plain,
    temporary_config,
)

from ilnptool.errors import CheckFailed, CommandFailed, UsageError
from ilnptool.lab.model import Discovery, Impairment, Topology
from ilnptool.lab.netns import NetnsLab
from ilnptool.lab.protocol import running
from ilnptool.lab.services import wait_for

pytestmark = pytest.mark.root

NETWORKS = {"aa": "if1", "bb": "if2", "cc": "if3"}

# Sends one UDP datagram from a source address through a device, whatever the routes say.
SEND = """
import socket, sys
source, device, target = sys.argv[1:]
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
s.bind((source, 0))
for _ in range(5):
    s.sendto(b"x", (target, 9))
"""


@pytest.fixture(scope="module")
def duality() -> Iterator[NetnsLab]:
    """The paper's test bed, shared by tests that leave it as it was."""
    with temporary_config() as config:
        lab = NetnsLab(plain("duality"), config, lab_name("d"))
        with running(lab):
            yield lab


def test_machine_itself_is_not_touched() -> None:
    before = machine()
    with temporary_config() as config:
        with running(NetnsLab(plain("duality"), config, lab_name("m"))):
            assert machine() == before
        assert machine() == before


def test_duality_is_up_in_15_seconds_with_addresses_in_all_networks() -> None:
    with temporary_config() as config:
        lab = NetnsLab(plain("duality"), config, lab_name("u"))
        began = time.monotonic()
        with running(lab):
            assert time.monotonic() - began < 15
            found = {x.address: x for x in lab.addresses("mn") if x.scope == "global"}
            assert set(found) == {address_of(lab, "mn", provider) for provider in NETWORKS}
            for address in found.values():
                assert address.usable
                # Table 6 of the paper.
                assert address.valid is not None
                assert address.preferred is not None
                assert 10 < address.valid <= 15
                assert 4 < address.preferred <= 9


@pytest.mark.parametrize("provider", NETWORKS)
def test_ping_goes_through_each_provider_with_its_source(
    duality: NetnsLab, provider: str, tmp_path: Path
) -> None:
    file = tmp_path / "cn.pcap"
    capture = duality.capture("cn", "if1", file, expression="icmp6[0] == 128")
    answer = ping(duality, "mn", address_of(duality, "cn", "dd"), "-I", NETWORKS[provider])
    stats = capture.stop()
    assert answer["received"] == 3
    assert (stats.captured, stats.dropped) == (3, 0)
    with file.open("rb") as pcap:
        sources = {
            IPv6Address(dpkt.ethernet.Ethernet(frame).data.src)
            for _, frame in dpkt.pcap.Reader(pcap)
        }
    assert sources == {address_of(duality, "mn", provider)}


def test_packet_with_the_source_of_another_provider_is_dropped_at_the_edge(
    duality: NetnsLab, tmp_path: Path
) -> None:
    target = address_of(duality, "cn", "dd")
    source = str(address_of(duality, "mn", "aa"))

    def dropped(router: str) -> int:
        text = duality.exec(
            router, ["nft", "list", "chain", "ip6", "ilnptool", "ingress"], timeout=5
        )
        return int(text.stdout.split("packets ")[1].split()[0])

    before = dropped("r2")
    capture = duality.capture("cn", "if1", tmp_path / "cn.pcap", expression="udp port 9")
    # The right way first: it shows that the capture would see them.
    for device in ("if1", "if2"):
        duality.exec("mn", [sys.executable, "-c", SEND, source, device, str(target)], timeout=10)
    wait_for(lambda: dropped("r2") == before + 5, 5, lambda: "r2 has not dropped five packets")
    ping(duality, "mn", target, "-I", "if1", count=1)  # what was sent before has arrived now
    assert capture.stop().captured == 5


@pytest.mark.parametrize("optimistic", [True, False])
def test_duplicate_detection_is_as_the_node_asks(optimistic: bool) -> None:
    topology = plain("two-paths")
    discovery = Discovery(dad_transmits=2, optimistic_dad=optimistic)
    topology = topology.with_node(replace(topology.node("a"), discovery=discovery))
    with temporary_config() as config:
        lab = NetnsLab(topology, config, lab_name("o"))
        with running(lab):
            names = ("dad_transmits", "optimistic_dad", "router_solicitation_delay")
            keys = [f"net.ipv6.conf.if1.{name}" for name in names]
            text = lab.exec("a", ["sysctl", "-n", *keys], timeout=5).stdout
            assert text.split() == ["2", str(int(optimistic)), "0"]


def test_names_resolve_inside_and_only_inside(duality: NetnsLab) -> None:
    found = duality.exec("mn", ["getent", "ahostsv6", "cn-dd"], timeout=5).stdout.split()
    assert found[0] == str(address_of(duality, "cn", "dd"))
    assert "cn-dd" not in Path("/etc/hosts").read_text()


def test_interface_gone_down_loses_its_address_and_gets_it_back(duality: NetnsLab) -> None:
    def has_bb() -> bool:
        address = address_of(duality, "mn", "bb")
        return address in [x.address for x in duality.addresses("mn") if x.usable]

    duality.link_down("bb")
    wait_for(lambda: not has_bb(), 5, lambda: "the address of bb stays")
    duality.link_up("bb")
    wait_for(has_bb, 10, lambda: "no address of bb")


def test_router_link_gone_down_and_up_carries_again(duality: NetnsLab) -> None:
    target = address_of(duality, "cn", "dd")
    duality.link_down("core1")
    assert ping(duality, "mn", target, "-I", "if1", "-W", "0.2")["received"] == 0
    duality.link_up("core1")

    def carries() -> bool:
        return ping(duality, "mn", target, "-I", "if1", "-W", "0.5", count=1)["received"] == 1

    wait_for(carries, 10, lambda: "core1 does not carry")


def test_delay_is_that_of_the_link_within_2_ms(duality: NetnsLab) -> None:
    target = address_of(duality, "cn", "dd")
    base = ping(duality, "mn", target, "-I", "if1", count=20)
    assert base["min"] < 2  # the average would be that of the machine
    try:
        for delay in (0.02, 0.2):
            duality.link_set("dd", impairment=Impairment(delay=delay))
            with_delay = ping(duality, "mn", target, "-I", "if1", count=20)
            assert with_delay["min"] >= 2000 * delay
            assert with_delay["min"] == pytest.approx(2000 * delay + base["min"], abs=2)
    finally:
        duality.link_set("dd", impairment=Impairment())


def test_black_hole_swallows_everything_and_opens_again(duality: NetnsLab) -> None:
    target = address_of(duality, "cn", "dd")
    duality.link_set("dd", impairment=Impairment(loss=1.0))
    try:
        assert ping(duality, "mn", target, "-I", "if1", "-W", "0.2")["received"] == 0
    finally:
        duality.link_set("dd", impairment=Impairment())
    assert ping(duality, "mn", target, "-I", "if1")["received"] == 3


def test_emulator_cannot_be_asked_for_where_there_is_none(duality: NetnsLab) -> None:
    with pytest.raises(UsageError, match='give it delay = "0s"'):
        duality.link_set("aa", impairment=Impairment(delay=0.1))
    with pytest.raises(UsageError, match="no rate"):
        duality.link_set("core1", rate=10**6)


def test_frames_on_emulated_links_are_single_and_finished(duality: NetnsLab) -> None:
    text = duality.exec("cn", ["ethtool", "-k", "if1"], timeout=5).stdout
    state = {
        k.strip(): v.split()[0]
        for k, _, v in (x.partition(":") for x in text.splitlines())
        if v.strip()
    }
    for feature in (
        "tx-checksumming",
        "tcp-segmentation-offload",
        "generic-segmentation-offload",
        "generic-receive-offload",
    ):
        assert state[feature] == "off", feature


def test_command_that_fails_in_a_node_is_reported(duality: NetnsLab) -> None:
    with pytest.raises(CommandFailed, match="exit status 3"):
        duality.exec("mn", ["sh", "-c", "exit 3"], timeout=5)


def test_capture_on_an_interface_that_is_not_there_is_an_error(
    duality: NetnsLab, tmp_path: Path
) -> None:
    with pytest.raises(CheckFailed, match="no capture on mn:if9"):
        duality.capture("mn", "if9", tmp_path / "x.pcap")


def test_capture_goes_on_while_its_interface_is_off_and_on_again(
    duality: NetnsLab, tmp_path: Path
) -> None:
    target = address_of(duality, "cn", "dd")

    def reaches() -> bool:
        return ping(duality, "mn", target, "-I", "if3", "-W", "0.5", count=1).get("received") == 1

    assert reaches()
    words = "icmp6[0] == 128"
    capture = duality.capture("mn", "if3", tmp_path / "mn.pcap", expression=words)
    duality.link_down("cc")
    duality.link_up("cc")
    wait_for(reaches, 10, lambda: "cc does not come back")
    assert capture.stop().captured > 0


def source_routed() -> Topology:
    topology = plain("two-paths")
    for name in ("a", "b"):
        topology = topology.with_node(replace(topology.node(name), source_routing=True))
    return topology


def tcp_rate(lab: NetnsLab, tmp_path: Path) -> float:
    """Return the bits per second of whole frames on the first path, as a link counts them."""
    own, target = address_of(lab, "a", "a1"), address_of(lab, "b", "b1")

    def listens() -> bool:
        return ":5201" in lab.exec("b", ["ss", "-ltn6"], timeout=5).stdout

    with lab.popen("b", ["iperf3", "-s", "-1"], log=tmp_path / "server.log") as server:
        wait_for(listens, 5, lambda: "iperf3 does not listen")
        # Cubic keeps the queue filled, whatever the machine's default does.
        words = ["-c", str(target), "-B", str(own), "-C", "cubic", "-t", "4", "-O", "1"]
        end = iperf3_json(lab, "a", *words)["end"]
        server.wait(10)
    # 1500 bytes less IPv6, TCP and its time stamps; 14 bytes of Ethernet around them.
    return float(end["sum_received"]["bits_per_second"]) * 1514 / (1500 - 40 - 32)


@pytest.mark.slow
@pytest.mark.parametrize("bottleneck", ["ends", "middle"])
def test_rate_holds_within_5_percent_and_can_be_changed(bottleneck: str, tmp_path: Path) -> None:
    topology = source_routed()
    for name in ("a1", "b1"):
        topology = topology.with_link(replace(topology.link(name), bottleneck=bottleneck))
    with temporary_config() as config:
        lab = NetnsLab(topology, config, lab_name("r"))
        with running(lab):
            assert tcp_rate(lab, tmp_path) == pytest.approx(20e6, rel=0.05)
            lab.link_set("a1", rate=8_000_000)
            assert tcp_rate(lab, tmp_path) == pytest.approx(8e6, rel=0.05)


def answers(lab: NetnsLab, source: str, target: str) -> bool:
    own, other = address_of(lab, "a", source), address_of(lab, "b", target)
    return ping(lab, "a", other, "-I", str(own), count=1).get("received") == 1


def test_source_routing_lets_plain_ipv6_use_every_provider() -> None:
    with temporary_config() as config:
        lab = NetnsLab(source_routed(), config, lab_name("s"))
        with running(lab):
            pairs = [(x, y) for x in ("a1", "a2") for y in ("b1", "b2")]
            assert all(answers(lab, source, target) for source, target in pairs)
            lab.link_down("a2")
            assert answers(lab, "a1", "b2")
            lab.link_up("a2")
            wait_for(lambda: answers(lab, "a2", "b1"), 10, lambda: "a2 does not come back")


def test_without_source_routing_a_second_provider_is_of_no_use() -> None:
    """What makes multihoming hard: the default route is one provider's, whatever the source."""
    with temporary_config() as config:
        lab = NetnsLab(plain("two-paths"), config, lab_name("w"))
        with running(lab):
            works = [answers(lab, source, "b1") for source in ("a1", "a2")]
            assert sum(works) <= 1
