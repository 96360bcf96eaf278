# SPDX-License-Identifier: BSD-2-Clause
"""`ilnptool dns`: names that follow their nodes, and zone files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from ilnptool.cli.output import json_option, print_json, print_table, say
from ilnptool.dns import (
    DnsConfig,
    Follower,
    LocalView,
    OwnerSet,
    Publisher,
    compose,
    load_dns_config,
    source_of,
)
from ilnptool.dns.config import default_file
from ilnptool.dns.follow import summary
from ilnptool.dns.keys import load_key
from ilnptool.dns.master import read_zone
from ilnptool.dns.pace import Schedule
from ilnptool.dns.rrset import ILNP_TYPES, TTL_MAX, TYPES, absolute
from ilnptool.dns.server import connection
from ilnptool.dns.state import DnsState, load_state
from ilnptool.dns.zone import Layout, Record, check, read_hosts, read_locators, render
from ilnptool.errors import UsageError
from ilnptool.wire.fault import WireError
from ilnptool.wire.text import parse_l64, parse_nid
from ilnptool.wire.values import L64, Nid

F = TypeVar("F", bound=Callable[..., Any])

_PREFERENCE = 10


@click.group()
def dns() -> None:
    """Have a name hold the locators of a node, and follow them; check and write zone files.

    The file that --config names says which name, server, key and node; the manual describes it.
    """


def _config_option(command: F) -> F:
    return click.option(
        "--config",
        "file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Which name, server, key and node; dns.toml in the user's configuration if not given.",
    )(command)


def _source_options(command: F) -> F:
    for option in (
        click.option("--take-over", is_flag=True, help="Although the name holds other NIDs."),
        click.option("--dry-run", is_flag=True, help="Print the update, and send nothing."),
        click.option(
            "--nid", "nids", multiple=True, help="Instead of the node's; may be repeated."
        ),
        click.option(
            "--l64",
            "l64s",
            metavar="L64[/PREFERENCE]",
            multiple=True,
            help="Instead of the node's; may be repeated.",
        ),
    ):
        command = option(command)
    return _config_option(command)


def _load(file: Path | None) -> DnsConfig:
    return load_dns_config(default_file() if file is None else file)


def _locator(text: str) -> tuple[int, L64]:
    locator, slash, preference = text.partition("/")
    try:
        number = int(preference) if slash else _PREFERENCE
        if not 0 <= number <= 65535:
            raise ValueError
        return number, parse_l64(locator)
    except WireError as err:
        raise UsageError(err.detail) from err
    except ValueError as err:
        raise UsageError(f"bad preference {preference!r}; allowed: 0 to 65535") from err


def _nid(text: str) -> Nid:
    try:
        return parse_nid(text)
    except WireError as err:
        raise UsageError(err.detail) from err


def _view(config: DnsConfig, nids: tuple[str, ...], l64s: tuple[str, ...]) -> LocalView:
    """Return what to publish: what was given by hand, else what the node says."""
    given = LocalView(tuple(_nid(x) for x in nids), tuple(_locator(x) for x in l64s))
    source = source_of(config.node, kernel=config.kernel)
    if source is None:
        if not l64s:
            raise UsageError("no locators; give --l64, or a node in dns.toml")
        return given
    view = source.view()
    strange = [str(nid) for nid in given.nids if nid not in view.nids]
    if strange:
        raise UsageError(
            f"bad NID {strange[0]}; allowed: those of the node that last, "
            f"{', '.join(map(str, view.nids))}"
        )
    return replace(view, nids=given.nids or view.nids, l64s=given.l64s or view.l64s)


def _publisher(config: DnsConfig, state: DnsState, *, take_over: bool = False) -> Publisher:
    return Publisher(config, load_key(config.key), state, take_over=take_over)


def _carry_out(
    config: DnsConfig, wanted: tuple[OwnerSet, ...], *, dry_run: bool, take_over: bool
) -> None:
    state = load_state(config.state)
    publisher = _publisher(config, state, take_over=take_over)
    if dry_run:
        for line in publisher.planned(wanted):
            click.echo(line)
        return
    publisher.publish(wanted)
    say(
        f"{config.server}: published: {summary(wanted)}"
        if wanted
        else f"{config.server}: withdrawn"
    )


def _lower_ttl(config: DnsConfig, view: LocalView) -> None:
    if config.ttl > view.lu_lifetime:
        say(
            f"ttl {config.ttl} is longer than a Locator Update promises; "
            f"{view.lu_lifetime} is published"
        )


@dns.command()
@_source_options
def publish(
    file: Path | None,
    l64s: tuple[str, ...],
    nids: tuple[str, ...],
    dry_run: bool,
    take_over: bool,
) -> None:
    """Put the node's NIDs and locators into the DNS now, whatever is there of ours."""
    config = _load(file)
    view = _view(config, nids, l64s)
    _lower_ttl(config, view)
    _carry_out(config, compose(config, view), dry_run=dry_run, take_over=take_over)


@dns.command()
@_source_options
def update(
    file: Path | None,
    l64s: tuple[str, ...],
    nids: tuple[str, ...],
    dry_run: bool,
    take_over: bool,
) -> None:
    """Like publish, but only if that would change what the server has confirmed last."""
    config = _load(file)
    view = _view(config, nids, l64s)
    wanted = compose(config, view)
    if load_state(config.state).published == wanted:
        say(f"{config.server}: up to date: {summary(wanted)}")
        return
    _lower_ttl(config, view)
    _carry_out(config, wanted, dry_run=dry_run, take_over=take_over)


