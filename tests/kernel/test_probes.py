# SPDX-License-Identifier: BSD-2-Clause
"""Boots a kernel with a module of the tests that counts how often ILNP's probes fire.

Asked for and configured as test_guest.py is.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from chancekit import wants_another
from kernelkit import CONF, kept, kernel_marks, workshop

from ilnptool.build.boot import build_quick_image
from ilnptool.build.kernel import Workshop, build_kernel
from ilnptool.build.trial import Machine
from ilnptool.guest.console import judge
from ilnptool.guest.quick import build_program, run_quick
from ilnptool.run import run

SOURCE = Path(__file__).parent / "probe/ktprobe.c"

pytestmark = kernel_marks(7200)


def build_listener(shop: Workshop, folder: Path) -> Path:
    """Compile the module for a kernel of ours that has been built in this workshop."""
    sys_dir = shop.root / "ilnp/sys"
    options = Path(f"{shop.platform}{sys_dir}") / CONF
    made = folder / "ktprobe.o", folder / "ktprobe.ko"
    run(
        [
            *(str(shop.host.clang), "-target", "x86_64-unknown-freebsd14.0", "-std=gnu99", "-O2"),
            *("-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-pointer-sign", "-Werror"),
            *("-D_KERNEL", "-DKLD_MODULE", "-DHAVE_KERNEL_OPTION_HEADERS", "-nostdinc"),
            *("-include", str(options / "opt_global.h"), f"-I{options}", f"-I{sys_dir}"),
            *("-ffreestanding", "-mcmodel=kernel", "-mno-red-zone", "-mno-mmx", "-mno-sse"),
            *("-msoft-float", "-fno-omit-frame-pointer", "-fno-asynchronous-unwind-tables"),
            *("-fno-stack-protector", "-fno-common", "-fwrapv", "-mno-aes", "-mno-avx"),
            *("-c", "-o", str(made[0]), str(SOURCE)),
        ],
        timeout=120,
    )
    script = sys_dir / "conf/ldscript.kmod.amd64"
    linker = [str(shop.host.lld), "-m", "elf_x86_64_fbsd", "-r", "-T", str(script)]
    run([*linker, "-o", str(made[1]), str(made[0])], timeout=60)
    return made[1]


def test_probes_fire_when_counters_go_up(tmp_path_factory: pytest.TempPathFactory) -> None:
    shop, folder = workshop(), kept("probes", tmp_path_factory)
    kernel = build_kernel(shop, CONF)
    program, image = build_program(shop, folder), folder / "image"
    files = {"boot/kernel/ktprobe.ko": build_listener(shop, folder)}
    tunables = {"kt.groups": "probes"}
    build_quick_image(shop, kernel.path, program, image, files=files, tunables=tunables)
    verdict = judge(run_quick(Machine(image), folder))
    if wants_another("probes", verdict):
        (folder / "again").mkdir(exist_ok=True)
        verdict = judge(run_quick(Machine(image), folder / "again"))
    assert [f"{fact.scenario}: {fact.text}" for fact in verdict.failures] == []
    assert verdict.ended
    assert verdict.complaints == ()
    assert [fact for fact in verdict.facts if fact.scenario == "what the probes saw"]
