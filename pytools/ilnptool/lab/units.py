# SPDX-License-Identifier: BSD-2-Clause
"""Rates, times, shares and sizes as people write them in topology files.

Each parser raises ValueError for anything that could be read in two ways: `10 Mbps` means megabits
to some and megabytes to others, so it is refused.
"""

from __future__ import annotations

import re

RATE_FORM = 'a whole or decimal number with bit, kbit, mbit or gbit per second, such as "10mbit"'
TIME_FORM = 'a whole or decimal number with us, ms or s, such as "20ms"'
SHARE_FORM = 'a percentage from 0 to 100, such as "0.5%"'
SIZE_FORM = 'a whole number with B, kB (1000), KiB (1024), MB or MiB, such as "64kB"'

_RATES = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9}
_TIMES = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_SIZES = {"B": 1, "kB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20}

_RATE = re.compile(r"(\d+(?:\.\d+)?)(bit|kbit|mbit|gbit)")
_TIME = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
_SIZE = re.compile(r"(\d+)(B|kB|KiB|MB|MiB)")


def parse_rate(text: str) -> int:
    """Return bits per second."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    rate = round(float(match.group(1)) * _RATES[match.group(2)])
    if rate < 1000:
        raise ValueError(text)
    return rate


def parse_time(text: str) -> float:
    """Return seconds."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return float(match.group(1)) * _TIMES[match.group(2)]


def parse_share(text: str) -> float:
    """Return a share from 0 to 1."""
    match = _SHARE.fullmatch(text)
    if match is None or float(match.group(1)) > 100:
        raise ValueError(text)
    return float(match.group(1)) / 100


def parse_size(text: str) -> int:
    """Return bytes."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return int(match.group(1)) * _SIZES[match.group(2)]


def format_rate(rate: int) -> str:
    """Return the shortest text that parse_rate() reads back."""
    for unit in ("gbit", "mbit", "kbit"):
        if rate >= _RATES[unit]:
            return f"{rate / _RATES[unit]:g}{unit}" if rate % 1000 == 0 else f"{rate}bit"
    return f"{rate}bit"


def format_time(seconds: float) -> str:
    """Return a text that parse_time() reads back, in the unit people use for the size."""
    if seconds == 0 or seconds >= 1:
        return f"{seconds:g}s"
    return f"{seconds * 1e3:g}ms" if seconds >= 1e-3 else f"{seconds * 1e6:g}us"
