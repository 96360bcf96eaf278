# SPDX-License-Identifier: BSD-2-Clause
"""Makes and removes the namespaces, links and services of a lab, journal first.

Used as root, and with the lab's lock held.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ilnptool import run
from ilnptool.config import Config
from ilnptool.errors import CommandFailed, UsageError
from ilnptool.lab import control, linkem, linuxnet, names, node, processes, routers
from ilnptool.lab.addressing import provider_address
from ilnptool.lab.linuxaddr import parse_addresses
from ilnptool.lab.model import Node, Role, Topology
from ilnptool.lab.nameservers import start_name_servers, write_resolv_conf
from ilnptool.lab.protocol import Address, Step, StepObserver
from ilnptool.lab.services import Services, wait_for
from ilnptool.lab.state import LabState

_COMMAND_SECONDS = 30.0
_ADDRESS_SECONDS = 20.0


class Builder:
    """The hands of the netns driver; `lock` is the descriptor of the lab's lock."""

    def __init__(
        self, topology: Topology, state: LabState, config: Config, lock: int | None = None
    ) -> None:
        self._topology = topology
        self._state = state
        self._config = config
        self._inherit = () if lock is None else (lock,)
        self._services = Services(state)
        self._hosts = [x for x in topology.nodes if x.role is not Role.ROUTER]
        self._routers = [x for x in topology.nodes if x.role is Role.ROUTER]
        self._middles = {
            link.name: linuxnet.middle_of(state.lab, link.name)
            for link in topology.links
            if link.emulated
        }

    def _netns(self, name: str) -> str:
        return linuxnet.netns_of(self._state.lab, name)

    def _run(self, argv: Sequence[str], stdin: str = "", netns: str | None = None) -> run.Result:
        space = None if netns is None else run.Space(netns)
        return run.run(
            argv, stdin=stdin, space=space, timeout=_COMMAND_SECONDS, inherit=self._inherit
        )

    def batch(
        self, program: str, lines: Sequence[str], netns: str | None = None, *options: str
    ) -> None:
        """Have `ip` or `tc` carry out lines, inside a namespace if one is named."""
        if lines:
            place = [] if netns is None else ["-n", netns]
            argv = [program, *options, *place, "-batch", "-"]
            self._run(argv, "".join(line + "\n" for line in lines))

    def build(self, observer: StepObserver) -> None:
        """Make the lab from nothing."""
        steps = self.steps()
        for number, (name, act) in enumerate(steps, 1):
            observer(Step(name, number, len(steps)))
            act()

    def steps(self) -> list[tuple[str, Callable[[], None]]]:
        """Return what is to be done, in order."""
        return [
            ("check what is needed", self._check),
            ("write files", self._write_files),
            ("make namespaces", self._make_namespaces),
            ("make links", self._make_links),
            ("start link emulators", self._start_emulators),
            ("configure routers", self._configure_routers),
            ("configure hosts", self._configure_hosts),
            ("start ILNP nodes", self._start_nodes),
            ("wait for addresses", self._wait_addresses),
            ("start name servers", self._start_name_servers),
        ]

    def _check(self) -> None:
        """Find what cannot work before anything is made."""
        for name in [*(self._netns(x.name) for x in self._topology.nodes), *self._middles.values()]:
            if processes.netns_exists(name):
                raise UsageError(
                    f"namespace {name} is there already and not ours: a lab {self._state.lab} with "
                    "another state directory seems to be up; choose another name for this one"
                )
        if any(x.ilnp for x in self._hosts):
            node.find_ilnpd(self._config)
        if self._middles and self._config.emulator != "netem":
            linkem.ensure_built(self._config)

    def _write_files(self) -> None:
        hosts = self._state.directory / names.HOSTS_FILE
        hosts.write_text(names.hosts_ilnp(self._topology))
        for each in self._topology.nodes:
            directory = self._state.node(each.name)
            (directory / "hosts").write_text(names.hosts_overlay(self._topology, each))
            write_resolv_conf(self._topology, directory)
            if each.ilnp:
                node.write_conf(self._topology, each, directory, hosts)

    def _make_namespace(self, name: str, settings: str) -> None:
        self._state.record("netns", name=name)
        self._run(["ip", "netns", "add", name])
        self._run(["sysctl", "-q", "-p", "-"], settings, netns=name)

    def _settings(self, each: Node) -> str:
        """Return the settings of a node's namespace."""
        return linuxnet.sysctls(each)

    def _mac_lines(self, name: str) -> list[str]:
        """Return the `ip` lines that give the interfaces of a node their MAC addresses."""
        return linuxnet.mac_lines(self._topology, name)

    def _make_namespaces(self) -> None:
        for each in self._topology.nodes:
            self._make_namespace(self._netns(each.name), self._settings(each))
        for name in self._middles.values():
            self._make_namespace(name, linuxnet.middle_sysctls())

    def _make_links(self) -> None:
        self.batch("ip", linuxnet.link_lines(self._state.lab, self._topology))
        for each in self._topology.nodes:
            netns = self._netns(each.name)
            self.batch("ip", self._mac_lines(each.name), netns)
            for link, end in self._topology.links_of(each.name):
                if not link.offload:
                    self._run(linuxnet.offloads_off(end.interface), netns=netns)
            self.batch("tc", linuxnet.shaping_lines(self._topology, each.name), netns)

    def _start_emulators(self) -> None:
        for name, netns in self._middles.items():
            link = self._topology.link(name)
            netem = self._uses_netem(netns)
            self.batch("ip", linuxnet.middle_lines(bridged=netem), netns)
            if netem:
                self.batch("tc", linkem.netem_lines(link, "add"), netns)
                continue
            directory = self._state.link(name)
            service = f"{directory.name}/linkem"
            socket = linkem.control_socket(directory)
            self._services.start(service, linkem.command(self._config, link, socket), netns)
            self._services.wait_answer(service, partial(control.ask_linkem, socket, "stats"))

    def _uses_netem(self, netns: str) -> bool:
        if self._config.emulator != "auto":
            return self._config.emulator == "netem"
        try:
            self._run(["tc", "-n", netns, *["qdisc", "add", "dev", "lo", "root", "netem"]])
        except CommandFailed:
            return False
        return True

    def _configure_routers(self) -> None:
        for each in self._routers:
            netns = self._netns(each.name)
            self.batch("ip", linuxnet.router_lines(self._topology, each.name), netns)
            self._run(["nft", "-f", "-"], routers.ingress_rules(self._topology, each.name), netns)
            conf = routers.radvd_conf(self._topology, each.name)
            if conf:
                directory = self._state.node(each.name)
                (directory / "radvd.conf").write_text(conf)
                self._services.start(f"{each.name}/radvd", routers.radvd_command(directory), netns)

    def _configure_hosts(self) -> None:
        for each in self._hosts:
            lines = ["link set lo up"]
            if each.source_routing:
                rules = linuxnet.source_rules(self._topology, each.name)
                self.batch("ip", rules, self._netns(each.name), "-6")
            for link, end in self._topology.links_of(each.name):
                if link.up:
                    lines += linuxnet.up_lines(self._topology, link, end)
            self.batch("ip", lines, self._netns(each.name))

    def addresses(self, name: str) -> list[Address]:
        """Return the addresses of a node."""
        argv = ["ip", "-n", self._netns(name), "-json", "-6", "address", "show"]
        return parse_addresses(self._run(argv).stdout)

    def _lacking(self) -> list[str]:
        """Return what hosts have not yet been given, or do not use yet."""
        lacking = []
        for each in self._hosts:
            links = [x for x in self._topology.links_of(each.name) if x[0].up]
            have = {x.address for x in self.addresses(each.name) if x.usable}
            lacking += [
                f"{each.name} has no address of provider {link.provider}"
                for link, end in links
                if provider_address(self._topology, link, end) not in have
            ]
            used = self._locators(each.name) if each.ilnp else set()
            lacking += [
                f"ILNP of {each.name} uses no locator on {end.interface}"
                for link, end in links
                if each.ilnp and not link.locator.disabled and end.interface not in used
            ]
        return lacking

    def _locators(self, name: str) -> set[str]:
        """Return the interfaces whose locators a host's ILNP uses."""
        socket = node.control_socket(self._state.node(name))
        return node.interfaces_in_use(control.ask_node(socket, node.STATUS))

    def _wait_addresses(self) -> None:
        def complete() -> bool:
            self._services.check()
            return not self._lacking()

        wait_for(complete, _ADDRESS_SECONDS, lambda: "; ".join(self._lacking()))

    def _start_nodes(self) -> None:
        for each in self._hosts:
            if not each.ilnp:
                continue
            directory = self._state.node(each.name)
            argv = node.command(node.find_ilnpd(self._config), directory)
            self._services.start(f"{each.name}/ilnpd", argv, self._netns(each.name))
        self.wait_nodes()

    def recover(self) -> None:
        """Bring back what services that were started anew have forgotten."""
        self.wait_nodes()

    def wait_nodes(self) -> None:
        """Wait until the ILNP of every host answers."""
        for each in self._hosts:
            if each.ilnp:
                socket = node.control_socket(self._state.node(each.name))
                ask = partial(control.ask_node, socket, node.STATUS)
                self._services.wait_answer(f"{each.name}/ilnpd", ask)
            self._services.check()

    def _start_name_servers(self) -> None:
        start_name_servers(self._topology, self._state, self._services)
