# SPDX-License-Identifier: BSD-2-Clause
"""When the node asks a name again, of a real name server."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator

import dns.tsig
import dns.update
import pytest
from namenet import NameNet, name_net
from nodenet import identity_of, prefix_of, wait_until
from servers import MOVER

pytestmark = pytest.mark.root

AT = [f"2001:0db8:0002:000{link}" for link in (1, 2, 3)]
B = "0000-0000-0000-000b"
NOWHERE = "2001:0db8:0066:0066"


TEACH = textwrap.dedent(
    """
    import os, socket, sys
    os.setuid(int(sys.argv[3]))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.connect("\\0ilnpd.names")
        sock.send(f"teach {sys.argv[1]}.example.com 0-0-0-b {sys.argv[2]},1,300".encode())
        print(sock.recv(1024).decode())
    """
)


@pytest.fixture(scope="module")
def shared() -> Iterator[NameNet]:
    once = "once 0 NID 10 0000:0000:0000:000b", f"once 0 L64 10 {AT[1]}"
    third = f"b L64 30 {AT[2]}"
    evil = "evil 300 NID 10 0000:0000:0000:000b", f"evil 300 L64 10 {NOWHERE}"
    with name_net(third, *once, *evil, links=3) as net:
        yield net


@pytest.fixture
def names(shared: NameNet) -> NameNet:
    """Give each test nodes that know nobody."""
    for host in "ab":
        shared.net.node_stop(host)
    for host in "ab":
        shared.net.node(host)
    return shared


def learnt(names: NameNet) -> list[str]:
    candidate = names.candidates().get(B)
    return [x["l64"] for x in candidate["locators"]] if candidate else []  # type: ignore[attr-defined]


def counted(names: NameNet, name: str) -> int:
    return names.net.counters("a")[f"node_names_{name}"]


def move_b(names: NameNet, *locators: str) -> None:
    """Change the zone: b is at these locators now, for two seconds."""
    update = dns.update.UpdateMessage("example.com")
    update.delete("b", "L64")
    for locator in locators:
        update.add("b", 2, "L64", f"10 {locator}")
    update.use_tsig(dns.tsig.Key(MOVER.name, MOVER.secret, MOVER.algorithm))
    wire = update.to_wire()
    script = textwrap.dedent(
        """
        import socket, sys
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.settimeout(5)
        sock.sendto(bytes.fromhex(sys.argv[1]), (sys.argv[2], 53))
        print(sock.recv(4096)[3] & 15)
        """
    )
    argv = [sys.executable, "-c", script, wire.hex(), names.server.address]
    assert names.net.exec("r", *argv).stdout.strip() == "0"


def test_three_providers_are_known_as_soon_as_one_has_answered(names: NameNet) -> None:
    """And whichever two of them fail, the session goes on by the third."""
    net = names.net
    names.exec("ping", "-6", "-c", "1", "-W", "3", "b")
    all_three = {at.replace(":", "+") for at in AT}
    wait_until("b has told", lambda: net.remote_locators("a") == all_three)
    with net.start("a", "ping", "-6", "-i", "0.2", identity_of("b")) as ping:
        got = lambda: ping.tail().count("bytes from")  # noqa: E731
        for left in (1, 2, 3):
            gone = [link for link in (1, 2, 3) if link != left]
            for link in gone:
                net.exec("b", "ip", "link", "set", f"if{link}", "down")
            try:
                before = got()
                wait_until("b answers by the third", lambda: got() > before + 5, 60)  # noqa: B023
            finally:
                for link in gone:
                    net.exec("b", "ip", "link", "set", f"if{link}", "up")
                net.wait_locators("b", 3)
        # Nothing is to linger in a router and tell the next test's nodes of each other.
        net.wait_paths("a", 9)
    assert len(net.sessions("a")) == 1


def test_a_lifetime_that_ends_is_renewed_while_nothing_fails(names: NameNet) -> None:
    """The name is asked about when its two seconds are over; the session notices nothing."""
    move_b(names, *AT)
    names.exec("ping", "-6", "-c", "1", "-W", "3", "b")
    session = names.net.session("a")["id"]
    with names.net.start("a", "ping", "-6", "-i", "0.2", identity_of("b")) as ping:
        wait_until("it was asked", lambda: counted(names, "renewed") >= 1, 60)
        assert {x["state"] for x in names.net.session("a")["paths"]} <= {"up", "new"}
        assert not names.candidates()[B]["expired"]
        lost = [x for x in ping.tail().splitlines() if "nreachable" in x]
    assert names.net.session("a")["id"] == session
    assert not lost


def test_a_name_has_no_say_in_a_session_that_somebody_else_opened(names: NameNet) -> None:
    """Users with a zone of their own have it asked, but it was the correspondent who came."""
    net = names.net
    net.tell("b", "teach", nid="0:0:0:a", locators=[{"l64": prefix_of("a", 1)}])
    assert net.ping("b", identity_of("a")) == 3
    assert not net.session("a")["initiator"]
    before = {x["l64"] for x in net.session("a")["locators"]}
    for uid, locator in (1001, prefix_of("b", 1)), (1002, prefix_of("b", 2)):
        net.exec("a", sys.executable, "-c", TEACH, "evil", locator, str(uid))
    wait_until("the name server is asked", lambda: counted(names, "renewed") == 1, 30)
    assert learnt(names) == [NOWHERE.replace(":", "+")]
    assert {x["l64"] for x in net.session("a")["locators"]} == before


def test_a_ttl_of_zero_is_good_for_one_session(names: NameNet) -> None:
    """For the next one the name server is asked, though the program still has the address."""
    net = names.net
    net.tell("a", "set", name="sess_idle", value=2)
    names.exec("ping", "-6", "-c", "2", "-i", "0.2", "-W", "3", "once")
    assert net.session("a")["name"] == "once.example.com"
    assert names.candidates()[B]["expired"]
    assert net.ping("a", identity_of("b"), count=2) == 2
    assert counted(names, "asked") == 0
    wait_until("the session has ended", lambda: not net.sessions("a"), 60)
    assert net.ping("a", identity_of("b"), count=10) >= 3
    assert counted(names, "asked") >= 1
    assert "once.example.com" in {x.get("name") for x in net.sessions("a")}


def test_a_name_is_asked_again_when_its_locators_end(names: NameNet) -> None:
    move_b(names, "2001:0db8:0002:0001")
    names.exec("ping", "-6", "-c", "1", "-W", "3", "b")
    assert learnt(names) == ["2001+0db8+0002+0001"]
    move_b(names, "2001:0db8:0002:0001", "2001:0db8:0002:0002")
    with names.net.start("a", "ping", "-6", "-i", "0.2", identity_of("b")):
        wait_until("both locators are known", lambda: len(learnt(names)) == 2, 30)
    assert counted(names, "asked") >= 1


def test_a_name_is_asked_again_when_all_paths_are_down(names: NameNet) -> None:
    """b moves without a word to a; only its name tells."""
    net = names.net
    move_b(names, "2001:0db8:0002:0001")
    for link in (2, 3):
        net.tell("b", "disable", interface=f"if{link}")
    net.wait_locators("b", 1)
    names.exec("ping", "-6", "-c", "2", "-i", "0.2", "-W", "3", "b")
    net.node_stop("b")
    net.exec("b", "ip", "link", "set", "if1", "down")
    try:
        net.node("b", wait=False)
        net.wait_locators("b", 2)
        move_b(names, "2001:0db8:0002:0002")
        with net.start("a", "ping", "-6", "-i", "0.2", identity_of("b")) as ping:
            before = ping.tail().count("bytes from")
            wait_until("b answers again", lambda: ping.tail().count("bytes from") > before + 3, 60)
    finally:
        net.exec("b", "ip", "link", "set", "if1", "up")
    assert counted(names, "renewed") >= 1
