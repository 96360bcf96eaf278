# SPDX-License-Identifier: BSD-2-Clause
"""Figures over the time of one run: throughput per network, sequence progression."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from ilnptool.measure.schema import RunResult, TimeSeries
from ilnptool.report.figure import ALARM_COLOUR, EVENT_COLOUR, MARK_COLOUR, TOTAL_COLOUR, Canvas
from ilnptool.report.groups import Group
from ilnptool.report.networks import Networks

_SIZE = (8.2, 3.7)
_TIME = "Time since the flow's first packet (s)"
_WIDTH_OF_LABEL = 0.035  # of the axes: labels of events nearer than that would overlap


def conditions_of(group: Group, run: RunResult) -> str:
    """The line under the question: what was measured, and which run of how many is shown."""
    count = len(group.runs)
    which = (
        "the only run" if count == 1 else f"run {run.run_index + 1} of {count}, nearest the median"
    )
    return f"{group.conditions.label}; {which}"


def rates(series: TimeSeries, duration_s: float) -> list[tuple[str, list[float]]]:
    """Mb/s per bin and network.  A last bin that the run did not fill is left out."""
    full = int(duration_s / series.bin_s + 1e-9)
    return [
        (network.l64, [count * 8 / series.bin_s / 1e6 for count in network.bytes[: max(1, full)]])
        for network in series.networks
    ]


def throughput(group: Group, run: RunResult, networks: Networks) -> Canvas | None:
    """Throughput per network and in total; None if the run has no series."""
    if run.series is None or run.duration_s is None:
        return None
    canvas = Canvas(
        "Does the total stay level while the networks change?", conditions_of(group, run), _SIZE
    )
    axes = canvas.axes
    drawn = rates(run.series, run.duration_s)
    count = max(len(values) for _, values in drawn)
    edges = [index * run.series.bin_s for index in range(count + 1)]
    total = [sum(values[index] for _, values in drawn) for index in range(count)]
    axes.stairs(total, edges, color=TOTAL_COLOUR, linewidth=3, label="total", baseline=None)
    for l64, values in drawn:
        axes.stairs(
            values,
            edges,
            color=networks.colour(l64),
            linestyle=networks.line(l64),
            linewidth=1.4,
            label=networks.label(l64),
            baseline=None,
        )
    axes.set_ylim(0, max([*total, 0.1]) * 1.16)
    axes.set_ylabel("Throughput (Mb/s)")
    finish(canvas, run, edges[-1])
    canvas.caption = (
        f"IPv6 payload octets as received, in bins of {run.series.bin_s:g} s. "
        + _explain_marks(run)
    )
    return canvas


def sequence(group: Group, run: RunResult) -> Canvas | None:
    """How the sequence advances; None if the run has no sequence (MPTCP, or nothing arrived)."""
    if not run.sequence:
        return None
    canvas = Canvas(
        "Does the sequence advance without standstill or step back?",
        conditions_of(group, run),
        _SIZE,
    )
    axes = canvas.axes
    is_tcp = run.transport == "tcp"
    scale, label = (
        (1e6, "Octets of the stream (millions)") if is_tcp else (1e3, "Datagram number (thousands)")
    )
    times = [point.time_s for point in run.sequence]
    axes.plot(
        times,
        [point.highest / scale for point in run.sequence],
        color=TOTAL_COLOUR,
        label="highest number so far received",
    )
    late = _late_points(run)
    if late:
        axes.plot(
            [time for time, _ in late],
            [number / scale for _, number in late],
            linestyle="none",
            marker="x",
            markersize=4,
            color=ALARM_COLOUR,
            label="arrived behind a higher number",
        )
    axes.set_ylim(0, max(point.highest for point in run.sequence) / scale * 1.16)
    axes.set_ylabel(label)
    finish(canvas, run, run.duration_s or times[-1])
    canvas.caption = (
        "A straight line is a steady flow, a flat piece a standstill; a cross is a number that "
        "came after higher ones had come in an earlier slot of time. " + _explain_marks(run)
    )
    return canvas


def _late_points(run: RunResult) -> list[tuple[float, int]]:
    """Slots whose lowest number lies below the highest of the slots before."""
    late = []
    highest = -1
    for point in run.sequence:
        if point.lowest < highest:
            late.append((point.time_s, point.lowest))
        highest = max(highest, point.highest)
    return late


def finish(canvas: Canvas, run: RunResult, end_s: float) -> None:
    """Time axis, marks of Locator Updates and events, and the legend."""
    axes = canvas.axes
    axes.set_xlim(0, max(end_s, 0.1))
    axes.set_xlabel(_TIME)
    _mark_updates(axes, run, end_s)
    _mark_events(axes, run, end_s)
    canvas.legend_below()


def _mark_updates(axes: Axes, run: RunResult, end_s: float) -> None:
    label: str | None = "Locator Update sent"
    for update in run.locator_updates:
        if update.operation == "advertisement" and 0 <= update.time_s <= end_s:
            axes.axvline(
                update.time_s, color=MARK_COLOUR, linestyle="--", linewidth=0.9, label=label
            )
            label = None


def _mark_events(axes: Axes, run: RunResult, end_s: float) -> None:
    """Writes what was done to the interfaces above the axes, as far apart as can be read."""
    events = [event for event in run.events if 0 <= event.time_s <= end_s]
    for row, event in zip(_rows([e.time_s / max(end_s, 0.1) for e in events]), events, strict=True):
        axes.axvline(event.time_s, ymin=0.97, color=EVENT_COLOUR, linewidth=1.5)
        sign = "+" if event.action == "enabled" else "\N{MINUS SIGN}"
        axes.annotate(
            f"{sign}{event.interface}",
            (event.time_s, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -15 - 9 * row),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            color=EVENT_COLOUR,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"},
        )


def _rows(places: Sequence[float]) -> list[int]:
    """For each label at a place from 0 to 1, the row in which it meets no other."""
    last_in_row: list[float] = []
    rows = []
    for place in places:
        row = next(
            (i for i, last in enumerate(last_in_row) if place - last > _WIDTH_OF_LABEL),
            len(last_in_row),
        )
        if row == len(last_in_row):
            last_in_row.append(place)
        last_in_row[row] = place
        rows.append(row)
    return rows


def _explain_marks(run: RunResult) -> str:
    adverts = sum(update.operation == "advertisement" for update in run.locator_updates)
    acks = len(run.locator_updates) - adverts
    if not adverts:
        return "No Locator Update was captured."
    text = f"Dashed lines: {adverts} Locator Updates ({acks} acknowledgements are not drawn)."
    if run.events:
        text += " + and \N{MINUS SIGN}: what was enabled and disabled, at the tick above."
    return text
