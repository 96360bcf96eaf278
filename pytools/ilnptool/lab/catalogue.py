# SPDX-License-Identifier: BSD-2-Clause
"""The topologies that come with the tool."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from ilnptool.errors import UsageError


def shipped() -> dict[str, Path]:
    """Return the topologies that come with the tool, by name."""
    folder = Path(str(resources.files("ilnptool"))) / "topologies"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_topology(name: str) -> Path:
    """Return the file for what a person typed: a path, or the name of a shipped topology."""
    if name.endswith(".toml") or "/" in name:
        path = Path(name)
        if path.is_file():
            return path
        raise UsageError(f"{name}: no such topology file")
    known = shipped()
    if name not in known:
        raise UsageError(f"no topology {name}; there are: {', '.join(known)}, or give a .toml file")
    return known[name]
