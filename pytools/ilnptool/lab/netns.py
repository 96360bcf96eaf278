# SPDX-License-Identifier: BSD-2-Clause
"""The driver for Linux network namespaces: nodes are namespaces, links are veth pairs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ilnptool import run
from ilnptool.config import Config
from ilnptool.errors import CheckFailed, UsageError
from ilnptool.lab import control, linkem, linuxnet, node, processes
from ilnptool.lab.model import Impairment, Topology
from ilnptool.lab.netbuild import Builder
from ilnptool.lab.protocol import (
    Address,
    CaptureStats,
    Running,
    StepObserver,
    ignore_steps,
)
from ilnptool.lab.services import Services, nsswitch_of, resolv_of, wait_for
from ilnptool.lab.state import LabState, find_lab
from ilnptool.lab.teardown import refuse_from_inside, remove, remove_lab, require_root
from ilnptool.lab.topofile import format_topology
from ilnptool.lab.topology import load_topology

__all__ = ["NetnsCapture", "NetnsLab", "open_lab", "require_root"]

_TOPOLOGY_FILE = "topology.toml"
_CAPTURE_SECONDS = 10.0
_LISTENS_SECONDS = 10.0
_COUNTS = re.compile(r"^(\d+) packets? (captured|dropped by kernel)$", re.MULTILINE)


class NetnsCapture:
    """A tcpdump that is running in a node."""

    def __init__(self, process: run.Process, file: Path) -> None:
        self._process = process
        self.file = file

    def stop(self) -> CaptureStats:
        """End the capture; all that was seen is in the file then."""
        status = self._process.stop()
        text = self._process.log.read_text()
        counts = {what: int(number) for number, what in _COUNTS.findall(text)}
        if status != 0 or "captured" not in counts:
            raise CheckFailed(f"capture into {self.file} broke off: {self._process.tail()}")
        return CaptureStats(counts["captured"], counts["dropped by kernel"])


class NetnsLab:
    """A lab in network namespaces; see ilnptool.lab.protocol.Lab for the abilities."""

    def __init__(
        self,
        topology: Topology,
        config: Config,
        name: str | None = None,
        observer: StepObserver = ignore_steps,
    ) -> None:
        self.topology = topology
        self.name = name or topology.name
        self.state = LabState(config.state, self.name)
        self._config = config
        self._observer = observer
        self._builder = self._make_builder()
        self.services = Services(self.state)

    def _make_builder(self, lock: int | None = None) -> Builder:
        """Return the hands of this lab; `lock` is the descriptor of its lock."""
        return Builder(self.topology, self.state, self._config, lock)

    def _description(self) -> dict[str, str]:
        """Return the files, with their texts, by which the lab is known again."""
        return {_TOPOLOGY_FILE: format_topology(self.topology)}

    def _as_described(self) -> bool:
        """Tell whether the files of the lab describe it as we do."""
        return all(
            (file := self.state.directory / name).exists() and file.read_text() == text
            for name, text in self._description().items()
        )

    @property
    def is_up(self) -> bool:
        """Whether the lab was completed and its namespaces are still there."""
        return bool(self.state.entries("up")) and all(
            processes.netns_exists(entry["name"]) for entry in self.state.entries("netns")
        )

    def up(self) -> None:
        require_root("lab up")
        refuse_from_inside(self.state)
        with self.state.locked() as lock:
            builder = self._make_builder(lock)
            if self.is_up:
                if not self._as_described():
                    raise UsageError(
                        f"lab {self.name} is up with another topology; "
                        f"`ilnptool lab down {self.name}` first, or choose another name"
                    )
                if self.services.revive():
                    builder.recover()
                return
            if self.state.exists():
                remove(self.state, lock, ignore_steps)
            try:
                self.state.record("begin", pid=os.getpid())
                for name, text in self._description().items():
                    (self.state.directory / name).write_text(text)
                builder.build(self._observer)
                self.state.record("up")
            except BaseException as err:
                self._explain(err)
                remove(self.state, lock, ignore_steps)
                raise

    def _explain(self, err: BaseException) -> None:
        """Add to an error, by a note, where is kept what may explain it."""

    def down(self) -> None:
        remove_lab(self.state, self._observer)

    def _need_up(self) -> None:
        if not self.is_up:
            raise UsageError(f"lab {self.name} is not up; `ilnptool lab up {self.name}`")

    def space(self, node_name: str) -> run.Space:
        """Return the place in which the programs of a node run."""
        self.topology.node(node_name)
        self._need_up()
        netns = linuxnet.netns_of(self.name, node_name)
        folder = self.state.node(node_name)
        return run.Space(netns, folder / "hosts", resolv_of(folder), nsswitch_of(folder))

    @property
    def environment(self) -> dict[str, str]:
        """What marks a process as one of this lab, so that `down` ends it.

        And where it finds the module for the name service switch: beside the node.
        """
        folders = [str(self._config.ilnpd.parent), os.environ.get("LD_LIBRARY_PATH", "")]
        return {
            processes.MARK: str(self.state.directory),
            "LD_LIBRARY_PATH": ":".join(filter(None, folders)),
        }

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        timeout: float,
        stdin: str = "",
        check: bool = True,
    ) -> run.Result:
        return run.run(
            argv,
            timeout=timeout,
            stdin=stdin,
            check=check,
            space=self.space(node),
            env=self.environment,
        )

    def _beside(
        self, node: str, argv: Sequence[str], log: Path, stdout: Path | None = None
    ) -> run.Process:
        """Start a process in a node's namespace."""
        netns = run.Space(linuxnet.netns_of(self.name, node))
        return run.popen(argv, log=log, stdout=stdout, space=netns, env=self.environment)

    def popen(
        self, node: str, argv: Sequence[str], *, log: Path, stdout: Path | None = None
    ) -> Running:
        return run.popen(argv, log=log, stdout=stdout, space=self.space(node), env=self.environment)

    def link_up(self, link: str) -> None:
        self._need_up()
        found = self.topology.link(link)
        lines = linuxnet.up_lines(self.topology, found, found.ends[0])
        self._builder.batch("ip", lines, linuxnet.netns_of(self.name, found.ends[0].node))

    def link_down(self, link: str) -> None:
        self._need_up()
        end = self.topology.link(link).ends[0]
        lines = [f"link set {end.interface} down"]
        self._builder.batch("ip", lines, linuxnet.netns_of(self.name, end.node))

    def link_set(
        self, link: str, *, rate: int | None = None, impairment: Impairment | None = None
    ) -> None:
        self._need_up()
        found = self.topology.link(link)
        if rate is not None:
            if found.rate is None:
                raise UsageError(f"link {link} has no rate in its topology, so none to change")
            found = replace(found, rate=rate)
        if impairment is not None:
            if found.impairment is None:
                raise UsageError(
                    f'link {link} has no emulator; give it delay = "0s" in its topology to get one'
                )
            found = replace(found, impairment=impairment)
        if rate is not None and found.bottleneck == "ends":
            for end in found.ends:
                line = linuxnet.shaping_line(found, end.interface, "change")
                self._builder.batch("tc", [line], linuxnet.netns_of(self.name, end.node))
        if found.emulated:
            socket = linkem.control_socket(self.state.link(link))
            if socket.exists():
                control.ask_linkem(socket, f"set {linkem.settings_of(found)}")
            else:
                netns = linuxnet.middle_of(self.name, link)
                self._builder.batch("tc", linkem.netem_lines(found, "change"), netns)
        self.topology = self.topology.with_link(found)

    def capture(
        self, node: str, interface: str, file: Path, *, expression: str = "", snaplen: int = 0
    ) -> NetnsCapture:
        log = file.with_name(file.name + ".log")
        log.unlink(missing_ok=True)
        # Immediate mode: else the last packets are still in the kernel when we stop.
        argv = ["tcpdump", "-n", "-Z", "root", "--immediate-mode", "-B", "16384"]
        argv += ["-s", str(snaplen), "-i", interface, "-w", str(file), *expression.split()]
        self.topology.node(node)
        self._need_up()
        process = self._beside(node, argv, log)

        def listening() -> bool:
            if process.poll() is not None:
                raise CheckFailed(f"no capture on {node}:{interface}: {process.tail()}")
            return "listening on" in log.read_text()

        wait_for(listening, _CAPTURE_SECONDS, lambda: f"no capture on {node}:{interface}")
        return NetnsCapture(process, file)

    def addresses(self, node: str) -> list[Address]:
        self.space(node)
        return self._builder.addresses(node)

    def control(self, node: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self._need_up()
        return control.ask_node(self.control_socket(node), request)

    def listens(self, node: str, port: int) -> bool:
        argv = ["ss", "-Hltn", f"sport = :{port}"]
        return bool(self.exec(node, argv, timeout=_LISTENS_SECONDS).stdout.strip())

    def control_socket(self, name: str) -> Path:
        """Return the control socket of a node's ILNP."""
        if not self.topology.node(name).ilnp:
            raise UsageError(f"node {name} of lab {self.name} does not run ILNP")
        return node.control_socket(self.state.node(name))


def open_lab(config: Config, name: str, observer: StepObserver = ignore_steps) -> NetnsLab:
    """Return the lab of that name as its state directory describes it."""
    file = find_lab(config.state, name).directory / _TOPOLOGY_FILE
    if not file.exists():
        raise UsageError(f"lab {name} is not complete; `ilnptool lab down {name}` removes it")
    return NetnsLab(load_topology(file), config, name, observer)
