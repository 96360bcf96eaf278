# SPDX-License-Identifier: BSD-2-Clause
"""The command line: exit statuses, where output goes, JSON, and errors a person can act on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import ilnptool.doctor
import ilnptool.experiments
from ilnptool import cli
from ilnptool.doctor import Check, Need
from ilnptool.errors import (
    CheckFailed,
    EnvironmentMissing,
    FileError,
    IlnpError,
    Timeout,
    UsageError,
)
from ilnptool.experiments.runner import Progress
from ilnptool.lab.catalogue import shipped

PROGRAM = Path(sys.executable).with_name("ilnptool")
PCAP = Path(__file__).parents[1] / "vectors" / "pcap" / "lu-advert-and-ack.pcap"


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int
    out: str
    err: str


Call = Callable[..., Outcome]


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Call:
    """Call the program in this process, with a state directory of its own."""
    monkeypatch.setenv("ILNPTOOL_STATE", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def act(*argv: str) -> Outcome:
        status = cli.run_cli(
            lambda: cli.cli.main(args=list(argv), prog_name="ilnptool", standalone_mode=False)
        )
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return act


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65534)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CheckFailed("x"), 1),
        (IlnpError("x"), 1),
        (UsageError("x"), 2),
        (FileError("f.toml", 3, "v", "w"), 2),
        (EnvironmentMissing("x"), 3),
        (Timeout("x"), 4),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_each_kind_of_error_has_its_status(
    error: BaseException, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    assert cli.run_cli(fail) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("ilnptool: ")


def test_what_was_noted_about_an_error_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        err = CheckFailed("it does not boot")
        err.add_note("the whole console: /x")
        raise err

    assert cli.run_cli(fail) == 1
    assert capsys.readouterr().err == "ilnptool: it does not boot\nthe whole console: /x\n"


def test_statuses_are_documented_in_help(call: Call) -> None:
    text = call("--help").out
    for status in ("0 ", "1 ", "2 ", "3 ", "4 ", "130 "):
        assert f"\n    {status}" in text


def test_every_listed_command_has_help(call: Call) -> None:
    for name in cli.COMMANDS:
        outcome = call(name, "--help")
        assert (outcome.status, outcome.err) == (0, ""), name


def test_unknown_command_is_a_usage_error(call: Call) -> None:
    outcome = call("labb")
    assert (outcome.status, outcome.out) == (2, "")
    assert "No such command 'labb'" in outcome.err


def test_unknown_topology_names_those_there_are(call: Call) -> None:
    outcome = call("lab", "up", "dualty")
    assert outcome.status == 2
    assert "duality" in outcome.err


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize(
    "argv",
    [
        ("lab", "up", "duality"),
        ("lab", "down", "duality"),
        ("lab", "down", "--all"),
        ("lab", "exec", "duality", "mn", "--", "ls"),
        ("lab", "status", "duality"),
        ("lab", "run", "duality"),
    ],
    ids=" ".join,
)
def test_without_root_one_line_says_what_needs_it_and_why(
    call: Call, argv: tuple[str, ...]
) -> None:
    outcome = call(*argv)
    assert (outcome.status, outcome.out) == (3, "")
    (line,) = outcome.err.splitlines()
    assert "needs root, as it makes network namespaces" in line
    assert "sudo" in line


@pytest.mark.usefixtures("nobody")
def test_mistake_in_a_file_is_shown_before_root_is_asked_for(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(shipped()["duality"].read_text().replace('"100mbit"', '"10 Mbps"', 1))
    outcome = call("lab", "up", str(path))
    line = 1 + path.read_text().split('"10 Mbps"')[0].count("\n")
    assert outcome.status == 2
    assert outcome.err.startswith(f"ilnptool: {path}:{line}: rate: bad value '10 Mbps'; allowed: ")


def test_run_hands_on_what_was_asked_and_prints_where_the_results_are(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {}

    def run(name: str, **options: Any) -> Path:
        asked.update(options, name=name)
        options["progress"](Progress("begins", 0, 4))
        return tmp_path / "there"

    monkeypatch.setattr(ilnptool.experiments, "run", run)
    words = ["--runs", "2", "--delay", "0", "--delay", "20", "--transport", "udp"]
    words += ["--short", "--seed", "7", "--out", "x"]
    outcome = call("lab", "run", "duality", *words)
    assert outcome == Outcome(0, f"{tmp_path / 'there'}\n", "duality: 0/4 begins\n")
    assert (asked["name"], asked["runs"], asked["delays"]) == ("duality", 2, (0.0, 20.0))
    assert (asked["transports"], asked["directions"]) == (("udp",), None)
    assert (asked["short"], asked["seed"], asked["out"]) == (True, 7, Path("x"))


def test_unknown_experiment_names_those_there_are(call: Call) -> None:
    outcome = call("lab", "run", "dualty")
    assert outcome.status == 2
    assert "there are: duality, one-four-one" in outcome.err


def test_list_is_json_with_a_version(call: Call) -> None:
    value = json.loads(call("lab", "list", "--json").out)
    assert value["schema_version"] == 1
    assert value["labs"] == []
    assert set(value["topologies"]) == set(shipped())


def test_list_for_people_names_every_topology(call: Call) -> None:
    text = call("lab", "list").out
    assert all(name in text for name in shipped())


def test_paths_follow_environment_and_files(call: Call, tmp_path: Path) -> None:
    (tmp_path / "ilnptool.toml").write_text('[paths]\nresults = "there"\n')
    value = json.loads(call("paths", "--json").out)["paths"]
    assert value["state"] == str(tmp_path)
    assert value["results"] == str(tmp_path / "there")
    assert str(tmp_path / "ilnptool.toml") in value["configuration read"]


def test_mistake_in_the_configuration_has_its_line(call: Call, tmp_path: Path) -> None:
    (tmp_path / "ilnptool.toml").write_text('[lab]\nemulator = "magic"\n')
    outcome = call("paths")
    assert outcome.status == 2
    said = "ilnptool.toml:2: emulator: bad value 'magic'; allowed: auto, netem, linkem"
    assert said in outcome.err


def test_status_without_labs_is_empty_and_says_so(call: Call) -> None:
    outcome = call("status", "--json")
    assert outcome.status == 0
    assert json.loads(outcome.out) == {"schema_version": 1, "nodes": {}}
    assert "no lab is up" in outcome.err


def test_status_of_a_socket_nobody_listens_on_fails(call: Call, tmp_path: Path) -> None:
    outcome = call("status", "--socket", str(tmp_path / "none"))
    assert outcome.status == 3
    assert outcome.err.count("nobody listens") == 1


def test_decode_prints_a_line_per_frame(call: Call) -> None:
    outcome = call("decode", str(PCAP))
    assert (outcome.status, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert "Locator Update advertisement: " in lines[0]
    assert "Locator Update ack: " in lines[1]


def test_decode_prints_json(call: Call) -> None:
    value = json.loads(call("decode", "--json", str(PCAP)).out)
    assert value["schema_version"] == 1
    assert [frame["locator_update"]["operation"] for frame in value["frames"]] == [
        "advertisement",
        "ack",
    ]


def test_decode_of_something_else_is_an_error(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_text("not a capture")
    outcome = call("decode", str(path))
    assert outcome.status == 2
    assert str(path) in outcome.err


def test_doctor_says_what_to_do_and_fails_if_labs_cannot_work(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = (
        Check("good", Need.LAB, lambda _machine: (True, "works"), "never shown"),
        Check("comfort", Need.COMFORT, lambda _machine: (False, "absent"), "no need"),
        Check("bad", Need.LAB, lambda _machine: (False, "absent"), "apt-get install bad"),
    )
    monkeypatch.setattr(ilnptool.doctor, "CHECKS", checks)
    outcome = call("doctor", "--json")
    assert outcome.status == 3
    found = {x["name"]: x for x in json.loads(outcome.out)["checks"]}
    assert (found["good"]["ok"], found["good"]["advice"]) == (True, "")
    assert (found["bad"]["ok"], found["bad"]["advice"]) == (False, "apt-get install bad")
    assert "labs cannot work here without: bad\n" in outcome.err


@pytest.mark.usefixtures("nobody")
def test_doctor_without_root_says_what_it_could_not_try(call: Call) -> None:
    outcome = call("doctor", "--json")
    assert outcome.status == 3
    found = {x["name"]: x for x in json.loads(outcome.out)["checks"]}
    assert found["root"]["ok"] is False
    assert (found["veth"]["ok"], found["veth"]["found"]) == (None, "needs root to be tried")
    assert {"tbf", "netem", "TUN", "MPTCP", "nft", "radvd", "KVM", "FreeBSD source"} <= set(found)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_for_this_program(call: Call, shell: str) -> None:
    assert "_ILNPTOOL_COMPLETE" in call("completion", shell).out


def test_completion_completes() -> None:
    environment = {
        **os.environ,
        "_ILNPTOOL_COMPLETE": "bash_complete",
        "COMP_WORDS": "ilnptool lab st",
        "COMP_CWORD": "2",
    }
    text = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert text.stdout.split() == ["plain,status"]


def test_no_colour_is_honoured() -> None:
    environment = {**os.environ, "NO_COLOR": "1", "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    argv = [PROGRAM, "lab", "list"]
    text = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True).stdout
    assert "\x1b[3" not in text


def test_reader_that_closes_the_pipe_ends_us_quietly() -> None:
    script = f"{PROGRAM} decode --json {PCAP} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_with_the_status_of_an_interrupt(sig: signal.Signals, tmp_path: Path) -> None:
    program = (
        "import sys, time; from ilnptool import cli\n"
        "def wait(**_):\n    print('ready', flush=True); time.sleep(60)\n"
        "cli.cli.main = wait\n"
        "cli.main()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(sig)
    _, err = child.communicate(timeout=20)
    assert (child.returncode, err) == (130, "ilnptool: interrupted\n")


def test_a_storm_of_interrupts_ends_with_the_same_status(tmp_path: Path) -> None:
    program = (
        "import time; from ilnptool import cli\n"
        "def wait(**_):\n"
        "    try:\n        print('ready', flush=True); time.sleep(60)\n"
        "    finally:\n        time.sleep(0.2)\n"
        "tell = cli.click.echo\n"
        "def slowly(*args, **words):\n    tell(*args, **words); time.sleep(0.2)\n"
        "cli.click.echo = slowly\n"
        "cli.cli.main = wait\n"
        "cli.main()\n"
    )
    argv = [sys.executable, "-c", program]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        while child.poll() is None:
            child.send_signal(signal.SIGINT)
            time.sleep(0.05)
    assert child.returncode == 130


def test_of_two_files_the_full_one_is_named() -> None:
    program = (
        "import errno, sys; from ilnptool import cli\n"
        "def copy():\n"
        "    raise OSError(errno.ENOSPC, 'No space left', '/usr/src/a.c', None, '/obj/a.c')\n"
        "sys.exit(cli.run_cli(copy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert done.stderr == "ilnptool: /obj/a.c: No space left\n"


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from ilnptool import cli\n"
        "cli.run_cli(lambda: cli.cli.main(args=['-h'], standalone_mode=False))\n"
        "sys.exit(any(name in sys.modules for name in ('matplotlib', 'numpy', 'scapy', 'jinja2')))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param("paths >/dev/full", "No space left on device", id="full disk"),
        pytest.param("lab run duality --out /dev/null", "Not a directory", id="no directory"),
    ],
)
def test_files_that_cannot_be_written_are_told_in_one_line(words: str, complaint: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{PROGRAM} {words}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith("ilnptool: ")
    assert line.endswith(complaint)
