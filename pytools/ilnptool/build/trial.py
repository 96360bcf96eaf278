# SPDX-License-Identifier: BSD-2-Clause
"""Starts a quick image in QEMU and waits until the machine resets itself."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ilnptool.errors import CheckFailed, CommandTimeout, EnvironmentMissing
from ilnptool.guest.console import waits_for_typing
from ilnptool.run import Process, popen, tail_of

QEMU = "qemu-system-x86_64"
LOOK = 1.0


def second_line(log: Path) -> tuple[str, ...]:
    """Return what gives a machine a second serial line, which is kept in the file `log`."""
    log.write_text("")
    return ("-chardev", f"file,id=second,path={log}", "-serial", "chardev:second")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine for a quick image is made of."""

    image: Path
    memory: int = 1024  # MB, which suffices for kernels that watch all of it
    cpus: int = 2
    accel: str = "tcg,thread=multi"
    extra: tuple[str, ...] = ()

    def argv(self, console: Path) -> list[str]:
        return [
            *(QEMU, "-M", "q35", "-cpu", "max", "-accel", self.accel),
            *("-smp", str(self.cpus), "-m", str(self.memory)),
            *("-nodefaults", "-display", "none", "-no-reboot"),
            *("-chardev", f"file,id=console,path={console}", "-serial", "chardev:console"),
            *("-cdrom", str(self.image)),
            *("-drive", f"if=virtio,format=raw,readonly=on,file={self.image}"),
            *self.extra,
        ]


def _said(console: Path) -> str:
    return console.read_text(errors="replace").replace("\r", "")


def _wait(process: Process, console: Path, timeout: float) -> int:
    deadline = time.monotonic() + timeout
    before = ""
    while True:
        with suppress(CommandTimeout):
            return process.wait(LOOK)
        said = _said(console)
        waits = said == before and waits_for_typing(said)
        before = said
        if waits or time.monotonic() > deadline:
            how = "waits for somebody to type" if waits else f"still runs after {timeout:g} s"
            raise CheckFailed(
                f"the machine {how}; the end of its console ({console}):\n{tail_of(said)}"
            )


def run_machine(machine: Machine, console: Path, timeout: float) -> str:
    """Run a machine until it ends itself; return what it said on its console.

    The console is kept in the file `console`.  Raises CheckFailed with its last lines if the
    machine does not end in time, waits for a person, or QEMU fails.
    """
    if shutil.which(QEMU) is None:
        raise EnvironmentMissing(f"{QEMU}: no such program; apt-get install qemu-system-x86")
    console.parent.mkdir(parents=True, exist_ok=True)
    console.write_text("")
    log = console.with_suffix(".qemu")
    with popen(machine.argv(console), log=log) as process:
        status = _wait(process, console, timeout)
    if status != 0:
        raise CheckFailed(f"{QEMU} ended with status {status}:\n{process.tail()}")
    return console.read_text(errors="replace")
