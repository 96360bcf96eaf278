# SPDX-License-Identifier: BSD-2-Clause
"""The one tree of exceptions; every leaf knows the exit status it ends the program with.

0 is success and 130 an interrupt; both have no class here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_ENVIRONMENT = 3
EXIT_TIMEOUT = 4
EXIT_INTERRUPT = 130


class IlnpError(Exception):
    """What this tool raises on purpose: the text says what happened and what to do."""

    exit_code: ClassVar[int] = EXIT_FAILED


class CheckFailed(IlnpError):
    """A test failed or a measured value missed its threshold."""


class UsageError(IlnpError):
    """The request itself cannot be carried out as it was made."""

    exit_code: ClassVar[int] = EXIT_USAGE


class FileError(UsageError):
    """A file that a person wrote holds something we cannot take."""

    def __init__(
        self,
        path: Path | str,
        line: int,
        value: object,
        allowed: str | Iterable[str],
        what: str = "bad value",
    ) -> None:
        self.path = Path(path)
        self.line = line
        self.value = value
        self.allowed = allowed if isinstance(allowed, str) else ", ".join(allowed)
        self.what = what
        super().__init__(f"{path}:{line}: {what} {value!r}; allowed: {self.allowed}")


class EnvironmentMissing(IlnpError):
    """This machine lacks something: a right, a program, a kernel feature."""

    exit_code: ClassVar[int] = EXIT_ENVIRONMENT


class Timeout(IlnpError):
    """Something that was waited for did not happen before its deadline."""

    exit_code: ClassVar[int] = EXIT_TIMEOUT


def _describe(argv: Sequence[str], outcome: str, tail: str) -> str:
    text = f"{' '.join(argv)}: {outcome}"
    return f"{text}\n{tail}" if tail else text


class CommandFailed(IlnpError):
    """A command ended with a status that means failure."""

    def __init__(self, argv: Sequence[str], status: int, tail: str) -> None:
        self.argv = tuple(argv)
        self.status = status
        self.tail = tail
        outcome = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
        super().__init__(_describe(argv, outcome, tail))


class CommandTimeout(Timeout):
    """A command was killed because it ran longer than it may."""

    def __init__(self, argv: Sequence[str], seconds: float, tail: str) -> None:
        self.argv = tuple(argv)
        self.seconds = seconds
        self.tail = tail
        super().__init__(_describe(argv, f"still running after {seconds:g} s, killed", tail))
