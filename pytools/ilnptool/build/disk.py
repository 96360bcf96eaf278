# SPDX-License-Identifier: BSD-2-Clause
"""The full image: a disk with a GPT, a UFS root with our userland, and a shell on the console.

Built without root: owners and modes come from the manifest that the installation wrote, and what
is added or replaced is listed there as well.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ilnptool.build.boot import loader_script, place
from ilnptool.build.kernel import Workshop
from ilnptool.build.world import World
from ilnptool.errors import UsageError
from ilnptool.run import run

_ENTRY = re.compile(r"^\./(\S+)\s")

# Nothing but the lab reaches the console, so it asks for no password.
_GETTYTAB = "ilnp:\\\n\t:al=root:tc=3wire.115200:\n"
_TTY = re.compile(r'^ttyu0\t.*"/usr/libexec/getty [^"]*".*$', re.MULTILINE)
_TTY_LINE = 'ttyu0\t"/usr/libexec/getty ilnp"\tvt100\ton secure'
_RC_CONF = """\
# A machine of the lab: quick to start, configured from outside.
hostname="ilnp"
background_fsck="NO"
cron_enable="NO"
devd_enable="NO"
devmatch_enable="NO"
dumpdev="NO"
entropy_save_sz="0"
newsyslog_enable="NO"
savecore_enable="NO"
syslogd_enable="NO"
update_motd="NO"
virecover_enable="NO"
"""
_FSTAB = "/dev/gpt/root\t/\tufs\trw\t1\t1\ntmpfs\t/tmp\ttmpfs\trw,mode=1777\t0\t0\n"
_TUNABLES = {
    "vfs.root.mountfrom": "ufs:/dev/gpt/root",
    "vfs.root.mountfrom.options": "rw",
    "init_path": "/sbin/init",
}


@dataclass(frozen=True, slots=True)
class Extra:
    """A file that the image has besides the userland, or in place of one of it."""

    path: str  # without a leading slash
    source: Path
    mode: str = "0644"


def _replace(path: Path, pattern: re.Pattern[str], line: str) -> str:
    text = path.read_text()
    if len(pattern.findall(text)) != 1:
        raise UsageError(f"{path}: no single line for the serial console; is this FreeBSD's file?")
    return pattern.sub(lambda _match: line, text)


def _settings(world: World, tunables: Mapping[str, str]) -> dict[str, str]:
    """Return the texts that make a lab machine of a fresh installation."""
    return {
        "boot.config": "-h -S115200\n",
        "boot/loader.rc": loader_script({**_TUNABLES, **tunables}),
        "etc/fstab": _FSTAB,
        "etc/gettytab": (world.root / "etc/gettytab").read_text() + _GETTYTAB,
        "etc/rc.conf": _RC_CONF,
        "etc/ttys": _replace(world.root / "etc/ttys", _TTY, _TTY_LINE),
    }


def merge_manifest(manifest: str, extras: Iterable[Extra]) -> str:
    """Return a manifest in which `extras` take the place of what is there, or are added."""
    added = {extra.path: extra for extra in extras}
    kept = [
        line
        for line in manifest.splitlines()
        if not ((match := _ENTRY.match(line)) and match[1] in added)
    ]
    known = {match[1] for line in kept if (match := _ENTRY.match(line))}
    folders = {
        str(folder)
        for path in added
        for folder in Path(path).parents
        if str(folder) != "." and str(folder) not in known
    }
    kept += [f"./{name} type=dir uname=root gname=wheel mode=0755" for name in sorted(folders)]
    kept += [
        f"./{extra.path} type=file uname=root gname=wheel mode={extra.mode} contents={extra.source}"
        for extra in added.values()
    ]
    return "\n".join(kept) + "\n"


def build_disk_image(
    shop: Workshop,
    world: World,
    kernel: Path,
    output: Path,
    *,
    extras: Iterable[Extra] = (),
    tunables: Mapping[str, str] | None = None,
    free_mb: int = 256,
) -> None:
    """Write a disk that starts `kernel` with the userland `world`."""
    with tempfile.TemporaryDirectory(prefix="ilnp-disk-") as name:
        work = Path(name)
        wanted = [Extra("boot/kernel/kernel", kernel, "0555")]
        for number, (path, text) in enumerate(_settings(world, tunables or {}).items()):
            source = work / f"setting{number}"
            source.write_text(text)
            wanted.append(Extra(path, source))
        manifest = work / "manifest"
        manifest.write_text(merge_manifest(world.manifest.read_text(), [*wanted, *extras]))
        root = work / "root.ufs"
        run(
            [
                *(str(shop.tools / "sbin/makefs"), "-t", "ffs", "-B", "little", "-D"),
                *("-N", str(world.root / "etc"), "-b", f"{free_mb}m"),
                *("-o", "version=2,label=root", str(root), str(manifest)),
            ],
            timeout=900,
            cwd=world.root,
        )
        draft = work / "disk"
        run(
            [
                *(str(shop.tools / "bin/mkimg"), "-s", "gpt", "-b", str(world.root / "boot/pmbr")),
                *("-p", f"freebsd-boot/boot:={world.root}/boot/gptboot"),
                *("-p", f"freebsd-ufs/root:={root}", "-o", str(draft)),
            ],
            timeout=900,
        )
        place(draft, output)
