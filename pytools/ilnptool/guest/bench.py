# SPDX-License-Identifier: BSD-2-Clause
"""What ILNP costs in a kernel, in instructions: P10 to P12 of design/goals.md.

A machine with one emulated processor whose time stamp counter counts instructions boots three
kernels: one with ILNP, one without a line of it, and one with ILNP that also counts its locks.
The numbers are exact and, but for the clock's interrupts, the same each time; what is reported are
medians, so those do not count.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ilnptool.bench.goals import SOURCE, Goal, Sense
from ilnptool.bench.suite import machine as describe_machine
from ilnptool.bench.suite import summary, write_bench
from ilnptool.bench.verdict import Outcome, Pair, measure_json
from ilnptool.build.kernel import Workshop, build_kernel, open_workshop
from ilnptool.build.maketask import Reporter, silent
from ilnptool.build.trial import Machine
from ilnptool.errors import EXIT_FAILED, EXIT_INTERRUPT, EXIT_OK, CheckFailed, IlnpError
from ilnptool.guest import console
from ilnptool.guest.quick import boot, need_qemu

COUNTING = Machine(
    Path(),
    cpus=1,
    accel="tcg,thread=single",
    extra=("-icount", "shift=0,sleep=off"),
)
KERNELS = {"ILNP": False, "ILNP-STOCK": True, "ILNP-LOCKS": False}  # configuration: stock
SECONDS = 3600.0

_MOST = Sense.AT_MOST
_OFF = "ILNP compiled in and switched off / stock kernel"


def _goal(measure: str, part: str, what: str, floor: float, aim: float) -> Goal:
    unit = "locks" if part == "locks" else "ratio"
    return Goal(measure, part, what, unit, floor, aim, _MOST, needs_pairs=1)


# Each goal with the two numbers whose ratio it is.
RATIOS: tuple[tuple[Goal, str, str], ...] = (
    (
        _goal("P10", "64 octets", "UDP datagram, send + receive: ILNP / IPv6", 1.15, 1.08),
        "udp64.ilnp",
        "udp64.off",
    ),
    (
        _goal("P10", "1000 octets", "UDP datagram, send + receive: ILNP / IPv6", 1.15, 1.08),
        "udp1000.ilnp",
        "udp1000.off",
    ),
    (
        _goal("P11", "connect", "TCP connect + accept: ILNP / IPv6", 1.20, 1.10),
        "tcp.ilnp",
        "tcp.off",
    ),
    (
        _goal(
            "P11", "10,000", "TCP connect + accept: 10,000 correspondents known / 10", 1.10, 1.02
        ),
        "tcp.known10000",
        "tcp.known10",
    ),
    (_goal("P12", "udp", f"UDP datagram: {_OFF}", 1.005, 1.001), "udp64.off", "udp64.stock"),
    (
        _goal("P12", "segment", f"TCP segment and its way back: {_OFF}", 1.005, 1.001),
        "segment.off",
        "segment.stock",
    ),
    (
        _goal("P12", "connect", f"TCP connect + accept: {_OFF}", 1.005, 1.001),
        "tcp.off",
        "tcp.stock",
    ),
)
LOCKS = _goal("P12", "locks", "global locks of ILNP taken per data packet", 0, 0)

_NUMBER = re.compile(r"^BENCH (\S+) (\d+)$", re.MULTILINE)
_COUNTED = re.compile(r"^LOCKS (\S+) (\d+)$(.*?)^LOCKS END$", re.MULTILINE | re.DOTALL)
# The columns of debug.lock.prof.stats: four of times, the count, four more, place and name.
_LOCK = re.compile(
    r"^LOCK\s+(?:\d+\s+){4}(\d+)\s+(?:\d+\s+){2,4}(\S+):(\d+) \(([^:]+):(.*)\)$", re.M
)
# Taken for one correspondent, not for all.
PRIVATE = ("ilnp session",)


@dataclass(frozen=True, slots=True)
class LockCount:
    """How often each lock was taken for each of some packets, by the lock's name."""

    per_packet: Mapping[str, float]

    def global_ones(self) -> dict[str, float]:
        """Return those of ILNP that all correspondents share, if for one packet in fifty."""
        return {
            name: rate
            for name, rate in self.per_packet.items()
            if name.startswith("ilnp") and name not in PRIVATE and rate >= 0.02
        }


def read_numbers(told: str) -> dict[str, int]:
    """Return the instruction counts that a program told."""
    return {name: int(value) for name, value in _NUMBER.findall(told.replace("\r", ""))}


