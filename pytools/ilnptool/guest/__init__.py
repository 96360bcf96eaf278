# SPDX-License-Identifier: BSD-2-Clause
"""Tests and measurements inside of a booted FreeBSD kernel."""
