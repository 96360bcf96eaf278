# SPDX-License-Identifier: BSD-2-Clause
"""The benchmark: ratios of ILNP to what people have without it, on the same links in one run."""
