# SPDX-License-Identifier: BSD-2-Clause
"""A node with ILNP in FreeBSD's kernel and one with ILNP in userspace, byte for byte.

One lab: a is a FreeBSD machine, b runs ilnpd, c is Linux without ILNP of which the others believe
that it speaks ILNP.  The machine's interfaces make sums and cut segments; what comes from b has its
sums, for a machine is not told of which kind one is that is left to an interface.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from machinekit import (
    MARKS,
    TALKER,
    ask,
    counters,
    exchange,
    flow,
    machine_lab,
    session,
    wait_until,
)

from ilnptool.lab import freebsd
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.qemu import QemuLab
from ilnptool.lab.topology import load_topology

pytestmark = MARKS

PLAIN_HOST = """
[[provider]]
name = "c1"
prefix = "2001:db8:c:1::/64"

[[node]]
name = "c"
role = "plain"
listed_as_ilnp = true

[[link]]
name = "c1"
ends = ["c:if1", "r1:lan-c"]
provider = "c1"
"""
LINKS = {"if1", "if2"}
WAYS = [("a", "b"), ("b", "a")]
KINDS = {0: "rfc", 1: "ipv6", 2: "auto"}
MORE = [f"2001:db8:a:{number:x}::" for number in range(0x11, 0x17)]
ADVERTISE = """
import socket, struct, sys
device, *prefixes = sys.argv[1:]
index = socket.if_nametoindex(device)
text = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 30, 0, 0)
for prefix in prefixes:
    octets = socket.inet_pton(socket.AF_INET6, prefix)
    text += struct.pack("!BBBBIII16s", 3, 4, 64, 0xC0, 40, 40, 0, octets)
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    sock.sendto(text, ("ff02::1", 0, 0, index))
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[QemuLab]:
    text = find_topology("two-paths").read_text().replace('rate = "20mbit"\n', "")
    with tempfile.TemporaryDirectory(prefix="ilnp-") as folder:
        file = Path(folder) / "cross.toml"
        text = text.replace('provider = "b1"\n', 'provider = "b1"\noffload = false\n')
        text = text.replace('provider = "b2"\n', 'provider = "b2"\noffload = false\n')
        file.write_text(text + PLAIN_HOST)
        topology = load_topology(file)
    with machine_lab(topology, "a") as made:
        yield made


def begin_anew(lab: QemuLab) -> None:
    """Have both ends forget each other."""
    (node,) = (x for x in lab.services.all() if x.name == "b/ilnpd")
    kernel = lab.agent("a")
    kernel.ask(f"sysctl {freebsd.ILNP}.enable=0")
    os.kill(node.pid, signal.SIGTERM)
    wait_until("ilnpd has ended", lambda: not node.alive)
    lab.up()
    for line in freebsd.ilnp_lines(lab.topology, lab.topology.node("a")):
        kernel.ask(line)

    def ready() -> bool:
        found = [ask(lab, node, "locators")["locators"] for node in ("a", "b")]
        return all({x["interface"] for x in y if x["state"] == "used"} == LINKS for y in found)

    wait_until("both locators of both ends", ready)


def choose(lab: QemuLab, node: str, **knobs: int) -> None:
    for name, value in knobs.items():
        ask(lab, node, "set", name=name, value=value)


def test_ping_is_answered_in_both_directions(lab: QemuLab) -> None:
    assert " 3 packets received" in lab.exec("a", ["ping", "-6", "-c", "3", "b"], timeout=90).stdout
    assert " 3 received" in lab.exec("b", ["ping", "-6", "-c", "3", "a"], timeout=90).stdout


@pytest.mark.parametrize("its", KINDS, ids=KINDS.values())
@pytest.mark.parametrize("mine", KINDS, ids=KINDS.values())
@pytest.mark.checklist(31, 33)
def test_every_kind_of_checksum_meets_every_other(
    lab: QemuLab, tmp_path: Path, mine: int, its: int
) -> None:
    for first, ways in enumerate((WAYS, WAYS[::-1])):
        begin_anew(lab)
        policy = (mine + its + first) % 2  # a nonce in all packets, or where a flow begins
        choose(lab, "a", cksum=mine, nonce_policy=policy)
        choose(lab, "b", cksum=its, nonce_policy=policy)
        before = counters(lab, "a")
        for way in ways:
            exchange(lab, "tcp", way, tmp_path, count=5, size=65536)
        opened = session(lab, "a", "b")["id"]
        for way in ways:
            heard = counters(lab, way[1])["in_ilnp"]
            exchange(lab, "udp", way, tmp_path, count=20, size=1000, pause=5)
            assert counters(lab, way[1])["in_ilnp"] >= heard + 20
        assert session(lab, "a", "b")["id"] == opened
        check_session(lab, before, mine, its)


def check_session(lab: QemuLab, before: dict[str, int], mine: int, its: int) -> None:
    seen, told = session(lab, "a", "b"), session(lab, "b", "a")
    assert seen["state"] == told["state"] == "open"
    # An end that does as the other one begins with the sums of the RFC.
    assert told["cksum"] == KINDS[mine if mine != 2 else its % 2]
    assert seen["cksum"] == KINDS[its if its != 2 else mine % 2]
    now, other = counters(lab, "a"), counters(lab, "b")
    bad = ("in_malformed", "in_nonce_wrong", "in_nonce_len", "in_cksum_kind", "in_badloc")
    assert {name: now[name] - before[name] for name in bad} == dict.fromkeys(bad, 0)
    assert {name: other[name] for name in bad} == dict.fromkeys(bad, 0)
    assert now["in_ilnp"] > before["in_ilnp"]
    assert now["fallback"] == before["fallback"]


