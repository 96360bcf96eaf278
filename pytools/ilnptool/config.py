# SPDX-License-Identifier: BSD-2-Clause
"""Where things are on this machine: environment over project file over user file over default.

The project file is `ilnptool.toml` in the current directory, the user file the one of that name in
the user's configuration directory.  Both may hold:

    [paths]
    state = "/var/lib/ilnptool"     # running labs
    results = "results"             # what experiments leave
    ilnpd = "/usr/local/sbin/ilnpd"
    linkem = "/usr/local/libexec/linkem"
    image = "/var/db/ilnp.img"      # what machines of a lab start from
    [lab]
    emulator = "auto"               # auto, netem, linkem
    accelerator = "auto"            # of QEMU: auto, kvm, tcg
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs

from ilnptool import tomlfile
from ilnptool.errors import UsageError

FILE_NAME = "ilnptool.toml"
EMULATORS = ("auto", "netem", "linkem")
ACCELERATORS = ("auto", "kvm", "tcg")

# The source tree this package lies in: we are installed in place (`pip install -e`).
PROJECT = Path(__file__).resolve().parents[2]

_PATH_KEYS = ("state", "results", "ilnpd", "linkem", "image")
_WORD_KEYS = {"emulator": EMULATORS, "accelerator": ACCELERATORS}
_ENVIRONMENT = {
    "state": "ILNPTOOL_STATE",
    "results": "ILNPTOOL_RESULTS",
    "ilnpd": "ILNPD",
    "linkem": "LINKEM",
    "image": "ILNPTOOL_IMAGE",
    "emulator": "ILNPTOOL_EMULATOR",
    "accelerator": "ILNPTOOL_ACCELERATOR",
}


@dataclass(frozen=True, slots=True)
class Config:
    """The settings in force."""

    state: Path
    results: Path
    ilnpd: Path
    linkem: Path
    image: Path
    emulator: str = "auto"
    accelerator: str = "auto"
    files: tuple[Path, ...] = ()  # those that were read, weakest first

    def __post_init__(self) -> None:
        for key, allowed in _WORD_KEYS.items():
            value = getattr(self, key)
            if value not in allowed:
                raise UsageError(f"bad {key} {value!r}; allowed: {', '.join(allowed)}")


def user_file() -> Path:
    """Return where the user's own settings would be."""
    return platformdirs.user_config_path("ilnptool") / FILE_NAME


def _absolute(text: str, base: Path) -> Path:
    if not text:
        raise ValueError(text)
    return (base / Path(text).expanduser()).absolute()


def _beside(path: Path) -> Callable[[str], Path]:
    """Return a parser for paths that are meant relative to the file they stand in."""
    return lambda text: _absolute(text, path.parent)


def _read(config: Config, path: Path) -> Config:
    top = tomlfile.load(path)
    top.only(("paths", "lab"))
    paths = top.table("paths")
    paths.only(_PATH_KEYS)
    lab = top.table("lab")
    lab.only(_WORD_KEYS)
    found: dict[str, Any] = {key: paths.parsed(key, _beside(path), "a path") for key in paths}
    for key, allowed in _WORD_KEYS.items():
        found[key] = lab.choice(key, allowed, getattr(config, key))
    return replace(config, **found, files=(*config.files, path))


def load_config(
    environ: Mapping[str, str] = os.environ, directory: Path | None = None, user: Path | None = None
) -> Config:
    """Return the settings in force for someone who stands in `directory`."""
    here = Path.cwd() if directory is None else directory
    config = Config(
        state=platformdirs.user_state_path("ilnptool"),
        results=here / "results",
        ilnpd=PROJECT / "build" / "ilnpd",
        linkem=PROJECT / "build" / "linkem",
        image=platformdirs.user_cache_path("ilnptool") / "freebsd" / "lab.img",
    )
    for path in (user_file() if user is None else user, here / FILE_NAME):
        if path.is_file():
            config = _read(config, path)
    found: dict[str, Any] = {
        key: environ[name] if key in _WORD_KEYS else _absolute(environ[name], here)
        for key, name in _ENVIRONMENT.items()
        if environ.get(name)
    }
    return replace(config, **found)
