# SPDX-License-Identifier: BSD-2-Clause
"""Runs one make target for minutes or hours: its log, its progress, its first real error."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from ilnptool.errors import CommandTimeout, IlnpError
from ilnptool.hooks.tree import GET_SOURCE
from ilnptool.run import popen

TICK = 1.0
_OBJECT = re.compile(r"^--- (\S+\.(?:o|pico|nossppico)) ---", re.MULTILINE)
_FOLDER = re.compile(r"^===> (\S+)", re.MULTILINE)
# A compiler, linker or config(8) that says why, in the order of how much it says.
_ERROR = re.compile(
    r"^(?P<compiler>\S+?:\d+(?::\d+)?: (?:fatal )?error: .*)"
    r"|^(?P<driver>\S*(?:clang|cc|\+\+|ld|ld\.lld)(?:-\d+)?: (?:fatal )?error: .*)"
    r"|^(?P<room>.*: No space left on device)$"
    r"|^(?P<config>(?:config: |ERROR: ).*|\S+: unknown option \".*)"
    r"|^(?P<missing>(?:\S*make\S*: )+don't know how to make (?P<file>\S+?)\. Stop)"
    r"|^(?P<nofile>.*: No such file or directory)$",
    re.MULTILINE,
)
# Whoever made make(1) stop said why just before that.
_STOPPED = re.compile(
    r"^(?:.*\n){0,3}(?:\*\*\* .*Error code.*|\S*make\S*: stopped .*)", re.MULTILINE
)
ELSEWHERE = "let --obj name another place for what is built"
_NEXT = "--- "  # begins the line by which make(1) says whose words follow


class BuildFailed(IlnpError):
    """A build ended with an error; the text holds the first real one."""


@dataclass(frozen=True, slots=True)
class Task:
    """One call of make."""

    name: str
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    log: Path
    deadline: float = 4 * 3600.0
    inherit: tuple[int, ...] = ()  # descriptors that stay open in it


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task has come."""

    task: str
    seconds: float
    objects: int
    folder: str
    unit: str = "objects"


Reporter = Callable[[Progress], None]


def silent(_progress: Progress) -> None:
    """Report nothing."""


def first_error(log: str) -> str:
    """Return the first line that says what went wrong, with the lines that explain it.

    Compilers run side by side and make(1) says much after the first failure, so the end of a log
    rarely holds its reason.
    """
    found = _ERROR.search(log)
    if found is None:
        found = _STOPPED.search(log)
    if found is None:
        return "\n".join(log.rstrip().splitlines()[-5:])
    first, *more = log[found.start() :].splitlines()[:4]
    lines = [first, *takewhile(lambda line: line and not line.startswith(_NEXT), more)]
    said = found.groupdict()
    if said.get("room"):
        lines[1:] = [f"make room there, or {ELSEWHERE}"]  # LLVM has much more to say
    if said.get("file"):
        folders = _FOLDER.findall(log, 0, found.start())
        where = f" (wanted by {folders[-1]})" if folders else ""
        return f"the source tree lacks {found['file']}{where}; {GET_SOURCE}\n{lines[0]}"
    return "\n".join(lines)


class _Watcher:
    """Reads a growing log, each byte once."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._began = time.monotonic()
        self._offset = 0
        self._objects = 0
        self._folder = ""

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def look(self) -> Progress:
        if self._task.log.exists():
            with self._task.log.open("rb") as log:
                log.seek(self._offset)
                fresh = log.read()
            # The last line may be half written: it is read again next time.
            whole = fresh[: fresh.rfind(b"\n") + 1]
            self._offset += len(whole)
            text = whole.decode(errors="replace")
            self._objects += len(_OBJECT.findall(text))
            folders = _FOLDER.findall(text)
            self._folder = folders[-1] if folders else self._folder
        return Progress(self._task.name, self.seconds, self._objects, self._folder)


def run_task(task: Task, report: Reporter = silent) -> Progress:
    """Run a task to its end; raise BuildFailed with its first real error."""
    task.log.parent.mkdir(parents=True, exist_ok=True)
    if task.log.exists():
        task.log.replace(task.log.with_name(task.log.name + ".old"))
    watcher = _Watcher(task)
    with popen(
        task.argv, log=task.log, cwd=task.cwd, env=task.env, inherit=task.inherit
    ) as process:
        while True:
            try:
                status = process.wait(TICK)
                break
            except CommandTimeout:
                report(watcher.look())
                if watcher.seconds > task.deadline:
                    raise CommandTimeout(task.argv, task.deadline, process.tail()) from None
    done = watcher.look()
    report(done)
    if status != 0:
        reason = first_error(task.log.read_text(errors="replace"))
        raise BuildFailed(f"{task.name} failed: {reason}\nthe whole log: {task.log}")
    return done
