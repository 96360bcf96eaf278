# SPDX-License-Identifier: BSD-2-Clause
"""What an ordinary process may teach the node, and what it may not."""

from __future__ import annotations

import json
import os
import signal
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Network
from pathlib import Path

import pytest
from namenet import NameNet, as_nobody, name_net
from nodenet import IDENTITY, identity_of, prefix_of, wait_until

from ilnptool.wire.decode import decode_file

pytestmark = pytest.mark.root

TALK = textwrap.dedent(
    """
    import json, socket, sys
    answers = []
    for line in json.load(sys.stdin):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.settimeout(5)
            sock.connect("\\0ilnpd.names")
            sock.send(line.encode())
            answers.append(sock.recv(1024).decode())
    json.dump(answers, sys.stdout)
    """
)
TRUE = "2001:db8:2:1,10,300 2001:db8:2:2,20,300"
FALSE = "2001:db8:66:66,0,300"
NID = "0-0-0-b"


@pytest.fixture(scope="module")
def shared() -> Iterator[NameNet]:
    records = "c NID 10 0000:0000:0000:000c", "c L64 10 2001:0db8:0002:0002"
    with name_net(*records, "0.0 TXT nothing") as net:
        yield net


@pytest.fixture
def names(shared: NameNet) -> NameNet:
    """Give each test nodes that know nobody."""
    for host in "ab":
        shared.net.node_stop(host)
    for host in "ab":
        shared.net.node(host)
    return shared


def say(names: NameNet, *lines: str, uid: int = 65534) -> list[str]:
    """Send requests as some user, with no right at all unless that is root."""
    argv = [sys.executable, "-c", TALK]
    if uid != 0:
        argv = as_nobody(*argv)
        argv[argv.index("65534")] = str(uid)
    result = names.net.exec("a", *argv, stdin=json.dumps(list(lines)), timeout=120)
    return list(json.loads(result.stdout))


def learnt(names: NameNet, nid: str = "0000-0000-0000-000b") -> list[str]:
    candidate = names.candidates().get(nid)
    return [x["l64"] for x in candidate["locators"]] if candidate else []  # type: ignore[attr-defined]


def locators(names: NameNet) -> set[str]:
    """Return the locators of a's only session."""
    return {x["l64"] for x in names.net.session("a")["locators"]}


def counted(names: NameNet, name: str) -> int:
    return names.net.counters("a")[f"node_names_{name}"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "find",
        "fly",
        "name",
        "name zz",
        "teach",
        "teach b.example.com",
        f"teach b.example.com {NID}",
        f"teach b.example.com {NID} 2001:db8:1:1",
        f"teach b.example.com {NID} 2001:db8:1:1,1",
        f"teach b.example.com {NID} 2001:db8:1:1,65536,1",
        f"teach b.example.com {NID} 2001:db8:1:1,1,4294967296",
        f"teach b.example.com {NID} 2001:db8:1:1,-1,1",
        f"teach b.example.com {NID} 2001:db8:1:1,1,1,1",
        f"teach b.example.com {NID} fe80:0:0:0,1,1",
        f"teach b.example.com 0-0-0-0 {TRUE}",
        f"teach b.example.com zz {TRUE}",
        f"teach B.example.com {NID} {TRUE}",
        f"teach b/../c {NID} {TRUE}",
        f"teach {'b' * 300} {NID} {TRUE}",
        f"teach b.example.com {NID} {' '.join(f'2001:db8:{i}:1,1,1' for i in range(1, 10))}",
    ],
    ids=lambda x: x[:40] or "nothing",
)
def test_what_is_wrong_is_refused(shared: NameNet, line: str) -> None:
    before = shared.candidates()
    if line:
        assert say(shared, line)[0].startswith("no ")
    assert shared.candidates() == before


