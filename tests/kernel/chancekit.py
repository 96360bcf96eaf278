# SPDX-License-Identifier: BSD-2-Clause
"""A second chance for what a booted machine says, as tests/conftest.py gives it to tests of root.

Machines are emulated, so on a host with other work the guest's programs are late as no real ones
are.  What fails twice is a failure, and what the kernel complains of is one at once.
"""

from __future__ import annotations

import warnings

from ilnptool.guest.console import Verdict


def wants_another(what: str, verdict: Verdict) -> bool:
    """Say whether a machine should be booted once more; pytest's summary tells why."""
    if verdict.complaints or (verdict.ended and not verdict.failures):
        return False
    facts = [f"{fact.scenario}: {fact.text}" for fact in verdict.failures]
    warnings.warn(f"{what} runs once more: {facts or 'it did not end'}", stacklevel=2)
    return True
