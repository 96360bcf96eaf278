# SPDX-License-Identifier: BSD-2-Clause
"""A flow stays in the session in which its peer has it, whichever other sessions there are.

The peer that restarts, and the namesake, are a's NID at a place that leads nowhere: what they
say is made up here, so nothing depends on who is faster.  A kernel takes the segments of a
connection in one session only; that is why it matters.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from nodenet import NodeNet, identity_of, ilv_of, node_net, wait_until

from ilnptool.wire import build
from ilnptool.wire.capture import CaptureReader
from ilnptool.wire.link import ipv6_offset
from ilnptool.wire.packet import TCP, PacketView, parse_packet
from ilnptool.wire.values import Ilv, Nonce

pytestmark = pytest.mark.root

B1 = ilv_of("b", 1)
PEER = Ilv.of("2001:db8:99:99::a"), Nonce(b"\xa2\xa2\xa2\xa2")
NAMESAKE = Ilv.of("2001:db8:99:98::a"), Nonce(b"\xa3\xa3\xa3\xa3")
SYN, ACK, PUSH = 0x02, 0x10, 0x18
SERVER = (
    "import socket; s = socket.create_server(('::', 7000), family=socket.AF_INET6);"
    "print('ready', flush=True); c = s.accept()[0]\n"
    "while c.recv(99): pass"
)
CLIENT = (
    "import socket, time; s = socket.socket(socket.AF_INET6); s.bind(('::', 5002));"
    "s.connect(('{to}', 7002)); time.sleep(20)"
)


@pytest.fixture(scope="module")
def net() -> Iterator[NodeNet]:
    with node_net(1) as net:
        net.exec("r", "ip", "-6", "route", "add", "blackhole", "2001:db8:99::/48")
        for host in ("a", "b"):
            net.node(host)
        # The session that b has opened itself is the one it trusts most.
        assert net.ping("b", identity_of("a")) == 3
        yield net


class Wire:
    """What b sends and, for a peer that is made up here, hears of a connection."""

    def __init__(self, net: NodeNet) -> None:
        self.net = net
        self.path = net.folder / f"bound-{next(net.number)}.pcap"
        words = ["-i", "if1", "-U", "-w", str(self.path), "-Q", "out", "ip6"]
        self.dump = net.start("b", "tcpdump", *words)
        wait_until("tcpdump runs", lambda: "listening" in self.dump.tail())

    def say(
        self, peer: tuple[Ilv, Nonce], ports: tuple[int, int], flags: int, sequence: int, ack: int
    ) -> None:
        source, nonce = peer
        data = b"x" * 10 if flags == PUSH else b""
        packet = build.tcp(
            source, B1, ports, data, sequence=sequence, acknowledgement=ack, flags=flags,
            nonce=nonce,
        )  # fmt: skip
        self.net.inject("b", 1, packet)

    def heard(self, flags: int, acknowledgement: int) -> tuple[PacketView, int]:
        """Wait for a segment of b; return it and the sequence number after a SYN's."""
        found: list[tuple[PacketView, int]] = []

        def look() -> bool:
            for frame in CaptureReader(self.path):
                at = ipv6_offset(frame.link_type, frame.data)
                view = None if at is None else parse_packet(frame.data[at:])
                if view is None or view.tcp is None or view.protocol != TCP:
                    continue
                if (view.tcp.flags, view.tcp.acknowledgement) == (flags, acknowledgement):
                    found.append((view, view.tcp.sequence + 1))
            return bool(found)

        wait_until("b sends it", look)
        return found[0]


def test_answers_stay_in_the_session_of_the_syn(net: NodeNet) -> None:
    server = net.start("b", "python3", "-c", SERVER)
    wait_until("the server is ready", lambda: "ready" in server.tail())
    wire, ports = Wire(net), (5000, 7000)
    with wire.dump, server:
        wire.say(PEER, ports, SYN, 1000, 0)
        first, ours = wire.heard(SYN | ACK, 1001)
        assert first.destination == PEER[0]
        wire.say(PEER, ports, ACK, 1001, ours)
        wire.say(PEER, ports, PUSH, 1001, ours)
        answer, _ = wire.heard(ACK, 1011)
        assert (answer.destination, answer.nonce) == (PEER[0], first.nonce)
        # Somebody else who knows the ports does not get the connection by that.
        wire.say(NAMESAKE, ports, SYN, 9000, 0)
        wire.say(PEER, ports, PUSH, 1011, ours)
        answer, _ = wire.heard(ACK, 1021)
        assert (answer.destination, answer.nonce) == (PEER[0], first.nonce)


def test_a_connection_of_ours_goes_where_it_is_answered_from(net: NodeNet) -> None:
    wire = Wire(net)
    # a hears no more of it, and must not answer.
    net.exec("r", "ip", "-6", "route", "add", "blackhole", f"{ilv_of('a', 1).address}/128")
    with wire.dump:
        # The peer is known to b by another session, too.
        wire.say(PEER, (5001, 7001), SYN, 2000, 0)
        wait_until("it is there", lambda: len(net.sessions("b")) > 1)
        client = net.start("b", "python3", "-c", CLIENT.format(to=identity_of("a")))
        with client:
            _, ours = wire.heard(SYN, 0)
            wire.say(PEER, (7002, 5002), SYN | ACK, 3000, ours)
            answer, _ = wire.heard(ACK, 3001)
            assert answer.destination == PEER[0]


QUIET = """
import socket, sys, time
server = sys.argv[1] == "server"
with socket.socket(socket.AF_INET6) as sock:
    if server:
        sock.bind((sys.argv[2], 7700))
        sock.listen()
        print("ready", flush=True)
        sock = sock.accept()[0]
    else:
        sock.connect((sys.argv[2], 7700))
        print("connected", flush=True)
        time.sleep(float(sys.argv[3]))
        sock.send(b"late")
    sock.settimeout(20)
    print(sock.recv(4).decode(), flush=True)
    if server:
        sock.send(b"so?!")
"""


def test_a_connection_that_says_nothing_keeps_its_session() -> None:
    with node_net(1) as net:
        for host in ("a", "b"):
            net.node(host, "[knobs]\nsess_idle = 1\nbusy_time = 1")
        server = net.start("b", sys.executable, "-c", QUIET, "server", identity_of("b"))
        wait_until("the server is ready", lambda: "ready" in server.tail())
        client = net.start("a", sys.executable, "-c", QUIET, "client", identity_of("b"), "5")
        wait_until("they are connected", lambda: "connected" in client.tail())
        first = {host: net.session(host)["id"] for host in ("a", "b")}
        assert client.wait(30) == 0, client.tail()
        assert "so?!" in client.tail()
        assert {host: net.session(host)["id"] for host in ("a", "b")} == first
        # And lets go of it when it is over.
        wait_until("sessions go", lambda: not net.sessions("a") and not net.sessions("b"), 30)