def test_a_user_may_teach_a_candidate_and_reach_it(names: NameNet) -> None:
    assert say(names, f"teach b.example.com {NID} {TRUE}") == ["ok"]
    assert names.candidates()["0000-0000-0000-000b"]["uid"] == 65534
    assert names.net.ping("a", identity_of("b")) == 3


def test_a_user_cannot_redirect_a_session_that_lives(names: NameNet) -> None:
    """Not another's, and not his own either."""
    assert names.net.ping("a", identity_of("b"), count=1) == 0
    names.exec("ping", "-6", "-c", "1", "-W", "3", "b")
    before = locators(names)
    lies = [
        f"teach b.example.com {NID} {FALSE}",
        f"teach evil.example.com {NID} {FALSE}",
        f"teach evil.example.com {NID} {TRUE}",
        f"teach b.example.com {NID} 2001:db8:2:1,20,300 2001:db8:2:2,10,300",
    ]
    answers = say(names, *lies)
    assert all(x.startswith("no ") for x in answers[:3])
    assert answers[3] == "ok"
    assert locators(names) == before
    assert say(names, *lies, uid=0) == ["ok", "ok", "ok", "ok"]
    assert locators(names) == before
    assert names.net.ping("a", identity_of("b")) == 3


def test_a_nid_belongs_to_the_name_that_taught_it_first(names: NameNet) -> None:
    assert say(names, f"teach b.example.com {NID} {TRUE}", uid=1001) == ["ok"]
    assert say(names, f"teach evil.example.com {NID} {FALSE}", uid=1002)[0].startswith("no ")
    assert learnt(names) == ["2001+0db8+0002+0001", "2001+0db8+0002+0002"]
    assert counted(names, "refused") == 1
    # He who was refused is not led astray, but to the plain address.
    assert say(names, f"teach evil.example.com {NID} {FALSE}", uid=0) == ["ok"]


def test_a_lie_under_a_true_name_is_found_out(names: NameNet) -> None:
    assert say(names, f"teach b.example.com {NID} {FALSE}", uid=1001) == ["ok"]
    told = say(names, f"teach b.example.com {NID} {TRUE}", uid=1002)
    assert told == ["no others were told otherwise"]
    wait_until("the name server is asked", lambda: counted(names, "renewed") == 1)
    assert learnt(names) == ["2001+0db8+0002+0001", "2001+0db8+0002+0002"]
    assert say(names, f"teach b.example.com {NID} {TRUE}", uid=1002) == ["ok"]


def children(pid: int) -> dict[str, int]:
    """Return the processes that one has started, by their names."""
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {Path(f"/proc/{x}/comm").read_text().strip(): int(x) for x in pids}


def keeper_of(names: NameNet) -> int:
    """Return the process that starts the one that asks names; 0 if there is none."""
    helper = children(names.net.nodes["a"].pid)["ilnpd-helper"]
    return children(helper).get("ilnpd-keeper", 0)


def keeper_and_asker(names: NameNet) -> tuple[int, int]:
    """Return both once they have come to their names."""
    return wait_until(
        "names can be asked",
        lambda: (
            (keeper := keeper_of(names))
            and (asker := children(keeper).get("ilnpd-asker", 0))
            and (keeper, asker)
        ),
    )


def assert_asked(names: NameNet, *uids: int) -> None:
    """Two users are told otherwise, so the name server is asked."""
    before = counted(names, "renewed")
    say(names, f"teach b.example.com {NID} {FALSE}", uid=uids[0])
    say(names, f"teach b.example.com {NID} {TRUE}", uid=uids[1])
    wait_until("the name server is asked", lambda: counted(names, "renewed") > before)
    assert learnt(names) == ["2001+0db8+0002+0001", "2001+0db8+0002+0002"]


