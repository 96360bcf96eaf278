# SPDX-License-Identifier: BSD-2-Clause
"""What may be wrong with a call of build-kernel, a tree or a machine; a small make stands in.

That make writes a kernel which holds the configuration it was built by.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest
from hooktree import make_tree

from ilnptool.build.host import Host
from ilnptool.build.kernel import Workshop, build_kernel
from ilnptool.build.maketask import BuildFailed, Progress
from ilnptool.build.sources import project
from ilnptool.errors import EnvironmentMissing, UsageError
from ilnptool.hooks.spec import HOOK_FILE, load_hooks
from ilnptool.hooks.tree import GET_SOURCE, open_tree

MAKE = """\
for word; do
    case $word in
    KERNSRCDIR=*) src=${word#*=} ;;
    KERNCONF=*) conf=${word#*=} ;;
    esac
done
test -n "$conf" || exit 0
grep -H broken "$src/amd64/conf/$conf" | sed 's/:.*/:1: error: this is broken/'
! grep -q broken "$src/amd64/conf/$conf" || exit 1
at=$MAKEOBJDIRPREFIX$PWD/amd64.amd64$src/$conf
mkdir -p "$at"
(cd "$src/amd64/conf" && cat "$conf" && ls) >"$at/kernel"
: >"$at/kernel.debug"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    make = tmp_path / "make"
    make.write_text(MAKE)
    host = Host(("sh", str(make)), (), "none", True, Path("clang"), Path("lld"))
    return Workshop(open_tree(make_tree(tmp_path / "src")), tmp_path / "shop", host, 1)


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_a_configuration_of_ones_own_is_built(shop: Workshop, tmp_path: Path) -> None:
    beside = write(tmp_path / "conf/BASE", "options ONE\n")
    mine = write(tmp_path / "conf/MINE", 'include BASE\ninclude\t"GENERIC"\nident MINE\n')
    kernel = build_kernel(shop, mine, stock=True)
    assert kernel.conf == "MINE"
    assert "ident MINE" in kernel.path.read_text()
    assert "BASE" in kernel.path.read_text().split()
    assert build_kernel(shop, mine, stock=True).cached
    write(Path(beside), "options TWO\n")
    assert not build_kernel(shop, mine, stock=True).cached


def test_a_configuration_that_was_given_once_is_not_known_later(
    shop: Workshop, tmp_path: Path
) -> None:
    build_kernel(shop, write(tmp_path / "conf/MINE", "ident MINE\n"), stock=True)
    other = build_kernel(shop, write(tmp_path / "conf/OTHER", "ident OTHER\n"), stock=True)
    assert "MINE" not in other.path.read_text().split()
    assert "ILNP-STOCK" in other.path.read_text().split()
    with pytest.raises(UsageError, match=r"no kernel configuration MINE; there are: .*ILNP-STOCK"):
        build_kernel(shop, "MINE", stock=True)


@pytest.mark.parametrize("name", ["ILNP", "THEIRS", "a b"])
def test_a_configuration_of_ones_own_takes_nobodys_name(
    shop: Workshop, tmp_path: Path, name: str
) -> None:
    write(shop.tree.root / "sys/amd64/conf/THEIRS", "ident THEIRS\n")
    before = write(tmp_path / "conf" / name, "ident ODD\n")
    with pytest.raises(UsageError, match=f"{name}: the name of the file .* allowed: letters"):
        build_kernel(shop, before, stock=True)


def test_a_configuration_that_is_not_there_is_named(shop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"NONE; there are: ILNP.*file of your own.*\./NONE"):
        build_kernel(shop, "NONE", stock=True)
    with pytest.raises(UsageError, match=f"{tmp_path}/NONE: no such kernel configuration"):
        build_kernel(shop, f"{tmp_path}/NONE", stock=True)


def test_an_error_in_it_names_the_file_that_was_given(shop: Workshop, tmp_path: Path) -> None:
    mine = write(tmp_path / "conf/MINE", "broken\n")
    with pytest.raises(BuildFailed, match=f"{mine}:1: error: this is broken"):
        build_kernel(shop, mine, stock=True)


def test_whoever_waits_for_another_build_says_so(shop: Workshop) -> None:
    told: list[str] = []
    shop.root.mkdir()
    other = os.open(shop.root / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(other, fcntl.LOCK_EX)

    def tell(progress: Progress) -> None:
        told.append(progress.task)
        os.close(other)

    with shop.alone(tell):
        assert told == [
            f"waiting for another build, or what a killed one left (fuser {shop.root}/lock)"
        ]
    with shop.alone(tell):
        assert len(told) == 1


def test_a_place_that_cannot_be_written_is_named(shop: Workshop) -> None:
    write(shop.root, "no folder\n")
    with pytest.raises(EnvironmentMissing, match=f"{shop.root}.*; let --obj name another place"):
        build_kernel(shop, "ILNP-STOCK", stock=True)


def test_a_place_that_is_full_is_named(shop: Workshop, tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    linked = OSError(errno.ENOSPC, "No space left", "/src/a", None, f"{shop.root}/a")
    for err in (full, linked):
        with (
            pytest.raises(EnvironmentMissing, match=f"{shop.root}.*; let --obj name"),
            shop.alone(),
        ):
            raise err
    unread = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "src/a"))
    with pytest.raises(PermissionError), shop.alone():
        raise unread


def test_a_tree_with_hooks_makes_no_stock_kernel(shop: Workshop) -> None:
    hook = load_hooks(project() / HOOK_FILE)[0]
    file = write(shop.tree.root / hook.file, f"before\n{hook.text}after\n")
    with pytest.raises(UsageError, match=f"{file}: has our hooks already; .* as FreeBSD has it"):
        build_kernel(shop, "ILNP-STOCK", stock=True)


def test_another_release_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        open_tree(make_tree(tmp_path, version=1302001, revision="13.2"))
    said = str(caught.value)
    assert "FreeBSD 13.2-STABLE (sys/sys/param.h: 1302001); ILNP has hooks for 14 and 15" in said
    assert said.endswith(GET_SOURCE)
