# SPDX-License-Identifier: BSD-2-Clause
"""The driver for FreeBSD hosts: every node is a machine of bhyve(8), every link a bridge.

What would be done is made first, as files and commands, and then printed or done.  Rates, delays
and losses of links are not made here.  Untested on hardware: the tests compare what is made with
the rules of bhyve_config(5).
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ilnptool.config import Config
from ilnptool.errors import CheckFailed, IlnpError, UsageError
from ilnptool.lab import freebsd
from ilnptool.lab.addressing import mac_of
from ilnptool.lab.agent import Agent, listening, run_in
from ilnptool.lab.bhyveconf import check_config, format_config
from ilnptool.lab.hardware import Device, check_reserved
from ilnptool.lab.machine import console_log, keep_consoles, memory_for
from ilnptool.lab.model import End, Node, Topology
from ilnptool.lab.protocol import Step, StepObserver, ignore_steps
from ilnptool.lab.state import LabState
from ilnptool.lab.topofile import format_topology
from ilnptool.run import Process, Result, popen, run

_MODULES = ("vmm", "nmdm", "if_tuntap", "if_bridge")
_LOADER = "/boot/userboot_4th.so"  # reads the plain loader.rc of our image
_COMMAND_SECONDS = 60.0
_BOOT_SECONDS = 120.0
_FIRST_UNIT = 1000
_LABS = 128
_LINKS = 64  # of a lab at most; it takes that many bridges and twice as many vmnet interfaces
_FIRST_SLOT = 4  # of network interfaces on the PCI bus
_LPC_SLOT = 31

Argv = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is done to have a lab: files, commands, and what each machine is told."""

    files: dict[Path, str]
    prepare: list[Argv]
    load: dict[str, Argv]  # per node, before it starts
    start: dict[str, Argv]  # runs as long as the machine
    told: dict[str, list[str]]  # lines for the agent
    undo: list[Argv]

    def lines(self) -> list[str]:
        """Return what makes the lab, as a person would do it."""
        text = []
        for path, content in self.files.items():
            text += [f"cat > {path} <<'END'", *content.splitlines(), "END"]
        text += [" ".join(argv) for argv in self.prepare]
        for name, argv in self.start.items():
            text += [" ".join(self.load[name]), f"{' '.join(argv)} &"]
        text += [f"{name}# {line}" for name, lines in self.told.items() for line in lines]
        return text


def machine_name(lab: str, node: str) -> str:
    return f"ilnp.{lab}.{node}"


def line_device(lab: str, node: str, number: int, side: str) -> str:
    """Return a side of one of a machine's serial lines: 1 console, 2 agent; A machine's, B ours."""
    return f"/dev/nmdm-{lab}.{node}.{number}{side}"


