# SPDX-License-Identifier: BSD-2-Clause
"""Userland and disk image, as far as that goes without building one."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hooktree import make_tree

from ilnptool.build.boot import place
from ilnptool.build.disk import Extra, merge_manifest, settings_of
from ilnptool.build.host import Host
from ilnptool.build.kernel import Workshop
from ilnptool.build.kyua import build_kyua, missing_for_kyua
from ilnptool.build.world import World, build_world, gaps_of
from ilnptool.cli import cli
from ilnptool.errors import UsageError
from ilnptool.hooks.tree import open_tree

HOST = Host(("make",), (), "none", True, Path("clang"), Path("lld"))
MANIFEST = """\
#mtree 2.0
. type=dir uname=root gname=wheel mode=0755
./etc type=dir uname=root gname=wheel mode=0755
./etc/ttys type=file uname=root gname=wheel mode=0644 size=5
./sbin/init type=file uname=root gname=wheel mode=0555 flags=schg
"""


def lines_for(manifest: str, path: str) -> list[str]:
    return [line for line in manifest.splitlines() if line.startswith(f"./{path} ")]


def test_a_file_of_ours_takes_the_place_of_the_installed_one() -> None:
    merged = merge_manifest(MANIFEST, [Extra("etc/ttys", Path("/tmp/ttys"))])
    assert lines_for(merged, "etc/ttys") == [
        "./etc/ttys type=file uname=root gname=wheel mode=0644 contents=/tmp/ttys"
    ]
    assert len(lines_for(merged, "sbin/init")) == 1


TTYS = """\
ttyv0\t"/usr/libexec/getty Pc"\t\txterm\tonifexists secure
ttyu0\t"/usr/libexec/getty 3wire"\tvt100\tonifconsole secure
ttyu1\t"/usr/libexec/getty 3wire"\tvt100\tonifconsole secure
"""


def test_a_disk_has_the_agent_where_the_lab_looks_for_it(tmp_path: Path) -> None:
    """On the second line, and lines are numbered by their ports, not as firmware has them."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/ttys").write_text(TTYS)
    (tmp_path / "etc/gettytab").write_text("")
    world = World(tmp_path, tmp_path / "METALOG", tmp_path, ())
    texts = settings_of(world, {"a.b": "c"})
    assert '\nttyu0\t"/usr/libexec/getty ilnp"' in texts["etc/ttys"]
    assert '\nttyu1\t"/etc/agent"' in texts["etc/ttys"]
    assert texts["etc/ttys"].count("\n") == 3
    for line in ('set hint.uart.0.port="0x3f8"', 'set hint.uart.1.port="0x2f8"', 'set a.b="c"'):
        assert line in texts["boot/loader.rc"], line
    (tmp_path / "etc/ttys").write_text(TTYS.replace("ttyu1", "ttyU1"))
    with pytest.raises(UsageError, match="no single line for ttyu1"):
        settings_of(world, {})


def test_folders_are_made_for_new_files_and_only_where_needed() -> None:
    extras = [
        Extra("usr/tests/ilnp/a", Path("/tmp/a"), "0555"),
        Extra("usr/tests/ilnp/b", Path("/tmp/b")),
        Extra("etc/rc.conf", Path("/tmp/rc")),
    ]
    merged = merge_manifest(MANIFEST, extras)
    for folder in ("usr", "usr/tests", "usr/tests/ilnp"):
        assert len(lines_for(merged, folder)) == 1, folder
    assert len(lines_for(merged, "etc")) == 1
    assert "mode=0555" in lines_for(merged, "usr/tests/ilnp/a")[0]
    order = [line.split()[0] for line in merged.splitlines()]
    assert order.index("./usr") < order.index("./usr/tests") < order.index("./usr/tests/ilnp/a")


def test_a_tree_with_gaps_is_refused_with_what_to_do(tmp_path: Path) -> None:
    tree = open_tree(make_tree(tmp_path / "src"))
    assert {gap.wanted_by for gap in gaps_of(tree.root)} == {
        "libsqlite3",
        "kyua",
        "atf",
        "ctypedef",
    }
    with pytest.raises(UsageError, match=r"lacks contrib/atf/.*sqlite3.c.*--leave-out"):
        build_world(Workshop(tree, tmp_path / "shop", HOST, 1))


