# SPDX-License-Identifier: BSD-2-Clause
"""Settings: environment over project file over user file over default."""

from __future__ import annotations

from pathlib import Path

import pytest

from ilnptool.config import PROJECT, Config, load_config
from ilnptool.errors import FileError, UsageError


def load(tmp_path: Path, environ: dict[str, str] | None = None) -> Config:
    return load_config(environ or {}, tmp_path, tmp_path / "user.toml")


def test_defaults_are_below_the_project(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert config.ilnpd == PROJECT / "build" / "ilnpd"
    assert config.results == tmp_path / "results"
    assert config.files == ()


def test_stronger_places_win(tmp_path: Path) -> None:
    (tmp_path / "user.toml").write_text('[paths]\nilnpd = "/u"\nlinkem = "/u"\nstate = "/u"\n')
    (tmp_path / "ilnptool.toml").write_text('[paths]\nilnpd = "/p"\nlinkem = "/p"\n')
    config = load(tmp_path, {"ILNPD": "/e", "ILNPTOOL_EMULATOR": "linkem"})
    assert (config.state, config.linkem, config.ilnpd) == (Path("/u"), Path("/p"), Path("/e"))
    assert config.emulator == "linkem"
    assert config.files == (tmp_path / "user.toml", tmp_path / "ilnptool.toml")


def test_path_in_a_file_is_relative_to_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "conf"
    folder.mkdir()
    user = folder / "ilnptool.toml"
    user.write_text('[paths]\nstate = "labs"\n')
    assert load_config({}, tmp_path, user).state == folder / "labs"


def test_empty_variable_is_no_setting(tmp_path: Path) -> None:
    assert load(tmp_path, {"ILNPD": ""}).ilnpd == PROJECT / "build" / "ilnpd"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[paths]\nhome = "/x"\n', 2),
        ("[paths]\n\nstate = 1\n", 3),
        ('[paths]\nstate = ""\n', 2),
        ("[other]\n", 1),
    ],
)
def test_mistake_has_its_line(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "ilnptool.toml").write_text(text)
    with pytest.raises(FileError) as caught:
        load(tmp_path)
    assert caught.value.line == line


def test_bad_emulator_in_the_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="allowed: auto, netem, linkem"):
        load(tmp_path, {"ILNPTOOL_EMULATOR": "magic"})
