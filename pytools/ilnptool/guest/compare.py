# SPDX-License-Identifier: BSD-2-Clause
"""Compares what FreeBSD's own tests make of three kernels: stock, ILNP compiled in, switched on.

What a machine has done is kept after each boot, so that a run goes on where it was cut short, and a
program that brings the machine down costs only itself.  Cases that end otherwise than on the stock
kernel are run again on both: some come and go by themselves, above all under emulation.
"""

from __future__ import annotations

import fcntl
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from ilnptool.build.kernel import Workshop, build_kernel, key_of
from ilnptool.build.maketask import Reporter, silent
from ilnptool.build.userland import build_userland
from ilnptool.errors import CheckFailed, UsageError
from ilnptool.guest.results import Case, junit, read_results
from ilnptool.guest.suite import run_suite
from ilnptool.guest.theirs import (
    PLACE,
    SETTINGS,
    TUNABLES,
    Program,
    choose_programs,
    image_files,
)

NOT_RUN = "not run"
STATUSES = ("passed", "skipped", "expected_failure", "failed", "broken")
_BOOTS = 5  # of one kernel at most
_AGAIN = 2  # how often a case that differs is run again
_KEPT = "cases.json"


@dataclass(frozen=True, slots=True)
class Kernel:
    """One of the three."""

    name: str
    path: Path
    everywhere: bool = False  # ILNP is switched on in each network stack


@dataclass(frozen=True, slots=True)
class Record:
    """What one kernel has done so far."""

    key: str
    cases: tuple[Case, ...] = ()
    complaints: tuple[str, ...] = ()  # of the kernel, or of a machine that did not end
    seconds: float = 0.0
    boots: int = 0

    def statuses(self) -> dict[str, str]:
        return {case.ident: case.status for case in self.cases}


@dataclass(frozen=True, slots=True)
class Difference:
    """A case that has another result than on the stock kernel, and what further runs gave."""

    ident: str
    kernel: str
    stock: tuple[str, ...]  # the results, first to last
    ours: tuple[str, ...]

    @property
    def steady(self) -> bool:
        """Whether no result of the one came with the other as well."""
        return not {*self.stock} & {*self.ours}


@dataclass(frozen=True, slots=True)
class Comparison:
    """All of it, and what was run."""

    release: str
    programs: tuple[str, ...]
    records: Mapping[str, Record]
    differences: tuple[Difference, ...]

    @property
    def good(self) -> bool:
        complaints = any(record.complaints for record in self.records.values())
        return not complaints and not any(x.steady for x in self.differences)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many cases had which result, per kernel."""
        total = {ident for record in self.records.values() for ident in record.statuses()}
        rows = {}
        for name, record in self.records.items():
            found = Counter(record.statuses().values())
            rows[name] = {
                **{status: found[status] for status in STATUSES},
                NOT_RUN: len(total) - len(record.cases),
            }
        return rows

    def summary(self) -> dict[str, Any]:
        """Return what is worth keeping, as JSON has it."""
        stock = self.records["stock"]
        return {
            "schema_version": 1,
            "freebsd": self.release,
            "programs": list(self.programs),
            "kernels": {
                name: {
                    **self.counts()[name],
                    "seconds": round(record.seconds),
                    "complaints": list(record.complaints),
                }
                for name, record in self.records.items()
            },
            "different": [asdict(x) for x in self.differences if x.steady],
            "unsteady": [asdict(x) for x in self.differences if not x.steady],
            "bad_on_stock_too": {x.ident: x.reason for x in stock.cases if not x.good},
            "skipped": dict(
                Counter(x.reason for x in stock.cases if x.status == "skipped").most_common()
            ),
            "passed": [x.ident for x in stock.cases if x.status == "passed"],
        }

    def junit(self) -> bytes:
        """Return a JUnit file: a case fails where a kernel of ours makes it end otherwise."""
        wrong = {x.ident: x for x in self.differences if x.steady}
        cases = []
        for case in self.records["stock"].cases:
            status = "skipped" if case.status == "skipped" else "passed"
            reason = case.reason
            if found := wrong.get(case.ident):
                status = "failed"
                reason = f"{found.kernel}: {', '.join(found.ours)}; stock: {', '.join(found.stock)}"
            cases.append(replace(case, status=status, reason=reason, output=""))
        complaints = [x for record in self.records.values() for x in record.complaints]
        return junit(cases, complaints, ended=True, suite="freebsd")


def differing(stock: Mapping[str, str], ours: Mapping[str, str]) -> list[str]:
    """Return the cases with another result than on the stock kernel."""
    return sorted(x for x in {*stock, *ours} if stock.get(x) != ours.get(x))


def load(folder: Path, key: str) -> Record:
    """Return what is kept in a folder of a run with the same key; else an empty record."""
    try:
        data = json.loads((folder / _KEPT).read_text())
    except (OSError, json.JSONDecodeError):
        return Record(key)
    if data["key"] != key:
        return Record(key)
    cases = tuple(Case(**case) for case in data["cases"])
    return Record(key, cases, tuple(data["complaints"]), data["seconds"], data["boots"])


def save(folder: Path, record: Record) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{_KEPT}.draft"
    draft.write_text(json.dumps(asdict(record), indent=1) + "\n")
    draft.replace(folder / _KEPT)


def remaining(chosen: Iterable[Program], record: Record) -> list[Program]:
    """Return the programs that have not been run; one that brought the machine down has."""
    done = {case.program for case in record.cases}
    return [program for program in chosen if program.name not in done]


def finished(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Return the cases of programs that are through: all but those of the last one."""
    return tuple(case for case in cases if case.program != cases[-1].program)