class Planner:
    """Makes the plan of a lab."""

    def __init__(
        self,
        topology: Topology,
        lab: str,
        image: Path,
        directory: Path,
        devices: Collection[Device] = (),
    ) -> None:
        if len(topology.links) > _LINKS:
            raise UsageError(f"{topology.name}: more than {_LINKS} links")
        self._topology = topology
        self._lab = lab
        self._image = image
        self._directory = directory
        self._devices = {device.end: device for device in devices}
        # By the lab's name, so that two labs rarely want the same; ifconfig(8) refuses if they do.
        self._unit = _FIRST_UNIT + zlib.crc32(lab.encode()) % _LABS * _LINKS

    def _tap(self, end: End) -> str | None:
        """Return the vmnet interface of an end; None if its link is a cable."""
        for index, link in enumerate(self._topology.links):
            if end in link.ends:
                wired = any(x in self._devices for x in link.ends)
                number = (self._unit + index) * 2 + link.ends.index(end)
                return None if wired else f"vmnet{number}"
        raise UsageError(f"{end.node}:{end.interface} is on no link")

    def _settings(self, node: Node) -> dict[str, str]:
        wired = [x for _, x in self._topology.links_of(node.name) if x in self._devices]
        settings = {
            "name": machine_name(self._lab, node.name),
            "cpus": "1",
            "memory.size": f"{memory_for(self._image)}M",
            **({"memory.wired": "true"} if wired else {}),
            "acpi_tables": "true",
            "x86.vmexit_on_hlt": "true",
            "x86.strictmsr": "false",
            "pci.0.0.0.device": "hostbridge",
            f"pci.0.{_LPC_SLOT}.0.device": "lpc",
            "lpc.com1.path": line_device(self._lab, node.name, 1, "A"),
            "lpc.com2.path": line_device(self._lab, node.name, 2, "A"),
            "pci.0.3.0.device": "virtio-blk",
            "pci.0.3.0.path": str(self._image),
            "pci.0.3.0.ro": "true",
        }
        links = self._topology.links_of(node.name)
        if len(links) > _LPC_SLOT - _FIRST_SLOT:
            raise UsageError(f"{node.name}: more than {_LPC_SLOT - _FIRST_SLOT} interfaces")
        for index, (link, end) in enumerate(links):
            place = f"pci.0.{_FIRST_SLOT + index}.0"
            device = self._devices.get(end)
            tap = self._tap(end)
            if device is not None:
                settings[f"{place}.device"] = "passthru"
                settings[f"{place}.bus"] = str(device.bus)
                settings[f"{place}.slot"] = str(device.slot)
                settings[f"{place}.func"] = str(device.function)
            elif tap is not None:
                settings[f"{place}.device"] = "virtio-net"
                settings[f"{place}.backend"] = tap
                settings[f"{place}.mac"] = mac_of(self._topology, end)
                if link.mtu != 1500:
                    settings[f"{place}.mtu"] = str(link.mtu)
        return settings

    def _networks(self) -> tuple[list[Argv], list[Argv]]:
        make: list[Argv] = []
        undo: list[Argv] = []
        for index, link in enumerate(self._topology.links):
            taps = [tap for end in link.ends if (tap := self._tap(end)) is not None]
            if not taps:
                continue
            bridge = f"bridge{self._unit + index}"
            for tap in taps:
                make += [("ifconfig", tap, "create"), ("ifconfig", tap, "mtu", str(link.mtu), "up")]
                undo.append(("ifconfig", tap, "destroy"))
            make.append(("ifconfig", bridge, "create"))
            members = [word for tap in taps for word in ("addm", tap)]
            make.append(("ifconfig", bridge, *members, "up"))
            undo.insert(0, ("ifconfig", bridge, "destroy"))
        return make, undo

    def _interfaces(self, node: Node) -> dict[End, str]:
        """Return the names by which a machine finds its interfaces.

        It has none at the far end of a cable.
        """
        counts: dict[str, int] = {}
        names = {}
        for _, end in self._topology.links_of(node.name):
            device = self._devices.get(end)
            if device is None and self._tap(end) is None:
                continue
            driver = "vtnet" if device is None else device.driver
            names[end] = f"{driver}{counts.get(driver, 0)}"
            counts[driver] = counts.get(driver, 0) + 1
        return names

    def plan(self) -> Plan:
        """Return what to do; the configurations are checked."""
        make, undo = self._networks()
        plan = Plan({}, [("kldload", "-n", *_MODULES), *make], {}, {}, {}, [])
        for node in self._topology.nodes:
            name = machine_name(self._lab, node.name)
            path = self._directory / node.name / "bhyve.conf"
            text = format_config(self._settings(node))
            check_config(text, path)
            plan.files[path] = text
            wired = ("-S",) if "memory.wired=true\n" in text else ()
            plan.load[node.name] = (
                *("bhyveload", *wired, "-l", _LOADER, "-m", "256M", "-d", str(self._image)),
                *("-c", line_device(self._lab, node.name, 1, "A"), name),
            )
            plan.start[node.name] = ("bhyve", "-k", str(path), name)
            plan.told[node.name] = freebsd.set_up_lines(
                self._topology, node, self._interfaces(node), self._devices
            )
            plan.undo.append(("bhyvectl", "--destroy", f"--vm={name}"))
        plan.undo.extend(undo)
        return plan


