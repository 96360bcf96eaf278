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
from ilnptool.guest.results import junit, kyua_report, progress_of, read_kyua, read_results
from ilnptool.guest.suite import KYUA as KYUA_RUNNER
from ilnptool.guest.suite import choose, machine_for, our_programs, start_script

TOP = Path(__file__).parents[2]
GUEST = TOP / "bhyve/guest/usr"
NET = TOP / "tests/net"

PROGRAM = (TOP / "tests/tool/kinds.atf").read_text()
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
    "of_two_lines": ("broken", "The result is not one line: failed: one two "),
    "looks_late": ("broken", "Premature exit; test case exited with code 124"),
    "builtin": ("skipped", "Required program 'export' not found"),
    "status_twice": ("failed", "atf-check failed; see the output of the test for details"),
    "at_home": ("passed", ""),
}
# Without a terminal sh(1) of Linux makes no process groups.
LINUX = {"leaves_a_child"}
KYUA = """\
kinds:fine  ->  passed  [0.412s]
inner/kinds:bad  ->  failed: because of that  [12.700s]
inner/kinds:none  ->  skipped: not here  [0.005s]
inner/kinds:gone  ->  broken: Premature exit; test case received signal 9  [0.100s]
inner/kinds:known  ->  expected_failure: a mistake: again  [0.100s]

Results saved to /tmp/kyua.db

3/5 passed (2 failed)
kyua ended with status 1
<?xml version="1.0" encoding="iso-8859-1"?>
<testsuite>
<properties>
<property name="cwd" value="/"/>
</properties>
<testcase classname="inner.kinds" name="bad" time="12.700">
<failure message="because of that"/>
<system-out>said: &lt;this&gt;
</system-out>
<system-err>Test case metadata
------------------

timeout = 3

Original stderr
---------------

and that
</system-err>
</testcase>
<testcase classname="kinds" name="fine" time="0.412">
<system-err>Original stderr
---------------

&lt;EMPTY&gt;
</system-err>
</testcase>
<testcase classname="inner.kinds" name="none" time="0.005"><skipped/></testcase>
<testcase classname="inner.kinds" name="gone" time="0.1"><error message="x"/></testcase>
<testcase classname="inner.kinds" name="known" time="0.1"></testcase>
</testsuite>
"""
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
    found = {case.name: (case.status, case.reason) for case in cases if case.name not in LINUX}
    assert found == EXPECTED, done.stderr
    assert [case.name for case in cases] == sorted([*EXPECTED, *LINUX])
    assert ended
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "33 cases: 12 passed, 5 skipped, 16 failed"
    failed = next(case for case in cases if case.name == "fails").output
    assert "evidence" in failed
    assert "never" not in failed
    assert failed.endswith("cleaned up")
    one = run_atf("-v", "word=x", f"{tmp_path}/Kyuafile:inner/some_test:told")
    assert "told  ->  failed: not told" in one.stdout
    assert run_atf("-v", "word=hello", f"{tmp_path}/Kyuafile:inner/some_test:told").returncode == 0
    assert "no such Kyuafile" in run_atf(str(tmp_path / "nothing")).stderr
    none = run_atf(f"{tmp_path}/Kyuafile:inner/some_test:forgotten")
    assert (none.returncode, none.stderr) == (
        1,
        "atf-run: no case is called inner/some_test:forgotten\n",
    )


