# SPDX-License-Identifier: BSD-2-Clause
"""`ilnptool doctor`, `paths` and `completion`: this machine and this tool on it."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from ilnptool.cli.output import json_option, print_json, print_table, steps
from ilnptool.config import FILE_NAME, load_config, user_file
from ilnptool.doctor import Need, examine
from ilnptool.errors import EnvironmentMissing, UsageError

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Examine what this machine can do, and say how to get what it lacks.

    Ends with status 3 if the labs cannot work here.
    """
    with steps("examine", lines=False) as observer:
        findings = examine(load_config(), observer)
    if as_json:
        rows = [
            {"name": x.name, "need": x.need.value, "ok": x.ok, "found": x.found, "advice": x.advice}
            for x in findings
        ]
        print_json({"checks": rows})
    else:
        words = {True: "yes", False: "NO", None: "?"}
        print_table(
            ("what", "there", "found", "for", "what to do"),
            [(x.name, words[x.ok], x.found, x.need.value, x.advice) for x in findings],
        )
    lacking = [x.name for x in findings if x.ok is False and x.need is Need.LAB]
    if lacking:
        raise EnvironmentMissing(f"labs cannot work here without: {', '.join(lacking)}")


@click.command()
@json_option
def paths(as_json: bool) -> None:
    """Show which files and directories are used."""
    config = load_config()
    rows = {
        "state": config.state,
        "results": config.results,
        "ilnpd": config.ilnpd,
        "linkem": config.linkem,
        "image": config.image,
        "user configuration": user_file(),
        "project configuration": FILE_NAME,
        "configuration read": ", ".join(map(str, config.files)) or "(none)",
    }
    if as_json:
        print_json({"paths": {name: str(path) for name, path in rows.items()}})
    else:
        print_table(("what", "where"), list(rows.items()))


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print completion for a SHELL, to be evaluated by it.

    \b
    For bash: eval "$(ilnptool completion bash)"
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"no completion for {shell}; allowed: {', '.join(_SHELLS)}")
    root = ctx.find_root()
    click.echo(kind(root.command, {}, "ilnptool", "_ILNPTOOL_COMPLETE").source())
