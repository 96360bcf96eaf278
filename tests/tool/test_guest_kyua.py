# SPDX-License-Identifier: BSD-2-Clause
"""Kyua itself, where the distribution has it, beside our small equivalent of it.

What both make of the same programs has to be the same.  tests/kernel/test_kyua.py does that in
FreeBSD, with the Kyua of its source tree.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ilnptool.guest.results import read_kyua, read_results
from ilnptool.guest.suite import our_programs

TOP = Path(__file__).parents[2]
ATF_RUN = TOP / "bhyve/guest/usr/bin/atf-run"
ATF_SH = TOP / "bhyve/guest/usr/libexec/atf-sh"
NET = TOP / "tests/net"
VARIABLES = ("word=hello", "words=two words")
# Kyua cannot tell the memory of Linux, Debian's atf_check has no -r, and in a container nobody
# might wait for an orphan.
LINUX = {"huge", "later", "leaves_a_child"}
ONE = """\
atf_test_case a
a_head() { HEAD; }
a_body() { :; }
atf_init_test_cases() { atf_add_test_case a; }
"""

pytestmark = pytest.mark.skipif(
    shutil.which("kyua") is None or shutil.which("atf-sh") is None,
    reason="apt-get install kyua atf-sh",
)


def put(source: str, target: Path) -> None:
    """Write a test program for the atf-sh of the distribution."""
    target.write_text(f"#! {shutil.which('atf-sh')}\n{source}")
    target.chmod(0o755)


def call(*argv: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in argv]
    return subprocess.run(
        words, capture_output=True, text=True, timeout=240, check=False, cwd=cwd, errors="replace"
    )


def run_kyua(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    settings = [x for name in VARIABLES for x in ("-v", f"test_suites.ilnp.{name}")]
    (folder / "db").unlink(missing_ok=True)
    test = ("kyua", "-c", "none", "--logfile=log", *settings, "test", "-k", "Kyuafile", "-r", "db")
    return call(*test, *words, cwd=folder)


def run_ours(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    settings = [x for name in VARIABLES for x in ("-v", name)]
    files = [f"Kyuafile{word and ':'}{word}" for word in words or ("",)]
    return call("sh", ATF_RUN, "-r", folder / "results", *settings, *files, cwd=folder)


def test_both_make_the_same_of_each_case(tmp_path: Path) -> None:
    put((TOP / "tests/tool/kinds.atf").read_text(), tmp_path / "kinds_test")
    (tmp_path / "Kyuafile").write_text(
        'syntax(2)\ntest_suite("ilnp")\natf_test_program{name="kinds_test", timeout=20}\n'
    )
    told = run_kyua(tmp_path)
    report = call("kyua", "--logfile=log", "report-junit", "-r", "db", cwd=tmp_path)
    ended = f"kyua ended with status {told.returncode}\n"
    theirs, complete = read_kyua(told.stdout + ended + report.stdout)
    assert complete, told.stderr + report.stderr
    assert run_ours(tmp_path).returncode == told.returncode == 1
    ours, complete = read_results((tmp_path / "results").read_text())
    assert complete
    found, expected = (
        {case.name: case.status for case in cases if case.name not in LINUX}
        for cases in (ours, theirs)
    )
    assert found == expected
    assert [*found] == [*expected]  # in the same order
    assert len(found) >= 30
    wrote = {case.name: case.output for case in theirs}
    assert "evidence" in wrote["fails"]
    assert "cleaned up" in wrote["fails"]


@pytest.mark.parametrize(
    ("kyuafile", "head"),
    [
        ('atf_test_program{name="one", colour="red"}', ":"),
        ('atf_test_program{name="two"}', ":"),
        ('atf_test_program{name="a/one"}', ":"),
        ('atf_test_program{name="one"', ":"),
        ('include("none/Kyuafile")', ":"),
        ('atf_test_program{name="one"}', "atf_set descr a; atf_set descr b"),
        ('atf_test_program{name="one"}', "atf_set colour red"),
        ('atf_test_program{name="one"}', "echo oops >&2"),
        ('atf_test_program{name="one"}', "echo oops"),
    ],
)
def test_both_refuse_the_same(tmp_path: Path, kyuafile: str, head: str) -> None:
    put(ONE.replace("HEAD", head), tmp_path / "one")
    (tmp_path / "Kyuafile").write_text(f'syntax(2)\ntest_suite("ilnp")\n{kyuafile}\n')
    assert run_kyua(tmp_path).returncode != 0
    assert run_ours(tmp_path).returncode != 0


def test_a_case_that_is_not_there_is_an_error_to_both(tmp_path: Path) -> None:
    put(ONE.replace("HEAD", ":"), tmp_path / "one")
    (tmp_path / "Kyuafile").write_text(
        "syntax(2)\ntest_suite('ilnp')\natf_test_program{\n  name='one', -- the only one\n}\n"
    )
    for run in (run_kyua, run_ours):
        assert run(tmp_path, "one:a").returncode == 0
        assert run(tmp_path, "one:b").returncode == 1
        assert run(tmp_path).returncode == 0


def test_kyua_lists_our_tests(tmp_path: Path) -> None:
    expected = []
    for name in our_programs():
        put((NET / name).read_text(), tmp_path / name)
        said = call("sh", ATF_SH, NET / name, "-l", cwd=tmp_path).stdout
        cases = [line[7:] for line in said.splitlines() if line.startswith("ident: ")]
        expected += [f"{name}:{case}" for case in cases]
    for name in ("Kyuafile", "ilnp.subr"):
        shutil.copy(NET / name, tmp_path)
    listed = call("kyua", "--logfile=log", "list", "-k", "Kyuafile", cwd=tmp_path).stdout
    assert sorted(listed.split()) == sorted(expected)
    assert len(expected) >= 47
