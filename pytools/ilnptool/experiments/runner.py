# SPDX-License-Identifier: BSD-2-Clause
"""A whole experiment: all its runs, run.json, and the report."""

from __future__ import annotations

import os
import platform
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import IPv6Network
from pathlib import Path

from ilnptool import __version__
from ilnptool import run as processes
from ilnptool.config import Config, load_config
from ilnptool.errors import IlnpError, UsageError
from ilnptool.experiments.catalogue import Experiment, find_experiment
from ilnptool.experiments.clock import Clock, RealClock
from ilnptool.experiments.plan import TRANSPORTS, Condition, Direction, conditions
from ilnptool.experiments.single import LabMaker, Run, prepared
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.machine import choose_accelerator
from ilnptool.lab.model import Role, Topology
from ilnptool.lab.netns import NetnsLab, require_root
from ilnptool.lab.qemu import QemuLab
from ilnptool.lab.topology import load_topology
from ilnptool.measure import Host, RunFile, RunResult, write_run_json
from ilnptool.measure import Topology as TopologyLabel
from ilnptool.report import write_report
from ilnptool.wire.values import L64

LATEST = "latest"
VERSION_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an experiment is; `done` of `total` runs have ended."""

    text: str
    done: int
    total: int


Tell = Callable[[Progress], None]
Reporter = Callable[[Path], object]


def ignore(_progress: Progress) -> None:
    """The callback of those who do not want to know."""


def _new_folder(out: Path, name: str) -> Path:
    """Make the directory of this experiment; a second one in the same second gets a number."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        folder = out / f"{name}-{stamp}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise IlnpError(f"{out}: a hundred results of one second; remove some")


def _point_latest(folder: Path) -> None:
    """Let `latest` beside a result point to it; it always points to one or the other."""
    part = folder.parent / f".{LATEST}-{os.getpid()}"
    part.unlink(missing_ok=True)
    part.symlink_to(folder.name)
    part.replace(folder.parent / LATEST)


def _first_line(argv: Sequence[str]) -> str:
    """Return what a program says of its version; missing programs are reported where needed."""
    try:
        result = processes.run(argv, timeout=VERSION_SECONDS, check=False)
    except IlnpError:
        return "not found"
    lines = (result.stdout or result.stderr).splitlines()
    return lines[0].strip() if lines else "unknown"


def versions(config: Config) -> dict[str, str]:
    """Return what the numbers were made with."""
    return {
        "ilnptool": __version__,
        "ilnpd": _first_line([str(config.ilnpd), "-V"]),
        "kernel": platform.release(),
        "iperf3": _first_line(["iperf3", "--version"]),
        "tcpdump": _first_line(["tcpdump", "--version"]),
        "python": platform.python_version(),
    }


def _host() -> Host:
    return Host(
        name=platform.node(),
        system=platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        kernel=platform.release(),
        cpus=os.cpu_count() or 0,
    )


def _label(topology: Topology, experiment: Experiment) -> TopologyLabel:
    networks = {
        str(L64(int(provider.prefix.network_address) >> 64)): provider.name
        for provider in topology.providers
    }
    if experiment.new_prefix:
        new = IPv6Network(experiment.new_prefix)
        provider = topology.links_of(experiment.peer)[0][0].provider
        networks[str(L64(int(new.network_address) >> 64))] = f"{provider}, new"
    return TopologyLabel(name=topology.name, networks=networks)


def _conditions(
    experiment: Experiment,
    *,
    short: bool,
    runs: int,
    delays: Sequence[float] | None,
    transports: Sequence[str],
    directions: Sequence[str] | None,
    seed: int,
) -> list[Condition]:
    """Return the runs in the order in which they are made.

    The order is drawn from the seed: what changes slowly on a machine must not look like an effect
    of the delay.
    """
    if delays is None:
        delays = (experiment.short_delay,) if short else experiment.delays
    if directions is None:
        directions = (Direction.BOTH,) if short else (Direction.UP, Direction.DOWN)
    found = list(conditions(transports, directions, delays, runs))
    random.Random(seed).shuffle(found)
    return found


