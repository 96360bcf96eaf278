# SPDX-License-Identifier: BSD-2-Clause
"""`ilnptool bhyve-lab`: labs whose nodes are FreeBSD machines with ILNP in their kernel."""

from __future__ import annotations

import os
import select
import shlex
import socket
import sys
import termios
import tty
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from ilnptool import run
from ilnptool.cli.output import json_option, print_json, print_table, say, steps
from ilnptool.config import Config, load_config
from ilnptool.errors import EnvironmentMissing, UsageError
from ilnptool.lab import machine
from ilnptool.lab.agent import Job
from ilnptool.lab.bhyve import BhyveLab, Planner
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.guestbuild import choose_machines
from ilnptool.lab.hardware import Device, load_hardware, loader_lines
from ilnptool.lab.linuxnet import netns_of
from ilnptool.lab.model import Topology
from ilnptool.lab.netns import NetnsLab, require_root
from ilnptool.lab.overview import describe_lab
from ilnptool.lab.protocol import StepObserver
from ilnptool.lab.qemu import QemuLab, open_any
from ilnptool.lab.rehearsal import rehearse
from ilnptool.lab.state import LabState, find_lab
from ilnptool.lab.teardown import remove_lab
from ilnptool.lab.topology import load_topology

_PATH = click.Path(path_type=Path)
_LEAVE = b"\x1d"  # Ctrl-], as telnet has it
Command = Callable[..., Any]


def _is_bhyve(driver: str) -> bool:
    here = os.uname().sysname == "FreeBSD"
    return driver == "bhyve" or (driver == "auto" and here)


def _making_options(command: Command) -> Command:
    """Add the options of the commands that make a lab."""
    for option in (
        click.option("--name", help="Of the lab; the topology's if not given."),
        click.option(
            "--userspace",
            metavar="NODE",
            multiple=True,
            help="Run this node's ILNP in userspace, not in a FreeBSD kernel (QEMU only).",
        ),
        click.option("--image", type=_PATH, help="What machines start from."),
        click.option("--hardware", type=_PATH, help="Network cards to hand over (bhyve only)."),
        click.option("--dry-run", is_flag=True, help="Print every command, and run none."),
        click.option(
            "--driver",
            type=click.Choice(("auto", "bhyve", "qemu")),
            default="auto",
            help="auto: bhyve on FreeBSD, QEMU elsewhere.",
        ),
    ):
        command = option(command)
    return command


class _Wanted:
    """The lab that a command line asks for."""

    def __init__(
        self,
        topology: str,
        name: str | None,
        userspace: tuple[str, ...],
        image: Path | None,
        hardware: Path | None,
        driver: str,
    ) -> None:
        self.config: Config = load_config()
        self.topology: Topology = load_topology(find_topology(topology))
        self.name = name or self.topology.name
        self.image = (image or self.config.image).absolute()
        self.bhyve = _is_bhyve(driver)
        self.devices: tuple[Device, ...] = ()
        if self.bhyve and userspace:
            raise UsageError("--userspace: with bhyve every node is a machine")
        if hardware is not None:
            if not self.bhyve:
                raise UsageError("--hardware: only bhyve hands network cards over; --driver bhyve")
            self.devices = load_hardware(hardware, self.topology)
        self.machines = () if self.bhyve else choose_machines(self.topology, userspace)

    def commands(self, between: Sequence[str] = ()) -> list[str]:
        """Return every command that would be run, with what must be in loader.conf.

        Those `between` come when the lab is up.
        """
        if not self.bhyve:
            arguments = self.topology, self.config, self.name, self.machines, self.image
            return rehearse(*arguments, between)
        directory = LabState(self.config.state, self.name).directory
        plan = Planner(self.topology, self.name, self.image, directory, self.devices).plan()
        loader = [f"# /boot/loader.conf: {line}" for line in loader_lines(self.devices)]
        return [*loader, *plan.lines(), *between, *(" ".join(argv) for argv in plan.undo)]

    def inside(self, node: str, argv: Sequence[str]) -> str:
        """Return how a dry run shows a command in a node."""
        if self.bhyve or node in self.machines:
            return f"{node}# {shlex.join(argv)}"
        return shlex.join(run.Space(netns_of(self.name, node)).wrap(argv))

    def lab(self, observer: StepObserver) -> BhyveLab | QemuLab:
        if not self.bhyve:
            arguments = self.topology, self.config, self.machines, self.image
            return QemuLab(*arguments, self.name, observer)
        if os.uname().sysname != "FreeBSD":
            raise EnvironmentMissing("bhyve is part of FreeBSD; here, --dry-run shows its commands")
        if not self.image.is_file():
            raise EnvironmentMissing(f"{self.image}: no such image; ilnptool build-image")
        return BhyveLab(self.topology, self.config, self.image, self.devices, self.name, observer)


