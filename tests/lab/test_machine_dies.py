# SPDX-License-Identifier: BSD-2-Clause
"""A machine whose kernel does not boot: a program that says so stands in for the emulator."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from labkit import lab_name, leftovers, plain, temporary_config

from ilnptool.errors import CheckFailed
from ilnptool.lab.qemu import QemuLab

pytestmark = pytest.mark.root

SAID = "Trying to mount root from cd9660:/dev/nosuch\npanic: no root\nUptime: 1s\n"
EMULATOR = f"""#!/usr/bin/env python3
import re, sys
place = re.search("logfile=([^, ]+)", " ".join(sys.argv))[1]
open(place, "w").write({SAID!r})
"""


def test_the_console_of_a_kernel_that_does_not_boot_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = tmp_path / "qemu-system-x86_64"
    emulator.write_text(EMULATOR)
    emulator.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "image").write_text("no kernel\n")
    with temporary_config() as config:
        name = lab_name("k")
        lab = QemuLab(plain("two-paths"), config, ("a",), tmp_path / "image", name)
        with pytest.raises(CheckFailed, match=r"a/qemu has ended(?s:.)*panic: no root") as caught:
            lab.up()
        kept = config.state / f"kept/{name}.a.console.log"
        assert kept.read_text() == SAID
        assert caught.value.__notes__ == [f"the whole console of a: {kept}"]
        assert leftovers(config, name) == []
