# SPDX-License-Identifier: BSD-2-Clause
"""One TCP connection to a name server, and the meaning of its refusals.

TCP because an update must not be cut short, because a server that is down is known at once, and
because the question before an update and the update itself then share a connection.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.update

from ilnptool.dns.faults import NoWay, PrerequisiteFailed, Refused, ServerDown
from ilnptool.errors import Timeout

# What the machine itself answers to an attempt that does not leave it.
_NO_WAY = (errno.ENETDOWN, errno.ENETUNREACH)
_PREREQUISITE = (
    dns.rcode.NXDOMAIN,
    dns.rcode.YXDOMAIN,
    dns.rcode.NXRRSET,
    dns.rcode.YXRRSET,
)
_ADVICE = {
    dns.rcode.REFUSED: "it does not let key {key} change names of {zone}; BIND: `grant {key} "
    "name NAME ANY;' in the zone's update-policy, Knot: an acl with `action: update' and the key",
    dns.rcode.NOTAUTH: "it is not authoritative for {zone}, or does not let key {key} update it; "
    "name the zone's primary server",
    dns.rcode.NOTZONE: "a name is not in the zone {zone}",
    dns.rcode.NOTIMP: "it takes no dynamic updates; name the zone's primary server",
    dns.rcode.FORMERR: "it does not understand NID, L64 or LP records; use a server that does",
    dns.rcode.SERVFAIL: "it failed; its log says why (a zone file it may not write, perhaps)",
}


class Connection:
    """A connection to one server; every wait ends after `timeout` seconds."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self._place = f"{host} port {port}"
        self._timeout = timeout
        try:
            self._socket = socket.create_connection((host, port), timeout)
        except TimeoutError as err:
            raise Timeout(
                f"{self._place}: no connection within {timeout:g} s; is the server down, or a "
                "firewall between?"
            ) from err
        except OSError as err:
            if err.errno in _NO_WAY:
                raise NoWay(
                    f"{self._place}: {err.strerror}; this machine has no way there now"
                ) from err
            raise ServerDown(
                f"{self._place}: {err.strerror or err}; is the name server running, and is this "
                "its address and port?"
            ) from err

    def close(self) -> None:
        self._socket.close()

    def _read(self, count: int, deadline: float) -> bytes:
        data = b""
        while len(data) < count:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            chunk = self._socket.recv(count - len(data))
            if not chunk:
                raise ServerDown(
                    f"{self._place}: the server closed the connection unasked; is it a name "
                    "server, and does it take updates from this address?"
                )
            data += chunk
        return data

    def _exchange(self, message: dns.message.Message) -> bytes:
        """Send a message and return the octets of the answer."""
        wire = message.to_wire()
        deadline = time.monotonic() + self._timeout
        try:
            self._socket.settimeout(self._timeout)
            self._socket.sendall(len(wire).to_bytes(2, "big") + wire)
            size = int.from_bytes(self._read(2, deadline), "big")
            return self._read(size, deadline)
        except TimeoutError as err:
            raise Timeout(
                f"{self._place}: connected, but no answer within {self._timeout:g} s; the server "
                "is slow or hangs.  The update may have been made; asking again does no harm"
            ) from err
        except OSError as err:
            raise ServerDown(f"{self._place}: {err.strerror or err}") from err

    def query(self, name: str, rdtype: str) -> tuple[int, tuple[str, ...]]:
        """Return TTL and records of one type at a name; 0 and none if there are none."""
        question = dns.message.make_query(name, rdtype, flags=0)
        answer = self._parse(question, self._exchange(question))
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise Refused(
                f"{self._place}: asked for {rdtype} of {name}: "
                f"{dns.rcode.to_text(answer.rcode())}; name a server of the zone"
            )
        wanted = (dns.name.from_text(name), dns.rdatatype.from_text(rdtype))
        for rrset in answer.answer:
            if (rrset.name, rrset.rdtype) == wanted:
                return rrset.ttl, tuple(sorted(str(rd) for rd in rrset))
        return 0, ()

    def update(self, message: dns.update.UpdateMessage, zone: str, key: dns.tsig.Key) -> None:
        """Have an update made; PrerequisiteFailed, Refused, ServerDown or Timeout if it is not."""
        message.use_tsig(key)
        answer = self._parse(message, self._exchange(message))
        code = answer.rcode()
        if code in _PREREQUISITE:
            raise PrerequisiteFailed(dns.rcode.to_text(code))
        if code != dns.rcode.NOERROR:
            advice = _ADVICE.get(code, "see the server's log").format(
                key=str(key.name).rstrip("."), zone=zone
            )
            raise Refused(f"{self._place}: update refused ({dns.rcode.to_text(code)}): {advice}")

    def _parse(self, asked: dns.message.Message, wire: bytes) -> dns.message.Message:
        key = asked.keyring
        name = str(key.name).rstrip(".") if isinstance(key, dns.tsig.Key) else ""
        try:
            answer = dns.message.from_wire(wire, keyring=key, request_mac=asked.mac)
        except dns.tsig.PeerBadTime as err:
            raise Refused(
                f"{self._place}: update refused (BADTIME): {_skew(wire)}; set the clock that is "
                "wrong"
            ) from err
        except dns.tsig.PeerBadKey as err:
            raise Refused(
                f"{self._place}: update refused (BADKEY): the server does not know key {name}, or "
                "not with this algorithm, or (Knot) lets it change nothing here; name the right "
                "key file, or add the key there and allow it updates"
            ) from err
        except dns.tsig.PeerBadSignature as err:
            raise Refused(
                f"{self._place}: update refused (BADSIG): the server has another secret for key "
                f"{name}; copy the key file again"
            ) from err
        except (dns.exception.DNSException, ValueError) as err:
            raise Refused(
                f"{self._place}: not a valid answer: {err or type(err).__name__}; is this the "
                "right server, and key?"
            ) from err
        if not asked.is_response(answer):
            raise Refused(
                f"{self._place}: the answer is to another question; is this a name server, and "
                "what stands between?"
            )
        return answer


