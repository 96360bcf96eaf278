# SPDX-License-Identifier: BSD-2-Clause
"""Compiles our kernel files against FreeBSD's headers on a machine that has no FreeBSD.

The headers and the compiler are those of the PyPI package ziglang, Concurrency Kit's headers come
from Debian's libck-dev (or a FreeBSD tree).  What compiles here may still not work: that is shown
by booting it.

    python -m ilnptool.build.check              check all files, and sys/conf/files.ilnp
    python -m ilnptool.build.check FILE ...     check these
    python -m ilnptool.build.check --list       write sys/conf/files.ilnp anew
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ilnptool.build.filelist import LIST, c_files, check_list, render
from ilnptool.build.sources import project
from ilnptool.errors import CheckFailed, EnvironmentMissing, IlnpError, UsageError
from ilnptool.run import run

_CK_HEADERS = (Path("/usr/include"), Path("/usr/src/sys/contrib/ck/include"))

# What a kernel's configuration would put into the opt_*.h files; others are empty.
_OPTIONS = {
    "opt_inet.h": "#define INET 1\n",
    "opt_inet6.h": "#define INET6 1\n",
    "opt_ddb.h": "",  # the debugger's headers are in no package
    "opt_ipsec.h": "",
    "opt_route.h": "",
    "opt_rss.h": "",
}
# KLD_MODULE: the headers that config(8) generates for a kernel are in no package.
_FLAGS = (
    *("-D_KERNEL", "-DKLD_MODULE", "-DHAVE_KERNEL_OPTION_HEADERS", "-std=gnu99"),
    *("-ffreestanding", "-fno-sanitize=all", "-Wno-unused-command-line-argument"),
)
# Those of sys/conf/kern.mk, and -Wextra but for what FreeBSD's own macros (SYSCTL_HANDLER_ARGS,
# PFIL_HOOK_ARGS) bring along.
_WARNINGS = (
    *("-Wall", "-Wextra", "-Werror", "-Wstrict-prototypes", "-Wmissing-prototypes"),
    *("-Wpointer-arith", "-Wcast-qual", "-Wundef"),
    *("-Wno-pointer-sign", "-Wno-address-of-packed-member"),
    *("-Wno-unused-parameter", "-Wno-missing-field-initializers"),
)


@dataclass(frozen=True, slots=True)
class Variant:
    """One way in which our files are compiled."""

    name: str
    options: str = "#define ILNP6 1\n"  # what opt_ilnp6.h holds
    kernel: str = "#define VIMAGE 1\n#define SMP 1\n#define KDTRACE_HOOKS 1\n"  # opt_global.h
    target: str = "x86_64"
    flags: tuple[str, ...] = ("-mno-red-zone", "-mcmodel=kernel", "-mno-sse", "-msoft-float")


# Words of half the length, no network stacks, and another processor show most of what a change
# for the usual kernel may forget.
VARIANTS = (
    Variant("options ILNP6"),
    Variant("module", options=""),
    Variant("without VIMAGE and DTrace", kernel="#define SMP 1\n"),
    Variant("i386", target="x86", flags=("-mno-sse", "-mno-mmx", "-msoft-float")),
    Variant("arm64", target="aarch64", flags=("-mgeneral-regs-only", "-mcpu=generic+reserve_x18")),
)


def _ck_headers() -> Path:
    for folder in _CK_HEADERS:
        if (folder / "ck_queue.h").exists():
            return folder
    raise EnvironmentMissing(
        "the headers of Concurrency Kit (ck_queue.h) are not here; apt-get install libck-dev"
    )


def _prepare(folder: Path, variant: Variant) -> None:
    """Fill `folder` with what stands in for a kernel's build directory."""
    for name, text in {
        **_OPTIONS,
        "opt_ilnp6.h": variant.options,
        "opt_global.h": variant.kernel,
    }.items():
        (folder / name).write_text(text)
    # Linked one by one: the folder they are in holds the headers of this host as well.
    headers = _ck_headers()
    ck = folder / "ck"
    ck.mkdir()
    for path in (*headers.glob("ck_*.h"), *headers.glob("gcc")):
        (ck / path.name).symlink_to(path)


def _compile(root: Path, folder: Path, variant: Variant, file: Path) -> str:
    """Return what the compiler has to say about a file, nothing if it is clean."""
    result = run(
        [
            *(
                sys.executable,
                "-m",
                "ziglang",
                "cc",
                "-target",
                f"{variant.target}-freebsd.14.0-none",
            ),
            *(*variant.flags, *_FLAGS, *_WARNINGS),
            *("-include", str(folder / "opt_global.h"), f"-I{folder}", "-isystem", f"{folder}/ck"),
            *(f"-I{root}/sys", f"-I{root}/sys/netinet6/ilnp/kern"),
            *("-c", "-o", str(folder / f"{file.stem}.o"), str(file)),
        ],
        timeout=300,
        check=False,
        cwd=root,
    )
    if result.status == 0:
        return ""
    return result.stderr.strip() or f"{file}: the compiler ended with status {result.status}"


def check_files(root: Path, files: Iterable[Path]) -> int:
    """Compile each file in all variants; raise CheckFailed with all errors; return how many."""
    if importlib.util.find_spec("ziglang") is None:
        raise EnvironmentMissing(
            "FreeBSD's headers come with the package ziglang; pip install ziglang==0.15.2"
        )
    todo = list(files)
    errors: list[str] = []
    for variant in VARIANTS:
        with tempfile.TemporaryDirectory(prefix="ilnp-check-") as name:
            folder = Path(name)
            _prepare(folder, variant)
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                for file, said in zip(
                    todo, pool.map(partial(_compile, root, folder, variant), todo), strict=True
                ):
                    if said:
                        errors.append(f"{file} ({variant.name}):\n{said}")
    if errors:
        raise CheckFailed("\n\n".join(errors))
    return len(todo)


def main(arguments: list[str]) -> int:
    root = project()
    if arguments == ["--list"]:
        (root / LIST).write_text(render(c_files(root)))
        return 0
    try:
        unknown = [name for name in arguments if not Path(name).is_file()]
        if unknown:
            raise UsageError(f"{', '.join(unknown)}: no such file")
        files = [Path(name).resolve() for name in arguments] or c_files(root)
        if not arguments:
            check_list(root)
        count = check_files(root, files)
    except IlnpError as err:
        print(err, file=sys.stderr)
        return err.exit_code
    print(f"{count} kernel files compile without a warning")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
