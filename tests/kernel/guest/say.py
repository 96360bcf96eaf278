# SPDX-License-Identifier: BSD-2-Clause
"""Runs commands of ilnptool on a lab machine, where starting Python takes longer than they do.

Standard input has a JSON list of [USER, WORD...], the user by number; what a command leaves is a
line of JSON: its status, its output, and what it said.
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout

import click

from ilnptool import libc
from ilnptool.cli import cli, run_cli
from ilnptool.sysctl.variables import known_variables


def run(words: list[str]) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = run_cli(lambda: cli.main(words, prog_name="ilnptool", standalone_mode=False))
    return status, out.getvalue(), err.getvalue()


def main() -> None:
    # What all children would have to do, each for itself: commands are imported when asked for.
    commands = json.load(sys.stdin)
    for name in {words[1] for words in commands}:
        cli.get_command(click.Context(cli), name)
    known_variables()
    libc.read_sysctl("kern.features.ilnp6")
    for user, *words in commands:
        # A child for each: a user cannot be left again.
        if (child := os.fork()) == 0:
            os.setuid(user)
            print(json.dumps(run(words)), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
