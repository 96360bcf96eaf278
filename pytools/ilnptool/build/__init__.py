# SPDX-License-Identifier: BSD-2-Clause
"""Builds FreeBSD kernels, worlds and images with ILNP in them, and checks that ours compiles."""
