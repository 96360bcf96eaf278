# SPDX-License-Identifier: BSD-2-Clause
"""How sphinx builds the manual."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "ext"))

project = "ILNP for FreeBSD"
author = "The ilnp project"
copyright = "2026, the ilnp project"
extensions = ["ilnpdoc"]
html_theme = "furo"
html_title = "ILNP for FreeBSD"
exclude_patterns = ["reference"]
highlight_language = "console"
