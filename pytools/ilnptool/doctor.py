# SPDX-License-Identifier: BSD-2-Clause
"""Examines a machine: what labs, benchmarks and kernel builds need, and how to get it.

Kernel features are tried, not looked up, in a network namespace made for that and removed again.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ilnptool import run
from ilnptool.config import Config
from ilnptool.errors import IlnpError
from ilnptool.lab.protocol import Step, StepObserver

_SECONDS = 10.0
_FREE_GIB_WANTED = 10
_FREEBSD_VERSION = re.compile(r"^#define\s+__FreeBSD_version\s+(\d+)", re.MULTILINE)


class Need(StrEnum):
    """What something is needed for."""

    LAB = "lab"  # and so for everything else
    BENCH = "benchmark"
    KERNEL = "FreeBSD kernel"
    COMFORT = "comfort"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing; `ok` is None where it could not be tried."""

    name: str
    need: Need
    ok: bool | None
    found: str
    advice: str


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look for: `probe` returns whether it is there, and what was seen."""

    name: str
    need: Need
    probe: Callable[[Machine], tuple[bool | None, str]]
    advice: str


class Machine:
    """This machine, with a namespace to try things in if we are root."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._netns: str | None = None

    def __enter__(self) -> Machine:
        if os.geteuid() == 0:
            name = f"ilnp.doctor.{os.getpid()}"
            with suppress(IlnpError):
                run.run(["ip", "netns", "add", name], timeout=_SECONDS)
                self._netns = name
        return self

    def __exit__(self, *_: object) -> None:
        if self._netns is not None:
            run.run(["ip", "netns", "delete", self._netns], timeout=_SECONDS)

    def attempt(self, *commands: str) -> tuple[bool | None, str]:
        """Return whether commands work in the namespace, and the last line of what is wrong."""
        if self._netns is None:
            return None, "needs root to be tried" if os.geteuid() else "no network namespaces"
        for command in commands:
            try:
                run.run(command.split(), timeout=_SECONDS, space=run.Space(self._netns))
            except IlnpError as err:
                return False, str(err).splitlines()[-1]
        return True, "works"


def _root(_machine: Machine) -> tuple[bool | None, str]:
    return os.geteuid() == 0, f"user {os.geteuid()}"


def _tries(*commands: str) -> Callable[[Machine], tuple[bool | None, str]]:
    return lambda machine: machine.attempt(*commands)


def _program(name: str) -> Callable[[Machine], tuple[bool | None, str]]:
    def probe(_machine: Machine) -> tuple[bool | None, str]:
        path = shutil.which(name)
        return path is not None, path or "not found"

    return probe


def _mptcp(_machine: Machine) -> tuple[bool | None, str]:
    path = Path("/proc/sys/net/mptcp/enabled")
    if not path.exists():
        return False, "not in this kernel"
    value = path.read_text().strip()
    return value == "1", f"{path} is {value}"


def _kvm(_machine: Machine) -> tuple[bool | None, str]:
    """Try it as the lab would: a device that is there may still not run a machine."""
    argv = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-display", "none"]
    argv += ["-serial", "none", "-monitor", "stdio"]
    try:
        run.run(argv, stdin="quit\n", timeout=_SECONDS)
    except IlnpError as err:
        return False, str(err).splitlines()[-1]
    return True, "works"


def _ilnpd(machine: Machine) -> tuple[bool | None, str]:
    return machine.config.ilnpd.is_file(), str(machine.config.ilnpd)


def _linkem(machine: Machine) -> tuple[bool | None, str]:
    return machine.config.linkem.is_file(), str(machine.config.linkem)


def _freebsd(_machine: Machine) -> tuple[bool | None, str]:
    path = Path("/usr/src/sys/sys/param.h")
    if not path.is_file():
        return False, f"{path}: not there"
    match = _FREEBSD_VERSION.search(path.read_text(errors="replace"))
    if match is None:
        return False, f"{path}: names no version"
    return match.group(1)[:2] in ("14", "15"), f"/usr/src is {match.group(1)}"


