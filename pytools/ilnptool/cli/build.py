# SPDX-License-Identifier: BSD-2-Clause
"""`ilnptool build-kernel', `build-world' and `build-image'."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import platformdirs
from rich.console import Console

from ilnptool.build.boot import HELLO, build_lab_image, build_quick_image, compile_program
from ilnptool.build.disk import Extra, build_disk_image
from ilnptool.build.dynamic import build_dynamic, name_files
from ilnptool.build.iperf3 import build_iperf3
from ilnptool.build.kernel import Kernel, Workshop, build_kernel, open_workshop
from ilnptool.build.kmod import build_module
from ilnptool.build.kyua import build_kyua, need_sources
from ilnptool.build.maketask import Progress, Reporter
from ilnptool.build.userland import build_userland
from ilnptool.build.world import build_world
from ilnptool.config import load_config
from ilnptool.guest.suite import our_files

_PATH = click.Path(path_type=Path)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
_OUTPUT = click.Path(path_type=Path, dir_okay=False)
Command = Callable[..., Any]


def build_options(command: Command) -> Command:
    """Add the options that all builds have."""
    for option in (
        click.option(
            "--jobs", "-j", type=click.IntRange(1), default=os.cpu_count(), show_default=True
        ),
        click.option(
            "--obj",
            type=_PATH,
            default=platformdirs.user_cache_path("ilnptool") / "freebsd",
            show_default=True,
            help="Where everything that is built goes.",
        ),
        click.option(
            "--src",
            type=_PATH,
            default=Path("/usr/src"),
            show_default=True,
            help="A FreeBSD 14 or 15 source tree; it is not changed.",
        ),
    ):
        command = option(command)
    return command


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


@contextmanager
def reporter() -> Iterator[Reporter]:
    """Show progress on standard error: one changing line on a terminal, else one per task."""
    console = Console(stderr=True)
    if not console.is_terminal:
        told: set[str] = set()

        def once(progress: Progress) -> None:
            if progress.task not in told:
                told.add(progress.task)
                console.print(f"{progress.task} ...", soft_wrap=True)

        yield once
        return
    with console.status("reading the source tree") as status:

        def update(progress: Progress) -> None:
            status.update(
                f"{progress.task} {_clock(progress.seconds)}  "
                f"{progress.objects} {progress.unit}  {progress.folder}"
            )

        yield update


def _conf_options(command: Command) -> Command:
    """Add the options that say which kernel."""
    for option in (
        click.option(
            "--unreviewed", is_flag=True, help="Go on though hooked functions have changed."
        ),
        click.option(
            "--stock", is_flag=True, help="Leave hooks and our files out, to compare with."
        ),
        click.option(
            "--conf",
            help="Kernel configuration: a name, or a file of your own, with a / in its path.  "
            "[default: ILNP, with --stock ILNP-STOCK]",
        ),
    ):
        command = option(command)
    return command


_LEAVE_OUT = click.option(
    "--leave-out", is_flag=True, help="Do not build what wants files that SRC lacks."
)


def _kernel(
    shop: Workshop, conf: str | None, stock: bool, unreviewed: bool, report: Reporter
) -> Kernel:
    name = conf or ("ILNP-STOCK" if stock else "ILNP")
    kernel = build_kernel(shop, name, stock=stock, unreviewed=unreviewed, report=report)
    how = "built before" if kernel.cached else f"built in {_clock(kernel.seconds)}"
    click.echo(f"FreeBSD {kernel.release} {kernel.conf}: {how}; log {kernel.log}", err=True)
    return kernel


@click.command("build-kernel")
@build_options
@_conf_options
@click.option("--module", is_flag=True, help="With --stock: ilnp.ko for that kernel as well.")
def build_kernel_command(
    src: Path, obj: Path, jobs: int, conf: str | None, stock: bool, unreviewed: bool, module: bool
) -> None:
    """Build a FreeBSD kernel with ILNP; prints the path of the kernel.

    Works on FreeBSD and, with an LLVM of the distribution, on Linux.  What was built from the
    same tree, configuration and files before is not built again; an interrupted build goes on.
    """
    shop = open_workshop(src, obj, jobs)
    with reporter() as report:
        if module and not stock:
            raise click.UsageError("--module: a kernel with hooks has ILNP in it; add --stock")
        kernel = _kernel(shop, conf, stock, unreviewed, report)
        paths = [kernel.path, *([build_module(shop, kernel, report)] if module else [])]
    for path in paths:
        click.echo(path)


@click.command("build-world")
@build_options
@_LEAVE_OUT
def build_world_command(src: Path, obj: Path, jobs: int, leave_out: bool) -> None:
    """Build and install FreeBSD's userland for lab machines; prints where it is."""
    shop = open_workshop(src, obj, jobs)
    with reporter() as report:
        world = build_world(shop, leave_out=leave_out, report=report)
    if world.left_out:
        click.echo(f"left out: {', '.join(world.left_out)}", err=True)
    click.echo(world.root)


