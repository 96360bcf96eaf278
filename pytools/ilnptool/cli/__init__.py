# SPDX-License-Identifier: BSD-2-Clause
"""The command `ilnptool`: parses, prints, and turns errors into exit statuses.

Everything else is in the packages it calls.  Sub-commands are imported when they are used, so that
one of them can lack what it needs without taking the others along, and help comes at once.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
from collections.abc import Callable
from importlib.util import find_spec
from types import FrameType

import click

from ilnptool import __version__
from ilnptool.errors import (
    EXIT_ENVIRONMENT,
    EXIT_FAILED,
    EXIT_INTERRUPT,
    EXIT_OK,
    EXIT_USAGE,
    IlnpError,
)

# Name of the command: module and attribute.
COMMANDS = {
    "lab": "ilnptool.cli.lab:lab",
    "bhyve-lab": "ilnptool.cli.bhyve:bhyve_lab",
    "status": "ilnptool.cli.status:status",
    "resolve": "ilnptool.cli.resolve:resolve",
    "decode": "ilnptool.cli.files:decode",
    "report": "ilnptool.cli.files:report",
    "doctor": "ilnptool.cli.machine:doctor",
    "paths": "ilnptool.cli.machine:paths",
    "completion": "ilnptool.cli.machine:completion",
    "dns": "ilnptool.cli.dns:dns",
    "sysctl": "ilnptool.cli.sysctl:sysctl",
    "hooks": "ilnptool.cli.hooks:hooks",
    "build-kernel": "ilnptool.cli.build:build_kernel_command",
    "build-world": "ilnptool.cli.build:build_world_command",
    "build-image": "ilnptool.cli.build:build_image_command",
    "test": "ilnptool.cli.guest:test",
}

EXIT_STATUS = """\b
Exit status:
  0    done
  1    a test failed or a threshold was missed
  2    wrong usage, or an error in a file (named with its line)
  3    this machine lacks something: a right, a program, a kernel feature
  4    something did not happen in time
  130  interrupted
"""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return [name for name, place in COMMANDS.items() if find_spec(place.partition(":")[0])]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_STATUS,
)
@click.version_option(__version__, "-V", "--version", message="%(version)s")
def cli() -> None:
    """Build, run, measure and look into ILNP labs.

    Data goes to standard output, progress and messages to standard error.  Commands that read have
    --json.  Colours follow NO_COLOR.
    """


def _end_as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


# What any write may meet; the error does not say on which file.
OUT_OF_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def _forget_output() -> None:
    """See to it that what could not be written is not tried again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_cli(act: Callable[[], object]) -> int:
    """Run a command and return the exit status, with what went wrong told in one place."""
    try:
        # Outside of its standalone mode click returns the status that a command exits with.
        status = act()
    except click.ClickException as err:
        err.show()
        return EXIT_USAGE
    except IlnpError as err:
        said = [f"ilnptool: {err}", *getattr(err, "__notes__", ())]
        click.echo("\n".join(said), err=True)
        return err.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("ilnptool: interrupted", err=True)
        return EXIT_INTERRUPT
    except BrokenPipeError:  # whoever read our output has seen enough
        _forget_output()
        return EXIT_FAILED
    except OSError as err:
        if err.filename is None and err.errno not in OUT_OF_ROOM:
            raise
        _forget_output()
        # Of two files, one from which something was to come, the second is the one to write.
        named = err.filename2 if err.filename2 and err.errno in OUT_OF_ROOM else err.filename
        where = "" if named is None else f"{named}: "
        click.echo(f"ilnptool: {where}{err.strerror}", err=True)
        return EXIT_ENVIRONMENT
    return status if isinstance(status, int) else EXIT_OK


def main() -> None:
    """Be the program."""
    signal.signal(signal.SIGTERM, _end_as_interrupt)
    try:
        status = run_cli(lambda: cli.main(prog_name="ilnptool", standalone_mode=False))
    except KeyboardInterrupt:  # once more, while the first one was being told of
        status = EXIT_INTERRUPT
    # What is left is Python's own end; interrupted, it would end by the signal instead.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(status)
