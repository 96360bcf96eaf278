# SPDX-License-Identifier: BSD-2-Clause
"""ilnptool: builds, boots, wires, configures, measures and reports ILNP labs."""

__version__ = "0.1.0"