def extras_of(text: str) -> list[Extra]:
    """Return the files that FILE:PATH or FOLDER:PATH names; a folder's go below PATH."""
    name, colon, path = text.partition(":")
    source, target = Path(name).resolve(), path.strip("/")
    if name and source.is_dir():
        files = {f"{target}/{x.relative_to(source)}": x for x in source.rglob("*") if x.is_file()}
    else:
        files = {target: source} if source.is_file() else {}
    if not colon or not target or not files:
        raise click.BadParameter(
            f"{text!r}; allowed: FILE:PATH-IN-THE-IMAGE or FOLDER:PATH-IN-THE-IMAGE, with a file"
        )
    return [Extra(at, file, f"{file.stat().st_mode & 0o777:04o}") for at, file in files.items()]


@click.command("build-image")
@build_options
@_conf_options
@_LEAVE_OUT
@click.option("--quick", is_flag=True, help="A CD with the kernel and one program, in seconds.")
@click.option("--world", "whole", is_flag=True, help="A disk with a whole world, in an hour.")
@click.option("--init", type=_FILE, help="With --quick: static program to run.  [default: hello]")
@click.option("--iperf3", type=_FOLDER, help="Source of iperf3, to be compiled into the image.")
@click.option("--names", is_flag=True, help="Programs that load libraries, with nss_ilnp(8).")
@click.option("--kyua", is_flag=True, help="Kyua and ATF, to run tests by, from the tree as well.")
@click.option(
    "--add",
    multiple=True,
    metavar="FILE:PATH",
    help="Put a file, or a whole folder, into the image.",
)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Loader tunable.")
@click.argument("output", type=_OUTPUT, required=False)
def build_image_command(
    src: Path,
    obj: Path,
    jobs: int,
    conf: str | None,
    stock: bool,
    unreviewed: bool,
    leave_out: bool,
    quick: bool,
    whole: bool,
    init: Path | None,
    iperf3: Path | None,
    names: bool,
    kyua: bool,
    add: tuple[str, ...],
    settings: tuple[str, ...],
    output: Path | None,
) -> None:
    """Build what a machine starts from, in OUTPUT or where labs look for it.

    That is a CD with a kernel, some ninety of FreeBSD's programs, the lab's agent and the tests
    of tests/net, built in minutes.
    """
    if quick and whole:
        raise click.UsageError("--quick and --world exclude each other")
    if (iperf3 is not None or names or kyua) and (quick or whole):
        raise click.UsageError("--iperf3, --names and --kyua are for the image of the lab")
    output = (output or load_config().image).absolute()
    extras = [extra for text in add for extra in extras_of(text)]
    files = {extra.path: extra.source for extra in extras}
    tunables = dict(_tunable(text) for text in settings)
    shop = open_workshop(src, obj, jobs)
    if kyua:
        need_sources(shop.tree.root)  # said before the rest is built
    with reporter() as report:
        kernel = _kernel(shop, conf, stock, unreviewed, report)
        if quick:
            program = init or shop.root / "hello"
            if init is None:
                compile_program(shop.host, HELLO, program, shop.tree.root / "sys")
            build_quick_image(
                shop, kernel.path, program, output, files=files, tunables=tunables, report=report
            )
        elif whole:
            world = build_world(shop, leave_out=leave_out, report=report)
            build_disk_image(shop, world, kernel.path, output, extras=extras, tunables=tunables)
        else:
            userland = build_userland(shop, report)
            if names:
                _, dynamic = build_dynamic(shop, report)
                made = name_files(shop, dynamic, shop.root / "names")
                files = {**dynamic.files(), **made, **files}
            if kyua:
                files = {**build_kyua(shop, report).files(), **files}
            if iperf3 is not None:
                files["usr/bin/iperf3"] = build_iperf3(shop, userland, iperf3)
            files = {**our_files(shop, userland), **files}
            build_lab_image(
                shop, kernel.path, userland, output, files=files, tunables=tunables, report=report
            )
    click.echo(output)


def _tunable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or '"' in value:
        raise click.BadParameter(f"{text!r}; allowed: NAME=VALUE without quotes")
    return name, value
