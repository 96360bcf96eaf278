# SPDX-License-Identifier: BSD-2-Clause
"""Builds the test program, puts it beside a kernel, boots both and brings back what it said."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ilnptool.build.boot import build_quick_image
from ilnptool.build.kernel import Workshop, build_kernel
from ilnptool.build.maketask import Reporter, silent
from ilnptool.build.sources import project
from ilnptool.build.trial import QEMU, Machine, run_machine, second_line
from ilnptool.errors import EnvironmentMissing, UsageError
from ilnptool.guest.console import Said, Verdict, judge, junit
from ilnptool.run import run

PROGRAM = Path("tests/kernel")
# Those that run if none is named, in that order; `bench' measures and is asked for by
# `make bench-kernel'.
USUAL = ("wire", "sockets", "harm", "move", "load", "end")
# Those of kernels that watch themselves, ILNP-DEBUG: allocations fail there.
WATCHED = (*USUAL, "short")
# `stacks' needs the kernel ILNP-STACKS.
GROUPS = (*WATCHED, "stacks")
FORGED = 20_000
# Under emulation a debug kernel is four times as slow, and the machine may have other work.
SECONDS = 3600.0
# Time that passes with instructions: nothing is late, however much else the machine has to do.  Its
# processors take turns, so what goes wrong when both run at once is for the usual machine to find.
STEADY = Machine(
    Path(),
    accel="tcg,thread=single",
    extra=("-icount", "shift=1,sleep=off"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """What one boot left: files in a folder, and what they mean."""

    verdict: Verdict
    console: Path
    junit: Path


def need_qemu() -> None:
    """Say early that the machine cannot be started, before an hour is spent on building it."""
    if shutil.which(QEMU) is None:
        raise EnvironmentMissing(f"{QEMU}: no such program; apt-get install qemu-system-x86")


def build_program(shop: Workshop, folder: Path) -> Path:
    """Compile the program of tests/kernel; return it."""
    source = project() / PROGRAM
    variables = (f"OUT={folder}", f"SRC={shop.tree.root}", f"CC={shop.host.clang}")
    run(
        ["make", "-s", "-C", str(source), *variables, f"LD={shop.host.lld}"],
        timeout=300,
    )
    return folder / PROGRAM / "init"


def known_groups(names: Sequence[str]) -> tuple[str, ...]:
    """Return groups of scenarios, the usual ones if none is named."""
    unknown = [name for name in names if name not in GROUPS]
    if unknown:
        raise UsageError(f"no group {', '.join(unknown)}; there are: {', '.join(GROUPS)}")
    return tuple(names) or USUAL


def run_quick(machine: Machine, folder: Path, *, seconds: float = SECONDS) -> Said:
    """Boot a quick image with the test program; what was said is left in `folder` as well."""
    told = folder / "told"
    given = replace(machine, extra=(*machine.extra, *second_line(told)))
    console = run_machine(given, folder / "console", timeout=seconds)
    return Said(console, told.read_text(errors="replace"))


def boot(
    shop: Workshop,
    kernel: Path,
    folder: Path,
    groups: Sequence[str],
    *,
    forged: int = FORGED,
    machine: Machine | None = None,
    seconds: float = SECONDS,
    report: Reporter = silent,
) -> Said:
    """Boot a kernel with the program running these groups; return what it said.

    `machine` says how fast and large it is; its image is made here.
    """
    program = build_program(shop, folder)
    image = folder / "image"
    tunables = {"kt.groups": " ".join(groups), "kt.forged": str(forged)}
    build_quick_image(shop, kernel, program, image, tunables=tunables, report=report)
    given = replace(machine or Machine(image), image=image)
    try:
        return run_quick(given, folder, seconds=seconds)
    finally:
        image.unlink()


def run_groups(
    shop: Workshop,
    folder: Path,
    *,
    conf: str = "ILNP",
    kernel: Path | None = None,
    groups: Sequence[str] = (),
    forged: int = FORGED,
    machine: Machine | None = None,
    report: Reporter = silent,
) -> Report:
    """Build a kernel unless one is given, boot it and let it run groups of scenarios.

    The console and a JUnit file are left in `folder`.
    """
    need_qemu()
    chosen = known_groups(groups)
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    booted = kernel or build_kernel(shop, conf, report=report).path
    said = boot(shop, booted, folder, chosen, forged=forged, machine=machine, report=report)
    verdict = judge(said)
    result = Report(verdict, folder / "console", folder / "junit.xml")
    result.junit.write_bytes(junit(verdict, conf))
    return result
