# SPDX-License-Identifier: BSD-2-Clause
"""What happens to the networks during a run, besides the flow: the plot of each experiment."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import IPv6Network
from pathlib import Path
from typing import Any, Protocol

from ilnptool.errors import CheckFailed, UsageError
from ilnptool.experiments.catalogue import Experiment
from ilnptool.experiments.clock import Clock, wait_for, wait_until
from ilnptool.experiments.flows import Traffic
from ilnptool.experiments.handover import Mover
from ilnptool.experiments.plan import moves
from ilnptool.experiments.renumbering import Renumbering
from ilnptool.lab.addressing import nids_of
from ilnptool.lab.ident import format_nid
from ilnptool.lab.names import HOSTS_FILE
from ilnptool.lab.nameservers import (
    ZONE,
    follow_command,
    name_servers,
    server_address,
)
from ilnptool.lab.netns import NetnsLab
from ilnptool.lab.protocol import Lab
from ilnptool.measure import InterfaceMark

GREETER_PORT = 5300
ARRIVAL_SECONDS = 1.5  # between two new clients

_BEGIN_SECONDS = 60.0  # an interpreter, on a busy machine
_LEARN_SECONDS = 60.0
_ARRIVALS = [sys.executable, "-m", "ilnptool.experiments.arrivals"]


@dataclass(slots=True)
class Stage:
    """Where a play is given, and what it leaves for the report."""

    lab: Lab
    experiment: Experiment
    seconds: float
    folder: Path
    clock: Clock
    say: Callable[[str], None]
    marks: list[InterfaceMark] = field(default_factory=list)

    def pause(self, began: float, number: int, of: int, flow: Traffic) -> None:
        """Wait for the time of act `number` of `of`, spread evenly over the run."""
        wait_until(self.clock, began + self.seconds * number / (of + 1), flow.check)

    def mark(self, what: str, *, enabled: bool) -> None:
        """Remember what is done now, for the figures."""
        action = "enabled" if enabled else "disabled"
        self.say(f"{what} {action}")
        self.marks.append(
            InterfaceMark(self.clock.wall(), what, "enabled" if enabled else "disabled")
        )

    def background(
        self, stack: ExitStack, node: str, argv: Sequence[str], name: str, lines: int = 0
    ) -> None:
        """Have a process run in a node until the stack ends; it writes into the run's folder.

        Returns once it has written `lines` lines, which says that it has begun.
        """
        log, out = self.folder / f"{name}.log", self.folder / f"{name}.jsonl"
        process = self.lab.popen(node, argv, log=log, stdout=out)
        stack.callback(process.stop)

        def begun() -> bool:
            process.check()
            return len(list(read_lines(out))) >= lines

        wait_for(self.clock, begun, _BEGIN_SECONDS, lambda: f"{name} does not begin; see {log}")


class Play(Protocol):
    """One plot."""

    def begin(self, stage: Stage, stack: ExitStack) -> None:
        """Start what runs beside the flow, before it."""

    def act(self, stage: Stage, flow: Traffic) -> None:
        """Do it, while the flow runs."""


class Moves:
    """The moves of the experiment's text, softly, one after the other."""

    def begin(self, stage: Stage, stack: ExitStack) -> None:
        del stage, stack

    def act(self, stage: Stage, flow: Traffic) -> None:
        experiment = stage.experiment
        mover = Mover(stage.lab, experiment.mover, stage.clock)
        links = [link.name for link, _ in stage.lab.topology.links_of(experiment.mover)]
        plan = moves(links, experiment.moves)
        began = stage.clock.monotonic()
        for number, move in enumerate(plan, 1):
            stage.pause(began, number, len(plan), flow)
            if move is None:
                continue
            stage.say(f"{move.link} {move.action}")
            mark = InterfaceMark(stage.clock.wall(), mover.interface(move.link), move.action)
            stage.marks.append(mark)
            (mover.enable if move.enable else mover.disable)(move.link)
            flow.check()


def _netns(lab: Lab) -> NetnsLab:
    if not isinstance(lab, NetnsLab):
        raise UsageError("this experiment needs a lab in network namespaces")
    return lab


