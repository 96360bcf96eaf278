# SPDX-License-Identifier: BSD-2-Clause
"""What a set of results does not show, said before somebody else finds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ilnptool.measure.schema import RunFile, RunResult
from ilnptool.report.groups import Group

_PAPER_RUNS = 20
_PAPER_DELAYS = (0, 20, 200)


def statements(file: RunFile, groups: Sequence[Group]) -> list[str]:
    """Sentences about the limits of these results, the general ones last."""
    found = [*_of_runs(file, groups), *_of_captures(file.runs)]
    found += _of_names(file.runs)
    found.append(
        "Networks made by software on one machine: no radio, no change of link layer, no other "
        "traffic; a path's delay and rate are what the lab set. Both ends share one clock."
    )
    found.append(
        "Throughput is bound by the generator's target rate where the links are faster, so it says "
        "that the rate was kept, not how fast the implementation can be; the benchmark is for that."
    )
    return found


def _of_runs(file: RunFile, groups: Sequence[Group]) -> list[str]:
    found = []
    failed = sum(run.error is not None for run in file.runs)
    if failed:
        found.append(
            f"{failed} of {len(file.runs)} runs failed and have no numbers (listed above)."
        )
    fewest = min((len(group.measured) for group in groups), default=0)
    if fewest < _PAPER_RUNS:
        count = {0: "no run with numbers", 1: "one run"}.get(fewest, f"{fewest} runs")
        found.append(
            f"Some conditions have only {count}; the paper has {_PAPER_RUNS}. "
            "Differences between single runs are not statistics."
        )
    if file.experiment == "duality":
        delays = {group.conditions.delay_ms for group in groups}
        absent = [f"{delay} ms" for delay in _PAPER_DELAYS if delay not in delays]
        if absent:
            found.append(f"Added delay of {', '.join(absent)} was not tried; the paper did.")
        kinds = {group.conditions.transport for group in groups}
        missing = [kind.upper() for kind in ("tcp", "udp", "mptcp") if kind not in kinds]
        if missing:
            found.append(f"Nothing was measured with {' and '.join(missing)}.")
    return found


def _of_names(runs: Sequence[RunResult]) -> list[str]:
    """What must be known of an experiment about names."""
    found = []
    arrivals = [each for run in runs for each in run.arrivals]
    if arrivals and not all(each.fresh for each in arrivals):
        found.append(
            "The new clients are one machine with a few NIDs that take turns; those that came "
            "again may have found a session from before."
        )
    if any(run.names for run in runs):
        found.append(
            "All name servers are those of one zone, a few milliseconds away, and without DNSSEC."
        )
    return found


def _of_captures(runs: Sequence[RunResult]) -> list[str]:
    found = []
    measured = [run for run in runs if run.error is None]
    unchecked = [run for run in measured if run.bad_checksums is None]
    if unchecked:
        found.append(
            f"In {len(unchecked)} of {len(measured)} runs no checksum could be verified: the "
            "captures hold no packet in full."
        )
    unfinished = sum(run.checksums_unfinished for run in measured)
    if unfinished:
        found.append(
            f"{unfinished} captured packets had a checksum left to a device by offload; they count "
            "neither as good nor as bad."
        )
    no_update = [r for r in measured if r.network == "ilnp" and not r.locator_updates]
    if no_update:
        found.append(
            f"In {len(no_update)} of {len(measured)} runs no Locator Update was captured: what "
            "they show is a transfer, not a handover."
        )
    notes = Counter(note for run in measured for note in run.notes)
    found += [
        f"{note}." if count == 1 else f"{note} (so in {count} runs)."
        for note, count in sorted(notes.items())[:12]
    ]
    if len(notes) > 12:
        found.append(f"{len(notes) - 12} more notes are in run.json.")
    return found
