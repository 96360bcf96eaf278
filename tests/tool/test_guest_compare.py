# SPDX-License-Identifier: BSD-2-Clause
"""FreeBSD's own tests: which are taken, what is kept of a run, and what its end is said to be."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ilnptool.errors import UsageError
from ilnptool.guest.compare import (
    Comparison,
    Difference,
    Record,
    differing,
    finished,
    load,
    remaining,
    save,
)
from ilnptool.guest.results import Case
from ilnptool.guest.theirs import choose_programs

TOP = Path(__file__).parents[2]
INCLUDE = TOP / "pytools/ilnptool/guest/include"
CASES = (
    Case("a", "good", "passed", 2),
    Case("a", "bad", "failed", 1, "because"),
    Case("b", "none", "skipped", 0, "Required program 'x' not found"),
)
# A program of atf-c(3); what it does not call is called by none of FreeBSD's.
PROGRAM = """
#include <atf-c.h>
ATF_TC_WITH_CLEANUP(good);
ATF_TC_HEAD(good, tc) { atf_tc_set_md_var(tc, "require.user", "root"); }
ATF_TC_BODY(good, tc)
{
	ATF_REQUIRE(1 + 1 == 2);
	ATF_CHECK_EQ(3, 3);
	ATF_REQUIRE_STREQ("a", "a");
	ATF_REQUIRE_ERRNO(ENOENT, access("/none", F_OK) == -1);
	ATF_REQUIRE_STREQ("y", atf_tc_get_config_var(tc, "x"));
}
ATF_TC_CLEANUP(good, tc) { printf("swept\\n"); }
ATF_TC_WITHOUT_HEAD(two_checks);
ATF_TC_BODY(two_checks, tc) { ATF_CHECK(0); ATF_CHECK_EQ_MSG(1, 2, "%d", 3); }
ATF_TC_WITHOUT_HEAD(required);
ATF_TC_BODY(required, tc) { ATF_REQUIRE_MSG(0, "no %s", "more"); abort(); }
ATF_TC(skips);
ATF_TC_HEAD(skips, tc) { }
ATF_TC_BODY(skips, tc) { atf_tc_skip("not %d", 1); }
ATF_TC_WITHOUT_HEAD(known);
ATF_TC_BODY(known, tc) { atf_tc_expect_fail("PR %d", 1); ATF_REQUIRE(0); }
ATF_TC_WITHOUT_HEAD(known_check);
ATF_TC_BODY(known_check, tc) { atf_tc_expect_fail("PR %d", 1); ATF_CHECK(0); }
ATF_TC_WITHOUT_HEAD(repaired);
ATF_TC_BODY(repaired, tc) { atf_tc_expect_fail("PR %d", 1); }
ATF_TC_WITHOUT_HEAD(exits);
ATF_TC_BODY(exits, tc) { atf_tc_expect_exit(7, "so"); exit(7); }
ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, good);
	ATF_TP_ADD_TC(tp, two_checks);
	ATF_TP_ADD_TC(tp, required);
	ATF_TP_ADD_TC(tp, skips);
	ATF_TP_ADD_TC(tp, known);
	ATF_TP_ADD_TC(tp, known_check);
	ATF_TP_ADD_TC(tp, repaired);
	ATF_TP_ADD_TC(tp, exits);
	return (atf_no_error());
}
"""
RESULTS = {
    "good": (0, "passed"),
    "two_checks": (1, "failed: 2 checks failed; see output for more details"),
    "required": (1, "no more"),
    "skips": (0, "skipped: not 1"),
    "known": (0, "expected_failure: PR 1: "),
    "known_check": (0, "expected_failure: PR 1"),
    "repaired": (1, "failed: Test case was expecting a failure, which did not come"),
    "exits": (7, "expected_exit(7): so"),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with a few tests."""
    for name, text in {
        "netinet/Makefile": "ATF_TESTS_C=\tone \\\n\t\ttwo\nATF_TESTS_SH+= arp forward\n"
        'TEST_METADATA.forward+=\trequired_programs="python"\n',
        "netinet/one.c": "",
        "netinet/arp.sh": "",
        "netinet/forward.sh": "",
        "netinet/unlisted.sh": "",
        "kern/Makefile": "ATF_TESTS_C+=\tsocket_a\nATF_TESTS_C+=\tptrace_test\n",
        "kern/socket_a.c": "",
        "kern/ptrace_test.c": "",
    }.items():
        path = tmp_path / "tests/sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_programs_are_those_of_the_makefiles_with_what_they_require(tree: Path) -> None:
    lines = [program.line for program in choose_programs(tree, ())]
    assert lines == [
        'atf_test_program{name="netinet/arp"}\n',
        'atf_test_program{name="netinet/forward", required_programs="python"}\n',
        'atf_test_program{name="netinet/one"}\n',  # two is not in this tree
        'atf_test_program{name="kern/socket_a"}\n',
    ]
    assert [x.name for x in choose_programs(tree, ("netinet/arp", "kern/"))] == [
        "netinet/arp",
        "kern/socket_a",
    ]
    with pytest.raises(UsageError, match=r"no test netinet/ar in .*; there are: netinet6, "):
        choose_programs(tree, ("netinet/ar",))


