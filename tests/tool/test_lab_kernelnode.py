# SPDX-License-Identifier: BSD-2-Clause
"""A node with ILNP in its kernel answers as ilnpd does: what its listings say, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ilnptool.errors import CheckFailed, CommandFailed
from ilnptool.lab.agent import Agent, Answer
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.kernelnode import MachineNode, parse_locators, parse_sessions
from ilnptool.lab.node import interfaces_in_use, survey
from ilnptool.lab.topology import load_topology
from ilnptool.sysctl.variables import TREE

LOCATORS = """\
locator 2001+0db8+000a+0001 active pref=5 left=12 weight=3 interface=if1 mtu=1500 router=fe80:1::1
locator 2001+0db8+000a+0002 valid pref=0 left=12 withdrawn interface=if2 mtu=1500 router=fe80:2::1
locator 2001+0db8+000a+0003 valid pref=0 withdrawn interface=if3 mtu=1500 router=fe80:3::1
locator 2001+0db8+000a+0004 valid pref=0 interface=if4 mtu=1500 router=::
"""
SESSIONS = """\
session 7 0211-22ff-fe33-4455 0211-22ff-fe66-7788 open initiator lu-pending cksum=rfc algorithm=rr \
tx=4/400 rx=3/300
\tremote 2001+0db8+000b+0001 active pref=10 left=287
\tremote 2001+0db8+000b+0002 expired pref=10 withdrawn learnt
\tpath 2001+0db8+000a+0001 2001+0db8+000b+0001 up tx=4/400 rx=3/300 rtt=2104 mtu=1400
session 8 0211-22ff-fe33-4455 0069-6cff-fe00-0501 ipv6 cksum=unknown algorithm=- tx=0/0 rx=0/0
"""
TEXTS = {
    f"sysctl -n {TREE}.disabled {TREE}.locators": f"if2\n{LOCATORS}\n",
    f"sysctl -n {TREE}.disabled": "if2\n",
    f"sysctl -n {TREE}.sessions": f"{SESSIONS}\n",
    f"sysctl -n {TREE}.nids {TREE}.algorithm {TREE}.disabled": "0211-22ff-fe33-4455\nrr\nif2\n",
    f"sysctl -n {TREE}.hints": (
        "hint 0211-22ff-fe66-7788 2001+0db8+000b+0001,10,300\n"
        "hint 0-0-0-9 2001+0db8+000c+0001,10,300 name=far.example.com uid=65534 left=299\n\n"
    ),
    f"sysctl {TREE}.stats": f"{TREE}.stats.in_ilnp: 12\n{TREE}.stats.lu_acked: 3\n",
    "uname -sr; date +%s; sysctl -n kern.boottime": (
        "FreeBSD 14.0-STABLE\n1000\n{ sec = 900, usec = 5 } Sat Nov 21 18:00:00 2026\n"
    ),
    "ifconfig -lu": "lo0 if1\n",
}


class Told(Agent):
    """Answers as a machine did, and remembers what else it was told."""

    def __init__(self) -> None:
        super().__init__(Path("/none"), Path("/none"))
        self.told: list[str] = []

    def ask(self, text: str, *, timeout: float = 1.0, check: bool = True) -> Answer:
        del timeout, check
        if text in TEXTS:
            return Answer(0, TEXTS[text].encode())
        self.told.append(text)
        if "bad" in text:
            raise CommandFailed([text], 1, "Invalid argument")
        return Answer(0, b"")


@pytest.fixture
def agent() -> Told:
    return Told()


@pytest.fixture
def node(agent: Told) -> MachineNode:
    topology = load_topology(find_topology("two-paths"))
    return MachineNode(agent, topology, topology.node("a"))


def test_locators_have_the_states_that_the_node_has() -> None:
    found = parse_locators(LOCATORS, {"if2"})
    assert [x["state"] for x in found] == ["used", "disabled", "disabled", "no_router"]
    assert [(x["preference"], x["weight"]) for x in found[:2]] == [(5, 3), (0, 1)]
    # One that is not to be used was not deprecated by its router.
    assert [x["deprecated"] for x in found] == [False, False, True, False]
    assert (found[0]["lifetime"], found[2]["lifetime"]) == (12, None)
    assert interfaces_in_use({"locators": found}) == {"if1"}


def test_sessions_have_names_locators_and_paths() -> None:
    names = {"0211-22ff-fe66-7788": "b"}
    one, other = parse_sessions(SESSIONS, names, {"2001+0db8+000a+0001": "if1"})
    assert (one["id"], one["name"], one["state"]) == (7, "b", "open")
    assert one["initiator"]
    assert one["lu_pending"]
    assert not one["confirmed"]
    assert (one["tx_packets"], one["rx_bytes"]) == (4, 300)
    assert [x["withdrawn"] for x in one["locators"]] == [False, True]
    (path,) = one["paths"]
    assert (path["interface"], path["srtt_us"], path["mtu"]) == ("if1", 2104, 1400)
    assert (other["name"], other["state"], other["paths"]) == (None, "ipv6", [])


@pytest.mark.parametrize("text", ["nonsense of=it", "locator"])
def test_listings_of_another_kernel_are_refused(text: str) -> None:
    with pytest.raises(CheckFailed, match="unknown line"):
        parse_locators(text, set())
    with pytest.raises(CheckFailed, match="unknown line"):
        parse_sessions(text, {}, {})


def test_what_status_shows_of_a_node_is_there(node: MachineNode) -> None:
    found = survey("lab/a", node.request)
    assert found["version"] == "FreeBSD 14.0-STABLE"
    assert found["uptime"] == 100
    assert found["nids"] == ["0211-22ff-fe33-4455"]
    assert found["counters"] == {"in_ilnp": 12, "lu_acked": 3}
    assert [x["name"] for x in found["session_list"]] == ["b", None]
    assert [(x["name"], x["running"], x["disabled"]) for x in found["interfaces"]] == [
        ("if1", True, False),
        ("if2", False, True),
    ]
    hosts = node.request({"cmd": "hosts"})["hosts"]
    assert [x["name"] for x in hosts] == ["b", "far.example.com"]
    assert hosts[1]["locators"] == [
        {"l64": "2001+0db8+000c+0001", "preference": 10, "lifetime": 300}
    ]


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"cmd": "disable", "interface": "if1"}, "disabled='if2 if1'"),
        ({"cmd": "enable", "interface": "if2"}, "disabled=''"),
        ({"cmd": "set", "name": "probe_idle", "value": 900}, "probe_idle=900"),
        ({"cmd": "algorithm", "name": "drr"}, "algorithm=drr"),
        (
            {"cmd": "teach", "nid": "1-2-3-4", "locators": ["2001+0+0+1"]},
            "teach='1-2-3-4 2001+0+0+1'",
        ),
    ],
)
def test_what_is_asked_for_is_told(
    node: MachineNode, agent: Told, request_: dict[str, Any], told: str
) -> None:
    assert node.request(request_) == {"ok": True}
    assert agent.told == [f"sysctl {TREE}.{told}"]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"cmd": "retry"}, "no such command"),
        ({"cmd": "disable", "interface": "if9"}, "no such interface: if9; allowed: if1, if2"),
        ({"cmd": "set", "name": "probe_idle", "value": 1}, "bad value '1'"),
        ({"cmd": "set", "name": "nonsense", "value": 1}, "no variable nonsense"),
        ({"cmd": "algorithm", "name": "bad"}, "Invalid argument"),
    ],
)
def test_what_cannot_be_is_refused(node: MachineNode, request_: dict[str, Any], said: str) -> None:
    answer = node.request(request_)
    assert answer["ok"] is False
    assert said in answer["error"]
