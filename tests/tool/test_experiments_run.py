# SPDX-License-Identifier: BSD-2-Clause
"""Whole experiments in a lab that only pretends: order of steps, failures, and what is left."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from flowmaker import AA, BB, MS, START, Ends

from ilnptool.errors import CheckFailed
from ilnptool.experiments import Progress, run
from ilnptool.lab.fake import FakeCapture, FakeLab, FakeRunning
from ilnptool.lab.model import Topology
from ilnptool.measure import RunFile, load_run_json
from ilnptool.run import Result

SECONDS = 9.0  # eight moves, one second apart


class JumpingClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return START / 1e9 + self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class PretendedLab(FakeLab):
    """A lab whose node obeys, whose iperf3 runs, and whose captures hold a known flow."""

    def __init__(self, topology: Topology, folder: Path) -> None:
        super().__init__(topology, respond=self._answer)
        self._frames = Ends()
        for number in range(100):
            l64 = AA if number % 2 else BB
            self._frames.both(START + number * MS, self._frames.datagram(number, l64))
        folder.mkdir(exist_ok=True)
        self._files = dict(zip(("mn", "cn"), self._frames.write(folder), strict=True))
        self.disabled = {
            end.interface for link, end in topology.links_of("mn") if link.locator.disabled
        }
        self.stuck: set[str] = set()
        self.client_status: int | None = None
        self.on_control: Callable[[Mapping[str, Any]], None] = lambda _request: None

    def _answer(self, _node: str, argv: tuple[str, ...]) -> Result:
        return Result(argv, 0, "LISTEN 0 4096 *:5201" if argv[0] == "ss" else "", "", 0.0)

    def popen(self, node: str, argv: Any, *, log: Path, stdout: Path | None = None) -> FakeRunning:
        process = super().popen(node, argv, log=log, stdout=stdout)
        if "--client" in argv and self.client_status is not None and stdout is not None:
            stdout.write_text('{"error": "unable to connect"}')
            return Ended(process.pid, self.client_status)
        return process

    def capture(
        self, node: str, interface: str, file: Path, *, expression: str = "", snaplen: int = 0
    ) -> FakeCapture:
        if interface == "if1":
            file.write_bytes(self._files[node].read_bytes())
        else:
            file.write_bytes(self._files[node].read_bytes()[:24])
        return super().capture(node, interface, file, expression=expression, snaplen=snaplen)

    def control(self, node: str, request: Mapping[str, Any]) -> dict[str, Any]:
        super().control(node, request)
        self.on_control(request)
        interface = request.get("interface", "")
        match request["cmd"]:
            case "disable":
                self.disabled.add(interface)
            case "enable":
                self.disabled.discard(interface)
            case "locators":
                return {"ok": True, "locators": [self._locator(x) for x in ("if1", "if2", "if3")]}
            case "sessions":
                return {"ok": True, "sessions": [{"lu_pending": False}]}
            case "counters":
                return {"ok": True, "counters": {"lu_acked": 8}}
        return {"ok": True}

    def _locator(self, interface: str) -> dict[str, str]:
        quiet = interface in self.disabled and interface not in self.stuck
        return {"interface": interface, "state": "quiet" if quiet else "used"}


class Ended(FakeRunning):
    """A process that has ended by itself."""

    def __init__(self, pid: int, status: int) -> None:
        super().__init__(pid)
        self._status = status

    def stop(self, seconds: float = 5.0) -> int:
        del seconds
        assert self._status is not None
        return self._status


class Bench:
    """One experiment in pretended labs; `prepare` is called with each of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.labs: list[PretendedLab] = []
        self.told: list[Progress] = []
        self.reported: list[Path] = []
        self.prepare: Callable[[PretendedLab], None] = lambda _lab: None

    def _lab(self, topology: Topology) -> PretendedLab:
        lab = PretendedLab(topology, self.folder / "frames")
        self.prepare(lab)
        self.labs.append(lab)
        return lab

    def run(self, **options: Any) -> Path:
        given = {"transports": ("udp",), "directions": ("up",), "delays": (0,), **options}
        return run(
            "duality",
            out=self.folder / "results",
            seconds=SECONDS,
            progress=self.told.append,
            make_lab=self._lab,
            clock=JumpingClock(),
            report=self.reported.append,
            **given,
        )

    def result(self, **options: Any) -> RunFile:
        return load_run_json(self.run(**options))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_steps_come_in_the_order_of_the_paper(bench: Bench) -> None:
    bench.run()
    (lab,) = bench.labs
    wanted = {"up", "link_up", "link_down", "popen", "down"}
    steps = [
        f"{done.ability} {done.about[1] if done.ability == 'popen' else done.about[0]}"
        for done in lab.done
        if done.ability in wanted
    ]
    assert steps == [
        "up duality",
        "link_down bb",
        "link_down cc",
        "popen iperf3",
        "popen iperf3",
        "link_up bb",
        "link_up cc",
        "link_down aa",
        "link_down bb",
        "link_up bb",
        "link_up aa",
        "link_down cc",
        "link_down bb",
        "down duality",
    ]


def test_a_link_is_taken_away_only_after_its_locator_is_quiet(bench: Bench) -> None:
    asked: list[str] = []

    def slow_to_become_quiet(lab: PretendedLab) -> None:
        lab.stuck.add("if1")

        def count(request: Mapping[str, Any]) -> None:
            asked.append(request["cmd"])
            if asked[-10:] == ["locators"] * 10:
                lab.stuck.clear()
                assert "link_down aa" not in [f"{x.ability} {x.about[0]}" for x in lab.done]

        lab.on_control = count

    bench.prepare = slow_to_become_quiet
    (result,) = bench.result().runs
    assert result.error is None
    assert not bench.labs[0].stuck


