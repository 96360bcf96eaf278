# SPDX-License-Identifier: BSD-2-Clause
"""Starts a quick image in QEMU and waits until the machine resets itself."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ilnptool.errors import CheckFailed, CommandTimeout, EnvironmentMissing
from ilnptool.run import popen, tail_of

QEMU = "qemu-system-x86_64"


def second_line(log: Path) -> tuple[str, ...]:
    """Return what gives a machine a second serial line, which is kept in the file `log`."""
    log.write_text("")
    return ("-chardev", f"file,id=second,path={log}", "-serial", "chardev:second")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine for a quick image is made of."""

    image: Path
    memory: int = 512  # MB
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


def run_machine(machine: Machine, console: Path, timeout: float) -> str:
    """Run a machine until it ends itself; return what it said on its console.

    The console is kept in the file `console`.  Raises CheckFailed with its last lines if the
    machine does not end in time or QEMU fails.
    """
    if shutil.which(QEMU) is None:
        raise EnvironmentMissing(f"{QEMU}: no such program; apt-get install qemu-system-x86")
    console.parent.mkdir(parents=True, exist_ok=True)
    console.write_text("")
    log = console.with_suffix(".qemu")
    with popen(machine.argv(console), log=log) as process:
        try:
            status = process.wait(timeout)
        except CommandTimeout as err:
            raise CheckFailed(
                f"the machine was still running after {timeout:g} s; the end of its console "
                f"({console}):\n{tail_of(console.read_text(errors='replace'))}"
            ) from err
    if status != 0:
        raise CheckFailed(f"{QEMU} ended with status {status}:\n{process.tail()}")
    return console.read_text(errors="replace")
