# SPDX-License-Identifier: BSD-2-Clause
"""What a booted machine says, and what becomes of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ilnptool.build.trial import QEMU, Machine, run_machine
from ilnptool.errors import CheckFailed, EnvironmentMissing, UsageError
from ilnptool.guest import bench
from ilnptool.guest.bench import RATIOS, read_locks, read_numbers
from ilnptool.guest.console import Said, Verdict, complaints_in, judge, junit
from ilnptool.guest.quick import USUAL, known_groups, need_qemu

GOOD = """\
KT: start
== first
  ok   one is so
       and this is why
  ok   two is, too
== second
  ok   three
KT: 3 ok, 0 failed
KT: PASS
"""
# The same on a console on which a kernel speaks that watches its locks: a serial line takes a few
# octets at a time, and what the kernel prints comes first.
MIXED = """\
KT: start\r
== first\r
  ok   oacquiring a lock in epoch entered at netisr.c:5\r
ne is so\r
       and lock order reversal:\r
 1st 0xfffff800 one (one, sleep mutex) @ a.c:1\r
this is why\r
  okuma_zalloc: sleepless\r
   two is, too\r
== second\r
  ok   three\r
KT: 3 ok, 0 faEpoch 0x1 entered at b.c:7\r
iled\r
KT: PASS\r
"""
# FreeBSD's own, as WITNESS tells of it.
KNOWN = """\
lock order reversal:\r
 1st 0xfffffe0054ce58d0 tcphash (tcphash, sleep mutex) @ /o/ilnp/sys/netinet/tcp_usrreq.c:1509\r
 2nd 0xffffffff8153fd00 in6_ifaddr_lock (in6_ifaddr_lock, rm) @ /o/netinet6/in6_src.c:303\r