def run(
    name: str,
    *,
    out: Path,
    runs: int = 1,
    delays: Sequence[float] | None = None,
    transports: Sequence[str] = TRANSPORTS,
    directions: Sequence[str] | None = None,
    short: bool = False,
    seconds: float | None = None,
    machines: Sequence[str] = (),
    rate: str | None = None,
    seed: int = 1,
    keep_captures: bool = False,
    progress: Tell = ignore,
    config: Config | None = None,
    make_lab: LabMaker | None = None,
    clock: Clock | None = None,
    report: Reporter = write_report,
) -> Path:
    """Make all runs of an experiment and return the directory of its results.

    `run.json` is complete after each run, so that an interrupt costs the present one only.  A run
    that fails is in it with its reason.

    `machines` are the nodes that are to be FreeBSD machines, `rate` is what iperf3 is to offer in
    place of the experiment's own.
    """
    experiment = find_experiment(name)
    notes: list[str] = []
    if rate is not None:
        notes.append(f"{rate} bit/s offered, not {experiment.rates}")
        experiment = replace(experiment, rates=dict.fromkeys(experiment.rates, rate))
    plan = _conditions(
        experiment,
        short=short,
        runs=runs,
        delays=delays,
        transports=transports,
        directions=directions,
        seed=seed,
    )
    config = config or load_config()
    if make_lab is None:
        require_root(f"experiment {name}")
        lab_name = f"run-{os.getpid()}"
        make_lab = _labs(config, lab_name, tuple(machines))
    topology = load_topology(find_topology(experiment.topology))
    if machines:
        _check_machines(experiment, topology, machines)
        how = choose_accelerator(config.accelerator)
        notes.append(f"FreeBSD machines in QEMU ({how}): {', '.join(machines)}")
    folder = _new_folder(out, name)
    results: list[RunResult] = []
    started = datetime.now(UTC).isoformat(timespec="seconds")
    made_with = versions(config)

    def write() -> None:
        file = RunFile(
            experiment=name,
            seed=seed,
            started_at=started,
            versions=made_with,
            host=_host(),
            topology=_label(topology, experiment),
            runs=tuple(results),
        )
        write_run_json(folder, file)

    for number, condition in enumerate(plan):

        def say(text: str, done: int = number) -> None:
            progress(Progress(text, done, len(plan)))

        say(f"{condition.name}: begins")
        one = Run(
            experiment=experiment,
            condition=condition,
            seconds=seconds or (experiment.short_seconds if short else experiment.seconds),
            folder=folder / condition.name,
            clock=clock or RealClock(),
            say=say,
            keep_captures=keep_captures,
            notes=tuple(notes),
        )
        try:
            results += one.carry_out(make_lab(prepared(topology, experiment, condition.delay_ms)))
        except KeyboardInterrupt:
            results += one.failed("interrupted")
            raise
        finally:
            write()
    progress(Progress("writing the report", len(plan), len(plan)))
    report(folder)
    _point_latest(folder)
    return folder


def _labs(config: Config, name: str, machines: tuple[str, ...]) -> LabMaker:
    if machines:
        return lambda topology: QemuLab(topology, config, machines, config.image, name)
    return lambda topology: NetnsLab(topology, config, name)


def _check_machines(experiment: Experiment, topology: Topology, machines: Sequence[str]) -> None:
    """Raise UsageError unless these nodes of an experiment can be machines."""
    able = [x.name for x in topology.nodes if x.ilnp and x.role is Role.HOST]
    for name in machines:
        if name not in able:
            raise UsageError(f"bad machine {name!r}; allowed: {', '.join(able)}")
    if experiment.play != "moves":
        raise UsageError(
            f"{experiment.name}: its nodes ask the DNS again, which a kernel does not; "
            "it runs without machines"
        )
