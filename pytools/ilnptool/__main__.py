# SPDX-License-Identifier: BSD-2-Clause
"""`python -m ilnptool` is `ilnptool`."""

from ilnptool.cli import main

main()
