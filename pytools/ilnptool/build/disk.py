# SPDX-License-Identifier: BSD-2-Clause
"""The full image: a disk with a GPT and a UFS root with our userland, for machines of the lab.

A shell waits on its console, the lab's agent on the second serial line.  Built without root: owners
and modes come from the manifest that the installation wrote, and what is added or replaced is
listed there as well.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ilnptool.build.boot import GUEST, SERIAL_LINES, loader_script, place
from ilnptool.build.kernel import Workshop
from ilnptool.build.sources import project
from ilnptool.build.world import World
from ilnptool.errors import UsageError
from ilnptool.run import run

_ENTRY = re.compile(r"^\./(\S+)\s")

# Nothing but the lab reaches the console, so it asks for no password.
_GETTYTAB = "ilnp:\\\n\t:al=root:tc=3wire.115200:\n"
_TTYS = {
    "ttyu0": '"/usr/libexec/getty ilnp"\tvt100\ton secure',
    "ttyu1": '"/etc/agent"\tunknown\ton',
}
_RC_CONF = """\
# A machine of the lab: quick to start, configured from outside.
hostname="guest"
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
# As bhyve/guest/etc/rc does it for the image of programs.
_RC_LOCAL = """\
mkdir -p /tmp/jobs
cp /etc/hosts /tmp/hosts
ln -sf /tmp/hosts /tmp/resolv.conf /etc/
echo "The machine has started."
"""
_FSTAB = "/dev/gpt/root\t/\tufs\trw\t1\t1\ntmpfs\t/tmp\ttmpfs\trw,mode=1777\t0\t0\n"
_TUNABLES = {
    **SERIAL_LINES,
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


def _ttys(path: Path) -> str:
    """Return ttys(5) with our lines for both serial lines."""
    text = path.read_text()
    for name, line in _TTYS.items():
        pattern = re.compile(rf'^{name}\t.*"/usr/libexec/getty [^"]*".*$', re.MULTILINE)
        if len(pattern.findall(text)) != 1:
            raise UsageError(f"{path}: no single line for {name}; is this FreeBSD's file?")
        text = pattern.sub(f"{name}\t{line}", text)
    return text


def settings_of(world: World, tunables: Mapping[str, str]) -> dict[str, str]:
    """Return the texts that make a lab machine of a fresh installation."""
    return {
        "boot.config": "-h -S115200\n",
        "boot/loader.rc": loader_script({**_TUNABLES, **tunables}),
        "etc/fstab": _FSTAB,
        "etc/gettytab": (world.root / "etc/gettytab").read_text() + _GETTYTAB,
        "etc/rc.conf": _RC_CONF,
        "etc/rc.local": _RC_LOCAL,
        "etc/ttys": _ttys(world.root / "etc/ttys"),
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
        wanted = [
            Extra("boot/kernel/kernel", kernel, "0555"),
            Extra("etc/agent", project() / GUEST / "etc/agent", "0555"),
        ]
        for number, (path, text) in enumerate(settings_of(world, tunables or {}).items()):
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
