# SPDX-License-Identifier: BSD-2-Clause
"""What can go wrong with an update, each with what a person can do about it."""

from __future__ import annotations

from typing import ClassVar

from ilnptool.errors import EXIT_ENVIRONMENT, EXIT_FAILED, IlnpError


class ServerDown(IlnpError):
    """Nobody listens there, or nothing gets there."""

    exit_code: ClassVar[int] = EXIT_ENVIRONMENT


class NoWay(ServerDown):
    """This machine has no way to the server just now, so nobody was asked anything."""


class Refused(IlnpError):
    """The server understood, and will not: trying again soon would change nothing."""

    exit_code: ClassVar[int] = EXIT_FAILED


class PrerequisiteFailed(IlnpError):
    """The name holds something else than we believed."""

    exit_code: ClassVar[int] = EXIT_FAILED


class NameTaken(Refused):
    """The name holds NIDs of somebody else."""