@pytest.fixture
def usual(lab: QemuLab) -> None:
    """Both ends have their defaults, and have forgotten each other."""
    choose(lab, "a", cksum=0, nonce_policy=0)
    begin_anew(lab)


@pytest.mark.usefixtures("usual")
@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_udplite(lab: QemuLab, tmp_path: Path, way: tuple[str, str]) -> None:
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, 136).close()
    except OSError:
        pytest.skip("this Linux has no UDP-Lite")
    before = counters(lab, way[1])["in_ilnp"]
    exchange(lab, "udplite", way, tmp_path, count=20, size=1000, pause=5)
    assert counters(lab, way[1])["in_ilnp"] >= before + 20


@pytest.mark.usefixtures("usual")
@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_large_datagrams_arrive_whole(lab: QemuLab, tmp_path: Path, way: tuple[str, str]) -> None:
    exchange(lab, "udp", way, tmp_path, count=10, size=20000, pause=50)
    assert session(lab, *way)["state"] == "open"


def tso_frames(lab: QemuLab) -> int:
    text = "sysctl -n dev.vtnet.0.txq0.tso dev.vtnet.1.txq0.tso"
    return sum(map(int, lab.agent("a").ask(text).text.split()))


@pytest.mark.usefixtures("usual")
def test_the_interface_goes_on_cutting_segments(lab: QemuLab, tmp_path: Path) -> None:
    for interface in ("if1", "if2"):
        assert "TSO6" in lab.agent("a").ask(f"ifconfig {interface}").text
    before = tso_frames(lab)
    exchange(lab, "tcp", ("a", "b"), tmp_path, count=40, size=65536)
    # Sums of RFC 6741, or a nonce in each packet, are beyond it.
    assert tso_frames(lab) == before
    begin_anew(lab)
    for node in ("a", "b"):
        choose(lab, node, cksum=1, nonce_policy=1)
    exchange(lab, "tcp", ("a", "b"), tmp_path, count=40, size=65536)
    assert tso_frames(lab) > before + 20
    assert session(lab, "a", "b")["state"] == "open"


@pytest.mark.usefixtures("usual")
@pytest.mark.parametrize("way", [("a", "c"), ("c", "a")], ids="-".join)
def test_plain_linux(lab: QemuLab, tmp_path: Path, way: tuple[str, str]) -> None:
    exchange(lab, "tcp", way, tmp_path, count=5, size=65536)
    exchange(lab, "udp", way, tmp_path, count=5, size=1000, pause=20)
    if way[0] == "a":
        assert session(lab, "a", "c")["state"] == "ipv6"


@pytest.mark.usefixtures("usual")
def test_an_update_of_eight_locators(lab: QemuLab, tmp_path: Path) -> None:
    lab.exec("r1", ["nft", "flush", "chain", "ip6", "ilnptool", "ingress"], timeout=30)
    found = lab.exec("r1", ["ip", "-br", "-6", "addr", "show", "dev", "to-r2"], timeout=30).stdout
    gateway = next(word.split("/")[0] for word in found.split() if word.startswith("fe80"))
    for prefix in MORE:
        argv = ["ip", "-6", "route", "replace", f"{prefix}/64", "via", gateway, "dev", "to-r1"]
        lab.exec("r2", argv, timeout=30)
        address = f"{prefix}1/64"
        lab.exec("r1", ["ip", "addr", "add", address, "dev", "lan-a", "nodad"], timeout=30)
    with flow(lab, "tcp", ("a", "b"), 7900, tmp_path) as data:
        source = data.start(300, 8192, 100, tmp_path)
        wait_until("a session", lambda: session(lab, "b", "a").get("state") == "open")
        lab.exec("r1", [sys.executable, "-c", ADVERTISE, "lan-a", *MORE], timeout=30)

        def told() -> bool:
            locators = session(lab, "b", "a")["locators"]
            return sum(not x["withdrawn"] for x in locators) == 8

        wait_until("the other end knows of eight locators", told)

        def used() -> bool:
            paths = session(lab, "b", "a")["paths"]
            return len({x["remote_l64"] for x in paths if x["state"] == "up"}) == 8

        wait_until("paths to all of them are up", used)
        assert source.wait(120) == 0, source.tail()
        assert data.sums(60) == tuple(map(int, source.tail().split()))


@pytest.mark.usefixtures("usual")
def test_freebsd_that_has_ilnp_switched_off(lab: QemuLab, tmp_path: Path) -> None:
    assert TALKER in lab.agent("a").ask(f"ls {TALKER}").text
    lab.agent("a").ask(f"sysctl {freebsd.ILNP}.enable=0")
    ask(lab, "b", "retry")
    for way in WAYS[::-1]:
        exchange(lab, "tcp", way, tmp_path, count=5, size=65536)
        exchange(lab, "udp", way, tmp_path, count=5, size=1000, pause=20)
    assert session(lab, "b", "a")["state"] == "ipv6"
