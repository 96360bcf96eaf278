# SPDX-License-Identifier: BSD-2-Clause
"""`ilnptool test': what is tested inside of a booted kernel."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from ilnptool.build.kernel import Workshop, build_kernel, open_workshop
from ilnptool.build.maketask import Reporter
from ilnptool.cli.build import build_options, reporter
from ilnptool.cli.output import print_table
from ilnptool.errors import CheckFailed, UsageError
from ilnptool.guest.compare import Comparison, compare_kernels
from ilnptool.guest.quick import FORGED, GROUPS, USUAL, known_groups, need_qemu, run_groups
from ilnptool.guest.suite import KYUA, SMALL, Outcome, choose, find_kyua, run_suite
from ilnptool.run import tail_of

_PATH = click.Path(path_type=Path)


def _told(outcome: Outcome) -> None:
    """Print which cases failed, and where more is said."""
    for case in outcome.cases:
        if not case.good:
            click.echo(f"{case.ident}: {case.status}: {case.reason}")
    for line in outcome.complaints:
        click.echo(f"kernel: {line}")
    click.echo(outcome.summary())
    click.echo(f"{outcome.console} {outcome.junit}", err=True)


def _last_lines(console: Path) -> str:
    return f"the end of {console}:\n{tail_of(console.read_text(errors='replace'))}"


def _run_ours(
    shop: Workshop,
    out: Path,
    conf: str,
    kernel: Path | None,
    runner: str | None,
    cases: tuple[str, ...],
    report: Reporter,
) -> Outcome:
    arguments = choose(cases)
    kyua = find_kyua(shop, runner, report, partial(click.echo, err=True))
    booted = kernel or build_kernel(shop, conf, report=report).path
    return run_suite(shop, out, booted, arguments, suite=conf, kyua=kyua, report=report)


def _compare(
    shop: Workshop, out: Path, kernel: Path | None, cases: tuple[str, ...], report: Reporter
) -> Comparison:
    """Run FreeBSD's tests three times; print how they ended, and what differs."""
    made = compare_kernels(shop, out, cases, kernel=kernel, report=report)
    counts = made.counts()
    columns = next(iter(counts.values()))
    rows = [
        (name, *found.values(), f"{made.records[name].seconds:.0f} s")
        for name, found in counts.items()
    ]
    print_table(("kernel", *(word.replace("_", " ") for word in columns), "took"), rows)
    if made.differences:
        click.echo()
        rows = [
            (x.ident, ", ".join(x.stock), x.kernel, ", ".join(x.ours), "" if x.steady else "yes")
            for x in made.differences
        ]
        print_table(("case", "stock", "kernel", "there", "comes and goes"), rows)
    for name, record in made.records.items():
        for line in record.complaints:
            click.echo(f"{name}: {line}")
    return made


@click.command("test")
@build_options
@click.option("--guest", is_flag=True, help="The program of tests/kernel, in a booted kernel.")
@click.option("--conf", default="ILNP", show_default=True, help="Kernel configuration.")
@click.option("--kernel", type=_PATH, help="A kernel that is built already.")
@click.option(
    "--group",
    "groups",
    multiple=True,
    help=f"Of --guest: {', '.join(GROUPS)}.  [default: {', '.join(USUAL)}]",
)
@click.option(
    "--forged", type=click.IntRange(1), default=FORGED, show_default=True, help="Forged packets."
)
@click.option(
    "--kyua",
    is_flag=True,
    help="The shell tests of tests/net, in a booted kernel: all, or PROGRAM[:CASE]...",
)
@click.option(
    "--runner",
    type=click.Choice([KYUA, SMALL]),
    help="What runs them.  [default: kyua, if the tree has all that it is built from]",
)
@click.option(
    "--freebsd-tests",
    is_flag=True,
    help="FreeBSD's own tests of the network, on a stock kernel and with ILNP off and on.",
)
@click.option(
    "--out",
    type=_PATH,
    default=Path("results/guest"),
    show_default=True,
    help="Where the console and a JUnit file go.",
)
@click.argument("cases", metavar="[PROGRAM[:CASE]]...", nargs=-1)
def test(
    src: Path,
    obj: Path,
    jobs: int,
    guest: bool,
    conf: str,
    kernel: Path | None,
    groups: tuple[str, ...],
    forged: int,
    kyua: bool,
    runner: str | None,
    freebsd_tests: bool,
    out: Path,
    cases: tuple[str, ...],
) -> None:
    """Build a kernel, boot it, and test it from inside: by the program of tests/kernel, by the
    shell tests of tests/net, or by FreeBSD's own tests.

    Prints what does not hold and how much does; ends with status 1 if anything does not, or if the
    kernel complains of anything.
    """
    if not (guest or kyua or freebsd_tests):
        raise UsageError("say what to test: --guest, --kyua or --freebsd-tests")
    if kyua and freebsd_tests:
        raise UsageError("--kyua and --freebsd-tests exclude each other")
    if cases and not (kyua or freebsd_tests):
        raise UsageError(f"{cases[0]}: test programs are for --kyua and --freebsd-tests")
    if runner and not kyua:
        raise UsageError("--runner: that is for --kyua")
    known_groups(groups)
    if kyua:
        choose(cases)
    need_qemu()
    if kernel is not None and not kernel.is_file():
        raise UsageError(f"{kernel}: no such file; --kernel names a kernel")
    shop = open_workshop(src, obj, jobs)
    if kyua:
        with reporter() as report:
            outcome = _run_ours(shop, out, conf, kernel, runner, cases, report)
        _told(outcome)
        if not outcome.ended:
            raise CheckFailed(_last_lines(outcome.console))
        if not outcome.good:
            raise CheckFailed(f"{outcome.junit} holds what the failed cases wrote")
        return
    if freebsd_tests:
        with reporter() as report:
            made = _compare(shop, out, kernel, cases, report)
        click.echo(f"{out}/comparison.json {out}/junit.xml", err=True)
        if not made.good:
            raise CheckFailed("FreeBSD's own tests do not end as they do without ILNP")
        return
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
        raise CheckFailed(_last_lines(result.console))
