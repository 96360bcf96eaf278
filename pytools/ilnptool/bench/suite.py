# SPDX-License-Identifier: BSD-2-Clause
"""The whole benchmark: runs the chosen measures and gives bench.json its form."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ilnptool import __version__
from ilnptool.bench import core, handover, outage, published, transports, userspace
from ilnptool.bench.context import Bench, Progress
from ilnptool.bench.goals import SOURCE, goals_of
from ilnptool.bench.verdict import Outcome, measure_json
from ilnptool.config import Config, load_config
from ilnptool.errors import IlnpError, UsageError
from ilnptool.lab.netns import require_root

SCHEMA_VERSION = 1

_MEASURES: Mapping[str, Callable[[Bench], list[Outcome]]] = {
    "P1": transports.p1,
    "P2": transports.p2,
    "P4": handover.p4,
    "P5": outage.p5,
    "P6": outage.p6,
    "P7": transports.p7,
    "P8": transports.p8,
    "P9": userspace.p9,
    "P13": core.p13,
    "P14": published.p14,
}


def machine() -> dict[str, Any]:
    """Return what must be known of this machine to read the numbers."""
    cpu = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "processor": cpu.group(1) if cpu else "",
        "processors": os.cpu_count() or 0,
        "memory_mb": int(memory.group(1)) // 1024 if memory else 0,
        "load_before": round(os.getloadavg()[0], 2),
    }


def _measure(name: str, bench: Bench) -> dict[str, Any]:
    began = time.monotonic()
    try:
        outcomes = _MEASURES[name](bench)
    except IlnpError as err:
        bench.progress(f"{name}: not measured: {err}")
        reason = f"could not be measured here: {err}"
        outcomes = [Outcome(found, why_not=reason) for found in goals_of(name)]
    return {**measure_json(outcomes), "seconds": round(time.monotonic() - began, 1)}


def run_bench(
    names: Sequence[str],
    *,
    pairs: int,
    short: bool,
    seed: int,
    progress: Progress,
    out: Path,
    config: Config | None = None,
) -> dict[str, Any]:
    """Run measures and return what `out` holds, which is written after each of them.

    A measure that cannot be taken is in the result with its reason, and is not met.
    """
    if pairs < 1:
        raise UsageError(f"{pairs} pairs; give 1 or more")
    require_root("the benchmark")
    bench = Bench(config or load_config(), pairs, short, seed, progress)
    result: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "form": "short" if short else "full",
        "seed": seed,
        "version": __version__,
        "goals": SOURCE,
        "machine": machine(),
        "measures": {},
    }
    for name in names:
        result["measures"][name] = _measure(name, bench)
        write_bench(out, result)
    return result


def write_bench(file: Path, result: Mapping[str, Any]) -> None:
    """Write bench.json; a reader sees the old file or the new one, never a part."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(file.name + ".part")
    part.write_text(json.dumps(result, indent=1) + "\n")
    part.replace(file)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def summary(result: Mapping[str, Any]) -> str:
    """Return the result as a table for a terminal."""
    lines = [f"{'':4} {'part':12} {'median':>8} {'min':>8} {'max':>8} {'floor':>7} {'aim':>7}"]
    for name, measure in result["measures"].items():
        for part in measure["parts"]:
            verdict = "aim met" if part["aim_met"] else "met" if part["met"] else "NOT MET"
            if part["floor"] is None and part["met"]:
                verdict = "told only"
            numbers = [part[key] for key in ("ratio_median", "ratio_min", "ratio_max")]
            lines.append(
                f"{name:4} {part['part']:12} "
                f"{' '.join(f'{_number(value):>8}' for value in numbers)} "
                f"{_number(part['floor']):>7} {_number(part['aim']):>7}  {verdict}"
            )
            if part["why_not"]:
                lines.append(f"{'':17} {part['why_not']}")
    return "\n".join(lines)