def test_the_process_that_asks_names_is_started_again(names: NameNet) -> None:
    """Nothing but its death is told, and who starts it has no privilege either."""
    node = names.net.nodes["a"]
    keeper, first = keeper_and_asker(names)
    for pid in (keeper, first):
        status = Path(f"/proc/{pid}/status").read_text()
        assert "CapPrm:\t0000000000000000" in status
        assert "Uid:\t0\t" not in status
    os.kill(first, signal.SIGKILL)
    assert_asked(names, 1001, 1002)
    assert children(keeper)["ilnpd-asker"] != first
    assert node.log.read_text().count("asks names has ended (signal 9); it is started again") == 1


def test_the_process_that_keeps_it_is_started_again(names: NameNet) -> None:
    """By the helper, which knows no secrets; and both end with the node."""
    node = names.net.nodes["a"]
    first, asker = keeper_and_asker(names)
    os.kill(first, signal.SIGKILL)
    wait_until("there is another", lambda: keeper_of(names) not in (0, first))
    assert not Path(f"/proc/{asker}").exists()
    second = keeper_of(names)
    assert_asked(names, 1001, 1002)
    status = Path(f"/proc/{second}/status").read_text()
    assert "CapPrm:\t0000000000000000" in status
    assert "Uid:\t0\t" not in status
    assert "the processes that ask names have ended" in node.log.read_text()
    last = [second, children(second)["ilnpd-asker"]]
    names.net.node_stop("a")
    wait_until("both end", lambda: not any(Path(f"/proc/{x}").exists() for x in last))
    names.net.node("a")


def test_slow_names_of_one_user_do_not_hold_up_another(names: NameNet) -> None:
    """Users take turns at the process that asks names."""
    net = names.net
    label = "s" * 32
    net.exec("r", "nft", "add table ip6 slow")
    try:
        net.exec("r", "nft", "add chain ip6 slow in { type filter hook input priority 0; }")
        # By the length of the first label.
        net.exec("r", "nft", "add rule ip6 slow in udp dport 53 @th,160,8 33 drop")
        for uid, locators in ((1001, TRUE), (1002, FALSE)):
            told = [f"teach {label}{i}.example.com 6-6-6-{i} {locators}" for i in range(9)]
            say(names, *told, uid=uid)
        say(names, f"teach b.example.com {NID} {FALSE}", uid=1003)
        say(names, f"teach b.example.com {NID} {TRUE}", uid=1004)
        # One of the nine takes four seconds.
        wait_until("b is asked", lambda: counted(names, "renewed") == 1)
        assert counted(names, "asked") == 9
    finally:
        net.exec("r", "nft", "delete table ip6 slow")


def test_the_hosts_file_comes_before_what_users_teach(names: NameNet) -> None:
    names.net.tell("a", "teach", nid="0:0:0:b", locators=[{"l64": prefix_of("b", 1)}])
    assert say(names, f"teach b.example.com {NID} {FALSE}") == ["ok"]
    assert names.candidates() == {}
    assert names.net.ping("a", identity_of("b")) == 3


def test_a_user_cannot_fill_the_table(names: NameNet) -> None:
    assert say(names, f"teach b.example.com {NID} {TRUE}", uid=1001) == ["ok"]
    many = [f"teach h{i}.example.com 1-0-0-{i:x} {TRUE}" for i in range(1, 201)]
    assert say(names, *many, uid=1002) == ["ok"] * 200
    owners = [x["uid"] for x in names.candidates().values()]
    assert (owners.count(1001), owners.count(1002)) == (1, 64)
    assert "0001-0000-0000-00c8" in names.candidates()


def test_what_was_renewed_last_is_kept_the_longest(names: NameNet) -> None:
    many = [f"teach h{i}.example.com 1-0-0-{i:x} {TRUE}" for i in range(1, 65)]
    more = [f"teach more{i}.example.com 2-0-0-{i:x} {TRUE}" for i in range(1, 64)]
    assert set(say(names, *many, many[0], *more)) == {"ok"}
    assert "0001-0000-0000-0001" in names.candidates()