def _watch(stage: Stage, stack: ExitStack, names: Sequence[str]) -> None:
    """Have the names kept up to date by their nodes, and written down as the primary has them."""
    lab = _netns(stage.lab)
    primary = name_servers(lab.topology, "primary")[0]
    address = str(server_address(lab.topology, primary))
    full = [f"{name}.{ZONE}" for name in names]
    stage.background(
        stack, primary.name, [*_ARRIVALS, "watch", address, *full], "names", len(names)
    )
    for name in names:
        stage.background(stack, name, follow_command(lab.state, name), f"follow-{name}")
    logs = [stage.folder / f"follow-{name}.log" for name in names]

    def published() -> bool:
        return all("published: " in log.read_text() for log in logs)

    wait_for(stage.clock, published, _BEGIN_SECONDS, lambda: f"not published; see {logs}")


def _forget_hosts(lab: NetnsLab, nodes: Sequence[str]) -> None:
    """Have the DNS alone tell some nodes where others are."""
    (lab.state.directory / HOSTS_FILE).write_text("# see the DNS\n")
    for node in nodes:
        lab.control(node, {"cmd": "resolve"})


class Renumber:
    """A provider renumbers the peer: a second prefix, the first one old, unannounced, gone."""

    def begin(self, stage: Stage, stack: ExitStack) -> None:
        lab, server = _netns(stage.lab), stage.experiment.peer
        _watch(stage, stack, [server])
        stage.background(stack, server, [*_ARRIVALS, "serve", str(GREETER_PORT)], "greeter", 1)
        late = lab.topology.node("late")
        _forget_hosts(lab, [late.name])
        url = f"http://{server}.{ZONE.rstrip('.')}:{GREETER_PORT}/"
        words = [str(lab.control_socket("late")), url, f"{ARRIVAL_SECONDS:g}"]
        words += [format_nid(nid) for nid in nids_of(lab.topology, late)]
        stage.background(stack, late.name, [*_ARRIVALS, "arrive", *words], "arrivals", 1)

    def act(self, stage: Stage, flow: Traffic) -> None:
        lab = _netns(stage.lab)
        link = lab.topology.links_of(stage.experiment.peer)[0][0]
        new = IPv6Network(stage.experiment.new_prefix)
        change = Renumbering(lab, link, new)
        began = stage.clock.monotonic()
        acts: list[tuple[str, bool, Callable[[], None]]] = [
            ("new", True, change.announce_new),
            ("old: deprecated", False, change.deprecate_old),
            ("old: silent", False, change.silence_old),
            ("old: gone", False, change.remove_old),
        ]
        for number, (what, enabled, do) in enumerate(acts, 1):
            stage.pause(began, number, len(acts), flow)
            stage.mark(what, enabled=enabled)
            do()


class BothMove:
    """Both ends lose their network at once, find another one, and each other by name.

    The node of the end that began the session knows the name it came by, and asks it again when
    all paths are down (RFC 6740 s6.2); the other one learns from what it receives.
    """

    def begin(self, stage: Stage, stack: ExitStack) -> None:
        lab = _netns(stage.lab)
        ends = (stage.experiment.mover, stage.experiment.peer)
        _watch(stage, stack, ends)
        _forget_hosts(lab, ends)
        name = f"{stage.experiment.peer}.{ZONE.rstrip('.')}"
        lab.exec(stage.experiment.mover, ["getent", "ahosts", name], timeout=_LEARN_SECONDS)

    def act(self, stage: Stage, flow: Traffic) -> None:
        ends = (stage.experiment.mover, stage.experiment.peer)
        began = stage.clock.monotonic()
        for number, (gone, found) in enumerate(((0, 1), (1, 0)), 1):
            stage.pause(began, number, 2, flow)
            for end in ends:
                self._leave(stage, end, gone)
            for end in ends:
                self._enter(stage, end, found)

    def _leave(self, stage: Stage, node: str, index: int) -> None:
        link, end = stage.lab.topology.links_of(node)[index]
        stage.mark(f"{node}:{end.interface}", enabled=False)
        stage.lab.link_down(link.name)

    def _enter(self, stage: Stage, node: str, index: int) -> None:
        link, end = stage.lab.topology.links_of(node)[index]
        stage.mark(f"{node}:{end.interface}", enabled=True)
        stage.lab.link_up(link.name)
        request = {"cmd": "enable", "interface": end.interface}
        answer = stage.lab.control(node, request)
        if not answer.get("ok"):
            raise CheckFailed(f"{node}: enable {end.interface}: {answer.get('error', answer)}")


PLAYS: dict[str, Callable[[], Play]] = {
    "moves": Moves,
    "renumber": Renumber,
    "both-move": BothMove,
}


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects that a process beside a flow has written; half a line is passed over."""
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue
