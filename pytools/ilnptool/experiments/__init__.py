# SPDX-License-Identifier: BSD-2-Clause
"""Experiments: a lab, traffic through it, moves while it flows, and what was measured.

`run` makes one; EXPERIMENTS says which there are.
"""

from ilnptool.experiments.catalogue import EXPERIMENTS, Experiment, find_experiment
from ilnptool.experiments.plan import TRANSPORTS, Direction
from ilnptool.experiments.runner import Progress, run

__all__ = [
    "EXPERIMENTS",
    "TRANSPORTS",
    "Direction",
    "Experiment",
    "Progress",
    "find_experiment",
    "run",
]
