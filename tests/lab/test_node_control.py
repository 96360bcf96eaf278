# SPDX-License-Identifier: BSD-2-Clause
"""The control socket: what it says, what it refuses, and whom it does not wait for."""

from __future__ import annotations

import json
import os
import socket
import stat
import time
from collections.abc import Iterator
from typing import Any

import pytest
from nodenet import TOP, NodeNet, identity_of, l64_of, paired_net, prefix_of, wait_until

from ilnptool.errors import IlnpError
from ilnptool.tables import read_counters, read_knobs

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def net() -> Iterator[NodeNet]:
    with paired_net() as net:
        yield net


def test_status_says_what_the_node_is(net: NodeNet) -> None:
    status = net.tell("a", "status")
    assert status["name"] == "a"
    assert status["nids"] == ["0000-0000-0000-000a"]
    assert status["identities"] == [identity_of("a")]
    assert status["algorithm"] == "rr"
    assert status["sessions"] == 1
    assert status["plain"] == []
    assert [x["name"] for x in status["interfaces"]] == ["if1", "if2"]
    assert {x["l64"]: x["state"] for x in status["locators"]} == {
        l64_of("a", 1): "used",
        l64_of("a", 2): "used",
    }


def test_sessions_and_paths_tell_where_the_octets_went(net: NodeNet) -> None:
    session = net.session("a")
    assert session["name"] == "b"
    assert session["initiator"]
    assert session["tx_packets"] == sum(x["tx_packets"] for x in session["paths"])
    pairs = {(x["local_l64"], x["remote_l64"]) for x in net.tell("a", "paths")["paths"]}
    assert pairs == {(l64_of("a", i), l64_of("b", j)) for i in (1, 2) for j in (1, 2)}


def test_nonces_are_never_shown(net: NodeNet) -> None:
    text = json.dumps([net.tell("a", x) for x in ("status", "sessions", "paths", "hosts")])
    assert "nonce" not in text


def test_sessions_come_in_pages(net: NodeNet) -> None:
    page = net.tell("a", "sessions", max=1)
    assert (len(page["sessions"]), page["next"]) == (1, None)
    assert net.tell("a", "sessions", **{"from": 1})["sessions"] == []


def test_counters_and_knobs_are_those_of_the_tables(net: NodeNet) -> None:
    shown = net.counters("a")
    assert {x.name for x in read_counters(TOP)} <= set(shown)
    knobs = net.tell("a", "knobs")["knobs"]
    assert set(knobs) == {x.name for x in read_knobs(TOP)}
    assert knobs["nonce_size"]["default"] == 4


def test_set_changes_a_knob_within_its_range(net: NodeNet) -> None:
    net.tell("a", "set", name="probe_idle", value=700)
    assert net.tell("a", "knobs")["knobs"]["probe_idle"]["value"] == 700


@pytest.mark.parametrize(
    ("request_", "error", "allowed"),
    [
        ({"cmd": "set", "name": "nonce_size", "value": 7}, "bad value", "4 or 12 octets"),
        ({"cmd": "set", "name": "quiet", "value": -1}, "bad value", "0 to 60000 ms"),
        ({"cmd": "set", "name": "quiet", "value": "x"}, "bad value", "0 to 60000 ms"),
        ({"cmd": "set", "name": "nothing", "value": 1}, "no such knob", "knobs"),
        ({"cmd": "set", "name": "sess_max", "value": 99}, "fixed", "configuration"),
        ({"cmd": "algorithm", "name": "best"}, "no such algorithm", "rr, drr"),
        ({"cmd": "algorithm", "name": "rr", "session": 99}, "no such session", "sessions"),
        ({"cmd": "disable", "interface": "eth9"}, "no such interface", "if1, if2"),
        ({"cmd": "retry", "nid": "zz"}, "bad NID", "four groups"),
        ({"cmd": "teach", "nid": "1:2:3:4", "locators": []}, "bad locators", "1 to 8"),
        ({"cmd": "teach", "nid": "1:2:3:4", "locators": ["fe80:0:0:0"]}, "bad locator", "2000::/3"),
        ({"cmd": "fly"}, "no such command", "status"),
        ({"do": "it"}, 'no "cmd"', "status"),
    ],
    ids=lambda x: x if isinstance(x, str) else None,
)
def test_what_is_wrong_is_refused_with_what_is_allowed(
    net: NodeNet, request_: dict[str, Any], error: str, allowed: str
) -> None:
    with net.control("a") as control:
        answer = control.request(request_)
        assert not answer["ok"]
        assert error in answer["error"]
        assert allowed in answer["allowed"]
        assert control.request({"cmd": "status"})["ok"]


def test_what_is_no_json_is_refused(net: NodeNet) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(net.socket("a")))
        raw.sendall(b"{nonsense\n[1]\n\n")
        lines = b""
        while lines.count(b"\n") < 3:
            lines += raw.recv(65536)
    assert all(not json.loads(x)["ok"] for x in lines.splitlines())


