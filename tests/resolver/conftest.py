# SPDX-License-Identifier: BSD-2-Clause
"""The tests of the resolver use the servers of tests/dns and the network of tests/lab."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in ("dns", "lab"):
    sys.path.append(str(Path(__file__).parents[1] / folder))
