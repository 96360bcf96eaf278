# SPDX-License-Identifier: BSD-2-Clause
"""What users may put into an image besides: `build-image --add'."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ilnptool.cli.build import build_image_command, extras_of


def test_a_folder_is_added_with_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "lib/deep").mkdir(parents=True)
    (tmp_path / "lib/deep/a.py").write_text("a")
    (tmp_path / "lib/tool").write_text("b")
    (tmp_path / "lib/tool").chmod(0o755)
    (tmp_path / "lib/link").symlink_to("tool")
    (tmp_path / "lib/empty").mkdir()
    found = {x.path: (x.source.name, x.mode) for x in extras_of(f"{tmp_path}/lib:/usr/local/lib/")}
    assert found == {
        "usr/local/lib/deep/a.py": ("a.py", "0644"),
        "usr/local/lib/tool": ("tool", "0755"),
        "usr/local/lib/link": ("link", "0755"),
    }
    (one,) = extras_of(f"{tmp_path}/lib/tool:opt/tool")
    assert (one.path, one.source) == ("opt/tool", tmp_path / "lib/tool")


@pytest.mark.parametrize(
    "text", ["/none:x", "FOLDER", "FOLDER:", "FOLDER:/", ":x", "FOLDER/empty:x"]
)
def test_what_cannot_be_added_is_refused_before_anything_is_built(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    given = text.replace("FOLDER", str(tmp_path))
    result = CliRunner().invoke(build_image_command, ["--add", given, str(tmp_path / "image")])
    assert result.exit_code == 2
    assert "allowed: FILE:PATH-IN-THE-IMAGE or FOLDER:PATH-IN-THE-IMAGE" in result.output
    assert not (tmp_path / "image").exists()
