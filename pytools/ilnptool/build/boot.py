# SPDX-License-Identifier: BSD-2-Clause
"""Images for machines of the lab: an ISO9660 file system with loader, kernel and programs.

The machine gets the same file as a CD to start from and as a virtio disk to take for its root.
The quick image has one program, made in seconds; the lab's has a small userland and an agent.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ilnptool.build.host import Host
from ilnptool.build.kernel import Workshop, build_tools
from ilnptool.build.maketask import Reporter, run_task, silent
from ilnptool.build.sources import project
from ilnptool.build.userland import Userland
from ilnptool.run import run

HELLO = Path(__file__).with_name("hello.c")
GUEST = Path("bhyve/guest")  # what a lab machine has besides FreeBSD's programs

# Without these FreeBSD numbers serial lines as firmware lists them, which may be backwards.
SERIAL_LINES = {
    **{"hint.uart.0.at": "isa", "hint.uart.0.port": "0x3f8", "hint.uart.0.irq": "4"},
    **{"hint.uart.1.at": "isa", "hint.uart.1.port": "0x2f8", "hint.uart.1.irq": "3"},
    "hint.uart.0.flags": "0x10",
}

# Below stand/, what a BIOS needs to load a kernel from a CD, in the order of its dependencies.
_STAND = ("libsa32", "i386/btx", "i386/libi386", "i386/cdboot", "i386/loader_simp")
_STAND_VARIABLES = (
    "-DWITHOUT_CTF",
    "-DWITHOUT_LOADER_LUA",
    "-DWITHOUT_FORTH",
    "-DWITHOUT_LOADER_ZFS",
    "-DWITHOUT_LOADER_GELI",
    "-DWITHOUT_EFI",
)
_TUNABLES = {
    "console": "comconsole",
    "comconsole_speed": "115200",
    "init_path": "/sbin/init",
    "vfs.root.mountfrom": "cd9660:/dev/vtbd0",
    "debug.debugger_on_panic": "0",
}


def build_loader(shop: Workshop, report: Reporter = silent) -> tuple[Path, Path]:
    """Build cdboot and a loader(8) that interprets one command per line; return both."""
    stand = shop.platform / "stand/i386"
    made = stand / "cdboot/cdboot", stand / "loader_simp/loader_simp"
    if all(path.exists() for path in made):
        return made
    with shop.alone(report):
        build_tools(shop, report)
        _build_stand(shop, report)
    return made


def _build_stand(shop: Workshop, report: Reporter) -> None:
    script = shop.root / "stand.sh"
    folders = " ".join(f"{shop.tree.root}/stand/{name}" for name in _STAND)
    script.write_text(
        "set -e\n"
        f"for folder in {folders}; do\n"
        f'\t(cd "$folder" && make -j{shop.jobs} -DWITH_AUTO_OBJ all)\n'
        "done\n"
    )
    variables = (*_STAND_VARIABLES, f"BUILDENV_SHELL=sh {script}")
    run_task(shop.single("buildenv", variables, "loader"), report)


def compile_program(host: Host, source: Path, output: Path, sys_include: Path) -> None:
    """Compile a C file that needs no library into a static FreeBSD program."""
    run(
        [
            *(str(host.clang), "-target", "x86_64-unknown-freebsd14.0", "-std=c11"),
            *("-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-stack-protector"),
            *("-nostdinc", f"-I{sys_include}", "-nostdlib", "-static", f"--ld-path={host.lld}"),
            *("-o", str(output), str(source)),
        ],
        timeout=120,
    )


def loader_script(tunables: Mapping[str, str]) -> str:
    settings = {**_TUNABLES, **tunables}
    lines = [f'set {name}="{value}"' for name, value in settings.items()]
    return "\n".join([*lines, "load /boot/kernel/kernel", "boot", ""])


def place(draft: Path, output: Path) -> None:
    """Move a file to its place, whole or not at all, also from another file system."""
    output.parent.mkdir(parents=True, exist_ok=True)
    near = output.with_name(f"{output.name}.draft")
    shutil.move(draft, near)
    near.replace(output)


def _write_cd(shop: Workshop, root: Path, draft: Path) -> None:
    run(
        [
            *(str(shop.tools / "sbin/makefs"), "-t", "cd9660", "-o", "rockridge"),
            *("-o", "label=ILNP", "-o", f"bootimage=i386;{root}/boot/cdboot"),
            *("-o", "no-emul-boot", str(draft), str(root)),
        ],
        timeout=300,
    )


def _copy(contents: Mapping[str, Path], root: Path) -> None:
    for path, source in contents.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _build_cd(
    shop: Workshop,
    tree: Path | None,
    contents: Mapping[str, Path],
    links: Mapping[str, str],
    tunables: Mapping[str, str],
    output: Path,
    report: Reporter,
) -> None:
    """Write a CD with a copy of `tree`, files and symbolic links by their path, and a loader."""
    cdboot, loader = build_loader(shop, report)
    with tempfile.TemporaryDirectory(prefix="ilnp-image-") as name:
        root = Path(name) / "root"
        if tree is not None:
            shutil.copytree(tree, root, symlinks=True)
        _copy({"boot/cdboot": cdboot, "boot/loader": loader, **contents}, root)
        for path, target in links.items():
            (root / path).symlink_to(target)
        for folder in ("dev", "tmp"):
            (root / folder).mkdir(exist_ok=True)
        (root / "boot/loader.rc").write_text(loader_script(tunables))
        draft = Path(name) / "image"
        _write_cd(shop, root, draft)
        place(draft, output)


def build_quick_image(
    shop: Workshop,
    kernel: Path,
    init: Path,
    output: Path,
    *,
    files: Mapping[str, Path] | None = None,
    tunables: Mapping[str, str] | None = None,
    report: Reporter = silent,
) -> None:
    """Write the image `output`, whose first process is the static program `init`.

    `files` are further files by their path in the image, `tunables` go to the loader.
    """
    contents = {"boot/kernel/kernel": kernel, "sbin/init": init, **(files or {})}
    _build_cd(shop, None, contents, {}, {**SERIAL_LINES, **(tunables or {})}, output, report)


def build_lab_image(
    shop: Workshop,
    kernel: Path,
    userland: Userland,
    output: Path,
    *,
    files: Mapping[str, Path] | None = None,
    tunables: Mapping[str, str] | None = None,
    report: Reporter = silent,
) -> None:
    """Write the image of a lab machine: the kernel, the small userland and the lab's agent."""
    overlay = project() / GUEST
    ours = {str(path.relative_to(overlay)): path for path in overlay.rglob("*") if path.is_file()}
    contents = {"boot/kernel/kernel": kernel, **ours, **(files or {})}
    # What a running machine writes goes into memory.
    links = {"etc/hosts": "/tmp/hosts", "etc/resolv.conf": "/tmp/resolv.conf", "var": "/tmp/var"}
    settings = {**SERIAL_LINES, **(tunables or {})}
    _build_cd(shop, userland.root, contents, links, settings, output, report)
