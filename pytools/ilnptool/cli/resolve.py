# SPDX-License-Identifier: BSD-2-Clause
"""`ilnptool resolve`: names for programs that do not use getaddrinfo(3)."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

import click

from ilnptool import run
from ilnptool.cli.output import json_option, print_json
from ilnptool.config import load_config
from ilnptool.errors import UsageError
from ilnptool.lab.netns import open_lab
from ilnptool.resolve import SECONDS, Runner, program_beside
from ilnptool.resolve import resolve as resolve_name


@click.command()
@click.argument("name")
@click.option("--lab", help="In this lab, and on the node --node.")
@click.option("--node", help="The node of the lab that asks and is taught.")
@click.option("--look", is_flag=True, help="Only look: teach nobody.")
@json_option
def resolve(name: str, lab: str | None, node: str | None, look: bool, as_json: bool) -> None:
    """Print the addresses for NAME, one per line, and teach the node whom they lead to.

    For programs that bring a resolver of their own, as static ones written in Go do: give them
    the first of these addresses instead of the name.
    """
    if (lab is None) != (node is None):
        raise UsageError("--lab and --node go together")
    config = load_config()
    here: Runner = partial(run.run, timeout=SECONDS, check=False)
    if lab is not None and node is not None:
        here = partial(open_lab(config, lab).exec, node, timeout=SECONDS, check=False)
    found = resolve_name(here, program_beside(config.ilnpd), name, look=look)
    if as_json:
        print_json(asdict(found))
        return
    for address in found.addresses:
        click.echo(address)
