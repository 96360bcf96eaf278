# SPDX-License-Identifier: BSD-2-Clause
"""`ilnptool sysctl`: settings and counters of nodes, in a kernel or in userspace alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from ilnptool.cli.output import json_option, print_json, print_table, say
from ilnptool.config import load_config
from ilnptool.errors import IlnpError, UsageError
from ilnptool.lab.qemu import QemuLab, open_any
from ilnptool.sysctl.backends import MachineBackend, NodeBackend
from ilnptool.sysctl.kernel import KernelBackend, is_freebsd
from ilnptool.sysctl.variables import (
    STATS,
    Backend,
    Variable,
    check_value,
    defaults,
    differences,
    find_variable,
    known_variables,
)

Command = Callable[..., Any]


def _where_options(command: Command) -> Command:
    """Add the options that say which node is meant."""
    for option in (
        click.option("--lab", help="The lab of the node."),
        click.option("--node", help="The node in the lab."),
        click.option(
            "--socket", "path", type=click.Path(path_type=Path), help="An ilnpd, by its socket."
        ),
    ):
        command = option(command)
    return command


def _open_node(lab: str, node: str) -> Backend:
    opened = open_any(load_config(), lab)
    where = f"{lab}/{node}"
    if isinstance(opened, QemuLab) and node in opened.machines:
        return MachineBackend(opened.agent(node), where)
    return NodeBackend(opened.control_socket(node), where)


def _open(lab: str | None, node: str | None, path: Path | None) -> Backend:
    if path is not None:
        return NodeBackend(path, str(path))
    if (lab is None) != (node is None):
        raise UsageError("--lab and --node belong together")
    if lab is not None and node is not None:
        return _open_node(lab, node)
    return KernelBackend()


@click.group("sysctl")
def sysctl() -> None:
    """Read and change the variables below net.inet6.ilnp6 of a node.

    Without an option that names a node, this machine's own kernel is meant, which is FreeBSD's.
    """


@sysctl.command("get")
@_where_options
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@json_option
def get(
    lab: str | None, node: str | None, path: Path | None, names: tuple[str, ...], as_json: bool
) -> None:
    """Print the values of variables, named with or without the tree in front."""
    found = [find_variable(name).name for name in names]
    backend = _open(lab, node, path)
    values = {name: backend.get(name) for name in found}
    if as_json:
        print_json({"node": backend.where, "values": values})
        return
    for name, value in values.items():
        click.echo(value if len(values) == 1 else f"{name}: {value}")


def _assignment(text: str) -> tuple[Variable, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r}: not NAME=VALUE")
    variable = find_variable(name)
    check_value(variable, value)
    return variable, value


@sysctl.command("set")
@_where_options
@click.argument("assignments", metavar="NAME=VALUE...", nargs=-1, required=True)
def set_(
    lab: str | None, node: str | None, path: Path | None, assignments: tuple[str, ...]
) -> None:
    """Change variables; what one of them is refused for leaves all as they were."""
    wanted = [_assignment(text) for text in assignments]
    backend = _open(lab, node, path)
    before = {variable.name: backend.get(variable.name) for variable, _ in wanted}
    done: list[str] = []
    try:
        for variable, value in wanted:
            backend.set(variable.name, value)
            done.append(variable.name)
    except IlnpError:
        for name in reversed(done):
            backend.set(name, before[name])
        raise
    for name in done:
        say(f"{backend.where}: {name}: {before[name]} -> {backend.get(name)}")


def _list_known(variables: Iterable[Variable], as_json: bool) -> None:
    """Show what there is to set anywhere, and what it is where nobody has set it."""
    found = [x for x in variables if x.default is not None]
    if as_json:
        print_json({"node": None, "defaults": {x.name: x.default for x in found}})
        return
    rows = [(x.name, x.default, x.allowed, x.text) for x in found]
    print_table(("name", "default", "allowed", "what it is"), rows)
    say("no node was asked; --lab LAB --node NODE or --socket PATH shows its values and counters")


@sysctl.command("list")
@_where_options
@click.option("--all", "everything", is_flag=True, help="Counters that are 0 as well.")
@json_option
def list_(
    lab: str | None, node: str | None, path: Path | None, everything: bool, as_json: bool
) -> None:
    """Show all variables of a node with their ranges.

    Without a node on another system than FreeBSD, what there is to set.
    """
    known = known_variables()
    if lab is None and node is None and path is None and not is_freebsd():
        _list_known(known.values(), as_json)
        return
    backend = _open(lab, node, path)
    values = backend.read_all()
    if as_json:
        print_json({"node": backend.where, "values": values})
        return
    rows = [
        (name, value, known[name].default, known[name].allowed, known[name].text)
        for name, value in values.items()
        if everything or value != "0" or not name.startswith(STATS)
    ]
    print_table(("name", "value", "default", "allowed", "what it is"), rows)


@sysctl.command("diff")
@_where_options
@click.argument("other", metavar="[NODE]", required=False)
@json_option
def diff(
    lab: str | None, node: str | None, path: Path | None, other: str | None, as_json: bool
) -> None:
    """Show where a node's settings differ from the defaults, or from another NODE of its lab."""
    backend = _open(lab, node, path)
    if other is not None and lab is None:
        raise UsageError("another node can only be named with --lab")
    title, expected = "default", defaults()
    if other is not None and lab is not None:
        title, expected = f"{lab}/{other}", _open_node(lab, other).read_all()
    found = differences(backend.read_all(), expected)
    if as_json:
        rows = [{"name": x.name, "expected": x.expected, "found": x.found} for x in found]
        print_json({"node": backend.where, "against": title, "differences": rows})
        return
    print_table(("name", title, backend.where), [(x.name, x.expected, x.found) for x in found])