def _skew(wire: bytes) -> str:
    """Say by how much the clocks differ: a server puts its own time into such an answer."""
    said = dns.message.from_wire(wire, keyring=False).tsig
    other = bytes(said[0].other) if said else b""
    if len(other) != 6:
        return "this clock and the server's differ by more than 300 s"
    ahead = time.time() - int.from_bytes(other, "big")
    word = "ahead of" if ahead > 0 else "behind"
    return f"this clock is {abs(ahead):.0f} s {word} the server's, and 300 s are allowed"


@contextmanager
def connection(host: str, port: int, timeout: float) -> Iterator[Connection]:
    """Have a connection for the time of a block."""
    opened = Connection(host, port, timeout)
    try:
        yield opened
    finally:
        opened.close()


def describe(message: dns.update.UpdateMessage) -> Sequence[str]:
    """Return an update as lines in the manner of nsupdate(1), for people to read."""
    lines = []
    for rrset in message.prerequisite:
        kind = dns.rdatatype.to_text(rrset.rdtype)
        if not rrset:
            word = "nxrrset" if rrset.rdclass == dns.rdataclass.NONE else "yxrrset"
            lines.append(f"prereq {word} {rrset.name} {kind}")
        lines += [f"prereq yxrrset {rrset.name} {kind} {rd}" for rd in rrset]
    for rrset in message.update:
        kind = dns.rdatatype.to_text(rrset.rdtype)
        if rrset.deleting is not None:
            gone = [f"delete {rrset.name} {kind} {rd}" for rd in rrset]
            lines += gone or [f"delete {rrset.name} {kind}"]
        else:
            lines += [f"add {rrset.name} {rrset.ttl} {kind} {rd}" for rd in rrset]
    return lines
