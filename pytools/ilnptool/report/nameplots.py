# SPDX-License-Identifier: BSD-2-Clause
"""What names held over the time of a run, and whether those who came by them got in."""

from __future__ import annotations

from collections.abc import Sequence

from ilnptool.measure.schema import Arrival, NameChange, RunResult
from ilnptool.report.figure import ALARM_COLOUR, TOTAL_COLOUR, Canvas
from ilnptool.report.groups import Group
from ilnptool.report.networks import Networks
from ilnptool.report.timeplots import conditions_of, finish

_WIDTH = 8.2
_BAR = 0.32  # half of its height, in rows
_SHIFT = 0.13  # of failed arrivals, so that they are not under others

Row = tuple[str, str]  # name and L64


def spans(changes: Sequence[NameChange], end_s: float) -> dict[Row, list[tuple[float, float]]]:
    """For each name and locator the times between which the name held it, within the run."""
    found: dict[Row, list[tuple[float, float]]] = {}
    since: dict[Row, float] = {}
    for change in sorted(changes, key=lambda change: change.time_s):
        rows = {(change.name, l64) for l64 in change.l64s}
        for row in [row for row in since if row[0] == change.name and row not in rows]:
            found.setdefault(row, []).append((since.pop(row), change.time_s))
        for row in rows:
            since.setdefault(row, change.time_s)
    for row, begin in since.items():
        found.setdefault(row, []).append((begin, end_s))
    clipped = {
        row: [(max(0.0, a), min(end_s, b)) for a, b in times if b > 0 and a < end_s]
        for row, times in found.items()
    }
    return {row: clipped[row] for row in sorted(clipped) if clipped[row]}


def arrived(arrivals: Sequence[Arrival]) -> tuple[list[Arrival], list[Arrival]]:
    """Those who got in, and those who did not."""
    return [x for x in arrivals if x.error is None], [x for x in arrivals if x.error is not None]


def delays(runs: Sequence[RunResult]) -> list[float]:
    """For each change of a name, the seconds since something was last enabled or disabled."""
    found = []
    for run in runs:
        for change in run.names:
            before = [x.time_s for x in run.events if x.time_s <= change.time_s]
            if before:
                found.append(change.time_s - max(before))
    return found


def names(group: Group, run: RunResult, networks: Networks) -> Canvas | None:
    """Which locators names held; None if nothing was written down of them."""
    if not run.names or run.duration_s is None:
        return None
    rows = spans(run.names, run.duration_s)
    if not rows:
        return None
    question = (
        "Does the name lead new clients to the server all the time?"
        if run.arrivals
        else "Do the names follow the moves?"
    )
    canvas = Canvas(question, conditions_of(group, run), (_WIDTH, 1.9 + 0.42 * len(rows)))
    axes = canvas.axes
    several = len({name for name, _ in rows}) > 1
    labels = []
    for place, ((name, l64), times) in enumerate(rows.items()):
        short = name.partition(".")[0]
        labels.append(f"{short}: {networks.name(l64)}" if several else networks.label(l64))
        axes.broken_barh(
            [(a, b - a) for a, b in times],
            (place - _BAR, 2 * _BAR),
            facecolors=networks.colour(l64),
            alpha=0.45,
            label="the name holds this locator" if place == 0 else None,
        )
    _draw_arrivals(canvas, run, list(rows))
    axes.set_yticks(range(len(rows)), labels)
    # Room above the rows, where the events are named, four of them one below the other.
    axes.set_ylim(-0.6, len(rows) + (1.1 if several else 0.35))
    axes.grid(axis="y", visible=False)
    finish(canvas, run, run.duration_s)
    canvas.caption = "Bars: what the primary server answers, asked every 0.1 s. "
    if run.arrivals:
        canvas.caption += (
            "Points: a client that had never been there asked its resolver, which caches, got "
            "these locators, and connected (a cross: in vain). "
        )
    return canvas


def _draw_arrivals(canvas: Canvas, run: RunResult, rows: Sequence[Row]) -> None:
    place = {l64: number for number, (_, l64) in enumerate(rows)}
    good, bad = arrived([x for x in run.arrivals if 0 <= x.time_s <= (run.duration_s or 0)])
    for chosen, marker, colour, shift, label in (
        (good, "o", TOTAL_COLOUR, 0.0, "a new client was given it, and got in"),
        (bad, "x", ALARM_COLOUR, _SHIFT, "a new client did not get in"),
    ):
        points = [(x.time_s, place[l64] + shift) for x in chosen for l64 in x.l64s if l64 in place]
        points += [(x.time_s, -0.45) for x in chosen if not x.l64s]
        if points:
            canvas.axes.plot(
                [time for time, _ in points],
                [at for _, at in points],
                linestyle="none",
                marker=marker,
                markersize=4,
                color=colour,
                label=label,
            )