class Comparer:
    """Runs the cases; what comes of them lies in `folder`, a folder below for each kernel."""

    def __init__(self, shop: Workshop, folder: Path, report: Reporter = silent) -> None:
        self._shop = shop
        self._folder = folder
        self._report = report

    def compare(self, chosen: Sequence[Program], kernels: Sequence[Kernel]) -> Comparison:
        """Run programs on each kernel; the first one is what the others are compared with."""
        with self._alone():
            return self._compare(chosen, kernels)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others from writing into our folder for the time of a block."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as err:
                raise UsageError(f"{self._folder}: another run is at work there") from err
            yield

    def _compare(self, chosen: Sequence[Program], kernels: Sequence[Kernel]) -> Comparison:
        records = {kernel.name: self._run(kernel, chosen) for kernel in kernels}
        differences = [
            found
            for kernel in kernels[1:]
            for found in self._differences(chosen, kernels[0], kernel, records)
        ]
        names = tuple(program.name for program in chosen)
        made = Comparison(self._shop.tree.release, names, records, tuple(differences))
        (self._folder / "comparison.json").write_text(json.dumps(made.summary(), indent=1) + "\n")
        (self._folder / "junit.xml").write_bytes(made.junit())
        return made

    def _run(self, kernel: Kernel, chosen: Sequence[Program]) -> Record:
        folder = self._folder / kernel.name
        digest = sha256(kernel.path.read_bytes()).hexdigest()
        record = load(folder, key_of(digest, *(program.line for program in chosen)))
        while (left := remaining(chosen, record)) and record.boots < _BOOTS:
            try:
                cases, complaints, seconds = self._boot(kernel, left, (f"/{PLACE}/Kyuafile",))
            except BaseException:
                # Interrupted: the next run goes on behind what is done.
                save(folder, replace(record, cases=(*record.cases, *finished(self._told(kernel)))))
                raise
            record = replace(
                record,
                cases=(*record.cases, *cases),
                complaints=(*record.complaints, *complaints),
                seconds=record.seconds + seconds,
                boots=record.boots + 1,
            )
            save(folder, record)
            if not cases:
                break
        return record

    def _told(self, kernel: Kernel) -> tuple[Case, ...]:
        """Return the cases that a machine has told of so far."""
        results = self._folder / kernel.name / "results"
        return read_results(results.read_text(errors="replace"))[0] if results.exists() else ()

    def _boot(
        self, kernel: Kernel, chosen: Sequence[Program], arguments: Sequence[str]
    ) -> tuple[tuple[Case, ...], tuple[str, ...], float]:
        folder = self._folder / kernel.name
        (folder / "results").unlink(missing_ok=True)
        userland = build_userland(self._shop, self._report)
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="ilnp-theirs-") as name:
            try:
                outcome = run_suite(
                    self._shop,
                    folder,
                    kernel.path,
                    arguments,
                    suite=f"freebsd-{kernel.name}",
                    files=image_files(self._shop, userland, chosen, Path(name)),
                    settings=SETTINGS,
                    tunables=TUNABLES,
                    everywhere=kernel.everywhere,
                    report=self._report,
                )
            except CheckFailed as err:
                # It told of its cases all the same.
                cases = self._told(kernel)
                complaints: tuple[str, ...] = (str(err).splitlines()[0],)
            else:
                cases, complaints = outcome.cases, outcome.complaints
        return cases, complaints, time.monotonic() - began

    def _differences(
        self,
        chosen: Sequence[Program],
        stock: Kernel,
        ours: Kernel,
        records: Mapping[str, Record],
    ) -> list[Difference]:
        first, second = records[stock.name].statuses(), records[ours.name].statuses()
        found = {
            ident: Difference(
                ident, ours.name, (first.get(ident, NOT_RUN),), (second.get(ident, NOT_RUN),)
            )
            for ident in differing(first, second)
        }
        for _ in range(_AGAIN):
            left = sorted(ident for ident, x in found.items() if x.steady)
            if not left:
                break
            before = self._again(stock, chosen, left)
            after = self._again(ours, chosen, left)
            for ident in left:
                x = found[ident]
                found[ident] = replace(
                    x, stock=(*x.stock, before[ident]), ours=(*x.ours, after[ident])
                )
        return list(found.values())

    def _again(
        self, kernel: Kernel, chosen: Sequence[Program], idents: Sequence[str]
    ) -> dict[str, str]:
        """Run single cases of a kernel once more; return their results."""
        names = {ident.rpartition(":")[0] for ident in idents}
        part = [program for program in chosen if program.name in names]
        arguments = [f"/{PLACE}/Kyuafile:{ident}" for ident in idents]
        again = replace(kernel, name=f"{kernel.name}-again")
        found = {case.ident: case.status for case in self._boot(again, part, arguments)[0]}
        return {ident: found.get(ident, NOT_RUN) for ident in idents}


def compare_kernels(
    shop: Workshop,
    folder: Path,
    wanted: Sequence[str] = (),
    *,
    kernel: Path | None = None,
    report: Reporter = silent,
) -> Comparison:
    """Run FreeBSD's tests on a stock kernel, and with ILNP switched off and on in each stack.

    `wanted` are programs or folders below tests/sys, `kernel` is one with ILNP, if it is built.
    """
    chosen = choose_programs(shop.tree.root, wanted)
    stock = build_kernel(shop, "ILNP-STOCK", stock=True, report=report).path
    ours = kernel or build_kernel(shop, "ILNP", report=report).path
    kernels = (Kernel("stock", stock), Kernel("off", ours), Kernel("on", ours, everywhere=True))
    return Comparer(shop, folder.resolve(), report).compare(chosen, kernels)