def _need_alive(node: str, process: Process) -> None:
    status = process.poll()
    if status is not None:
        raise CheckFailed(f"bhyve of {node} has ended with status {status}\n{process.tail()}")


class BhyveLab:
    """A lab of bhyve machines: the part of ilnptool.lab.protocol.Lab that a shell needs."""

    def __init__(
        self,
        topology: Topology,
        config: Config,
        image: Path,
        devices: Collection[Device] = (),
        name: str | None = None,
        observer: StepObserver = ignore_steps,
    ) -> None:
        self.topology = topology
        self.name = name or topology.name
        self.state = LabState(config.state, self.name)
        self._devices = devices
        self._observer = observer
        self._plan = Planner(topology, self.name, image, self.state.directory, devices).plan()

    def agent(self, node: str) -> Agent:
        """Return the agent of a machine."""
        self.topology.node(node)
        device = Path(line_device(self.name, node, 2, "B"))
        return Agent(device, console_log(self.state.node(node)))

    def up(self) -> None:
        if self._devices:
            listing = run(["pciconf", "-l"], timeout=_COMMAND_SECONDS).stdout
            check_reserved(self._devices, listing)
        with self.state.locked():
            if self.state.entries("up"):
                return
            self._undo()
            try:
                self.state.record("undo", commands=self._plan.undo)
                file = self.state.directory / "topology.toml"
                file.write_text(format_topology(self.topology))
                with ExitStack() as consoles:
                    self._make(consoles)
                self.state.record("up")
            except BaseException as err:
                keep_consoles(self.state, self._plan.start, err)
                self._undo()
                raise

    def _make(self, consoles: ExitStack) -> None:
        """Do it; while machines start, their consoles are kept in files."""
        steps = ("write files", "make networks", "start machines", "set machines up")
        for path, text in self._plan.files.items():
            self._observer(Step(steps[0], 1, len(steps)))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._observer(Step(steps[1], 2, len(steps)))
        for argv in self._plan.prepare:
            run(argv, timeout=_COMMAND_SECONDS)
        self._observer(Step(steps[2], 3, len(steps)))
        started: dict[str, Process] = {}
        for node, argv in self._plan.start.items():
            device = Path(line_device(self.name, node, 1, "B"))
            consoles.enter_context(listening(device, console_log(self.state.node(node))))
            run(self._plan.load[node], timeout=_COMMAND_SECONDS)
            started[node] = popen(argv, log=self.state.node(node) / "bhyve.log")
        self._observer(Step(steps[3], 4, len(steps)))
        for node, lines in self._plan.told.items():
            self.agent(node).wait_ready(_BOOT_SECONDS, partial(_need_alive, node, started[node]))
            hosts = freebsd.hosts_file(self.topology, self.topology.node(node))
            self.agent(node).write(freebsd.HOSTS, hosts.encode())
            for line in lines:
                self.agent(node).ask(line)

    def down(self) -> None:
        with self.state.locked():
            self._undo()

    def _undo(self) -> None:
        """Undo what the journal names; what is not there is no error."""
        for entry in self.state.entries("undo"):
            for argv in entry["commands"]:
                run(argv, timeout=_COMMAND_SECONDS, check=False)
        if self.state.exists():
            self.state.remove()

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        timeout: float,
        stdin: str = "",
        check: bool = True,
    ) -> Result:
        folder = self.state.node(node)
        return run_in(self.agent(node), argv, folder, timeout=timeout, stdin=stdin, check=check)

    def console_argv(self, node: str) -> list[str]:
        """Return the command that joins a machine's console to a terminal."""
        self.topology.node(node)
        return ["cu", "-l", line_device(self.name, node, 1, "B")]

    def machines_running(self) -> dict[str, bool]:
        """Return which nodes' machines there are."""
        found = {}
        for node in self.topology.nodes:
            try:
                vm = machine_name(self.name, node.name)
                run(["bhyvectl", "--get-stats", f"--vm={vm}"], timeout=_COMMAND_SECONDS)
                found[node.name] = True
            except IlnpError:
                found[node.name] = False
        return found
