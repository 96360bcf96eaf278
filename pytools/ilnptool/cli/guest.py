# SPDX-License-Identifier: BSD-2-Clause
"""`ilnptool test': what is tested inside of a booted kernel."""

from __future__ import annotations

from pathlib import Path

import click

from ilnptool.build.kernel import open_workshop
from ilnptool.cli.build import build_options, reporter
from ilnptool.errors import CheckFailed, UsageError
from ilnptool.guest.quick import FORGED, GROUPS, USUAL, known_groups, need_qemu, run_groups

_PATH = click.Path(path_type=Path)


@click.command("test")
@build_options
@click.option("--guest", is_flag=True, help="In a FreeBSD kernel, booted in QEMU.")
@click.option("--conf", default="ILNP", show_default=True, help="Kernel configuration.")
@click.option("--kernel", type=_PATH, help="A kernel that is built already.")
@click.option(
    "--group",
    "groups",
    multiple=True,
    help=f"Of {', '.join(GROUPS)}.  [default: {', '.join(USUAL)}]",
)
@click.option(
    "--forged", type=click.IntRange(1), default=FORGED, show_default=True, help="Forged packets."
)
@click.option(
    "--out",
    type=_PATH,
    default=Path("results/guest"),
    show_default=True,
    help="Where the console and a JUnit file go.",
)
def test(
    src: Path,
    obj: Path,
    jobs: int,
    guest: bool,
    conf: str,
    kernel: Path | None,
    groups: tuple[str, ...],
    forged: int,
    out: Path,
) -> None:
    """Build a kernel, boot it, and let the program of tests/kernel test it from inside.

    Prints each fact that does not hold and how many there are; ends with status 1 if one does
    not, or if the kernel complains of anything.
    """
    if not guest:
        raise UsageError("say what to test: --guest")
    known_groups(groups)
    need_qemu()
    if kernel is not None and not kernel.is_file():
        raise UsageError(f"{kernel}: no such file; --kernel names a kernel")
    shop = open_workshop(src, obj, jobs)
    with reporter() as report:
        result = run_groups(
            shop,
            out,
            conf=conf,
            kernel=kernel,
            groups=groups,
            forged=forged,
            report=report,
        )
    for fact in result.verdict.failures:
        click.echo(f"{fact.scenario}: {fact.text}: does not hold")
    for line in result.verdict.complaints:
        click.echo(f"kernel: {line}")
    click.echo(result.verdict.summary())
    click.echo(f"{result.console} {result.junit}", err=True)
    if not result.verdict.good:
        raise CheckFailed(f"the end of {result.console} may say more")
