# SPDX-License-Identifier: BSD-2-Clause
"""`ilnptool lab run`: a lab, traffic, moves, and a report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ilnptool.cli.output import say
from ilnptool.config import load_config

if TYPE_CHECKING:
    from ilnptool.experiments.runner import Progress as Told
    from ilnptool.experiments.runner import Tell


@contextmanager
def _shown(name: str) -> Iterator[Tell]:
    """Show how far an experiment is: a bar on a terminal, else lines."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda told: say(f"{name}: {told.done}/{told.total} {told.text}")
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=None, text="")

        def tell(told: Told) -> None:
            progress.update(task, total=told.total, completed=told.done, text=told.text)

        yield tell


@click.command(name="run")
@click.argument("experiment")
@click.option("--runs", type=click.IntRange(1), default=1, show_default=True, help="Per condition.")
@click.option(
    "--delay",
    "delays",
    metavar="MS",
    type=click.FloatRange(0),
    multiple=True,
    help="Added to the round trip; may be repeated.",
)
@click.option(
    "--transport",
    "transports",
    type=click.Choice(["tcp", "udp"]),
    multiple=True,
    default=("tcp", "udp"),
    help="Only this one; may be repeated.",
)
@click.option(
    "--direction",
    "directions",
    type=click.Choice(["up", "down", "bidir"]),
    multiple=True,
    help="Of the data, seen from the node that moves; may be repeated.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="For the results.")
@click.option("--short", is_flag=True, help="One delay, both directions at once, shorter runs.")
@click.option(
    "--machine",
    "machines",
    metavar="NODE",
    multiple=True,
    help="Make a FreeBSD machine of this node, ILNP in its kernel; may be repeated.",
)
@click.option("--rate", help="To offer, as iperf3 has it (2M), if machines are slow.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the order of the runs.")
@click.option("--keep-captures", is_flag=True, help="Keep the capture files; they are large.")
def run_(
    *,
    experiment: str,
    runs: int,
    delays: tuple[float, ...],
    transports: tuple[str, ...],
    directions: tuple[str, ...],
    out: Path | None,
    short: bool,
    machines: tuple[str, ...],
    rate: str | None,
    seed: int,
    keep_captures: bool,
) -> None:
    """Make an EXPERIMENT and print the directory of its results.

    \b
    duality      the eight steps of the duality paper: three networks, up and down twice
    one-four-one one provider, four, and one again
    renumber     a provider renumbers a server that has a session and gets new clients
    both-move    both ends move at once and meet again through the DNS

    With --machine, iperf3 must be in the image: `ilnptool build-image --iperf3 SOURCE'.

    The report is report.html there, the numbers are in run.json.
    """
    from ilnptool.experiments import run  # noqa: PLC0415  (loads what draws the figures)

    config = load_config()
    with _shown(experiment) as tell:
        folder = run(
            experiment,
            out=config.results if out is None else out,
            runs=runs,
            delays=delays or None,
            transports=transports,
            directions=directions or None,
            short=short,
            machines=machines,
            rate=rate,
            seed=seed,
            keep_captures=keep_captures,
            progress=tell,
            config=config,
        )
    click.echo(folder)
