# SPDX-License-Identifier: BSD-2-Clause
"""The front doors of FreeBSD: what can be shown of them on another system."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from resolving import TOP

from ilnptool.build.sources import install, libc_sources, project
from ilnptool.errors import UsageError
from ilnptool.hooks.lock import LIBC_LOCK_FILE, load_lock
from ilnptool.hooks.plan import apply_plan, make_plan
from ilnptool.hooks.spec import LIBC_HOOK_FILE, load_hooks
from ilnptool.hooks.tree import open_tree
from ilnptool.run import run

SRC = Path(os.environ.get("ILNP_SRC", "/usr/src"))
ZIG = [sys.executable, "-m", "ziglang"]
CC = [*ZIG, "cc", "-target", "x86_64-freebsd.14.0", "-std=gnu11", "-fPIC", "-Wall", "-Wextra"]


def needs_zig() -> None:
    if find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed; see tools/setup.sh kernel")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Copy what the hooks touch of the FreeBSD tree of this machine."""
    try:
        open_tree(SRC)
    except UsageError as err:
        pytest.skip(str(err))
    names = {str(hook.file) for hook in load_hooks(project() / LIBC_HOOK_FILE)}
    for name in (*names, "sys/sys/param.h", "sys/conf/newvers.sh"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SRC / name, tmp_path / name)
    return tmp_path


def test_the_module_is_built_and_shows_one_symbol(tmp_path: Path) -> None:
    needs_zig()
    zig = " ".join(ZIG)
    argv = ["make", "-s", "-C", str(TOP / "lib/libc-ilnp"), f"OUT={tmp_path}", f"ZIG={zig}"]
    run([*argv, "freebsd"], timeout=300)
    module = tmp_path / "nss_ilnp.so.1"
    nm = shutil.which("llvm-nm-16") or shutil.which("nm")
    assert nm is not None
    shown = run([nm, "-D", "--defined-only", str(module)], timeout=30).stdout.split()
    assert [word for word in shown if word.isidentifier() and len(word) > 1] == [
        "nss_module_register"
    ]


def test_the_hooks_fit_and_are_read(tree: Path) -> None:
    hooks = load_hooks(project() / LIBC_HOOK_FILE)
    plan = make_plan(open_tree(tree), hooks, load_lock(project() / LIBC_LOCK_FILE))
    assert not plan.unreviewed
    assert sum(hook.lines for hook in hooks) <= 10
    assert {str(path) for path in apply_plan(plan)} == {
        "lib/libc/net/getaddrinfo.c",
        "lib/libc/net/Makefile.inc",
    }
    assert (
        apply_plan(make_plan(open_tree(tree), hooks, load_lock(project() / LIBC_LOCK_FILE))) == ()
    )


def test_the_patched_library_compiles(tree: Path) -> None:
    needs_zig()
    hooks = load_hooks(project() / LIBC_HOOK_FILE)
    apply_plan(make_plan(open_tree(tree), hooks, load_lock(project() / LIBC_LOCK_FILE)))
    install(libc_sources(), tree)
    ours = [tree / "lib/libc-ilnp", tree / "sys/netinet6/ilnp", tree / "sys/netinet6/ilnp/core"]
    libc = [SRC / "lib/libc" / name for name in ("include", "resolv", "net", "amd64")]
    text = (tree / "lib/libc/net/Makefile.inc").read_text()
    for path in (tree / "lib/libc-ilnp").glob("*.c"):
        assert path.name in text
        run(
            # zig(1) with -o /dev/null leaves the object where it stands.
            [*CC, "-Werror", *(f"-I{x}" for x in ours), "-c", str(path), "-o", f"{path}.o"],
            timeout=120,
            cwd=tree,
        )
    words = [
        *(f"-I{x}" for x in (*libc, *ours)),
        "-Wno-unused-parameter",
        "-DINET6",
        "-DNS_CACHING",
    ]
    out = tree / "getaddrinfo.o"
    run([*CC, *words, "-c", "-o", str(out), str(tree / "lib/libc/net/getaddrinfo.c")], timeout=120)
    assert b"__ilnp_getaddrinfo" in out.read_bytes()