def test_what_a_kyuafile_says_of_a_program_holds_for_its_cases(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(PROGRAM)
    (tmp_path / "Kyuafile").write_text(
        'atf_test_program{name="one", required_programs="sh no-such-one", timeout="2"}\n'
    )
    assert "skipped: Required program 'no-such-one'" in run_atf(f"{tmp_path}/Kyuafile").stdout
    # What a case says of itself comes first.
    one = run_atf(f"{tmp_path}/Kyuafile:one:wants")
    assert "Required program 'no-such-program' not found" in one.stdout


def test_a_kyuafile_may_be_written_in_many_ways(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(PROGRAM)
    (tmp_path / "Kyuafile").write_text(
        "-- said of it\nsyntax(2)\ntest_suite('x')\natf_test_program{\n    name = 'one', -- this\n"
        "    is_exclusive=true,\n    timeout=2\n}\n"
        "atf_test_program{name='two', allowed_platforms='vax pdp11'}\n"
    )
    (tmp_path / "two").write_text(PROGRAM)
    assert "one:at_home  ->  passed" in run_atf(f"{tmp_path}/Kyuafile:one:at_home").stdout
    assert "skipped: Current platform" in run_atf(f"{tmp_path}/Kyuafile:two:at_home").stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("for i = 1, 2 do\nend\n", "only Kyua itself|in the middle"),
        ('tap_test_program{name="one"}\n', "only Kyua itself can read this"),
        ('atf_test_program{name="one", colour="red"}\n', "unknown property colour"),
        ('atf_test_program{name="two"}\n', "no test program two"),
        ('atf_test_program{name="a/one"}\n', "a path for one"),
        ('atf_test_program{name="one"\n', "in the middle"),
        ('include("none/Kyuafile")\n', "no such Kyuafile"),
    ],
)
def test_a_kyuafile_that_is_not_understood_is_an_error(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "one").write_text(PROGRAM)
    (tmp_path / "Kyuafile").write_text(f"syntax(2)\n{text}")
    done = run_atf(f"{tmp_path}/Kyuafile")
    assert done.returncode == 2
    assert re.search(message, done.stderr)
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("atf_set descr a; atf_set descr b", "the property descr is given twice"),
        ("atf_set colour red", "unknown property colour"),
        ("echo oops >&2", "oops"),
        ("echo oops", "what is this: oops"),
    ],
)
def test_a_list_of_cases_that_kyua_would_refuse_is_refused(
    tmp_path: Path, head: str, reason: str
) -> None:
    (tmp_path / "one").write_text(
        f"atf_test_case a\na_head() {{ {head}; }}\na_body() {{ :; }}\n"
        "atf_init_test_cases() { atf_add_test_case a; }\n"
    )
    (tmp_path / "Kyuafile").write_text('syntax(2)\natf_test_program{name="one"}\n')
    done = run_atf(f"{tmp_path}/Kyuafile")
    assert done.returncode == 1
    assert "one:__test_cases_list__  ->  broken" in done.stdout
    assert f"    {reason}\n" in done.stdout


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
    assert said.count("has.cleanup: true") == said.count("require.user: root") == len(listed)
    assert said.count("\ndescr: ") == len(listed)
    for case_ in said.split("\n\n")[1:]:
        words = [line.partition(":")[0] for line in case_.splitlines()]
        assert len(words) == len({*words}), "Kyua takes no property twice"


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


def test_what_kyua_told_is_read() -> None:
    cases, ended = read_kyua(KYUA)
    assert ended
    assert [(case.ident, case.status, case.reason, case.seconds) for case in cases] == [
        ("kinds:fine", "passed", "", 0),
        ("inner/kinds:bad", "failed", "because of that", 13),
        ("inner/kinds:none", "skipped", "not here", 0),
        ("inner/kinds:gone", "broken", "Premature exit; test case received signal 9", 0),
        ("inner/kinds:known", "expected_failure", "a mistake: again", 0),
    ]
    assert [case.output for case in cases[:2]] == ["", "said: <this>\nand that"]
    assert ElementTree.fromstring(kyua_report(KYUA)).tag == "testsuite"
    early = KYUA[: KYUA.index("inner/kinds:none") + len("inner/kinds:none  ->  ")]
    cases, ended = read_kyua(early)
    assert not ended
    assert (cases[2].name, cases[2].status) == ("none", "broken")
    assert kyua_report(early) == ""
    assert progress_of(early) == (2, "inner/kinds:none")
    assert progress_of(RESULTS) == (3, "b:none")
    # Kyua itself failed, or its report was cut short.
    assert not read_kyua(KYUA.replace("status 1", "status 2"))[1]
    assert not read_kyua(KYUA.partition("<testcase")[0])[1]


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
    lines = start_script(("/K:a:b", "/K:c"), runner=KYUA_RUNNER).splitlines()
    assert (
        "kyua -v test_suites.ilnp.host=1 test -k /K -r /tmp/kyua.db a:b c >/dev/cuau1 2>&1" in lines
    )
    assert "kyua report-junit -r /tmp/kyua.db >/dev/cuau1 2>&1" in lines
    # Kyua wants the name of the suite in its variables.
    assert 'test_suite("ilnp")' in (NET / "Kyuafile").read_text()


def test_the_clock_of_a_kernel_that_watches_itself_counts_instructions(tmp_path: Path) -> None:
    image, results = tmp_path / "image", tmp_path / "results"
    assert "-icount" not in machine_for(image, results, watched=False).argv(tmp_path / "console")
    argv = machine_for(image, results, watched=True).argv(tmp_path / "console")
    assert "shift=0" in argv[argv.index("-icount") :]
    assert argv[argv.index("-smp") + 1] == "1"
    assert f"file,id=second,path={results}" in argv


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
        (["--guest", "--runner", "kyua"], "--runner: that is for --kyua"),
    ],
)
def test_wrong_calls_say_what_is_right(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(cli, ["test", *arguments])
    assert isinstance(done.exception, UsageError)
    assert message in str(done.exception)
