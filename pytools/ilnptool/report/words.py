# SPDX-License-Identifier: BSD-2-Clause
"""How numbers are written in a report."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

NONE = "\N{EN DASH}"
_SPACE = "\N{NO-BREAK SPACE}"
_SMALLEST = 0.001  # per cent; less is only said to be less


def percent(ratio: float | None) -> str:
    """A ratio in per cent, a dash without one."""
    if ratio is None:
        return NONE
    value = ratio * 100
    if 0 < value < _SMALLEST:
        return f"below {_SMALLEST}{_SPACE}%"
    return f"{value:.3g}{_SPACE}%"


def worst(ratios: Sequence[float]) -> str:
    """The highest of some ratios."""
    return percent(max(ratios)) if ratios else NONE


def median(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f}" if values else NONE


def extent(values: Sequence[float]) -> str:
    """Lowest to highest, a dash for fewer than two values."""
    if len(values) < 2:
        return NONE
    return f"{min(values):.3f} to {max(values):.3f}".replace(" ", _SPACE)


def whole(values: Sequence[float]) -> str:
    """The sum of counts."""
    return f"{round(sum(values)):,}" if values else NONE


def agreed(answers: Sequence[bool | None]) -> str:
    """One word for the answers of several runs."""
    known = [answer for answer in answers if answer is not None]
    if not known:
        return NONE
    return "yes" if all(known) else f"no, in {known.count(False)} of {len(known)}"


def seconds(value: float) -> str:
    """A time, in milliseconds where it is short."""
    if value < 1:
        return f"{value * 1000:.0f}{_SPACE}ms"
    return f"{value:.2f}{_SPACE}s"