def test_a_world_is_built_once_and_installed_without_root(tmp_path: Path) -> None:
    tree, calls, make = make_tree(tmp_path / "src"), tmp_path / "calls", tmp_path / "make"
    make.write_text(f'echo "$*" >>{calls}\n')
    host = replace(HOST, make=("sh", str(make)))
    for gap in gaps_of(tree):
        (tree / gap.file).parent.mkdir(parents=True, exist_ok=True)
        (tree / gap.file).touch()
    shop = Workshop(open_tree(tree), tmp_path / "shop", host, 1)
    world = build_world(shop)
    assert build_world(shop) == world
    lines = calls.read_text().splitlines()
    assert [line.split()[-1] for line in lines] == ["buildworld", "installworld", "distribution"]
    assert all("-DWITHOUT_RESCUE" in line.split() for line in lines)
    assert all(f"-DNO_ROOT DB_FROM_SRC=yes DESTDIR={world.root}" in line for line in lines[1:])
    assert (world.left_out, world.sysroot) == ((), shop.platform / "tmp")


def test_what_kyua_wants_is_named_with_what_it_is(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "src")
    message = missing_for_kyua(tree)
    for word in (
        "contrib/sqlite3/sqlite3.c",
        "amalgamation",
        "contrib/atf/atf-c/defs.h",
        "git clone",
    ):
        assert word in message
    with pytest.raises(UsageError, match=r"lacks what Kyua is built from: contrib/sqlite3"):
        build_kyua(Workshop(open_tree(tree), tmp_path / "shop", HOST, 1))
    done = CliRunner().invoke(cli, ["build-image", "--kyua", "--src", str(tree)])
    assert "lacks what Kyua is built from" in str(done.exception)
    for name in ("contrib/sqlite3/sqlite3.c", "contrib/atf/config.h", "contrib/atf/atf-c/defs.h"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    assert missing_for_kyua(tree) == ""


@pytest.mark.parametrize(
    "words",
    [("{folder}",), ("--init", "{folder}/none"), ("--iperf3", "{folder}/none")],
    ids=["output", "init", "iperf3"],
)
def test_bad_paths_of_an_image_are_told_before_anything_is_built(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    given = [word.format(folder=tmp_path) for word in words]
    done = CliRunner().invoke(cli, ["build-image", "--src", f"{tmp_path}/none", *given])
    assert done.exit_code == 2
    assert given[-1] in done.output


def test_an_image_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    draft, output = tmp_path / "image", tmp_path / "new/lab.img"
    for text in ("one", "two"):
        draft.write_text(text)
        place(draft, output)
        assert output.read_text() == text
    assert [path.name for path in output.parent.iterdir()] == ["lab.img"]


def test_only_one_build_works_in_a_folder(tmp_path: Path) -> None:
    shop = Workshop(open_tree(make_tree(tmp_path / "src")), tmp_path / "shop", HOST, 1)
    with (
        shop.alone(),
        (shop.root / "lock").open("w") as other,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (shop.root / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


# Builds, is killed, and its make goes on for a while.
KILLED = """
import os, signal, sys, threading, time
from dataclasses import replace
from pathlib import Path
from ilnptool.build.host import Host
from ilnptool.build.kernel import Workshop
from ilnptool.build.maketask import run_task
from ilnptool.hooks.tree import open_tree
host = Host(("sh",), (), "cc", True, Path("cc"), Path("ld"))
shop = Workshop(open_tree(Path(sys.argv[1])), Path(sys.argv[2]), host, 1)
def die(progress):
    os.kill(os.getpid(), signal.SIGKILL)
with shop.alone():
    run_task(replace(shop.task("all", (), "long"), argv=["sleep", "20"]), die)
"""


def test_a_make_that_outlives_its_builder_keeps_others_out(tmp_path: Path) -> None:
    tree, root = make_tree(tmp_path / "src"), tmp_path / "shop"
    done = subprocess.run([sys.executable, "-c", KILLED, tree, root], timeout=60, check=False)
    assert done.returncode == -9
    with (root / "lock").open("w") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
