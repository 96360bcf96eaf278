# SPDX-License-Identifier: BSD-2-Clause
"""The shell tests of tests/net as far as they go without FreeBSD, and what runs and reads them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from ilnptool.cli import cli
from ilnptool.errors import UsageError
from ilnptool.guest.suite import (
    choose,
    junit,
    our_programs,
    read_results,
    start_script,
)

TOP = Path(__file__).parents[2]
GUEST = TOP / "bhyve/guest/usr"
NET = TOP / "tests/net"

PROGRAM = """\
#! /usr/libexec/atf-sh
atf_test_case passes
passes_head() { atf_set descr "It passes"; }
passes_body() {
	atf_check true
	atf_check -s exit:3 -o inline:"one\\n" -e match:"t[a-z]o$" -x "echo one; echo two >&2; exit 3"
	atf_check -s not-exit:0 false
	atf_check -o match:a -o not-match:"^c" -o save:kept echo abc
	atf_check -o file:kept cat kept
	atf_check_equal 2 $((1 + 1))
	atf_check -s signal:term -e ignore -x 'kill -TERM $$'
	[ "$(atf_get_srcdir)" = "$(dirname "$0")" ] || atf_fail "srcdir"
}
atf_test_case fails cleanup
fails_head() { :; }
fails_body() {
	echo evidence
	atf_check -o empty echo something
	echo never
}
fails_cleanup() { echo "cleaned up"; }
atf_test_case ends_badly
ends_badly_body() { false; }
atf_test_case in_a_subshell
in_a_subshell_body() {
	(atf_fail "down here") || true
}
atf_test_case skips
skips_body() { atf_skip "no reason"; }
atf_test_case wants
wants_head() { atf_set require.progs "sh no-such-program"; }
wants_body() { atf_fail "it should not run"; }
atf_test_case told
told_head() { atf_set require.config word; }
told_body() { [ "$(atf_config_get word)" = hello ] || atf_fail "not told"; }
atf_test_case known
known_body() { atf_expect_fail "a mistake"; atf_fail "again"; }
atf_test_case repaired
repaired_body() { atf_expect_fail "a mistake"; }
atf_test_case slow
slow_head() { atf_set timeout 1; }
slow_body() { sleep 30; }
atf_test_case later
later_body() { (sleep 1; echo now >there) & atf_check -r 5 test -s there; wait; }
atf_test_case hangs
hangs_head() { atf_set timeout 1; }
hangs_body() { atf_expect_timeout "it sleeps"; sleep 30; }
atf_test_case awake
awake_body() { atf_expect_timeout "it sleeps"; }
atf_test_case exits
exits_body() { atf_expect_exit 7 "so said"; exit 7; }
atf_test_case exits_somehow
exits_somehow_body() { atf_expect_exit -1 "so said"; exit 9; }
atf_test_case exits_otherwise
exits_otherwise_body() { atf_expect_exit 7 "so said"; exit 8; }
atf_test_case is_killed
is_killed_body() { atf_expect_signal 9 "so said"; kill -KILL $$; }
atf_test_case lives
lives_body() { atf_expect_signal 9 "so said"; exit 0; }
atf_test_case dies
dies_body() { atf_expect_death "somehow"; exit 5; }
atf_test_case goes_on
goes_on_body() { atf_expect_death "somehow"; atf_expect_pass; }
atf_test_case vanishes
vanishes_body() { kill -KILL $$; }
atf_test_case passes_badly
passes_badly_body() { trap 'exit 3' EXIT; }
atf_test_case leaves_dirt cleanup
leaves_dirt_body() { :; }
leaves_dirt_cleanup() { false; }
atf_test_case fails_in_dirt cleanup
fails_in_dirt_body() { atf_fail "first"; }
fails_in_dirt_cleanup() { false; }
atf_test_case elsewhere
elsewhere_head() { atf_set require.machine "pdp11 vax"; }
elsewhere_body() { :; }
atf_test_case huge
huge_head() { atf_set require.memory 4096G; }
huge_body() { :; }
atf_test_case of_two_words
of_two_words_body() { [ "$(atf_config_get words)" = "two words" ] || atf_fail "not told"; }
atf_init_test_cases() {
	for name in $(grep -o '^[a-z_]*_body' "$0"); do
		atf_add_test_case ${name%_body}
	done
}
"""
# As Kyua has it: engine/atf_result.cpp and atf-test-case(4).
EXPECTED = {
    "passes": ("passed", ""),
    "fails": ("failed", "atf-check failed; see the output of the test for details"),
    "ends_badly": (
        "failed",
        "Test case body returned a non-ok exit code, but this is not allowed",
    ),
    "in_a_subshell": ("passed", ""),  # which the body has survived
    "skips": ("skipped", "no reason"),
    "wants": ("skipped", "Required program 'no-such-program' not found"),
    "told": ("passed", ""),
    "known": ("expected_failure", "a mistake: again"),
    "repaired": ("failed", "Test case was expecting a failure, which did not come"),
    "slow": ("broken", "Test case body timed out"),
    "later": ("passed", ""),
    "hangs": ("expected_failure", "it sleeps"),
    "awake": ("failed", "Test case was expected to hang, and went on"),
    "exits": ("expected_failure", "so said"),
    "exits_somehow": ("expected_failure", "so said"),
    "exits_otherwise": (
        "failed",
        "Test case expected to exit with code 7 but exited with code 8",
    ),
    "is_killed": ("expected_failure", "so said"),
    "lives": ("broken", "Expected signal but exited with code 0"),
    "dies": ("expected_failure", "somehow"),
    "goes_on": ("failed", "Test case was expected to end abruptly, and went on"),
    "vanishes": ("broken", "Premature exit; test case received signal 9"),
    "passes_badly": (
        "broken",
        "Passed test case should have reported success but exited with code 3",
    ),
    "leaves_dirt": ("broken", "Test case cleanup did not terminate successfully"),
    "fails_in_dirt": ("failed", "first"),
    "elsewhere": ("skipped", f"Current platform '{os.uname().machine}' not supported"),
    "huge": ("skipped", "Requires 4096G bytes of physical memory"),
    "of_two_words": ("passed", ""),
}
RESULTS = """\
begin a:good\r
end a:good 2 passed\r
begin a:bad\r
> said: this\r
> \r
end a:bad 3 failed: because of that\r
begin b:none
end b:none 0 skipped: not here
done 3
"""


def run_atf(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = ["sh", str(GUEST / "bin/atf-run"), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def test_programs_for_atf_run_without_it(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/some_test").write_text(PROGRAM)
    (tmp_path / "Kyuafile").write_text('syntax(2)\ninclude("inner/Kyuafile")\n')
    (tmp_path / "inner/Kyuafile").write_text('atf_test_program{name="some_test", timeout=3}\n')
    results = tmp_path / "results"
    told = ("-v", "word=hello", "-v", "words=two words")
    done = run_atf("-r", str(results), *told, str(tmp_path / "Kyuafile"))
    cases, ended = read_results(results.read_text())
    assert {case.name: (case.status, case.reason) for case in cases} == EXPECTED, done.stderr
    assert ended
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "27 cases: 11 passed, 4 skipped, 12 failed"
    failed = next(case for case in cases if case.name == "fails").output
    assert "evidence" in failed
    assert "never" not in failed
    assert failed.endswith("cleaned up")
    one = run_atf("-v", "word=x", f"{tmp_path}/Kyuafile:inner/some_test:told")
    assert "told  ->  failed: not told" in one.stdout
    assert run_atf("-v", "word=hello", f"{tmp_path}/Kyuafile:inner/some_test:told").returncode == 0
    assert "no such Kyuafile" in run_atf(str(tmp_path / "nothing")).stderr


def test_what_a_kyuafile_says_of_a_program_holds_for_its_cases(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(PROGRAM)
    (tmp_path / "Kyuafile").write_text(
        'atf_test_program{name="one", required_programs="sh no-such-one", timeout="2"}\n'
    )
    assert "skipped: Required program 'no-such-one'" in run_atf(f"{tmp_path}/Kyuafile").stdout
    # What a case says of itself comes first.
    one = run_atf(f"{tmp_path}/Kyuafile:one:wants")
    assert "Required program 'no-such-program' not found" in one.stdout


@pytest.mark.parametrize("name", our_programs())
def test_our_programs_list_their_cases_and_leave_none_out(name: str) -> None:
    path = NET / name
    assert os.access(path, os.X_OK)
    argv = ["sh", str(GUEST / "libexec/atf-sh"), str(path), "-l"]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    listed = re.findall(r"^ident: (\w+)$", said, re.MULTILINE)
    text = path.read_text()
    defined = re.findall(r"^atf_test_case (\w+) cleanup$", text, re.MULTILINE)
    assert listed == defined
    for case in defined:
        assert text.count(f"\n{case}_body() {{") == 1
        assert text.count(f"\n{case}_cleanup() {{") == 1
    assert said.count("has.cleanup: true") == said.count("require_user: root") == len(listed)
    assert said.count("\ndescr: ") == len(listed)


def test_no_test_of_tests_net_is_forgotten() -> None:
    assert sorted(our_programs()) == sorted(path.name for path in NET.glob("*_test"))


def test_the_program_that_sends_packets_compiles_for_freebsd(tmp_path: Path) -> None:
    pytest.importorskip("ziglang", reason="pip install ziglang")
    argv = [
        *(sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-freebsd.14.0-none"),
        *("-Wall", "-Wextra", "-Werror", "-c", "-o", str(tmp_path / "wire.o"), str(NET / "wire.c")),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_results_are_read_as_they_were_told() -> None:
    cases, ended = read_results(RESULTS)
    assert ended
    assert [case.ident for case in cases] == ["a:good", "a:bad", "b:none"]
    assert [case.good for case in cases] == [True, False, True]
    assert cases[1].reason == "because of that"
    assert cases[1].output == "said: this\n"


def test_a_machine_that_ends_early_is_seen() -> None:
    cases, ended = read_results("begin a:x\nend a:x 0 passed\nbegin a:y\n> hm\n")
    assert not ended
    assert (cases[1].name, cases[1].status, cases[1].output) == ("y", "broken", "hm")
    assert read_results("")[1] is False


def test_junit_tells_failures_skips_and_complaints() -> None:
    cases, _ = read_results(RESULTS)
    root = ElementTree.fromstring(junit(cases, ("panic: \x01no",), False, "ILNP"))
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("5", "3", "1")
    bad = root.findall("testcase/failure")
    assert [x.get("message") for x in bad] == [
        "failed: because of that",
        "failed: it complains",
        "failed: they are not",
    ]
    assert bad[1].text == "panic: no"
    assert root.findall("testcase")[0].get("classname") == "ILNP.a"


def test_cases_are_chosen_by_name() -> None:
    assert choose(()) == ("/usr/tests/ilnp/Kyuafile",)
    assert choose(("move_test:renumbered",)) == ("/usr/tests/ilnp/Kyuafile:move_test:renumbered",)
    with pytest.raises(UsageError, match=r"no test program nothing; there are: .*move_test"):
        choose(("nothing",))


def test_the_machine_is_told_to_end_after_the_tests() -> None:
    script = start_script(("/K",), settings=("host=1", "fibs=1 2")).splitlines()
    assert "atf-run -r /dev/cuau1 -v host=1 -v 'fibs=1 2' /K" in script
    assert script[-1] == "reboot -q"
    assert "ilnp-on" in start_script(("/K",), everywhere=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to test: --guest, --kyua or --freebsd-tests"),
        (["--kyua", "--freebsd-tests"], "exclude each other"),
        (["--guest", "move_test"], "test programs are for --kyua"),
        # Either says by itself that a machine is booted.
        (["--kyua", "nothing"], "no test program nothing"),
        (["--guest", "--kyua", "nothing"], "no test program nothing"),
        (["--freebsd-tests", "--group", "nothing"], "no group nothing"),
    ],
)
def test_wrong_calls_say_what_is_right(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(cli, ["test", *arguments])
    assert isinstance(done.exception, UsageError)
    assert message in str(done.exception)
