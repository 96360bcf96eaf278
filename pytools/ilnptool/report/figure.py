# SPDX-License-Identifier: BSD-2-Clause
"""The look of all figures, and how they are written."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Colours that stay apart for all common kinds of colour blindness (Okabe and Ito).
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
STYLES = ("-", "--", ":")
TOTAL_COLOUR = "#222222"
MARK_COLOUR = "#777777"
ALARM_COLOUR = "#D55E00"
EVENT_COLOUR = "#333333"

_LEGEND_POINTS = 8
_LEGEND_CHARACTER = 0.06  # inches, about, at that size
_LEGEND_HANDLE = 0.52  # inches: line, and the gaps around it


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure on disk, and the words that go with it on the page."""

    png: Path
    svg: Path
    question: str
    caption: str

    @property
    def data_uri(self) -> str:
        """The figure as an image that needs no other file."""
        octets = base64.b64encode(self.svg.read_bytes()).decode("ascii")
        return f"data:image/svg+xml;base64,{octets}"


class Canvas:
    """One axes with a question above it; `picture` is there once the figure has been written."""

    def __init__(self, question: str, conditions: str, size: tuple[float, float]) -> None:
        self.question = question
        self.figure = Figure(figsize=size, layout="constrained")
        self.axes: Axes = self.figure.add_subplot()
        self.figure.suptitle(question, x=0.01, ha="left", fontsize=11, fontweight="bold")
        self.axes.set_title(conditions, loc="left", fontsize=9, color="#555555")
        self.caption = ""

    def legend_below(self) -> None:
        """Puts the legend under the axes, where it covers no data."""
        handles, labels = self.axes.get_legend_handles_labels()
        if not handles:
            return
        widths = [_LEGEND_HANDLE + _LEGEND_CHARACTER * len(label) for label in labels]
        room = self.figure.get_figwidth()
        columns = len(labels) if sum(widths) < room else max(1, int(room / max(widths)))
        self.figure.legend(
            handles,
            labels,
            loc="outside lower left",
            ncols=columns,
            fontsize=_LEGEND_POINTS,
        )


@contextmanager
def style() -> Iterator[None]:
    """Draws inside with our settings, whatever the user's own are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rc("font", size=9)
        mpl.rc("axes", titlesize=10, grid=True, axisbelow=True)
        mpl.rc("axes.spines", top=False, right=False)
        mpl.rc("grid", color="#e4e4e4", linewidth=0.6)
        mpl.rc("legend", frameon=False)
        mpl.rc("svg", hashsalt="ilnptool")
        yield


def save(canvas: Canvas, directory: Path, name: str) -> Picture:
    """Writes NAME.png and NAME.svg; the same data gives the same files."""
    directory.mkdir(parents=True, exist_ok=True)
    png, svg = directory / f"{name}.png", directory / f"{name}.svg"
    canvas.figure.savefig(png, dpi=130, metadata={"Software": None})
    canvas.figure.savefig(svg, metadata={"Date": None, "Creator": None})
    return Picture(png, svg, canvas.question, canvas.caption)
