# SPDX-License-Identifier: BSD-2-Clause
"""Figures over all runs: one metric by transport, direction and added delay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ilnptool.report.figure import MARK_COLOUR, Canvas
from ilnptool.report.groups import Group

_SIZE = (5.4, 3.9)
_FEW = 5  # below that many runs quartiles say nothing: points only
_POINTS = 30  # above that many runs points are only in the way
_PAPER_LIMIT = 1.0  # per cent
_MARKERS = ("o", "^", "s", "D")  # one per direction; colours are for protocols
_WIDEST = 0.3
#: One colour per protocol in every figure (Tol's muted set), none of them that of a network.
_COLOURS = {
    "TCP": "#332288",
    "UDP": "#44AA99",
    "MPTCP": "#882255",
    "TCP on plain IPv6": "#999933",
    "UDP on plain IPv6": "#CC6677",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of RunResult and how to ask about it."""

    name: str
    question: str
    axis: str
    scale: float
    slug: str


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where and how one group is drawn; only the first of a series has a label."""

    place: float
    width: float
    colour: str
    marker: str
    label: str | None


METRICS = (
    Metric(
        "throughput_mbps",
        "Is throughput the same every time?",
        "Throughput (Mb/s)",
        1,
        "throughput",
    ),
    Metric("loss_ratio", "How much is lost?", "Datagrams lost (%)", 100, "loss"),
    Metric(
        "misorder_ratio",
        "How much arrives out of order?",
        "Packets behind a higher number (%)",
        100,
        "misordering",
    ),
    Metric(
        "duplicate_ratio",
        "How much is sent twice?",
        "Segments that repeat octets (%)",
        100,
        "duplicates",
    ),
)


def boxes(metric: Metric, groups: Sequence[Group], *, paper_limit: bool) -> Canvas | None:
    """One metric of all runs; None if fewer than two runs have it: nothing to compare."""
    shown = [group for group in groups if group.values(metric.name)]
    counts = [len(group.values(metric.name)) for group in shown]
    if sum(counts) < 2:
        return None
    most = max(counts)
    runs = "1 run" if most == 1 else f"up to {most} runs"
    canvas = Canvas(metric.question, f"{runs} for each transport, direction and added delay", _SIZE)
    delays = sorted({group.conditions.delay_ms for group in shown})
    series = sorted({(g.conditions.protocol, g.conditions.way) for g in shown})
    ways = sorted({way for _, way in series})
    width = min(_WIDEST, 0.8 / len(series))
    highest = 0.0
    for index, (protocol, way) in enumerate(series):
        colour = _COLOURS[protocol]
        marker = _MARKERS[ways.index(way) % len(_MARKERS)]
        label: str | None = f"{protocol}, {way}"
        for group in shown:
            if (group.conditions.protocol, group.conditions.way) != (protocol, way):
                continue
            values = [value * metric.scale for value in group.values(metric.name)]
            highest = max(highest, *values)
            middle = delays.index(group.conditions.delay_ms)
            place = middle + (index + 0.5 - len(series) / 2) * width
            _draw(canvas, values, _Slot(place, width, colour, marker, label))
            label = None
    axes = canvas.axes
    axes.set_xticks(range(len(delays)), [f"{delay:g}" for delay in delays])
    axes.set_xlim(-0.5, len(delays) - 0.5)
    axes.set_xlabel("Added delay (ms)")
    axes.set_ylabel(metric.axis)
    axes.grid(visible=False, axis="x")
    if metric.scale == 1:
        _zoom(canvas, [v for group in shown for v in group.values(metric.name)])
    else:
        _ratio_axis(canvas, highest, paper_limit)
    canvas.legend_below()
    canvas.caption = _caption(most) + (
        " The axis does not begin at 0." if metric.scale == 1 else ""
    )
    return canvas


def _draw(canvas: Canvas, values: list[float], slot: _Slot) -> None:
    colour = slot.colour
    axes = canvas.axes
    has_box = len(values) >= _FEW
    if has_box:
        axes.boxplot(
            values,
            positions=[slot.place],
            widths=slot.width * 0.7,
            manage_ticks=False,
            patch_artist=True,
            showfliers=len(values) > _POINTS,
            flierprops={"marker": ".", "markersize": 3, "markeredgecolor": colour},
            boxprops={"facecolor": "white", "edgecolor": colour},
            whiskerprops={"color": colour},
            capprops={"color": colour},
            medianprops={"color": colour, "linewidth": 2},
        )
    points = values if len(values) <= _POINTS else []
    axes.plot(
        [slot.place] * len(points),
        points,
        linestyle="none",
        marker=slot.marker,
        markersize=2.8 if has_box else 4.5,
        alpha=0.55 if has_box else 0.9,
        color=colour,
        zorder=3,
    )
    if slot.label is not None:
        axes.plot([], [], linestyle="none", marker=slot.marker, color=colour, label=slot.label)


def _zoom(canvas: Canvas, values: list[float]) -> None:
    """Shows a band of at least 2 % around the values, so that noise does not fill the picture."""
    low, high = min(values), max(values)
    room = max((high - low) * 0.15, high * 0.01, 0.001)
    canvas.axes.set_ylim(max(0, low - room), high + room)


def _ratio_axis(canvas: Canvas, highest: float, paper_limit: bool) -> None:
    axes = canvas.axes
    top = max(highest * 1.15, _PAPER_LIMIT * 1.15 if paper_limit else 0.1)
    axes.set_ylim(-top * 0.02, top)
    if paper_limit:
        axes.axhline(
            _PAPER_LIMIT, color=MARK_COLOUR, linestyle=":", linewidth=1.2, label="paper: below 1 %"
        )


def _caption(most: int) -> str:
    if most < _FEW:
        return "Each point is a run; too few for boxes."
    points = " Points are single runs." if most <= _POINTS else ""
    return (
        "Boxes reach from the lower to the upper quartile with the median inside, whiskers to the "
        "last run within 1.5 box lengths." + points
    )