lock order tcphash -> in6_ifaddr_lock attempted at:\r
#0 0xffffffff806679d3 at witness_checkorder+0x11d3\r
#1 0xffffffff80578b98 at _rm_rlock_debug+0x228\r
#2 0xffffffff809102fb at in6_selectsrc+0x66b\r
"""
LOCKS = """\
BENCH udp64.ilnp 200
LOCKS udp64.ilnp 100
LOCK  max wait_max total wait_total count avg wait_avg cnt_hold cnt_lock name
LOCK  1 0 9 0    200    1         0  0  0 a.c:5 (sleep mutex:ilnp session)
LOCK  1 0 9 0     50    1         0  0  0 b.c:6 (sleep mutex:ilnp bucket)
LOCK  1 0 9 0    100    1         0  0  0 c.c:7 (rm:ilnp pool)
LOCKS END
"""


def verdict_on(text: str) -> Verdict:
    """What a machine means whose two lines say the same."""
    return judge(Said(text, text))


def test_facts_are_found_with_their_scenarios_and_evidence() -> None:
    verdict = verdict_on(GOOD)
    assert verdict.good
    assert [(fact.scenario, fact.text) for fact in verdict.facts] == [
        ("first", "one is so"),
        ("first", "two is, too"),
        ("second", "three"),
    ]
    assert "this is why" in verdict.facts[1].evidence


def test_a_reversal_of_freebsds_own_is_known_by_its_locks_and_function() -> None:
    assert complaints_in(KNOWN) == ()
    head = ("lock order reversal:",)
    assert complaints_in(KNOWN.replace("tcphash (tcphash", "udphash (udphash")) == head
    assert complaints_in(KNOWN.replace("in6_ifaddr_lock (in6", "ilnp flows (in6")) == ()
    assert complaints_in(KNOWN.replace("(in6_ifaddr_lock, rm)", "(ilnp flows, rm)")) == head
    assert complaints_in(KNOWN.replace("in6_selectsrc+", "ilnp_hook_connect+")) == head
    assert complaints_in(f"{KNOWN}panic: no\n{KNOWN.partition(' 2nd')[0]}") == ("panic: no", *head)


def test_a_fact_that_does_not_hold_is_a_failure() -> None:
    verdict = verdict_on(GOOD.replace("  ok   three", "  FAIL three").replace("3 ok, 0", "2 ok, 1"))
    assert not verdict.good
    assert [fact.text for fact in verdict.failures] == ["three"]
    assert "1 do not" in verdict.summary()


@pytest.mark.parametrize(
    "text", [GOOD.replace("KT: 3 ok", "KT: 4 ok"), GOOD[: GOOD.index("KT: 3")], ""]
)
def test_a_program_that_did_not_come_to_its_end_has_not_passed(text: str) -> None:
    verdict = verdict_on(text)
    assert not verdict.good
    assert "did not come to its end" in verdict.summary()


def test_a_complaint_of_the_kernel_is_a_failure() -> None:
    verdict = verdict_on(GOOD.replace("== second", "panic: no\n== second"))
    assert not verdict.good
    assert verdict.complaints == ("panic: no",)


def test_a_kernel_that_speaks_in_between_hides_no_fact_and_is_heard() -> None:
    verdict = judge(Said(MIXED, GOOD.replace("\n", "\r\n")))
    assert verdict.ended
    assert verdict.facts == verdict_on(GOOD).facts
    assert verdict.complaints == ("and lock order reversal:",)
    assert complaints_in(MIXED) == verdict.complaints
    assert not judge(Said(MIXED, MIXED)).ended  # the console alone does not do


def test_the_junit_file_has_a_case_for_each_fact_the_kernel_and_the_end() -> None:
    text = GOOD.replace("  ok   three", "  FAIL three \x07").replace("3 ok, 0", "2 ok, 1")
    suite = ElementTree.fromstring(junit(verdict_on(text), "ILNP"))
    assert (suite.get("tests"), suite.get("failures")) == ("5", "1")
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["three "]


def test_an_unknown_group_is_refused_with_what_there_is() -> None:
    assert known_groups(()) == USUAL
    with pytest.raises(UsageError, match="no group nonsense; there are: wire"):
        known_groups(("wire", "nonsense"))


def test_a_machine_without_qemu_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentMissing, match="apt-get install qemu-system-x86"):
        need_qemu()


def test_numbers_are_read_and_locks_that_all_share_are_told_from_a_sessions_own() -> None:
    assert read_numbers(LOCKS) == {"udp64.ilnp": 200}
    count = read_locks(LOCKS)["udp64.ilnp"]
    assert count.per_packet == {"ilnp session": 2.0, "ilnp bucket": 0.5, "ilnp pool": 1.0}
    assert count.global_ones() == {"ilnp bucket": 0.5, "ilnp pool": 1.0}


def test_a_goal_is_met_missed_or_not_measured() -> None:
    names = {name for _, *pair in RATIOS for name in pair}
    even = dict.fromkeys(names, 1000)
    count = {name: read_locks(LOCKS)["udp64.ilnp"] for name in ("udp64.ilnp", "segment.ilnp")}
    met = bench.judge(even, {})
    assert all(outcome.met for outcome in met[:-1])
    assert met[-1].reason == "the kernel did not count its locks"
    dear = bench.judge({**even, "udp64.ilnp": 2000}, count)
    assert [outcome.goal.part for outcome in dear if not outcome.met] == ["64 octets", "locks"]
    assert "1.5 is not at most 0" in str(dear[-1].reason)
    assert "was not counted" in str(bench.judge({}, {})[0].reason)


# Writes the text behind it to the first serial line, then halts.
WRITER = bytes.fromhex("fc31c08ed8be167cbaf803ac84c07403eeebf8f4ebfd")


@pytest.mark.skipif(shutil.which(QEMU) is None, reason="needs apt-get install qemu-system-x86")
def test_a_machine_that_waits_for_somebody_to_type_is_told_with_its_last_lines(
    tmp_path: Path,
) -> None:
    image = tmp_path / "image"
    sector = WRITER + b"can't load 'kernel'\r\nOK \0"
    image.write_bytes((sector.ljust(510, b"\0") + b"\x55\xaa").ljust(1 << 20, b"\0"))
    console = tmp_path / "console"
    with pytest.raises(CheckFailed, match=r"(?s)waits for somebody.*can't load 'kernel'\nOK"):
        run_machine(Machine(image, memory=64, cpus=1), console, timeout=300)
    assert "can't load" in console.read_text()
