# SPDX-License-Identifier: BSD-2-Clause
"""Unmodified programs and our name service module: what getaddrinfo(3) gives, who talks ILNP."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest
from namenet import ORDER, NameNet, as_nobody, environment, name_net
from nodenet import identity_of, ilv_of, prefix_of, wait_until
from resolving import OUT

from ilnptool import run

pytestmark = pytest.mark.root
LOOKUPS = str(Path(__file__).with_name("lookups.py"))

PLAIN = (
    "six AAAA 2001:db8:9::6",
    "four A 192.0.2.4",
    "both AAAA 2001:db8:9::7",
    "both AAAA 2001:db8:1:1::77",
    "both A 192.0.2.7",
    "both A 198.51.100.7",
    "near AAAA 2001:db8:1:1::1",
    "near AAAA 2001:db8:1:2::1",
    "near AAAA 2001:db8:2:1::1",
    "text TXT hello",
    "one CNAME two",
    "two CNAME three",
    "three CNAME both",
    "lost CNAME nobody",
    "under_score CNAME both",
    "a.b AAAA 2001:db8:9::a",
    "onlynid NID 10 0000:0000:0000:0077",
    "onlynid AAAA 2001:db8:9::b",
    *(f"many AAAA 2001:db8:a::{i:x}" for i in range(1, 91)),
    *(f"many A 10.0.{i // 250}.{i % 250 + 1}" for i in range(90)),
    "sub NS ns.nowhere",
)
NAMES = [
    *(f"{name}.example.com" for name in ("six", "four", "both", "near", "text", "one", "lost")),
    "under_score.example.com", "onlynid.example.com", "many.example.com", "nobody.example.com",
    "six", "both", "a.b", "nobody", "no.body", "six.example.com.", "SIX.Example.COM", "four.",
    "x.sub.example.com", "localhost", "192.0.2.1", "2001:db8::1", "a..b", "other.test", "-", "*",
]  # fmt: skip
HINTS = [
    *product((socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6), (socket.SOCK_STREAM,),
             (0, socket.AI_CANONNAME)),
    (socket.AF_UNSPEC, 0, socket.AI_ADDRCONFIG),
    (socket.AF_INET6, socket.SOCK_DGRAM, socket.AI_V4MAPPED | socket.AI_ALL),
    (socket.AF_INET6, socket.SOCK_DGRAM, socket.AI_V4MAPPED),
]  # fmt: skip


@pytest.fixture(scope="module")
def names() -> Iterator[NameNet]:
    # Knot: BIND shuffles what it says, so that no two answers are alike.
    with name_net(*PLAIN, kind="knot") as net:
        yield net


def look_up(names: NameNet, cases: list[tuple[object, ...]], *orders: str) -> list[list[object]]:
    result = names.net.exec(
        "a",
        "env",
        *(f"{k}={v}" for k, v in environment().items()),
        sys.executable,
        LOOKUPS,
        *orders,
        stdin=json.dumps(cases),
        timeout=240,
    )
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def test_names_without_ilnp_records_resolve_as_ever(names: NameNet) -> None:
    cases = [(name, *hints) for name in NAMES for hints in HINTS]
    differing = []
    for case, (ours, theirs) in zip(cases, look_up(names, cases, ORDER, "files dns"), strict=True):
        if ours != theirs:
            differing.append((case, ours, theirs))
    assert not differing, "\n".join(map(str, differing[:10]))
    assert names.candidates() == {}


# lesson: 71
@pytest.mark.checklist(110)
def test_a_name_with_ilnp_records_leads_to_an_identity_address(names: NameNet) -> None:
    cases = [("b", family, socket.SOCK_STREAM, socket.AI_CANONNAME)
             for family in (socket.AF_UNSPEC, socket.AF_INET6, socket.AF_INET)]  # fmt: skip
    unspec, inet6, inet = (found for (found,) in look_up(names, cases, ORDER))
    assert [x[4][0] for x in unspec] == [identity_of("b"), "192.0.2.11"]
    assert [x[4][0] for x in inet6] == [identity_of("b")]
    assert [x[4][0] for x in inet] == ["192.0.2.11"]
    assert unspec[0][3] == "b.example.com"


def test_the_first_packet_may_use_all_locators(names: NameNet) -> None:
    out = names.exec("ping", "-6", "-c", "3", "-i", "0.1", "-W", "3", "b.example.com")
    assert " 3 received" in out
    session = next(x for x in names.net.sessions("a") if x["remote_nid"].endswith("000b"))
    assert session["state"] == "open"
    assert session["name"] == "b.example.com"
    assert {x["l64"] for x in session["locators"]} == {f"2001+0db8+0002+000{i}" for i in (1, 2)}
    assert names.candidates()["0000-0000-0000-000b"]["in_use"]


# lesson: 70
@pytest.mark.checklist(110)
def test_unmodified_programs_talk_ilnp_by_name(names: NameNet) -> None:
    net = names.net
    page = net.folder / "page.txt"
    page.write_text("over ILNP\n" * 1000)
    server = [sys.executable, "-m", "http.server", "8080", "--bind", "::", "-d", str(net.folder)]
    with net.start("b", *server), net.start("b", "iperf3", "-s", "-p", "5301"):
        listening = lambda: len(net.exec("b", "ss", "-Hltn").stdout.splitlines()) >= 2  # noqa: E731
        wait_until("the servers listen", listening)
        before = net.counters("b").get("in_ilnp", 0), net.session("b")["rx_packets"]
        assert names.exec("curl", "-sS", "http://b:8080/page.txt") == page.read_text()
        text = names.exec("iperf3", "-c", "b.example.com", "-p", "5301", "-n", "1M", "-J")
        assert json.loads(text)["start"]["connected"][0]["remote_host"] == identity_of("b")
    assert net.session("b")["rx_packets"] > before[1] + 20


@pytest.mark.checklist(110)
def test_ssh_logs_in_by_name(names: NameNet, tmp_path: Path) -> None:
    for program in ("ssh", "sshd", "ssh-keygen"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            pytest.skip(f"{program} is not installed")
    for key in ("host", "user"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / key)]
        run.run(words, timeout=30)
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    conf = tmp_path / "sshd_config"
    conf.write_text(
        f"Port 2222\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/user.pub\n"
        "PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\n"
    )
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin") or "sshd"
    with names.net.start("b", sshd, "-D", "-e", "-f", str(conf)) as process:
        wait_until("sshd listens", lambda: "Server listening" in process.tail())
        login = ["ssh", "-F", "none", "-p", "2222", "-i", str(tmp_path / "user")]
        login += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        said = names.exec(*login, "root@b", "echo $SSH_CONNECTION")
    assert said.split()[:3:2] == [identity_of("a"), identity_of("b")]


def test_the_tool_resolves_for_those_who_cannot(names: NameNet) -> None:
    """`ilnptool resolve` prints addresses, first that of the node, and says what is wrong."""
    tool = [sys.executable, "-m", "ilnptool", "resolve"]

    def ask(*words: str) -> run.Result:
        return names.net.exec("a", "env", f"ILNPD={OUT}/ilnpd", *tool, *words, check=False)

    assert ask("b").stdout.split() == [identity_of("b"), "192.0.2.11"]
    found = json.loads(ask("--look", "--json", "b").stdout)
    assert len(found["peers"][0]["locators"]) == 2
    wrong = ask("nobody.example.com")
    assert (wrong.status, wrong.stderr) == (1, "ilnptool: nobody.example.com: no such name\n")
    assert ask("--lab", "x", "b").status == 2
    outside = names.net.exec("r", "env", f"ILNPD={OUT}/ilnpd", *tool, "b.example.com", check=False)
    assert outside.status == 3
    assert "no ILNP node runs" in outside.stderr


@contextmanager
def questions(names: NameNet) -> Iterator[Callable[[], int]]:
    """Count what `a` sends to name servers."""
    net = names.net
    net.exec("a", "nft", "add table ip6 count")
    try:
        net.exec("a", "nft", "add chain ip6 count out { type filter hook output priority 0; }")
        net.exec("a", "nft", "add rule ip6 count out udp dport 53 counter")
        yield lambda: int(
            net.exec("a", "nft", "list table ip6 count").stdout.split("packets ")[1].split()[0]
        )
    finally:
        net.exec("a", "nft", "delete table ip6 count")


def named(names: NameNet, address: str, *prefix: str) -> list[str]:
    """Return what getnameinfo(3) finds for an address."""
    return names.exec(*prefix, "getent", "hosts", address, check=False).split()


def test_no_query_carries_the_identifier_of_an_address(names: NameNet) -> None:
    """Who prints a name for an address of a node must not tell a server whom he talks to."""
    names.net.node_stop("a")
    names.net.node("a")
    own = identity_of("b")
    assert named(names, own) == []
    names.exec("getent", "ahosts", "b.example.com")
    with questions(names) as count:
        assert named(names, own) == [own, "b.example.com"]
        assert named(names, identity_of("a")) == []
        assert names.exec("ping", "-6", "-c", "1", "-W", "3", own).startswith(f"PING {own}")
        assert count() == 0
        # Others are in the DNS, or not, as ever.
        assert named(names, "2001:db8:9::6") == []
        assert count() > 0


def test_a_user_is_told_no_names_that_others_looked_up(names: NameNet) -> None:
    """Except root's, which are those of the host."""
    names.net.node_stop("a")
    names.net.node("a")
    user, other = as_nobody(), as_nobody()
    other[other.index("65534")] = "1001"
    names.exec(*user, "getent", "ahosts", "b.example.com")
    own = identity_of("b")
    assert named(names, own, *user) == [own, "b.example.com"]
    assert named(names, own, *other) == []
    names.exec("getent", "ahosts", "b.example.com")
    names.net.node_stop("a")
    names.net.node("a")
    names.exec("getent", "ahosts", "b.example.com")
    assert named(names, own, *other) == [own, "b.example.com"]


def test_a_name_of_the_hosts_file_asks_no_server(names: NameNet) -> None:
    (names.net.folder / "hosts").write_text(f"{ilv_of('b', 1)} bee\n")
    try:
        assert names.net.tell("a", "resolve")
        with questions(names) as count:
            assert names.exec("getent", "ahosts", "bee").split()[0] == identity_of("b")
            assert named(names, identity_of("b")) == [identity_of("b"), "bee"]
            assert count() == 0
    finally:
        (names.net.folder / "hosts").write_text("")
        names.net.tell("a", "resolve")


def test_without_a_node_the_system_resolves_as_ever(names: NameNet) -> None:
    names.net.node_stop("a")
    try:
        case = [("b", socket.AF_INET6, socket.SOCK_STREAM, 0)]
        ((ours, theirs),) = look_up(names, case, ORDER, "files dns")
        assert ours == theirs
        assert [x[4][0] for x in ours] == [f"{prefix_of('b', 1)}::b"]  # type: ignore[index]
    finally:
        names.net.node("a")
