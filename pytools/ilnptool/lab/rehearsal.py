# SPDX-License-Identifier: BSD-2-Clause
"""Says what bringing a lab up would do, command by command, without doing it."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ilnptool import run
from ilnptool.config import Config
from ilnptool.lab import freebsd, linuxnet
from ilnptool.lab.guestbuild import GuestBuilder
from ilnptool.lab.model import Topology
from ilnptool.lab.services import Services
from ilnptool.lab.state import LabState


class _ToldServices(Services):
    """Services that are named and not started."""

    def __init__(self, state: LabState, told: list[str]) -> None:
        super().__init__(state)
        self._told = told

    def start(self, name: str, argv: Sequence[str], netns: str) -> None:
        self._told.append(f"{shlex.join(run.Space(netns).wrap(argv))} &  # {name}")

    def check(self) -> None:
        """They are never ill."""

    def wait_answer(self, name: str, ask: Callable[[], object]) -> None:
        """Nobody would answer."""


class _Rehearsal(GuestBuilder):
    """A builder whose hands only write down."""

    def __init__(
        self,
        topology: Topology,
        state: LabState,
        config: Config,
        machines: tuple[str, ...],
        image: Path,
    ) -> None:
        super().__init__(topology, state, config, None, machines, image)
        self.told: list[str] = []
        self._services = _ToldServices(state, self.told)

    def _run(self, argv: Sequence[str], stdin: str = "", netns: str | None = None) -> run.Result:
        whole = list(argv) if netns is None else run.Space(netns).wrap(argv)
        text = shlex.join(whole)
        self.told.append(f"{text} <<'END'\n{stdin}END" if stdin else text)
        return run.Result(tuple(argv), 0, "", "", 0.0)

    def _check(self) -> None:
        """What is missing here may be there where it is done."""

    def _uses_netem(self, netns: str) -> bool:
        del netns
        return self._config.emulator == "netem"

    def _set_up(self) -> None:
        for each in self._machines:
            lines = freebsd.set_up_lines(self._topology, each)
            self.told += [f"{each.name}# {line}" for line in lines]

    def wait_nodes(self) -> None:
        """There are none."""

    def _wait_addresses(self) -> None:
        """There will be none."""


def rehearse(
    topology: Topology,
    config: Config,
    name: str,
    machines: tuple[str, ...],
    image: Path,
    between: Sequence[str] = (),
) -> list[str]:
    """Return the commands of `up`, those `between`, and those of `down`.

    Those with NODE# run in that machine.
    """
    sure = replace(config, accelerator="tcg" if config.accelerator == "auto" else "kvm")
    with tempfile.TemporaryDirectory(prefix="ilnp-") as folder:
        state = LabState(Path(folder), name)
        state.directory.mkdir(parents=True)
        builder = _Rehearsal(topology, state, sure, machines, image)
        for _, act in builder.steps():
            act()
    spaces = [linuxnet.netns_of(name, node.name) for node in topology.nodes]
    spaces += [linuxnet.middle_of(name, link.name) for link in topology.links if link.emulated]
    undo = [f"ip netns delete {space}" for space in spaces]
    lines = [*builder.told, *between, *undo]
    return [line.replace(folder, str(config.state)) for line in lines]
