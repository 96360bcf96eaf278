# SPDX-License-Identifier: BSD-2-Clause
"""Settings and counters of a node, wherever it runs, by the names they have in the kernel."""