def _disk(machine: Machine) -> tuple[bool | None, str]:
    place = machine.config.state
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 2**30
    return free >= _FREE_GIB_WANTED, f"{free:.0f} GiB free at {place}"


def _needs_program(name: str, need: Need, purpose: str) -> Check:
    package = run.PACKAGES.get(name, name)
    return Check(name, need, _program(name), f"apt-get install {package} ({purpose})")


_VETH = "ip link add name doctor1 type veth peer name doctor2"
_KERNEL = "use a kernel with"

CHECKS = (
    Check("root", Need.LAB, _root, "run with sudo"),
    Check("network namespaces", Need.LAB, _tries("ip link set lo up"), f"{_KERNEL} CONFIG_NET_NS"),
    Check("veth", Need.LAB, _tries(_VETH), f"{_KERNEL} CONFIG_VETH"),
    Check(
        "TUN",
        Need.LAB,
        _tries("ip tuntap add doctor3 mode tun"),
        f"{_KERNEL} CONFIG_TUN, or: modprobe tun",
    ),
    Check(
        "tbf",
        Need.LAB,
        _tries("tc qdisc add dev lo root tbf rate 1mbit burst 10000 limit 10000"),
        f"{_KERNEL} CONFIG_NET_SCH_TBF, or: modprobe sch_tbf",
    ),
    Check(
        "nft",
        Need.LAB,
        _tries("nft add table ip6 doctor", "nft delete table ip6 doctor"),
        "apt-get install nftables, or use a kernel with CONFIG_NF_TABLES",
    ),
    Check(
        "packet sockets",
        Need.LAB,
        _tries("tcpdump -i lo -c 1 -w /dev/null --immediate-mode -d"),
        "apt-get install tcpdump, or use a kernel with CONFIG_PACKET",
    ),
    *(
        _needs_program(name, Need.LAB, purpose)
        for name, purpose in (
            ("radvd", "router advertisements"),
            ("iperf3", "traffic"),
            ("ethtool", "single frames on emulated links"),
            ("sysctl", "settings of namespaces"),
            ("ping", "first aid"),
        )
    ),
    Check("ilnpd", Need.LAB, _ilnpd, "make (builds build/ilnpd), or set ILNPD"),
    Check("linkem", Need.COMFORT, _linkem, "nothing: it is built when a lab needs it"),
    Check(
        "netem",
        Need.COMFORT,
        _tries("tc qdisc replace dev lo root netem delay 1ms"),
        "nothing: our own emulator takes its place",
    ),
    Check("MPTCP", Need.BENCH, _mptcp, "sysctl net.mptcp.enabled=1, or CONFIG_MPTCP"),
    _needs_program("cc", Need.COMFORT, "builds the emulator and the node"),
    _needs_program("tshark", Need.COMFORT, "a second opinion on captures"),
    _needs_program("qemu-system-x86_64", Need.KERNEL, "boots the kernel; package qemu-system-x86"),
    Check("KVM", Need.KERNEL, _kvm, "nothing: QEMU works without it, more slowly"),
    Check("FreeBSD source", Need.KERNEL, _freebsd, "put a FreeBSD 14 tree into /usr/src"),
    Check("disk", Need.KERNEL, _disk, f"kernel builds want {_FREE_GIB_WANTED} GiB free"),
)


def examine(config: Config, observer: StepObserver) -> list[Finding]:
    """Look for everything; advice is given only where something is not there."""
    findings = []
    with Machine(config) as machine:
        for number, check in enumerate(CHECKS, 1):
            observer(Step(check.name, number, len(CHECKS)))
            ok, found = check.probe(machine)
            advice = "" if ok else check.advice
            findings.append(Finding(check.name, check.need, ok, found, advice))
    return findings