def _open(name: str) -> BhyveLab | NetnsLab:
    require_root("bhyve-lab")
    config = load_config()
    state = find_lab(config.state, name)
    if not state.entries("undo"):
        return open_any(config, name)
    topology = load_topology(state.directory / "topology.toml")
    return BhyveLab(topology, config, config.image, (), name)


@click.group("bhyve-lab")
def bhyve_lab() -> None:
    """Bring up labs of FreeBSD machines with ILNP in their kernels.

    The topologies are those of `ilnptool lab'.  On FreeBSD the machines are bhyve's; elsewhere
    they are QEMU's, and routers are network namespaces.
    """


@bhyve_lab.command("up")
@click.argument("topology")
@_making_options
def up(topology: str, dry_run: bool, **options: Any) -> None:
    """Bring up a lab of TOPOLOGY, a shipped name or a .toml file.

    Its hosts with ILNP become FreeBSD machines, but for those that --userspace names.
    """
    wanted = _Wanted(topology, **options)
    if dry_run:
        click.echo("\n".join(wanted.commands()))
        return
    require_root("bhyve-lab up")
    with steps(f"lab {wanted.name}") as observer:
        made = wanted.lab(observer)
        made.up()
    first = wanted.machines[0] if wanted.machines else wanted.topology.nodes[0].name
    say(f"lab {made.name} is up; try: ilnptool bhyve-lab exec {made.name} {first} -- ifconfig")


@bhyve_lab.command("down")
@click.argument("names", metavar="LAB...", nargs=-1, required=True)
def down(names: tuple[str, ...]) -> None:
    """Remove labs, also those whose `up' was killed."""
    require_root("bhyve-lab down")
    config = load_config()
    for state in [find_lab(config.state, name) for name in names]:
        with steps(f"lab {state.lab}") as observer:
            if state.entries("undo"):
                _open(state.lab).down()
            else:
                remove_lab(state, observer)
        say(f"lab {state.lab} is down")


