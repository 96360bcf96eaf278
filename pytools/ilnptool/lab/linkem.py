# SPDX-License-Identifier: BSD-2-Clause
"""The link emulator: building it, its settings, and its stand-in netem where a kernel has that."""

from __future__ import annotations

from pathlib import Path

from ilnptool import run
from ilnptool.config import PROJECT, Config
from ilnptool.errors import EnvironmentMissing
from ilnptool.lab.linuxnet import LEFT, RIGHT
from ilnptool.lab.model import Impairment, Link

SOURCE = PROJECT / "pytools" / "linkem"

# The generator has 64 bits of state and takes any seed; this one makes runs repeatable by default.
DEFAULT_SEED = 1


def ensure_built(config: Config) -> Path:
    """Return the path of linkem, built from our source if that is newer."""
    if config.linkem != PROJECT / "build" / "linkem":
        if not config.linkem.is_file():
            raise EnvironmentMissing(f"{config.linkem}: no link emulator there; correct the path")
        return config.linkem
    run.run(["make", "-s", "-C", str(SOURCE), f"OUT={config.linkem.parent}"], timeout=120)
    return config.linkem


def control_socket(directory: Path) -> Path:
    """Return the control socket of the emulator whose state is in `directory`."""
    return directory / "ctl.sock"


def command(config: Config, link: Link, socket: Path) -> list[str]:
    """Return the command that runs a link's emulator."""
    sides = ["-a", LEFT, "-b", RIGHT]
    # The settings are one argument, as they are only right together.
    return [
        str(config.linkem),
        *sides,
        "-c",
        str(socket),
        "-s",
        str(DEFAULT_SEED),
        settings_of(link),
    ]


def settings_of(link: Link) -> str:
    """Return linkem's settings for a link, as one line of its `set` command."""
    words = _impairment_words(link.impairment or Impairment())
    if link.bottleneck == "middle" and link.rate is not None:
        words += [f"rate_bps={link.rate}", f"queue_bytes={link.queue_bytes}"]
    return " ".join(words)


def _impairment_words(impairment: Impairment) -> list[str]:
    return [
        f"delay_us={round(impairment.delay * 1e6)}",
        f"jitter_us={round(impairment.jitter * 1e6)}",
        f"loss_ppm={round(impairment.loss * 1e6)}",
        f"reorder_ppm={round(impairment.reorder * 1e6)}",
    ]


def netem_lines(link: Link, verb: str) -> list[str]:
    """Return the `tc` lines by which netem does what linkem would.

    netem draws a new delay for each packet and so reorders under jitter, unless it also limits the
    rate; a rate nobody reaches keeps the order, as linkem does.
    """
    impairment = link.impairment or Impairment()
    words = ["netem", "limit", "100000", "delay", f"{round(impairment.delay * 1e6)}us"]
    if impairment.jitter:
        words.append(f"{round(impairment.jitter * 1e6)}us")
    if impairment.loss:
        words += ["loss", f"{impairment.loss * 100:g}%"]
    if impairment.reorder:
        words += ["reorder", f"{impairment.reorder * 100:g}%"]
    rate = link.rate if link.bottleneck == "middle" else None
    words += ["rate", f"{rate or 100_000_000_000}bit"]
    return [f"qdisc {verb} dev {side} root {' '.join(words)}" for side in (LEFT, RIGHT)]
