# SPDX-License-Identifier: BSD-2-Clause
"""Labs: several machines, links between them, and the providers that serve them."""