def test_captures_run_at_every_interface_before_the_flow_begins(bench: Bench) -> None:
    bench.run()
    order = [done.ability for done in bench.labs[0].done]
    captured = {done.about[:2] for done in bench.labs[0].done if done.ability == "capture"}
    assert captured == {("mn", "if1"), ("mn", "if2"), ("mn", "if3"), ("cn", "if1")}
    assert max(i for i, x in enumerate(order) if x == "capture") < order.index("popen")


def test_run_json_is_valid_and_says_what_happened(bench: Bench) -> None:
    file = bench.result(seed=3)
    (result,) = file.runs
    assert (file.experiment, file.seed) == ("duality", 3)
    assert file.topology.networks["2001+0002+00aa+00aa"] == "aa"
    assert (result.transport, result.direction, result.error) == ("udp", "mn-cn", None)
    assert result.packets_received == 100
    assert {path.l64[-4:]: path.share for path in result.paths} == {"00aa": 0.5, "00bb": 0.5}
    assert [event.action for event in result.events] == [
        *("enabled", "enabled", "disabled", "disabled") * 2
    ]
    assert [event.time_s for event in result.events] == pytest.approx(range(1, 9), abs=0.2)


def test_results_hold_counters_and_no_captures_unless_asked_for(bench: Bench) -> None:
    folder = bench.run()
    counters = json.loads((folder / "udp-up-0ms-1" / "counters.json").read_text())
    assert counters["after"]["mn"]["counters"] == {"lu_acked": 8}
    assert not list(folder.rglob("*.pcap"))
    kept = bench.run(keep_captures=True)
    assert len(list(kept.rglob("*.pcap"))) == 4
    names = load_run_json(kept).runs[0].artefacts
    assert "udp-up-0ms-1/mn-if1.pcap" in names
    assert all((kept / name).is_file() for name in names)


def test_latest_points_to_the_newest_result(bench: Bench) -> None:
    first, second = bench.run(), bench.run()
    assert first != second
    assert (second.parent / "latest").resolve() == second.resolve()
    assert bench.reported == [first, second]


def test_both_ways_at_once_are_two_results_of_one_run(bench: Bench) -> None:
    file = bench.result(directions=("bidir",))
    assert len(bench.labs) == 1
    assert [result.direction for result in file.runs] == ["mn-cn", "cn-mn"]


def test_every_run_has_a_lab_of_its_own_and_the_seed_orders_them(bench: Bench) -> None:
    file = bench.result(delays=(0, 20, 200), runs=2)
    assert len(bench.labs) == len(file.runs) == 6
    assert all(lab.done[-1].ability == "down" for lab in bench.labs)
    order = [(result.delay_ms, result.run_index) for result in file.runs]
    assert order != sorted(order)
    again = bench.result(delays=(0, 20, 200), runs=2)
    assert [(result.delay_ms, result.run_index) for result in again.runs] == order


def test_a_flow_that_ends_early_is_a_failed_run_with_its_reason(bench: Bench) -> None:
    def refuse(lab: PretendedLab) -> None:
        lab.client_status = 1

    bench.prepare = refuse
    (result,) = bench.result().runs
    assert result.error is not None
    assert "unable to connect" in result.error
    assert result.throughput_mbps is None
    assert bench.labs[0].done[-1].ability == "down"


def test_a_locator_that_never_becomes_quiet_is_a_failed_run(bench: Bench) -> None:
    def never_quiet(lab: PretendedLab) -> None:
        lab.stuck.add("if1")

    bench.prepare = never_quiet
    (result,) = bench.result().runs
    assert result.error is not None
    assert "aa does not become quiet: used; Locator Update acknowledged" in result.error
    assert "aa" not in [x.about[0] for x in bench.labs[0].done if x.ability == "link_down"]


def test_a_failed_run_does_not_stop_the_others(bench: Bench) -> None:
    def second_fails(lab: PretendedLab) -> None:
        if len(bench.labs) == 1:
            lab.client_status = 1

    bench.prepare = second_fails
    results = bench.result(runs=3).runs
    assert [result.error is None for result in results] == [True, False, True]
    assert len(bench.reported) == 1


def test_a_node_that_refuses_a_command_is_quoted(bench: Bench) -> None:
    def refuses(lab: PretendedLab) -> None:
        def answer(request: Mapping[str, Any]) -> None:
            if request["cmd"] == "enable":
                raise CheckFailed("mn: enable if2: no such interface")

        lab.on_control = answer

    bench.prepare = refuses
    (result,) = bench.result().runs
    assert result.error == "mn: enable if2: no such interface"


def test_an_interrupt_takes_the_lab_down_and_keeps_the_runs_before(bench: Bench) -> None:
    def second_is_interrupted(lab: PretendedLab) -> None:
        def interrupt(request: Mapping[str, Any]) -> None:
            if request["cmd"] == "disable" and len(bench.labs) == 2:
                raise KeyboardInterrupt

        lab.on_control = interrupt

    bench.prepare = second_is_interrupted
    with pytest.raises(KeyboardInterrupt):
        bench.run(runs=3)
    (folder,) = (bench.folder / "results").glob("duality-*")
    results = load_run_json(folder).runs
    assert [result.error for result in results] == [None, "interrupted"]
    assert bench.labs[1].done[-1].ability == "down"
    assert not list(folder.rglob("*.pcap"))
    assert bench.reported == []


def test_progress_counts_runs_and_names_the_moves(bench: Bench) -> None:
    bench.run(runs=2)
    assert [(p.done, p.total) for p in bench.told][:: len(bench.told) - 1] == [(0, 2), (2, 2)]
    assert "udp-up-0ms-1: bb enabled" in [p.text for p in bench.told]
