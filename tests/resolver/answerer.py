# SPDX-License-Identifier: BSD-2-Clause
"""A name server for what real ones refuse to say: answers are made by hand.

    with answering(records) as server:
        ...  server.port

`records` gives the answer section of each (name, type) as octets or as text; what is not listed
has no data.  A function can be given instead, which makes whole messages.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

# Takes a query, and whether it came over TCP; returns a message, or None to say nothing.
Handler = Callable[[dns.message.Message, bool], bytes | None]

CLASS_IN = 1


def record(name: str, rdtype: int, ttl: int, rdata: bytes) -> bytes:
    """Return a record with any octets as data."""
    owner = dns.name.from_text(name).to_wire()
    return owner + struct.pack("!HHIH", rdtype, CLASS_IN, ttl, len(rdata)) + rdata


def message(
    query: dns.message.Message,
    answers: list[bytes],
    *,
    more: list[bytes] | None = None,
    flags: int = 0x8180,
    question: bytes | None = None,
) -> bytes:
    """Return an answer to a query, with whole records as octets."""
    asked = query.question[0]
    own = asked.name.to_wire() + struct.pack("!HH", asked.rdtype, asked.rdclass)
    more = more or []
    head = struct.pack("!HHHHHH", query.id, flags, 1, len(answers), 0, len(more))
    return head + (own if question is None else question) + b"".join(answers + more)


class Answerer:
    """The server: over UDP and TCP, one thread per query, counting what is asked."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.asked: list[tuple[str, str, bool]] = []
        outer = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, sock = self.request
                answer = outer.answer(data, False)
                if answer is not None:
                    sock.sendto(answer, self.client_address)

        class Tcp(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while len(head := self.rfile.read(2)) == 2:
                    data = self.rfile.read(int.from_bytes(head, "big"))
                    answer = outer.answer(data, True)
                    if answer is None:
                        return
                    self.wfile.write(len(answer).to_bytes(2, "big") + answer)

        class UdpServer(socketserver.ThreadingUDPServer):
            address_family = socket.AF_INET6
            daemon_threads = True

        class TcpServer(socketserver.ThreadingTCPServer):
            address_family = socket.AF_INET6
            daemon_threads = True

        while True:
            self._udp = UdpServer(("::1", 0), Udp)
            self.port = int(self._udp.server_address[1])
            try:
                self._tcp = TcpServer(("::1", self.port), Tcp)
                break
            except OSError:
                self._udp.server_close()

    def answer(self, data: bytes, tcp: bool) -> bytes | None:
        query = dns.message.from_wire(data)
        asked = query.question[0]
        name = str(asked.name).rstrip(".").lower()
        self.asked.append((name, dns.rdatatype.to_text(asked.rdtype), tcp))
        return self.handler(query, tcp)

    def start(self) -> None:
        for server in (self._udp, self._tcp):
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        for server in (self._udp, self._tcp):
            server.shutdown()
            server.server_close()


def table(records: dict[tuple[str, str], list[str | bytes]], ttl: int = 30) -> Handler:
    """Return a handler that answers from a table; data that is text is written as in zones."""

    def handle(query: dns.message.Message, _tcp: bool) -> bytes:
        asked = query.question[0]
        name = str(asked.name).rstrip(".").lower()
        rdtype = dns.rdatatype.to_text(asked.rdtype)
        answers = []
        for data in records.get((name, rdtype), []):
            if isinstance(data, str):
                rdata = dns.rdata.from_text(dns.rdataclass.IN, asked.rdtype, data).to_wire()
            else:
                rdata = data
            assert rdata is not None
            answers.append(record(name, asked.rdtype, ttl, rdata))
        return message(query, answers)

    return handle


@contextmanager
def answering(handler: Handler) -> Iterator[Answerer]:
    server = Answerer(handler)
    server.start()
    try:
        yield server
    finally:
        server.stop()
