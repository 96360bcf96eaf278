# SPDX-License-Identifier: BSD-2-Clause
"""How results and progress reach people and programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ilnptool.lab.protocol import Step, StepObserver, ignore_steps

SCHEMA_VERSION = 1

_PIPE_WIDTH = 250

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """Give a command that reads its --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def print_json(value: Mapping[str, Any]) -> None:
    """Print a JSON object with the version of its form."""
    document = {"schema_version": SCHEMA_VERSION, **value}
    click.echo(json.dumps(document, indent=2, default=str, ensure_ascii=False))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns on standard output."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    # No window is to be respected where the output goes into a file or a pipe.
    console = Console()
    (console if console.is_terminal else Console(width=_PIPE_WIDTH)).print(table)


def say(text: str) -> None:
    """Tell the person something that is not data."""
    click.echo(text, err=True)


@contextmanager
def steps(title: str, *, lines: bool = True) -> Iterator[StepObserver]:
    """Show steps: as a bar on a terminal, else as lines if those are wanted."""
    console = Console(stderr=True)
    if not console.is_terminal:
        if not lines:
            yield ignore_steps
            return
        yield lambda step: say(f"{title}: {step.number}/{step.total} {step.name}")
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[step]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=None, step="")

        def observe(step: Step) -> None:
            progress.update(task, total=step.total, completed=step.number - 1, step=step.name)

        yield observe
