# SPDX-License-Identifier: BSD-2-Clause
"""The tree of links in which a C library with our hooks is built."""

from __future__ import annotations

from pathlib import Path

from ilnptool.build.dynamic import make_farm


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def test_only_what_is_changed_is_a_copy(tmp_path: Path) -> None:
    tree, farm = tmp_path / "tree", tmp_path / "farm"
    write(tree, "Makefile", "share/mk/x.mk", "lib/libm/m.c", "lib/libc/net/getaddrinfo.c")
    write(tree, "sys/kern/k.c", "sys/netinet6/ip6.c", "sys/netinet6/ilnp/old.h")
    for _ in range(2):
        make_farm(tree, farm)
        assert not (farm / "lib/libc-ilnp").exists()
        assert not (farm / "sys/netinet6/ilnp").exists()
        for name in ("Makefile", "share", "lib/libm", "sys/kern", "sys/netinet6/ip6.c"):
            assert (farm / name).is_symlink(), name
            assert (farm / name).readlink() == tree / name
        # What is written into the copies and beside the links does not reach the tree.
        (farm / "lib/libc/net/getaddrinfo.c").write_text("changed")
        write(farm, "lib/libc-ilnp/ours.c", "sys/netinet6/ilnp/ilnp.h")
    assert (tree / "lib/libc/net/getaddrinfo.c").read_text() == "lib/libc/net/getaddrinfo.c"
    assert not (tree / "lib/libc-ilnp").exists()
    assert not (tree / "sys/netinet6/ilnp/ilnp.h").exists()
