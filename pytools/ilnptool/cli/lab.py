# SPDX-License-Identifier: BSD-2-Clause
"""`ilnptool lab`: several machines on one, in network namespaces."""

from __future__ import annotations

import click

from ilnptool import run
from ilnptool.cli.experiment import run_
from ilnptool.cli.output import json_option, print_json, print_table, say, steps
from ilnptool.config import load_config
from ilnptool.errors import UsageError
from ilnptool.lab.catalogue import find_topology, shipped
from ilnptool.lab.netns import NetnsLab
from ilnptool.lab.overview import describe_lab
from ilnptool.lab.qemu import open_any
from ilnptool.lab.state import find_lab, labs_in
from ilnptool.lab.teardown import remove_lab, require_root
from ilnptool.lab.topology import load_topology

_SIGNAL_BASE = 128  # what a shell adds to the number of a signal


@click.group()
def lab() -> None:
    """Bring up labs, look into them, run experiments in them.

    A lab is made from a topology file: one of those shipped, or your own.  It never touches the
    machine's own interfaces, routes or settings, and `down' removes all of it.
    """


@lab.command()
@click.argument("topology")
@click.option("--name", help="Of the lab; the topology's if not given.")
def up(topology: str, name: str | None) -> None:
    """Bring up a lab of TOPOLOGY, a shipped name or a .toml file.

    If it is up already, only what has died in it is started again.
    """
    found = load_topology(find_topology(topology))
    require_root("lab up")
    with steps(f"lab {name or found.name}") as observer:
        made = NetnsLab(found, load_config(), name, observer)
        made.up()
    say(f"lab {made.name} is up; try: ilnptool lab exec {made.name} {found.nodes[0].name} -- sh")


@lab.command()
@click.argument("names", metavar="LAB...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All labs there are.")
def down(names: tuple[str, ...], everything: bool) -> None:
    """Remove labs, also those whose `up' was killed."""
    config = load_config()
    if bool(names) == everything:
        raise UsageError("name the labs to remove, or say --all")
    require_root("lab down")
    wanted = labs_in(config.state) if everything else names
    for state in [find_lab(config.state, name) for name in wanted]:
        with steps(f"lab {state.lab}") as observer:
            remove_lab(state, observer)
        say(f"lab {state.lab} is down")


@lab.command(
    name="exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("name", metavar="LAB")
@click.argument("node")
@click.argument("argv", metavar="COMMAND...", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def exec_(ctx: click.Context, name: str, node: str, argv: tuple[str, ...]) -> None:
    """Run COMMAND in a NODE of a LAB; its exit status is ours.

    In the node, names lead to the other nodes: NAME over ILNP where both speak it, NAME.v6 over
    plain IPv6, NAME-PROVIDER by one provider.
    """
    require_root("lab exec")
    argv = argv[1:] if argv[:1] == ("--",) else argv
    opened = open_any(load_config(), name)
    if not argv:
        raise UsageError(f"no command; for a shell: ilnptool lab exec {name} {node} -- sh")
    status = run.attach(argv, space=opened.space(node), env=opened.environment)
    ctx.exit(status if status >= 0 else _SIGNAL_BASE - status)


@lab.command()
@click.argument("name", metavar="LAB")
@json_option
def status(name: str, as_json: bool) -> None:
    """Show the nodes, links and services of a LAB."""
    require_root("lab status")
    found = describe_lab(open_any(load_config(), name))
    if as_json:
        print_json(found)
        return
    say(f"lab {found['name']} ({found['topology']}): {'up' if found['up'] else 'not complete'}")
    print_table(
        ("node", "role", "ILNP", "addresses"),
        [(x["name"], x["role"], x["ilnp"], "\n".join(x["addresses"])) for x in found["nodes"]],
    )
    click.echo()
    print_table(
        ("link", "ends", "provider", "rate", "delay", "loss"),
        [
            (x["name"], " ".join(x["ends"]), x["provider"], x["rate"], x["delay"], x["loss"])
            for x in found["links"]
        ],
    )
    click.echo()
    print_table(
        ("service", "state", "log"),
        [(x["name"], "running" if x["running"] else "dead", x["log"]) for x in found["services"]],
    )


@lab.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """List the labs there are and the topologies to make more from."""
    labs = labs_in(load_config().state)
    topologies = {name: load_topology(path).description for name, path in sorted(shipped().items())}
    if as_json:
        print_json({"labs": labs, "topologies": topologies})
        return
    print_table(("lab",), [(name,) for name in labs or ["(none)"]])
    click.echo()
    print_table(("topology", "description"), list(topologies.items()))


lab.add_command(run_)
