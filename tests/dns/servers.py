# SPDX-License-Identifier: BSD-2-Clause
"""Real name servers for tests: BIND and Knot, each with files, ports and keys of its own.

    with bind(folder, {"example.com": ZONE}, update=(KEY,)) as server:
        ...  server.address, server.port

They listen on an address of this machine, or of a network namespace, and on a free high port
unless told otherwise.  Nothing of the machine's own name servers is read or touched.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from ilnptool import run

READY_SECONDS = 20.0

SOA = "@ SOA ns.example.net. hostmaster.example.net. 1 3600 600 86400 5\n@ NS ns.example.net.\n"


def zone_text(*records: str) -> str:
    """Return a zone file with an SOA and an NS record, TTL 30, and some more lines."""
    return "$TTL 30\n" + SOA + "".join(f"{record}\n" for record in records)


@dataclass(frozen=True, slots=True)
class Key:
    """A TSIG key (RFC 8945); the same name gives the same secret in every run."""

    name: str
    algorithm: str = "hmac-sha256"

    @property
    def secret(self) -> str:
        return base64.b64encode(hashlib.sha256(self.name.encode()).digest()).decode()

    def text(self, secret: str | None = None) -> str:
        """Return the key as BIND and tsig-keygen(8) write it, perhaps with another secret."""
        return (
            f'key "{self.name}" {{\n\talgorithm {self.algorithm};\n'
            f'\tsecret "{secret or self.secret}";\n}};\n'
        )

    def write(self, path: Path, secret: str | None = None, mode: int = 0o600) -> Path:
        """Write a key file with some permissions."""
        path.write_text(self.text(secret))
        path.chmod(mode)
        return path


MOVER = Key("mover.example.com")
STRANGER = Key("stranger.example.com")  # known to the servers, allowed nothing


def free_port(address: str) -> int:
    """Return a port that neither TCP nor UDP uses at an address of this machine."""
    for _ in range(100):
        with (
            socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind((address, 0))
            port = int(tcp.getsockname()[1])
            try:
                udp.bind((address, port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


@dataclass(slots=True)
class Server:
    """A name server that runs."""

    kind: str
    address: str
    port: int
    folder: Path
    process: run.Process
    restart: Callable[[], run.Process]

    def ask(self, name: str, rdtype: str, *, tcp: bool = False) -> dns.message.Message:
        """Send one query from this machine's own network."""
        query = dns.message.make_query(name, rdtype)
        send = dns.query.tcp if tcp else dns.query.udp
        return send(query, self.address, timeout=5, port=self.port)

    def records(self, name: str, rdtype: str) -> list[str]:
        """Return what the server holds at a name, sorted, as dnspython writes it."""
        answer = self.ask(name, rdtype).answer
        wanted = dns.rdatatype.from_text(rdtype)
        return sorted(str(rd) for rrset in answer if rrset.rdtype == wanted for rd in rrset)

    def ttl(self, name: str, rdtype: str) -> int:
        """Return the TTL of what the server holds at a name."""
        return int(self.ask(name, rdtype).answer[0].ttl)

    def pause(self) -> None:
        """Let it take connections and queries, and answer none."""
        self.process.signal(signal.SIGSTOP)
        # On a busy machine some thread may go on for a while.
        deadline = time.monotonic() + READY_SECONDS
        while not self._stands_still():
            assert time.monotonic() < deadline, f"{self.kind} does not stop"
            time.sleep(0.01)

    def _stands_still(self) -> bool:
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        return all(x.read_text().rpartition(")")[2].split()[0] == "T" for x in threads)

    def resume(self) -> None:
        self.process.signal(signal.SIGCONT)

    def stop(self) -> None:
        self.resume()
        self.process.stop()

    def start(self) -> None:
        """Start it again with the zones as they were."""
        self.process = self.restart()

    def log(self) -> str:
        return self.process.log.read_text(errors="replace")


