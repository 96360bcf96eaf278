# SPDX-License-Identifier: BSD-2-Clause
"""The driver for labs with FreeBSD machines in QEMU; other nodes are network namespaces.

So a node with ILNP in its kernel and one with ILNP in userspace meet in one lab.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ilnptool import run
from ilnptool.config import Config
from ilnptool.errors import UsageError
from ilnptool.lab import freebsd
from ilnptool.lab.agent import Agent, Job, run_in
from ilnptool.lab.guestbuild import GuestBuilder, agent_of
from ilnptool.lab.kernelnode import MachineNode
from ilnptool.lab.machine import keep_consoles
from ilnptool.lab.model import Topology
from ilnptool.lab.netns import NetnsLab, open_lab
from ilnptool.lab.protocol import Address, Running, StepObserver, ignore_steps

_MACHINES_FILE = "machines.json"


class QemuLab(NetnsLab):
    """A lab in which the nodes `machines` are FreeBSD; see ilnptool.lab.protocol.Lab."""

    def __init__(
        self,
        topology: Topology,
        config: Config,
        machines: tuple[str, ...],
        image: Path,
        name: str | None = None,
        observer: StepObserver = ignore_steps,
    ) -> None:
        self.machines = machines
        self.image = image
        super().__init__(topology, config, name, observer)

    def _make_builder(self, lock: int | None = None) -> GuestBuilder:
        arguments = self.topology, self.state, self._config, lock
        return GuestBuilder(*arguments, self.machines, self.image)

    def _explain(self, err: BaseException) -> None:
        keep_consoles(self.state, self.machines, err)

    def _description(self) -> dict[str, str]:
        machines = json.dumps({"machines": self.machines, "image": str(self.image)})
        return {**super()._description(), _MACHINES_FILE: machines}

    def _need_up(self) -> None:
        if not self.is_up:
            raise UsageError(
                f"lab {self.name} is not up; `ilnptool bhyve-lab down {self.name}` removes what "
                "there is of it, `bhyve-lab up` makes it anew"
            )

    def agent(self, node: str) -> Agent:
        """Return the agent of a machine."""
        self.topology.node(node)
        self._need_up()
        if node not in self.machines:
            raise UsageError(f"node {node} of lab {self.name} is no machine")
        return agent_of(self.state, node)

    def space(self, node_name: str) -> run.Space:
        """Return the place in which the programs of a node run, if that is no machine."""
        if node_name in self.machines:
            raise UsageError(
                f"node {node_name} of lab {self.name} is a machine; "
                f"ilnptool bhyve-lab exec {self.name} {node_name} -- COMMAND"
            )
        return super().space(node_name)

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        timeout: float,
        stdin: str = "",
        check: bool = True,
    ) -> run.Result:
        if node not in self.machines:
            return super().exec(node, argv, timeout=timeout, stdin=stdin, check=check)
        with tempfile.TemporaryDirectory(prefix="ilnp-") as folder:
            agent, place = self.agent(node), Path(folder)
            return run_in(agent, argv, place, timeout=timeout, stdin=stdin, check=check)

    def popen(
        self, node: str, argv: Sequence[str], *, log: Path, stdout: Path | None = None
    ) -> Running:
        if node not in self.machines:
            return super().popen(node, argv, log=log, stdout=stdout)
        return Job(self.agent(node), argv, log=log, stdout=stdout, stdin=b"")

    def link_up(self, link: str) -> None:
        found = self.topology.link(link)
        end = found.ends[0]
        if end.node not in self.machines:
            super().link_up(link)
            return
        for line in freebsd.up_lines(self.topology, found, end):
            self.agent(end.node).ask(line)

    def link_down(self, link: str) -> None:
        end = self.topology.link(link).ends[0]
        if end.node not in self.machines:
            super().link_down(link)
            return
        for line in freebsd.down_lines(end):
            self.agent(end.node).ask(line)

    def addresses(self, node: str) -> list[Address]:
        if node not in self.machines:
            return super().addresses(node)
        return freebsd.parse_addresses(self.agent(node).ask("ifconfig -L").text)

    def control(self, node: str, request: Mapping[str, Any]) -> dict[str, Any]:
        if node in self.machines:
            return MachineNode(self.agent(node), self.topology, self.topology.node(node)).request(
                request
            )
        return super().control(node, request)

    def listens(self, node: str, port: int) -> bool:
        if node not in self.machines:
            return super().listens(node, port)
        text = f"netstat -an -p tcp | grep -q '[.]{port} .*LISTEN'"
        return self.agent(node).ask(text, check=False).status == 0


def open_any(config: Config, name: str, observer: StepObserver = ignore_steps) -> NetnsLab:
    """Return the lab of that name, with machines or without, as its state describes it."""
    lab = open_lab(config, name, observer)
    try:
        found = json.loads((lab.state.directory / _MACHINES_FILE).read_text())
    except FileNotFoundError:
        return lab
    machines = tuple(found["machines"])
    return QemuLab(lab.topology, config, machines, Path(found["image"]), name, observer)