def test_a_line_too_long_is_refused_and_the_next_one_served(net: NodeNet) -> None:
    with socket.socket(socket.AF_UNIX) as raw, raw.makefile("r") as answers:
        raw.connect(str(net.socket("a")))
        for length in (65536, 65537, 1_000_000):
            raw.sendall(b"x" * length + b'\n{"cmd": "status"}\n')
            refused = json.loads(answers.readline())
            assert (refused["ok"], refused["error"]) == (False, "line too long")
            assert json.loads(answers.readline())["ok"]
        # The longest that is taken, sent in two parts.
        line = b'{"cmd": "status"' + b" " * (65535 - 17) + b"}"
        raw.sendall(line[:40000])
        time.sleep(0.2)
        raw.sendall(line[40000:] + b"\n")
        assert json.loads(answers.readline())["ok"]


def test_the_algorithm_can_be_chosen(net: NodeNet) -> None:
    net.tell("a", "algorithm", name="drr")
    assert net.tell("a", "algorithm")["algorithm"] == "drr"
    net.tell("a", "algorithm", name="sticky", session=net.session("a")["id"])
    assert net.session("a")["algorithm"] == "sticky"
    net.tell("a", "algorithm", name="rr")


@pytest.mark.checklist(56)
def test_a_taught_correspondent_can_be_reached(net: NodeNet) -> None:
    hosts = net.folder / "hosts"
    text = hosts.read_text()
    hosts.write_text("".join(x for x in text.splitlines(True) if "-000b" not in x))
    try:
        for host in "ab":  # b too: what is left of its session would call a first
            net.node_stop(host)
        for host in "ab":
            net.node(host)
        assert net.ping("a", identity_of("b"), count=1) == 0
        net.tell("a", "teach", nid="0:0:0:b", locators=[{"l64": prefix_of("b", 1)}])
        assert net.ping("a", identity_of("b")) == 3
        hosts.write_text(text)
        net.tell("a", "resolve")
        assert {x["name"] for x in net.tell("a", "hosts")["hosts"]} == {"a", "b"}
    finally:
        hosts.write_text(text)


def test_a_broken_hosts_file_changes_nothing(net: NodeNet) -> None:
    hosts = net.folder / "hosts"
    text = hosts.read_text()
    hosts.write_text("# one\n2001+db8+1.0-0-0-b b\n")
    try:
        answer = net.ask("a", "resolve")
    finally:
        hosts.write_text(text)
    assert not answer["ok"]
    assert answer["error"].startswith(f"{hosts}:2: bad value 2001+db8+1.0-0-0-b; allowed: L64.NID")
    assert net.ping("a", identity_of("b"), count=1) == 1


def test_subscribers_get_all_there_is_and_then_what_happens(net: NodeNet) -> None:
    with net.control("a") as control:
        assert control.request({"cmd": "subscribe"})["ok"]
        kinds: list[str] = []
        while not kinds or kinds[-1] != "dump_end":
            kinds.append(control.receive()["event"])
        assert kinds.count("locator") == 2
        assert kinds.count("session") >= 1
        net.tell("a", "disable", interface="if2")
        try:
            seen: list[dict[str, Any]] = []
            while not seen or seen[-1]["event"] != "lu_acked":
                seen.append(control.receive())
            sent = next(x for x in seen if x["event"] == "lu_sent")
            assert sent["count"] == 1
            assert sent["remote_nid"] == "0000-0000-0000-000b"
            while seen[-1]["event"] != "loc_quiet":
                seen.append(control.receive())
            assert seen[-1]["local_l64"] == l64_of("a", 2)
            assert seen[-1]["interface"] == "if2"
        finally:
            net.tell("a", "enable", interface="if2")
            net.wait_locators("a", 2)


def test_a_subscriber_that_does_not_read_is_dropped(net: NodeNet) -> None:
    before = net.counters("a")["node_ctl_dropped"]
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(net.socket("a")))
        raw.settimeout(5)
        ask = b'{"cmd":"knobs"}\n' * 200

        def dropped() -> bool:
            try:
                raw.sendall(ask)
            except OSError:
                return True
            return False

        wait_until("the connection is closed", dropped)
    assert net.counters("a")["node_ctl_dropped"] == before + 1
    assert net.ping("a", identity_of("b"), count=1) == 1


def test_a_client_that_dies_does_no_harm(net: NodeNet) -> None:
    for _ in range(100):
        raw = socket.socket(socket.AF_UNIX)
        raw.connect(str(net.socket("a")))
        raw.sendall(b'{"cmd":"subscribe"}\n{"cmd":"stat')
        raw.close()
    assert net.tell("a", "status")["ok"]


def test_the_socket_is_for_root_only(net: NodeNet) -> None:
    mode = net.socket("a").stat()
    assert stat.S_IMODE(mode.st_mode) == 0o600
    assert mode.st_uid == os.geteuid()


def test_nobody_answers_once_the_node_has_ended(net: NodeNet) -> None:
    net.node_stop("a")
    with pytest.raises(IlnpError):
        net.tell("a", "status")
    net.node("a")
