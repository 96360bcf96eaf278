# SPDX-License-Identifier: BSD-2-Clause
"""Anchored insertions into a FreeBSD source tree: check, apply, show, review, diff."""
