# SPDX-License-Identifier: BSD-2-Clause
"""Makes a lab some of whose hosts are FreeBSD machines in QEMU.

The namespace of such a host holds what is outside of the machine: its ends of the links, shaped as
ever, each bridged to the TAP of an interface of the machine, and QEMU itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from ilnptool.config import Config
from ilnptool.errors import EnvironmentMissing, UsageError
from ilnptool.lab import freebsd, linuxnet, machine
from ilnptool.lab.addressing import provider_address
from ilnptool.lab.agent import Agent
from ilnptool.lab.kernelnode import MachineNode
from ilnptool.lab.model import Node, Role, Topology
from ilnptool.lab.netbuild import Builder
from ilnptool.lab.node import interfaces_in_use
from ilnptool.lab.protocol import Address
from ilnptool.lab.services import wait_for
from ilnptool.lab.state import LabState

BOOT_SECONDS = 240.0  # two cores, no KVM, and others at work
_ADDRESS_SECONDS = 60.0


def agent_of(state: LabState, name: str) -> Agent:
    """Return the agent of a machine."""
    folder = state.node(name)
    return Agent(machine.agent_socket(folder), machine.console_log(folder))


def choose_machines(topology: Topology, userspace: Collection[str]) -> tuple[str, ...]:
    """Return which hosts are to be machines: those that speak ILNP, but for `userspace`."""
    for name in userspace:
        if topology.node(name).role is Role.ROUTER:
            raise UsageError(f"node {name} is a router, which is no machine anyway")
    return tuple(
        node.name
        for node in topology.nodes
        if node.ilnp and node.role is Role.HOST and node.name not in userspace
    )


class GuestBuilder(Builder):
    """The hands of the QEMU driver; see Builder."""

    def __init__(
        self,
        topology: Topology,
        state: LabState,
        config: Config,
        lock: int | None,
        machines: tuple[str, ...],
        image: Path,
    ) -> None:
        super().__init__(topology, state, config, lock)
        self._machines = [topology.node(name) for name in machines]
        self._image = image
        self._hosts = [x for x in self._hosts if x not in self._machines]

    def steps(self) -> list[tuple[str, Callable[[], None]]]:
        """Return what is to be done: machines start early, as that takes them long."""
        steps = super().steps()
        names = [name for name, _ in steps]
        steps.insert(names.index("wait for addresses"), ("set machines up", self._set_up))
        steps.insert(names.index("make links") + 1, ("start machines", self._start_machines))
        return steps

    def _check(self) -> None:
        super()._check()
        if self._machines and shutil.which(machine.QEMU) is None:
            raise EnvironmentMissing(
                f"{machine.QEMU}: no such program; apt-get install qemu-system-x86"
            )
        if self._machines and not self._image.is_file():
            raise EnvironmentMissing(
                f"{self._image}: no image for machines there; ilnptool build-image (some minutes), "
                "or name one by --image"
            )

    def _settings(self, each: Node) -> str:
        # What is outside of a machine must say nothing of its own.
        return linuxnet.middle_sysctls() if each in self._machines else super()._settings(each)

    def _mac_lines(self, name: str) -> list[str]:
        # The addresses are those of the machine; a bridge would keep what is sent to its own.
        is_machine = name in [x.name for x in self._machines]
        return [] if is_machine else super()._mac_lines(name)

    def _write_files(self) -> None:
        super()._write_files()
        for each in self._machines:
            hosts = freebsd.hosts_file(self._topology, each)
            (self._state.node(each.name) / "hosts").write_text(hosts)

    def _start_machines(self) -> None:
        for each in self._machines:
            netns = self._netns(each.name)
            self.batch("ip", linuxnet.machine_lines(self._topology, each.name), netns)
            wanted = machine.machine_of(self._state.lab, self._topology, each, self._image)
            accelerator = machine.choose_accelerator(self._config.accelerator)
            argv = machine.qemu_argv(wanted, self._state.node(each.name), accelerator)
            self._services.start(f"{each.name}/qemu", argv, netns)

    def _set_up(self) -> None:
        for each in self._machines:
            agent_of(self._state, each.name).wait_ready(BOOT_SECONDS, self._services.check)
            self._set_up_one(each)

    def _set_up_one(self, each: Node) -> None:
        agent = agent_of(self._state, each.name)
        agent.write(freebsd.HOSTS, (self._state.node(each.name) / "hosts").read_bytes())
        for line in freebsd.set_up_lines(self._topology, each):
            agent.ask(line)

    def recover(self) -> None:
        """Set machines up that were started anew."""
        super().recover()
        for each in self._machines:
            agent = agent_of(self._state, each.name)
            agent.wait_ready(BOOT_SECONDS, self._services.check)
            if not freebsd.is_set_up(agent):
                self._set_up_one(each)

    def machine_addresses(self, name: str) -> list[Address]:
        """Return the addresses of a machine."""
        return freebsd.parse_addresses(agent_of(self._state, name).ask("ifconfig -L").text)

    def _machine_lacks(self, each: Node) -> list[str]:
        links = [x for x in self._topology.links_of(each.name) if x[0].up]
        have = {x.address for x in self.machine_addresses(each.name) if x.usable}
        lacking = [
            f"{each.name} has no address of provider {link.provider}"
            for link, end in links
            if provider_address(self._topology, link, end) not in have
        ]
        if not each.ilnp:
            return lacking
        kernel = MachineNode(agent_of(self._state, each.name), self._topology, each)
        used = interfaces_in_use(kernel.request({"cmd": "locators"}))
        return lacking + [
            f"ILNP of {each.name} uses no locator on {end.interface}"
            for link, end in links
            if link.provider is not None and not link.locator.disabled and end.interface not in used
        ]

    def _wait_addresses(self) -> None:
        super()._wait_addresses()
        lacking: list[str] = []

        def complete() -> bool:
            self._services.check()
            lacking[:] = [text for each in self._machines for text in self._machine_lacks(each)]
            return not lacking

        wait_for(complete, _ADDRESS_SECONDS, lambda: "; ".join(lacking))
