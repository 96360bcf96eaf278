# SPDX-License-Identifier: BSD-2-Clause
"""The driver that only remembers, and what all drivers share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ilnptool.errors import CommandFailed, UsageError
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.fake import Done, FakeLab
from ilnptool.lab.model import Impairment
from ilnptool.lab.protocol import Lab, running
from ilnptool.lab.topology import load_topology
from ilnptool.run import Result


@pytest.fixture
def lab() -> FakeLab:
    return FakeLab(load_topology(find_topology("duality")))


def test_what_was_asked_is_remembered_in_order(lab: FakeLab) -> None:
    with running(lab) as live:
        live.exec("mn", ["ping", "cn"], timeout=1)
        live.link_down("bb")
    assert lab.done == [
        Done("up", ("duality",)),
        Done("exec", ("mn", "ping", "cn")),
        Done("link_down", ("bb",)),
        Done("down", ("duality",)),
    ]


def test_lab_goes_down_when_its_user_fails(lab: FakeLab) -> None:
    with pytest.raises(ZeroDivisionError), running(lab):
        raise ZeroDivisionError
    assert not lab.is_up


def test_up_and_down_are_idempotent(lab: FakeLab) -> None:
    for act in (lab.up, lab.up, lab.down, lab.down):
        act()
    assert [done.ability for done in lab.done] == ["up", "down"]


def test_addresses_follow_the_links(lab: FakeLab) -> None:
    lab.up()
    lab.link_down("aa")
    assert [x.interface for x in lab.addresses("mn")] == ["if2", "if3"]
    lab.link_up("aa")
    assert [x.interface for x in lab.addresses("mn")] == ["if1", "if2", "if3"]


def test_link_that_starts_down_gives_no_address() -> None:
    topology = load_topology(find_topology("duality"))
    lab = FakeLab(topology.with_link(replace(topology.link("bb"), up=False)))
    lab.up()
    assert [x.interface for x in lab.addresses("mn")] == ["if1", "if3"]


def test_answers_can_be_given(lab: FakeLab) -> None:
    fake = FakeLab(lab.topology, respond=lambda node, argv: Result(argv, 1, "", node, 0.0))
    fake.up()
    assert fake.exec("mn", ["x"], timeout=1, check=False).stderr == "mn"
    with pytest.raises(CommandFailed):
        fake.exec("mn", ["x"], timeout=1)


def test_changed_link_is_in_the_topology(lab: FakeLab) -> None:
    lab.link_set("dd", impairment=Impairment(delay=0.2))
    assert lab.topology.link("dd").impairment == Impairment(delay=0.2)


def test_nothing_runs_in_a_lab_that_is_down(lab: FakeLab) -> None:
    with pytest.raises(UsageError, match="is not up"):
        lab.exec("mn", ["x"], timeout=1)


def test_unknown_names_list_the_known_ones(lab: FakeLab) -> None:
    lab.up()
    with pytest.raises(UsageError, match="has no node x; it has: mn, cn, r1"):
        lab.exec("x", ["ls"], timeout=1)
    with pytest.raises(UsageError, match="has no link x; it has: aa, bb"):
        lab.link_up("x")


def test_process_and_capture_can_be_stopped(lab: FakeLab, tmp_path: Path) -> None:
    live: Lab = lab
    live.up()
    process = live.popen("mn", ["iperf3", "-s"], log=tmp_path / "log")
    assert process.poll() is None
    assert process.stop() == 0
    assert live.capture("mn", "if1", tmp_path / "x.pcap").stop().dropped == 0
