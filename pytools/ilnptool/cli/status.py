# SPDX-License-Identifier: BSD-2-Clause
"""`ilnptool status`: what the ILNP nodes themselves say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from ilnptool.cli.output import json_option, print_json, print_table, say
from ilnptool.config import Config, load_config
from ilnptool.errors import IlnpError, UsageError
from ilnptool.lab.control import ask_node
from ilnptool.lab.kernelnode import OwnNode
from ilnptool.lab.node import survey
from ilnptool.lab.qemu import open_any
from ilnptool.lab.state import labs_in
from ilnptool.sysctl.kernel import KernelBackend, is_freebsd

Ask = Callable[[Mapping[str, Any]], dict[str, Any]]


def _nodes(config: Config, lab: str | None, node: str | None) -> dict[str, Ask]:
    """Return how the nodes that are meant are asked, by LAB/NODE."""
    found: dict[str, Ask] = {}
    if lab is None and node is None and is_freebsd():
        found[KernelBackend.where] = OwnNode().request
    for name in [lab] if lab is not None else labs_in(config.state):
        opened = open_any(config, name)
        for each in opened.topology.nodes:
            if each.ilnp and node in (None, each.name):
                found[f"{name}/{each.name}"] = partial(opened.control, each.name)
    if node is not None and not found:
        raise UsageError(f"no lab has an ILNP node {node}; see `ilnptool lab list`")
    return found


_LOCATORS = ("l64", "interface", "state", "preference", "weight", "router", "lifetime")
_SESSIONS = ("name", "remote_nid", "state", "reason", "lu_pending", "tx_packets", "rx_packets")
_PATHS = ("name", "local_l64", "remote_l64", "interface", "state", "srtt_us", "mtu")
_TRAFFIC = ("tx_packets", "tx_bytes", "rx_packets", "rx_bytes")


def _show_rows(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        click.echo(f"\n{title}")
        print_table(columns, [[row.get(column) for column in columns] for row in rows])


def _show(name: str, value: Mapping[str, Any]) -> None:
    """Print what a node says."""
    click.echo(click.style(name, bold=True))
    said = ("version", "algorithm", "uptime", "nids", "identities")
    for key in said:
        shown = value.get(key)
        click.echo(f"  {key}: {' '.join(shown) if isinstance(shown, list) else shown}")
    sessions = value["session_list"]
    paths = [{**path, "name": x.get("name")} for x in sessions for path in x["paths"]]
    _show_rows("locators", _LOCATORS, value["locators"])
    _show_rows("sessions", _SESSIONS, sessions)
    _show_rows("paths", (*_PATHS, *_TRAFFIC), paths)
    counted = [(key, count) for key, count in value["counters"].items() if count]
    if counted:
        click.echo("\ncounters that are not 0")
        print_table(("counter", "count"), counted)
    click.echo()


@click.command()
@click.option("--lab", help="Only the nodes of this lab.")
@click.option("--node", help="Only the nodes of this name.")
@click.option(
    "--socket", "path", type=click.Path(path_type=Path), help="A node outside of labs, by socket."
)
@json_option
def status(lab: str | None, node: str | None, path: Path | None, as_json: bool) -> None:
    """Show what ILNP nodes know: locators, sessions, paths, counters, reasons for fallbacks.

    Without an option: all nodes of labs, and on FreeBSD this machine's own kernel.
    """
    nodes = (
        _nodes(load_config(), lab, node) if path is None else {str(path): partial(ask_node, path)}
    )
    if not nodes:
        say("no lab is up; `ilnptool lab up duality` makes one, --socket asks another node")
    answers: dict[str, dict[str, Any]] = {}
    failed: IlnpError | None = None
    for name, ask in nodes.items():
        try:
            answers[name] = survey(name, ask)
        except IlnpError as err:
            # The last one is told when we end.
            if failed is not None:
                say(str(failed))
            failed = err
    if as_json:
        print_json({"nodes": answers})
    else:
        for name, answer in answers.items():
            _show(name, answer)
    if failed is not None:
        raise failed