def need(*programs: str) -> None:
    """Skip the test if a program is missing."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed; see tools/debian-packages.txt")


def _answers(server: Server, zones: Mapping[str, str], space: run.Space | None) -> bool:
    """Tell whether a server is ready; one that is in a namespace is asked there."""
    name = next(iter(zones), ".")
    if space is not None:
        words = ["dig", "+time=1", "+tries=1", f"@{server.address}", "-p", str(server.port)]
        found = run.run([*words, name, "SOA"], timeout=10, space=space, check=False)
        return found.status == 0 and "SERVFAIL" not in found.stdout
    try:
        query = dns.message.make_query(name, "SOA")
        answer = dns.query.udp(query, server.address, timeout=1, port=server.port)
    except (dns.exception.DNSException, OSError):
        return False
    return answer.rcode() in (dns.rcode.NOERROR, dns.rcode.REFUSED)


def _wait(server: Server, zones: Mapping[str, str], space: run.Space | None) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(server, zones, space):
        assert server.process.poll() is None, server.process.tail()
        assert time.monotonic() < deadline, f"{server.kind} does not answer: {server.log()}"
        time.sleep(0.05)


@contextmanager
def _running(
    kind: str,
    argv: list[str],
    folder: Path,
    address: str,
    port: int,
    zones: Mapping[str, str],
    space: run.Space | None,
) -> Iterator[Server]:
    def begin() -> run.Process:
        return run.popen(argv, log=folder / f"{kind}.log", space=space)

    server = Server(kind, address, port, folder, begin(), begin)
    try:
        _wait(server, zones, space)
        server.restart = lambda: _again(begin, server, zones, space)
        yield server
    finally:
        server.stop()


def _again(
    begin: Callable[[], run.Process],
    server: Server,
    zones: Mapping[str, str],
    space: run.Space | None,
) -> run.Process:
    server.process = begin()
    _wait(server, zones, space)
    return server.process


def _write_zones(folder: Path, zones: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for zone, text in zones.items():
        (folder / f"{zone}.zone").write_text(text)


@contextmanager
def bind(
    folder: Path,
    zones: Mapping[str, str],
    *,
    update: Sequence[Key] = (),
    keys: Sequence[Key] = (STRANGER,),
    secondary: Mapping[str, tuple[str, int]] | None = None,
    notify: Sequence[tuple[str, int]] = (),
    forward: Mapping[str, tuple[str, int]] | None = None,
    space: run.Space | None = None,
    address: str = "::1",
    port: int | None = None,
) -> Iterator[Server]:
    """Run BIND: primary for `zones`, secondary for others, resolver that asks `forward` for some.

    The keys of `update` may change all names of the zones; `keys` are known, and may nothing.
    """
    need("named", *(["dig"] if space is not None else []))
    _write_zones(folder, zones)
    port = free_port(address) if port is None else port
    # dict.fromkeys: a key may be in both.
    text = "".join(key.text() for key in dict.fromkeys((*update, *keys)))
    recursion = "yes" if forward else "no"
    text += (
        f'options {{ directory "{folder}"; listen-on-v6 port {port} {{ {address}; }};\n'
        f'\tlisten-on {{ none; }}; pid-file none; session-keyfile "{folder}/session.key";\n'
        f"\trecursion {recursion}; dnssec-validation no; allow-query {{ any; }};\n"
        f"\tallow-transfer {{ any; }}; minimal-responses no; notify explicit;\n"
        f"\tserial-query-rate 1000; notify-rate 1000; startup-notify-rate 1000;\n"
        f"\tnotify-delay 0; minimal-any no; }};\ncontrols {{ }};\n"
    )
    grants = "".join(f"grant {key.name}. zonesub ANY; " for key in update)
    policy = f"update-policy {{ {grants}}};" if grants else ""
    told = "".join(f"{host} port {number}; " for host, number in notify)
    for zone in zones:
        also = f"also-notify {{ {told}}};" if told else ""
        text += f'zone "{zone}" {{ type primary; file "{zone}.zone"; {policy} {also} }};\n'
    for zone, (host, number) in (secondary or {}).items():
        text += (
            f'zone "{zone}" {{ type secondary; file "{zone}.copy"; masterfile-format text; '
            f"primaries {{ {host} port {number}; }}; allow-notify {{ any; }}; }};\n"
        )
    for zone, (host, number) in (forward or {}).items():
        text += (
            f'zone "{zone}" {{ type forward; forward only; '
            f"forwarders {{ {host} port {number}; }}; }};\n"
        )
    conf = folder / "named.conf"
    conf.write_text(text)
    argv = ["named", "-g", "-6", "-n", "1", "-c", str(conf)]
    asked = {**zones, **dict.fromkeys(secondary or {}, ""), **dict.fromkeys(forward or {}, "")}
    with _running("bind", argv, folder, address, port, asked, space) as server:
        yield server


@contextmanager
def knot(
    folder: Path,
    zones: Mapping[str, str],
    *,
    update: Sequence[Key] = (),
    keys: Sequence[Key] = (STRANGER,),
    space: run.Space | None = None,
    address: str = "::1",
    port: int | None = None,
) -> Iterator[Server]:
    """Run Knot as primary for `zones`; the keys as for `bind`."""
    need("knotd")
    _write_zones(folder, zones)
    port = free_port(address) if port is None else port
    text = (
        f"server:\n    listen: {address}@{port}\n    rundir: {folder}\n    user: root:root\n"
        "    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"
        f"database:\n    storage: {folder}\n"
        "log:\n  - target: stderr\n    any: info\nkey:\n"
    )
    for key in dict.fromkeys((*update, *keys)):
        text += f"  - id: {key.name}\n    algorithm: {key.algorithm}\n    secret: {key.secret}\n"
    text += "acl:\n  - id: transfer\n    action: transfer\n"
    for key in update:
        text += f"  - id: {key.name}\n    key: {key.name}\n    action: update\n"
    allowed = ", ".join(["transfer", *(key.name for key in update)])
    text += "zone:\n"
    for zone in zones:
        text += (
            f"  - domain: {zone}\n    storage: {folder}\n    file: {zone}.zone\n"
            f"    acl: [{allowed}]\n    semantic-checks: on\n    dnssec-signing: off\n"
        )
    conf = folder / "knot.conf"
    conf.write_text(text)
    argv = ["knotd", "-c", str(conf)]
    with _running("knot", argv, folder, address, port, zones, space) as server:
        yield server


SERVERS = {"bind": bind, "knot": knot}
