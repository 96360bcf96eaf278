# SPDX-License-Identifier: BSD-2-Clause
"""One run: a fresh lab, one flow, the moves, and what the captures of both ends say."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from ilnptool.errors import IlnpError
from ilnptool.experiments.captures import Captures, capturing
from ilnptool.experiments.catalogue import Experiment
from ilnptool.experiments.clock import Clock
from ilnptool.experiments.events import recorded_events
from ilnptool.experiments.flows import PORT, traffic
from ilnptool.experiments.handover import Mover
from ilnptool.experiments.plan import Condition, Direction
from ilnptool.experiments.plays import PLAYS, Stage, read_lines
from ilnptool.lab.model import Impairment, Topology
from ilnptool.lab.protocol import Lab, running
from ilnptool.measure import (
    Arrival,
    FlowHint,
    InterfaceMark,
    NameChange,
    NoFlow,
    RunLabels,
    RunResult,
    analyse_run,
    failed_run,
)

Say = Callable[[str], None]
LabMaker = Callable[[Topology], Lab]


def prepared(topology: Topology, experiment: Experiment, delay_ms: float) -> Topology:
    """Return the topology as a run begins: delay added, all networks but the first not to be used.

    Half of the delay is added in each direction, so a round trip takes `delay_ms` longer.
    """
    if experiment.delay_link is not None:
        link = topology.link(experiment.delay_link)
        impairment = link.impairment or Impairment()
        added = replace(impairment, delay=impairment.delay + delay_ms / 2000)
        topology = topology.with_link(replace(link, impairment=added))
    for node in experiment.movers:
        for link, _ in topology.links_of(node)[1:]:
            locator = replace(link.locator, disabled=True)
            topology = topology.with_link(replace(link, locator=locator))
    return topology


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an experiment; its files go into `folder`, named relative to `folder.parent`."""

    experiment: Experiment
    condition: Condition
    seconds: float
    folder: Path
    clock: Clock
    say: Say
    keep_captures: bool = False
    notes: tuple[str, ...] = ()  # what a reader must know of all runs

    def carry_out(self, lab: Lab) -> list[RunResult]:
        """Bring the lab up, make the run, take the lab down, and return what was measured.

        A run that fails is a result too, with the reason; only what is no fault of the run, like
        an interrupt, comes out as an exception.
        """
        self.folder.mkdir(parents=True)
        marks: list[InterfaceMark] = []
        captures = Captures()
        try:
            with running(lab):
                self._run(lab, marks, captures)
            results = [self._measured(captures, marks, up) for up in self._ways()]
        except (IlnpError, NoFlow) as err:
            self.say(f"{self.condition.name}: failed: {err}")
            results = self.failed(str(err), marks)
        finally:
            if not self.keep_captures:
                captures.remove()
        # Only now it is known which files there are.
        names = self._artefacts()
        return [result.model_copy(update={"artefacts": names}) for result in results]

    def _run(self, lab: Lab, marks: list[InterfaceMark], captures: Captures) -> None:
        experiment = self.experiment
        play = PLAYS[experiment.play]()
        stage = Stage(lab, experiment, self.seconds, self.folder, self.clock, self._tell, marks)
        ends = (experiment.mover, experiment.peer)
        with ExitStack() as stack:
            stack.enter_context(capturing(lab, ends, self.folder, captures))
            for node in ends:
                file = self.folder / f"{node}-events.jsonl"
                stack.enter_context(recorded_events(lab, node, file))
            for node in experiment.movers:
                for link, _ in lab.topology.links_of(node)[1:]:
                    lab.link_down(link.name)
            play.begin(stage, stack)
            before = self._counters(lab, ends)
            with traffic(
                lab,
                experiment,
                self.condition,
                seconds=self.seconds,
                folder=self.folder,
                clock=self.clock,
            ) as flow:
                play.act(stage, flow)
                flow.finish()
            self._write_counters(before, self._counters(lab, ends))
            mover = Mover(lab, experiment.mover, self.clock)
            self._write("mover-status.json", mover.status())

    def _counters(self, lab: Lab, nodes: Sequence[str]) -> dict[str, object]:
        return {node: lab.control(node, {"cmd": "counters"}) for node in nodes}

    def _write_counters(self, before: dict[str, object], after: dict[str, object]) -> None:
        self._write("counters.json", {"before": before, "after": after})

    def _write(self, name: str, value: object) -> None:
        (self.folder / name).write_text(json.dumps(value, indent=1) + "\n")

    def _ways(self) -> tuple[bool, ...]:
        """Return for each flow of data whether it goes up."""
        direction = self.condition.direction
        return (True, False) if direction is Direction.BOTH else (direction is Direction.UP,)

    def _hint(self, up: bool) -> FlowHint:
        return FlowHint(
            transport=self.condition.transport,
            port=PORT,
            from_client=up,
            networks_of="sender" if up == (self.experiment.watched == "mover") else "receiver",
        )

    def _labels(self, marks: Sequence[InterfaceMark], up: bool) -> RunLabels:
        ends = (self.experiment.mover, self.experiment.peer)
        sender, receiver = ends if up else reversed(ends)
        return RunLabels(
            sender=sender,
            receiver=receiver,
            delay_ms=self.condition.delay_ms,
            run_index=self.condition.number,
            events=tuple(marks),
        )

    def _measured(self, captures: Captures, marks: Sequence[InterfaceMark], up: bool) -> RunResult:
        labels = self._labels(marks, up)
        result = analyse_run(
            captures.files[labels.sender],
            captures.files[labels.receiver],
            hint=self._hint(up),
            labels=labels,
        )
        notes = (*result.notes, *captures.notes(), *self.notes)
        return result.model_copy(update={"notes": notes, **self._names(result)})

    def _names(self, result: RunResult) -> dict[str, object]:
        """Return what names held and who arrived by them, in the time of a flow."""
        zero = result.started_at or 0.0
        return {
            "names": tuple(
                NameChange(time_s=x["time"] - zero, name=x["name"], l64s=tuple(x["l64s"]))
                for x in read_lines(self.folder / "names.jsonl")
            ),
            "arrivals": tuple(
                Arrival(
                    time_s=x["began"] - zero,
                    l64s=tuple(x["l64s"]),
                    fresh=x["fresh"],
                    lookup_s=x.get("lookup_s"),
                    setup_s=x.get("setup_s"),
                    error=x["error"],
                )
                for x in read_lines(self.folder / "arrivals.jsonl")
            ),
        }

    def _tell(self, text: str) -> None:
        self.say(f"{self.condition.name}: {text}")

    def failed(self, reason: str, marks: Sequence[InterfaceMark] = ()) -> list[RunResult]:
        """Return the results of a run that has no numbers."""
        return [failed_run(self._hint(up), self._labels(marks, up), reason) for up in self._ways()]

    def _artefacts(self) -> tuple[str, ...]:
        base = self.folder.parent
        files = (path for path in self.folder.rglob("*") if path.is_file() and path.stat().st_size)
        return tuple(sorted(str(path.relative_to(base)) for path in files))
