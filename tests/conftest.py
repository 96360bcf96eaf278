# SPDX-License-Identifier: BSD-2-Clause
"""What all tests share: root's tests are skipped without root, and say so.

They run real programs against real time on a machine that may have other work, so one that
failed is run once more; pytest's summary names each of these, and a second failure counts.
Why it failed at first is shown as well.  `-p no:rerunfailures` lets no test have a second chance.
"""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# How fast a machine makes examples says nothing about what they are examples of.
settings.register_profile("slow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("slow")


def pytest_configure() -> None:
    """Hear SIGINT also when started in the background, so that what tests start hears it too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked `root` where we are not root, else give them a second chance."""
    if os.geteuid() == 0:
        again = pytest.mark.flaky(reruns=1)
        for item in items:
            if item.get_closest_marker("root"):
                item.add_marker(again)
        return
    skip = pytest.mark.skip(reason="needs root: makes network namespaces and links")
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(skip)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show why tests ran once more: what happens seldom is not found otherwise."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"failed at first: {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)
