# SPDX-License-Identifier: BSD-2-Clause
"""`ilnptool decode` and `ilnptool report`: what is made of files that runs leave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ilnptool.cli.output import SCHEMA_VERSION, json_option, say

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


def _line(record: Mapping[str, Any]) -> str:
    """Return what a person wants to see of one frame."""
    words = [str(record.get("number", "")), f"{record['time']:.6f}" if "time" in record else ""]
    if "source_ilv" in record:
        ports = [
            f" {record[k]}" if k in record else "" for k in ("source_port", "destination_port")
        ]
        words.append(f"{record['source_ilv']}{ports[0]} > {record['destination_ilv']}{ports[1]}")
        words.append(str(record.get("protocol", "")))
    if "nonce" in record:
        words.append(f"nonce {record['nonce']}")
    if "locator_update" in record:
        update = record["locator_update"]
        locators = ", ".join(
            f"{x['l64']} pref {x['preference']} for {x['lifetime']} s" for x in update["locators"]
        )
        words.append(f"Locator Update {update['operation']}: {locators}")
    if "checksum" in record:
        words.append(f"checksum {record['checksum']}")
    if "skipped" in record:
        words.append(str(record["skipped"]))
    if "fault" in record:
        words.append(f"{record['fault']}: {record['error']}")
    return "  ".join(word for word in words if word)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--all", "everything", is_flag=True, help="Also frames that are not IPv6.")
@json_option
def decode(file: Path, everything: bool, as_json: bool) -> None:
    """Show the ILNP content of a capture FILE (pcap or pcapng).

    Works on any machine, without ILNP in its kernel.
    """
    from ilnptool.wire.decode import decode_file  # noqa: PLC0415

    records = (x for x in decode_file(file) if everything or "skipped" not in x)
    if not as_json:
        for record in records:
            click.echo(_line(record))
        return
    # Written piece by piece: captures are larger than one likes to hold.
    click.echo(
        f'{{"schema_version": {SCHEMA_VERSION}, "file": {json.dumps(str(file))}, "frames": ['
    )
    separator = ""
    for record in records:
        click.echo(f"{separator}{json.dumps(record, default=str)}", nl=False)
        separator = ",\n"
    click.echo("\n]}")


@click.command()
@click.argument("folder", metavar="DIR", type=_FOLDER)
def report(folder: Path) -> None:
    """Write the report of the run in DIR anew, from its run.json, and print the report's path."""
    from ilnptool.report import write_report  # noqa: PLC0415

    say(f"writing the report of {folder}")
    click.echo(write_report(folder))
