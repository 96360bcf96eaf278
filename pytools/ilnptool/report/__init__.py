# SPDX-License-Identifier: BSD-2-Clause
"""From run.json to a report that a person can look at: `write_report(directory)`."""

from ilnptool.report.page import write_report

__all__ = ["write_report"]