@dns.command()
@click.option("--dry-run", is_flag=True, help="Print the update, and send nothing.")
@_config_option
def withdraw(file: Path | None, dry_run: bool) -> None:
    """Take what was published out of the DNS: a name without ILNP must not have its records."""
    config = _load(file)
    state = load_state(config.state)
    if not state.published and not state.wanted:
        raise UsageError(f"{config.state}: nothing was published from here")
    _carry_out(config, (), dry_run=dry_run, take_over=False)


@dns.command()
@_config_option
@click.option("--take-over", is_flag=True, help="Although the name holds other NIDs.")
def follow(file: Path | None, take_over: bool) -> None:
    """Stay, and publish whenever the node's locators change.

    What is published stays when this ends; `withdraw' removes it.
    """
    config = _load(file)
    source = source_of(config.node, kernel=config.kernel)
    if source is None:
        raise UsageError(
            'dns.toml names no node to follow; allowed: node = its control socket, or "kernel"'
        )
    state = load_state(config.state)
    publisher = _publisher(config, state, take_over=take_over)
    Follower(config, source, publisher, state, Schedule(config.pace), say).run()


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _rows(owner: OwnerSet) -> list[tuple[str, str, int, str]]:
    return [(owner.owner, x.rdtype, x.ttl, text) for x in owner.sets for text in x.rdata]


@dns.command()
@_config_option
@click.option("--local", is_flag=True, help="Do not ask the server.")
@json_option
def status(file: Path | None, local: bool, as_json: bool) -> None:
    """Show what was published, what is still to be, why it was not, and what the server holds."""
    config = _load(file)
    state = load_state(config.state)
    held: list[dict[str, Any]] = []
    if not local:
        owners = [x for x in (config.name, config.lp if config.lead else None) if x is not None]
        with connection(config.host, config.port, config.pace.timeout) as server:
            for owner in owners:
                for rdtype in TYPES:
                    ttl, records = server.query(owner, rdtype)
                    held += [
                        {"owner": owner, "type": rdtype, "ttl": ttl, "rdata": x} for x in records
                    ]
    if as_json:
        said = state.as_json()
        del said["schema_version"]
        print_json({**said, "pending": state.pending, "server": config.server, "held": held})
        return
    say(f"{config.server}, zone {config.zone}, state in {state.path}")
    say("up to date" if not state.pending else "not yet published: see `wanted'")
    if state.failure:
        say(f"failed {state.failures} times in a row, last {_time(state.failed_at)}:")
        say(state.failure)
    click.echo(f"published {_time(state.published_at) or 'never'}")
    columns = ("name", "type", "ttl", "record")
    print_table(columns, [row for owner in state.published for row in _rows(owner)])
    if state.pending:
        click.echo("\nwanted")
        print_table(columns, [row for owner in state.wanted for row in _rows(owner)])
    if not local:
        click.echo("\nheld by the server")
        print_table(columns, [tuple(x.values()) for x in held])


@dns.group()
def zone() -> None:
    """Check zone files for what RFC 6742 forbids, and write them from hosts and locators files."""


def _zone_options(command: F) -> F:
    kind = click.Path(path_type=Path, dir_okay=False)
    for option in (
        click.option("--origin", default=".", help="Of names that do not end in a point."),
        click.option("--locators", "locators", type=kind, multiple=True, help="A locators file."),
        click.option(
            "--hosts", "hosts", type=kind, multiple=True, help="A hosts file of the node."
        ),
    ):
        command = option(command)
    return command


def _read(
    hosts: tuple[Path, ...],
    locators: tuple[Path, ...],
    zones: tuple[Path, ...],
    origin: str,
) -> list[Record]:
    """Return all records of all files, checked; what is doubtful is told."""
    if not (hosts or locators or zones):
        raise UsageError("no files; give --hosts, --locators or zone files")
    base = absolute(origin, ".")
    records = [x for path in hosts for x in read_hosts(path, base)]
    records += [x for path in locators for x in read_locators(path, base)]
    records += [x for path in zones for x in read_zone(path, base)]
    for doubt in check(records):
        say(f"warning: {doubt}")
    return records


@zone.command(name="check")
@_zone_options
@click.argument(
    "zones", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path, dir_okay=False)
)
def check_(
    hosts: tuple[Path, ...], locators: tuple[Path, ...], origin: str, zones: tuple[Path, ...]
) -> None:
    """Check the NID, L64 and LP records of zone FILEs, hosts files and locators files."""
    records = _read(hosts, locators, zones, origin)
    kinds = ", ".join(f"{sum(x.rdtype == kind for x in records)} {kind}" for kind in ILNP_TYPES)
    say(f"no mistakes: {kinds}")


@zone.command(name="render")
@_zone_options
@click.option("--primary", metavar="NAME", help="The zone's primary server; adds SOA and NS.")
@click.option("--mail", default="hostmaster", show_default=True, help="For the SOA, as a name.")
@click.option("--serial", type=click.IntRange(1, 2**32 - 1), default=1, help="For the SOA.")
@click.option("--ttl", type=click.IntRange(0, TTL_MAX), default=20, help="Of L64 and AAAA.")
@click.option("--nid-ttl", type=click.IntRange(0, TTL_MAX), default=3600, help="Of NID and LP.")
@click.option("--no-aaaa", is_flag=True, help="Leave out the addresses.")
def render_(
    hosts: tuple[Path, ...],
    locators: tuple[Path, ...],
    origin: str,
    primary: str | None,
    mail: str,
    serial: int,
    ttl: int,
    nid_ttl: int,
    no_aaaa: bool,
) -> None:
    """Print the records of hosts and locators files as BIND, Knot and NSD load them."""
    base = absolute(origin, ".")
    layout = Layout(
        base,
        ttl,
        nid_ttl,
        not no_aaaa,
        None if primary is None else absolute(primary, base),
        mail,
        serial,
    )
    click.echo(render(_read(hosts, locators, (), origin), layout), nl=False)
