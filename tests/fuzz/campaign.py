# SPDX-License-Identifier: BSD-2-Clause
"""Runs the fuzz targets one after the other and says what they did.

    campaign.py FOLDER SECONDS TARGET...

Exits with 1 if a target crashed; the octets that did it are in FOLDER/crashes.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from ilnptool.run import run, tail_of

SLACK_SECONDS = 60.0
MAX_OCTETS = {
    "fuzz_wire": 512,
    "fuzz_lu": 4096,
    "fuzz_icmp": 300,
    "fuzz_input": 1024,
    "fuzz_ra": 1024,
    "fuzz_reass": 512,
    "fuzz_text": 1024,
    "fuzz_dns": 700,
    "fuzz_cand": 700,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one target did; edges are those of the instrumented code it reached."""

    target: str
    status: int
    executions: int
    edges: int
    report: str


def _number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def fuzz(folder: Path, target: str, seconds: int) -> Outcome:
    corpus, crashes = folder / "corpus" / target, folder / "crashes"
    corpus.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(exist_ok=True)
    argv = [
        str(folder / target),
        f"-max_total_time={seconds}",
        f"-max_len={MAX_OCTETS[target]}",
        f"-artifact_prefix={crashes}/{target}-",
        "-print_final_stats=1",
        "-timeout=10",
        "-use_value_profile=1",
        str(corpus),
        str(folder / "seeds" / target),
    ]
    result = run(argv, timeout=seconds + SLACK_SECONDS, check=False)
    return Outcome(
        target,
        result.status,
        _number(r"stat::number_of_executed_units:\s+(\d+)", result.stderr),
        _number(r"\bcov: (\d+)", result.stderr),
        tail_of(result.stderr),
    )


def main(folder: Path, seconds: int, targets: list[str]) -> int:
    share = max(1, seconds // len(targets))
    failed = 0
    for target in targets:
        outcome = fuzz(folder, target, share)
        print(f"{target}: {outcome.executions} executions, {outcome.edges} edges", flush=True)
        if outcome.status != 0:
            failed = 1
            print(outcome.report, file=sys.stderr)
            print(f"{target} crashed; see {folder}/crashes", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