def test_a_run_goes_on_behind_the_program_that_ended_the_machine(
    tree: Path, tmp_path: Path
) -> None:
    chosen = choose_programs(tree, ())
    broken = Case("netinet/forward", "x", "broken", 0, "the machine ended before the case did")
    record = Record("key", (Case("netinet/arp", "x", "passed", 1), broken), ("panic: no",), 3.0, 1)
    assert [x.name for x in remaining(chosen, record)] == ["netinet/one", "kern/socket_a"]
    save(tmp_path / "stock", record)
    assert load(tmp_path / "stock", "key") == record
    assert load(tmp_path / "stock", "another kernel") == Record("another kernel")
    assert load(tmp_path / "nothing", "key") == Record("key")


def test_an_interrupted_program_is_run_again() -> None:
    assert finished(CASES) == CASES[:2]
    assert finished(CASES[:2]) == ()
    assert finished(()) == ()


def compared(*differences: Difference, complaints: tuple[str, ...] = ()) -> Comparison:
    stock = Record("s", CASES, (), 10.0, 1)
    on = Record("o", (replace(CASES[0], status="failed"), *CASES[1:2]), complaints, 11.0, 1)
    return Comparison("14.0", ("a", "b"), {"stock": stock, "on": on}, differences)


def test_what_differs_is_found_and_counted() -> None:
    made = compared()
    assert differing(made.records["stock"].statuses(), made.records["on"].statuses()) == [
        "a:good",
        "b:none",
    ]
    assert made.counts()["stock"] == {
        **{"passed": 1, "skipped": 1, "expected_failure": 0, "failed": 1, "broken": 0},
        "not run": 0,
    }
    assert (made.counts()["on"]["failed"], made.counts()["on"]["not run"]) == (2, 1)
    summary = json.loads(json.dumps(made.summary()))
    assert summary["bad_on_stock_too"] == {"a:bad": "because"}
    assert summary["skipped"] == {"Required program 'x' not found": 1}
    assert summary["passed"] == ["a:good"]


def test_only_what_differs_each_time_is_held_against_us() -> None:
    once = Difference("a:good", "on", ("passed", "failed"), ("failed", "passed"))
    always = Difference("a:good", "on", ("passed",) * 3, ("failed",) * 3)
    assert (once.steady, always.steady) == (False, True)
    assert compared(once).good
    assert not compared(always).good
    assert not compared(complaints=("panic: no",)).good
    root = ElementTree.fromstring(compared(once, always).junit())
    (failure,) = root.findall("testcase/failure")
    assert failure.get("message") == (
        "failed: on: failed, failed, failed; stock: passed, passed, passed"
    )
    assert root.get("skipped") == "1"


def test_programs_in_c_tell_what_atf_would(tmp_path: Path) -> None:
    source, program = tmp_path / "program.c", tmp_path / "program"
    source.write_text(PROGRAM)
    # Words of FreeBSD's <sys/cdefs.h> that glibc has not.
    words = ("-D__dead2=__attribute__((__noreturn__))", "-D__unused=__attribute__((__unused__))")
    words += ("-D__printflike(f,v)=__attribute__((__format__(__printf__,f,v)))",)
    words += (
        "-D_GNU_SOURCE",
        '-Dstrlcpy(d,s,n)=(void)snprintf(d,n,"%s",s)',
        "-include",
        "strings.h",
    )
    argv = ["cc", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", *words, f"-I{INCLUDE}"]
    subprocess.run([*argv, "-o", str(program), str(source)], check=True, timeout=60)
    listed = subprocess.run([program, "-l"], capture_output=True, text=True, check=True).stdout
    assert listed.startswith('Content-Type: application/X-atf-tp; version="1"\n\nident: good\n')
    assert "has.cleanup: true\nrequire.user: root\n\nident: two_checks\n" in listed
    for name, (status, said) in RESULTS.items():
        results = tmp_path / name
        done = subprocess.run(
            [program, "-r", results, "-s", "/srcdir", "-v", "x=y", name],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, said in results.read_text()) == (status, True), name
    swept = subprocess.run([program, "good:cleanup"], capture_output=True, text=True, check=True)
    assert swept.stdout == "swept\n"


def test_programs_in_c_compile_for_freebsd(tmp_path: Path) -> None:
    pytest.importorskip("ziglang", reason="pip install ziglang")
    source = tmp_path / "program.c"
    source.write_text(PROGRAM)
    argv = [
        *(sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-freebsd.14.0-none"),
        *("-Wall", "-Wextra", "-Werror", f"-I{INCLUDE}", "-c", "-o", str(tmp_path / "program.o")),
        str(source),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