def test_many_users_cannot_drive_out_one(names: NameNet) -> None:
    assert say(names, f"teach b.example.com {NID} {TRUE}", uid=1001) == ["ok"]
    for uid in range(2000, 2020):
        lines = [f"teach h.example.com {uid - 1999:x}-0-1-{i:x} {TRUE}" for i in range(1, 66)]
        assert set(say(names, *lines, uid=uid)) == {"ok"}
    owners = [x["uid"] for x in names.candidates().values()]
    assert len(owners) == 1024
    assert owners.count(1001) == 1
    assert names.net.ping("a", identity_of("b")) == 3


def test_lifetimes_end(names: NameNet) -> None:
    """Of zero as well, after the time a program may take to connect."""
    say(
        names,
        f"teach b.example.com {NID} 2001:db8:2:1,1,99999",
        "teach gone.example.com 1-2-3-4 2001:db8:9:9,1,0",
    )
    found = names.candidates()
    assert found["0000-0000-0000-000b"]["locators"][0]["lifetime"] == 3600  # type: ignore[index]
    assert not expired(names, "0001-0002-0003-0004")
    wait_until("the other has expired", lambda: expired(names, "0001-0002-0003-0004"))
    assert not expired(names)
    # Who sends there has the name asked again; there is none, so he is told at once next time.
    address = f"{IDENTITY.rstrip(':')}:1:2:3:4"
    assert names.net.ping("a", address, count=1) == 0
    wait_until("it is forgotten", lambda: len(names.candidates()) == 1)
    said = names.net.exec("a", "ping", "-6", "-n", "-c", "1", "-W", "20", address, check=False)
    assert "nreachable" in said.stdout


@contextmanager
def shown(names: NameNet) -> Iterator[dict[str, set[str]]]:
    """Collect the nonces that a shows, by the networks that it sends them to."""
    net, found = names.net, dict[str, set[str]]()
    file = net.folder / f"shown-{next(net.number)}.pcap"
    words = ["-i", "any", "--immediate-mode", "-U", "-w", str(file)]
    dump = net.start("r", "tcpdump", *words, "ip6 proto 60 and src net 2001:db8:1::/48")
    wait_until("tcpdump listens", lambda: "listening on" in dump.tail())
    yield found
    dump.signal(signal.SIGINT)
    assert dump.wait(10) == 0
    for packet in decode_file(file):
        network = IPv6Network((str(packet["destination"]), 64), strict=False)
        found.setdefault(str(network), set()).add(str(packet["nonce"]))


TRUE_PLACES = [f"{prefix_of('b', link)}::/64" for link in (1, 2)]
FALSE_PLACE = "2001:db8:66:66::/64"


def test_who_else_a_name_leads_to_sees_no_nonce(names: NameNet) -> None:
    """The owner of a name need not be the node's: one place is tried, that tells of the rest."""
    both = "2001:db8:2:1,10,300 " + FALSE.replace(",0,", ",20,")
    assert say(names, f"teach evil.example.com {NID} {both}") == ["ok"]
    with shown(names) as nonces:
        assert names.net.ping("a", identity_of("b")) == 3
        wait_until(
            "b has told of its others",
            lambda: {"2001+0db8+0002+0001", "2001+0db8+0002+0002"} == locators(names),
        )
        names.net.wait_paths("a", 4)
    assert sorted(nonces) == TRUE_PLACES
    assert nonces[TRUE_PLACES[0]] == nonces[TRUE_PLACES[1]]


def test_where_nobody_answers_another_place_sees_another_nonce(names: NameNet) -> None:
    assert say(names, f"teach b.example.com {NID} {FALSE} 2001:db8:2:1,10,300") == ["ok"]
    with shown(names) as nonces:
        assert names.net.ping("a", identity_of("b"), "-i", "0.5", count=10) >= 3
    assert set(nonces) >= {FALSE_PLACE, TRUE_PLACES[0]}
    assert not nonces[FALSE_PLACE] & nonces[TRUE_PLACES[0]]
    opened = {x["locators"][0]["l64"] for x in names.net.sessions("a")}
    assert opened >= {"2001+0db8+0066+0066", "2001+0db8+0002+0001"}


