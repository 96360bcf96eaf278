# SPDX-License-Identifier: BSD-2-Clause
"""`ilnptool hooks`: the lines of ours in files of FreeBSD."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import click

from ilnptool.build.sources import install, kernel_sources, libc_sources, project
from ilnptool.cli.output import print_table
from ilnptool.errors import CheckFailed, UsageError
from ilnptool.hooks.lock import LIBC_LOCK_FILE, LOCK_FILE, Reviewed, load_lock, save_lock
from ilnptool.hooks.patch import context, function_text, unified
from ilnptool.hooks.plan import Placed, Plan, apply_plan, make_plan
from ilnptool.hooks.spec import HOOK_FILE, LIBC_HOOK_FILE, load_hooks
from ilnptool.hooks.tree import open_tree

_TREE = click.argument(
    "tree", type=click.Path(path_type=Path, file_okay=False), default=Path("/usr/src")
)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of FreeBSD that has hooks of its own."""

    hooks: Path
    lock: Path
    sources: Callable[[], dict[PurePosixPath, Path]]
    witness: str


_KERNEL = _Part(HOOK_FILE, LOCK_FILE, kernel_sources, "sys/netinet6/ilnp/kern/ilnp_hooks.h")
_LIBC = _Part(LIBC_HOOK_FILE, LIBC_LOCK_FILE, libc_sources, "lib/libc-ilnp/ilnp_front.h")


def _part() -> _Part:
    part = click.get_current_context().obj
    assert isinstance(part, _Part)
    return part


def _plan(tree: Path) -> Plan:
    root, part = project(), _part()
    return make_plan(open_tree(tree), load_hooks(root / part.hooks), load_lock(root / part.lock))


@click.group()
@click.option("--libc", is_flag=True, help="Those of the C library instead of the kernel's.")
@click.pass_context
def hooks(context: click.Context, libc: bool) -> None:
    """Insert the lines that let ILNP into a FreeBSD 14 or 15 source tree.

    TREE defaults to /usr/src.  Only `apply' changes it.
    """
    context.obj = _LIBC if libc else _KERNEL


@hooks.command()
@_TREE
def check(tree: Path) -> None:
    """Say whether all hooks fit TREE; status 1 if one needs a review, 2 if one does not fit."""
    plan = _plan(tree)
    rows = [
        (
            place.hook.id,
            f"{place.hook.file}:{place.line}",
            place.state.value,
            (", ".join(place.reviewed) if place.fingerprint else "-") or "[red]no[/red]",
        )
        for place in plan.placed
    ]
    print_table(("hook", "place", "state", "reviewed"), rows)
    files = len(plan.files)
    lines = sum(place.hook.lines for place in plan.placed)
    click.echo(f"FreeBSD {plan.tree.release}: {lines} lines in {files} files")
    if plan.unreviewed:
        raise CheckFailed(f"not reviewed for this tree; read them: ilnptool hooks review {tree}")


@hooks.command()
@_TREE
@click.option("--sources", is_flag=True, help="Copy our own files into TREE as well.")
@click.option("--unreviewed", is_flag=True, help="Go on though functions have changed.")
def apply(tree: Path, sources: bool, unreviewed: bool) -> None:
    """Insert the hooks into TREE: all of them or none.

    Applying them again changes nothing.  `ilnptool build-kernel' needs no patched tree: it works
    on a copy.
    """
    changed = apply_plan(_plan(tree), unreviewed=unreviewed)
    for path in changed:
        click.echo(f"patched {path}")
    if not changed:
        click.echo("all hooks are there already")
    if sources:
        for path in install(_part().sources(), tree):
            click.echo(f"installed {path}")
    elif not (tree / _part().witness).exists():
        click.echo("our own files are not in this tree yet: add --sources", err=True)


@hooks.command()
@_TREE
@click.argument("ids", nargs=-1)
def show(tree: Path, ids: tuple[str, ...]) -> None:
    """Show each hook in its surroundings in TREE, with the reason for it."""
    plan = _plan(tree)
    known = [place.hook.id for place in plan.placed]
    for name in ids:
        if name not in known:
            raise UsageError(f"no hook {name!r}; there are: {', '.join(known)}")
    for place in plan.placed:
        if not ids or place.hook.id in ids:
            click.secho(f"{place.hook.id}: {place.hook.place}, line {place.line}", bold=True)
            click.echo(click.wrap_text(place.hook.why, 96))
            click.echo(context(plan, place) + "\n")


def _functions(places: tuple[Placed, ...]) -> list[Placed]:
    """Return one place per function."""
    unique = {(place.hook.file, place.hook.function): place for place in places}
    return list(unique.values())


@hooks.command()
@_TREE
@click.option("--accept", is_flag=True, help="Record that these functions have been read.")
@click.option("--all", "every", is_flag=True, help="Also those that have been reviewed.")
def review(tree: Path, accept: bool, every: bool) -> None:
    """Show the functions that differ from those somebody has read, with the hooks in them.

    Read what surrounds each hook: locks, the epoch, the meaning of the variables it is given.
    Then record it in sys/hooks/hooks.lock with --accept.
    """
    plan = _plan(tree)
    wanted = plan.placed if every else plan.unreviewed
    places = _functions(tuple(place for place in wanted if place.fingerprint))
    if not places:
        click.echo(f"all functions are as reviewed (FreeBSD {plan.tree.release})")
        return
    if not accept:
        for place in places:
            click.secho(f"{place.hook.place}", bold=True)
            click.echo(function_text(plan, place) + "\n")
        return
    entries = [
        Reviewed(
            plan.tree.release, place.hook.file, place.hook.function or "", place.fingerprint or ""
        )
        for place in places
    ]
    path = project() / _part().lock
    save_lock(path, load_lock(path).accept(entries))
    click.echo(f"{path}: {len(entries)} functions of {plan.tree.release} recorded")


@hooks.command()
@_TREE
@click.option("--sources", is_flag=True, help="Also create our own files.")
def diff(tree: Path, sources: bool) -> None:
    """Print the patch that `apply' amounts to, for patch -p1."""
    added = (
        [(name, path.read_text()) for name, path in _part().sources().items()] if sources else []
    )
    click.echo(unified(_plan(tree), added), nl=False)