@bhyve_lab.command(
    "run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@_making_options
@click.option("--timeout", type=float, default=600.0, show_default=True, help="In seconds.")
@click.argument("topology")
@click.argument("node")
@click.argument("argv", metavar="COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def run_(
    ctx: click.Context,
    /,
    topology: str,
    node: str,
    argv: tuple[str, ...],
    timeout: float,
    dry_run: bool,
    **options: Any,
) -> None:
    """Bring up a lab of TOPOLOGY, run COMMAND in a NODE, and remove the lab."""
    wanted = _Wanted(topology, **options)
    wanted.topology.node(node)
    words = argv[1:] if argv[:1] == ("--",) else argv
    if dry_run:
        click.echo("\n".join(wanted.commands([wanted.inside(node, words)])))
        return
    require_root("bhyve-lab run")
    with steps(f"lab {wanted.name}") as observer:
        made = wanted.lab(observer)
        made.up()
    try:
        result = made.exec(node, words, timeout=timeout, check=False)
    finally:
        made.down()
    click.echo(result.stdout, nl=False)
    click.echo(result.stderr, nl=False, err=True)
    ctx.exit(result.status)


class _ShownJob(Job):
    """A job whose output is ours."""

    def keep(self, out: bytes, err: bytes) -> None:
        for stream, octets in ((sys.stdout.buffer, out), (sys.stderr.buffer, err)):
            stream.write(octets)
            stream.flush()


@bhyve_lab.command(
    "exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("name", metavar="LAB")
@click.argument("node")
@click.argument("argv", metavar="COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def exec_(ctx: click.Context, name: str, node: str, argv: tuple[str, ...]) -> None:
    """Run COMMAND in a NODE of a LAB; its exit status is ours.

    What a machine writes is shown while it runs; there is no input and no terminal, for which see
    `console'.
    """
    opened = _open(name)
    words = argv[1:] if argv[:1] == ("--",) else argv
    if isinstance(opened, NetnsLab) and not (
        isinstance(opened, QemuLab) and node in opened.machines
    ):
        ctx.exit(run.attach(words, space=opened.space(node), env=opened.environment))
    assert isinstance(opened, QemuLab | BhyveLab)
    job = _ShownJob(opened.agent(node), words, log=Path(os.devnull), stdout=None, stdin=b"")
    try:
        status = job.wait(float("inf"))
    except BaseException:
        job.stop()
        raise
    ctx.exit(status)


@bhyve_lab.command("console")
@click.argument("name", metavar="LAB")
@click.argument("node")
@click.pass_context
def console(ctx: click.Context, name: str, node: str) -> None:
    """Join the console of a machine: a shell that asks for no password.  Ctrl-] leaves it."""
    opened = _open(name)
    if isinstance(opened, BhyveLab):
        ctx.exit(run.attach(opened.console_argv(node)))
    if not isinstance(opened, QemuLab):
        raise UsageError(f"lab {name} has no machines; ilnptool lab exec {name} {node} -- sh")
    opened.agent(node)
    _join(machine.console_socket(opened.state.node(node)))


def _join(path: Path) -> None:
    """Connect our terminal to a socket until one of them has had enough."""
    if not sys.stdin.isatty():
        raise UsageError("a console wants a terminal; `exec' runs commands without one")
    before = termios.tcgetattr(sys.stdin)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(str(path))
        say("Ctrl-] leaves the console")
        tty.setraw(sys.stdin)
        try:
            while True:
                ready = select.select([sys.stdin, line], [], [])[0]
                if line in ready:
                    said = line.recv(65536)
                    if not said:
                        return
                    os.write(sys.stdout.fileno(), said)
                if sys.stdin in ready:
                    typed = os.read(sys.stdin.fileno(), 1024)
                    if not typed or _LEAVE in typed:
                        return
                    line.sendall(typed)
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


@bhyve_lab.command("status")
@click.argument("name", metavar="LAB")
@json_option
def status(name: str, as_json: bool) -> None:
    """Show the nodes of a LAB, what they are, and where their consoles are kept."""
    opened = _open(name)
    rows: list[dict[str, Any]] = []
    if isinstance(opened, BhyveLab):
        for node, runs in opened.machines_running().items():
            rows.append({"name": node, "is": "bhyve", "running": runs, "addresses": []})
    else:
        machines = opened.machines if isinstance(opened, QemuLab) else ()
        services = {x.name: x.alive for x in opened.services.all()}
        for node in describe_lab(opened)["nodes"]:
            is_machine = node["name"] in machines
            log = machine.console_log(opened.state.node(node["name"])) if is_machine else None
            rows.append(
                {
                    "name": node["name"],
                    "is": "QEMU" if is_machine else "namespace",
                    "running": services.get(f"{node['name']}/qemu") if is_machine else opened.is_up,
                    "addresses": node["addresses"],
                    "console": None if log is None else str(log),
                }
            )
    if as_json:
        print_json({"name": name, "nodes": rows})
        return
    print_table(
        ("node", "is", "running", "addresses", "console"),
        [
            (x["name"], x["is"], x["running"], "\n".join(x["addresses"]), x.get("console"))
            for x in rows
        ],
    )