def expired(names: NameNet, nid: str = "0000-0000-0000-000b") -> bool:
    """Return whether a candidate does not open sessions any more."""
    return bool(names.candidates()[nid]["expired"])


def wait_expired(names: NameNet) -> None:
    wait_until("the lifetime has ended", lambda: expired(names))


# lesson: 72
def test_an_address_is_good_for_longer_than_its_name(names: NameNet) -> None:
    """Programs keep addresses for hours; the name is asked again before anything is sent."""
    say(names, f"teach b.example.com {NID} {FALSE.replace('300', '1')}")
    wait_expired(names)
    assert names.net.ping("a", identity_of("b"), count=10) >= 3
    assert learnt(names) == ["2001+0db8+0002+0001", "2001+0db8+0002+0002"]
    assert counted(names, "asked") == 1


def test_an_expired_nid_is_not_for_anybody_to_take(names: NameNet) -> None:
    """Not by another name before the first is asked; by its own name for a moment only."""
    other, brief = "0000-0000-0000-000c", TRUE.replace("300", "1")
    say(names, f"teach b.example.com {NID} {brief}", f"teach c.example.com 0-0-0-c {brief}")
    wait_expired(names)
    wait_until("both have", lambda: expired(names, other))
    lies = f"teach evil.example.com {NID} {FALSE}", f"teach c.example.com 0-0-0-c {FALSE}"
    refused, taken = say(names, *lies, uid=1002)
    assert (refused, taken) == ("no others were told otherwise", "ok")
    wait_until("the name server is asked", lambda: counted(names, "renewed") == 2)
    assert not expired(names)
    assert learnt(names) == ["2001+0db8+0002+0001", "2001+0db8+0002+0002"]
    assert learnt(names, other) == ["2001+0db8+0002+0002"]


def test_a_ttl_of_zero_opens_one_session(names: NameNet) -> None:
    say(names, f"teach b.example.com {NID} 2001:db8:2:1,1,0")
    assert names.net.ping("a", identity_of("b")) == 3
    session = names.net.session("a")
    assert session["name"] == "b.example.com"


def test_those_who_dawdle_make_room(names: NameNet) -> None:
    script = TALK.replace("answers = []", "answers = []; held = []").replace(
        "for line",
        "for i in range(200):\n    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        '    s.connect("\\0ilnpd.names"); held.append(s)\nfor line',
    )
    out = names.net.exec("a", *as_nobody(sys.executable, "-c", script), stdin='["find b"]').stdout
    assert json.loads(out) == ["ok"]
    assert names.net.tell("a", "status")["ok"]


def test_the_control_socket_stays_closed_to_users(names: NameNet) -> None:
    script = "import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    argv = as_nobody(sys.executable, "-c", script, str(names.net.socket("a")))
    result = names.net.exec("a", *argv, check=False)
    assert "Permission" in result.stderr


def test_resolvers_believe_nobody_but_root(names: NameNet) -> None:
    """While no node runs, a user may sit on its address, and gains nothing."""
    names.net.node_stop("a")
    fake = textwrap.dedent(
        """
        import socket
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.bind("\\0ilnpd.names")
            sock.listen(8)
            print("ready", flush=True)
            while True:
                got = sock.accept()[0]
                got.recv(1024)
                got.send(b"ok 0000-0000-0000-0666")
        """
    )
    with names.net.start("a", *as_nobody(sys.executable, "-c", fake)) as process:
        wait_until("he listens", lambda: "ready" in process.tail())
        text = names.exec("getent", "ahosts", "b.example.com")
        assert identity_of("b") not in text and "666" not in text
        assert f"{prefix_of('b', 1)}::b" in text
        names.net.node("a")
