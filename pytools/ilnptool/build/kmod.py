# SPDX-License-Identifier: BSD-2-Clause
"""Builds ilnp.ko, for kernels without our hooks, from our files and an untouched FreeBSD tree."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from ilnptool.build.kernel import Kernel, Workshop, build_tools
from ilnptool.build.maketask import Reporter, Task, run_task, silent
from ilnptool.build.sources import install, kernel_sources
from ilnptool.errors import UsageError

_MODULE = PurePosixPath("sys/modules/ilnp")
_PARTS = (_MODULE, PurePosixPath("sys/netinet6/ilnp"))


def build_module(shop: Workshop, kernel: Kernel, report: Reporter = silent) -> Path:
    """Build the module that fits a stock kernel built in this workshop; return its path."""
    options = Path(f"{shop.platform}{shop.root}/stock/sys/{kernel.conf}")
    if not (options / "opt_global.h").exists():
        raise UsageError(
            f"{kernel.conf}: {options} is not there, and the module needs the kernel's options; "
            "build the stock kernel first: ilnptool build-kernel --stock"
        )
    with shop.alone(report):
        build_tools(shop, report)
        return _build(shop, kernel, options, report)


def _build(shop: Workshop, kernel: Kernel, options: Path, report: Reporter) -> Path:
    top = shop.root / "module"
    files = kernel_sources()
    ours = {
        name: path
        for name, path in files.items()
        if any(name.is_relative_to(part) for part in _PARTS)
    }
    shutil.rmtree(top / "sys/netinet6", ignore_errors=True)
    install(ours, top)
    objects = top / "obj" / kernel.conf
    objects.mkdir(parents=True, exist_ok=True)
    # Another system's clang looks for the stack guard in a table that no module has.
    foreign = "-DWITHOUT_SSP " if shop.host.cross else ""
    script = top / "build.sh"
    script.write_text(
        "set -e\n"
        f"cd {top / _MODULE}\n"
        f"MAKEOBJDIR={objects} make -j{shop.jobs} -DWITHOUT_CTF {foreign}"
        f"SYSDIR={shop.tree.root}/sys KERNBUILDDIR={options} all\n"
    )
    variables = ("-DWITHOUT_CTF", f"BUILDENV_SHELL=sh {script}")
    task = shop.task("buildenv", variables, f"module-{kernel.conf}")
    argv = shop.host.argv(("buildenv",), variables, None)
    run_task(Task(task.name, argv, task.cwd, task.env, task.log), report)
    return objects / "ilnp.ko"