def read_locks(told: str) -> dict[str, LockCount]:
    """Return the locks that a program counted, by the same names as the instructions."""
    found = {}
    for name, packets, text in _COUNTED.findall(told.replace("\r", "")):
        rates: dict[str, float] = {}
        for count, _file, _line, _kind, lock in _LOCK.findall(text):
            rates[lock] = rates.get(lock, 0.0) + int(count) / int(packets)
        found[name] = LockCount(rates)
    return found


def _lock_outcome(locks: Mapping[str, LockCount]) -> Outcome:
    if "udp64.ilnp" not in locks:
        return Outcome(LOCKS, why_not="the kernel did not count its locks")
    counted = {name: locks[name].global_ones() for name in ("udp64.ilnp", "segment.ilnp")}
    worst = max(sum(found.values()) for found in counted.values())
    names = sorted({name for found in counted.values() for name in found})
    own = locks["udp64.ilnp"].per_packet.get("ilnp session", 0.0)
    evidence = f"{own:.2g} times that of its own session"
    if names:
        evidence = f"{', '.join(names)}; {evidence}"
    return Outcome(LOCKS, (Pair(worst),), evidence=evidence)


def judge(numbers: Mapping[str, int], locks: Mapping[str, LockCount]) -> list[Outcome]:
    """Compare what was counted with what is asked for."""
    outcomes = []
    for goal, ours, yardstick in RATIOS:
        if ours in numbers and yardstick in numbers:
            pair = Pair(numbers[ours], numbers[yardstick])
            evidence = f"{numbers[ours]} / {numbers[yardstick]} instructions"
            outcomes.append(Outcome(goal, (pair,), evidence=evidence))
        else:
            outcomes.append(Outcome(goal, why_not=f"{ours} or {yardstick} was not counted"))
    return [*outcomes, _lock_outcome(locks)]


def measure(
    shop: Workshop,
    folder: Path,
    *,
    report: Reporter = silent,
    progress: Callable[[str], None] = lambda _text: None,
) -> dict[str, Any]:
    """Boot the kernels, and return what bench-kernel.json says."""
    need_qemu()
    numbers: dict[str, int] = {}
    locks: dict[str, LockCount] = {}
    for conf, stock in KERNELS.items():
        kernel = build_kernel(shop, conf, stock=stock, report=report)
        progress(f"{conf}: counting instructions")
        said = boot(
            shop,
            kernel.path,
            folder.resolve() / conf,
            ("bench",),
            machine=COUNTING,
            seconds=SECONDS,
            report=report,
        )
        verdict = console.judge(said)
        if not verdict.good:
            failed = "; ".join(fact.text for fact in verdict.failures[:3])
            raise CheckFailed(f"{conf}: {verdict.summary()}: {failed}")
        if conf == "ILNP-LOCKS":
            locks = read_locks(said.told)
        else:
            numbers |= read_numbers(said.told)
    outcomes = judge(numbers, locks)
    by_measure = {
        name: [outcome for outcome in outcomes if outcome.goal.measure == name]
        for name in dict.fromkeys(outcome.goal.measure for outcome in outcomes)
    }
    return {
        "schema_version": 1,
        "goals": SOURCE,
        "release": shop.tree.release,
        "compiler": shop.host.compiler,
        "machine": describe_machine(),
        "measures": {name: measure_json(part) for name, part in by_measure.items()},
        "instructions": dict(sorted(numbers.items())),
        "locks_per_packet": {
            name: {lock: round(rate, 3) for lock, rate in sorted(count.per_packet.items())}
            for name, count in sorted(locks.items())
        },
    }


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m ilnptool.guest.bench",
        description="Counts what ILNP costs in a FreeBSD kernel, in instructions.",
        epilog="Exit status: 0 all floors met, 1 some not, 2 usage, 3 something is missing.",
    )
    parser.add_argument("--src", type=Path, default=Path("/usr/src"), metavar="TREE")
    parser.add_argument("--obj", type=Path, required=True, metavar="DIR", help="for what is built")
    parser.add_argument("--work", type=Path, default=Path("results/bench-kernel"), metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("results/bench-kernel.json"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Run the benchmark as the arguments say, and return the exit status."""
    options = _arguments(argv)
    try:
        shop = open_workshop(options.src, options.obj, options.jobs)
        result = measure(
            shop, options.work, progress=lambda text: print(text, file=sys.stderr, flush=True)
        )
    except IlnpError as err:
        print(f"ilnptool.guest.bench: {err}", file=sys.stderr)
        return err.exit_code
    except KeyboardInterrupt:
        print("ilnptool.guest.bench: interrupted", file=sys.stderr)
        return EXIT_INTERRUPT
    write_bench(options.out, result)
    print(summary(result))
    print(f"written: {options.out}", file=sys.stderr)
    met = all(measured["met"] for measured in result["measures"].values())
    return EXIT_OK if met else EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
