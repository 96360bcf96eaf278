# SPDX-License-Identifier: BSD-2-Clause
"""Programs of a lab machine that load libraries: only those know modules of nsswitch.conf(5).

The C library and the run-time linker come from the tree's own Makefiles; all else that a program
needs is linked into it.  A second C library is built from the same tree with our hooks.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ilnptool.build.kernel import Workshop, is_marked, key_of
from ilnptool.build.maketask import Reporter, run_task, silent
from ilnptool.build.overlay import digest_of_tree
from ilnptool.build.sources import digest_of, install, libc_sources, project
from ilnptool.build.userland import STATIC_VARIABLES, Userland, build_userland
from ilnptool.hooks.lock import LIBC_LOCK_FILE, load_lock
from ilnptool.hooks.plan import apply_plan, make_plan
from ilnptool.hooks.spec import LIBC_HOOK_FILE, load_hooks
from ilnptool.run import run

# In the order of their dependencies.
_LIBRARIES = ("lib/libc", "lib/libc_nonshared", "lib/libgcc_s", "lib/libnetbsd")
_LINKER = "libexec/rtld-elf"
_PROGRAMS = ("usr.bin/getaddrinfo", "usr.bin/getent", "usr.bin/nc", "sbin/ping")
_LIBC = "lib/libc.so.7"
# Folders of the tree that hold what a hook changes, or what is ours.
_CHANGED = ("lib/libc", "lib/libc-ilnp", "sys/netinet6/ilnp")
_PROGRAM_FLAGS = "-DNO_FSCHG MK_CASPER=no MK_PIE=no"


@dataclass(frozen=True, slots=True)
class Dynamic:
    """Files for an image, by their path in it."""

    root: Path  # programs, libraries and the linker
    patched: Path  # the C library with our hooks, shared
    archive: Path  # the same for static programs
    sysroot: Path

    def files(self) -> dict[str, Path]:
        return {
            str(path.relative_to(self.root)): path
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }


def _compiler(shop: Workshop, sysroot: Path) -> list[str]:
    host = shop.host
    words = ("-target", "x86_64-unknown-freebsd14.0", f"--sysroot={sysroot}")
    # Where it only compiles it has no use for the linker.
    return [str(host.clang), *words, "-Wno-unused-command-line-argument", f"--ld-path={host.lld}"]


def compile_dynamic(shop: Workshop, made: Dynamic, source: Path, output: Path, *flags: str) -> Path:
    """Compile a C file into a FreeBSD program that loads the C library; return it."""
    ours = project() / "sys"
    warnings = ("-Wall", "-Wextra", "-Werror")
    words = ("-std=gnu11", "-O2", *warnings, f"-I{ours}", *flags, "-o", str(output), str(source))
    run([*_compiler(shop, made.sysroot), *words], timeout=120)
    return output


def compile_static(shop: Workshop, made: Dynamic, source: Path, output: Path) -> Path:
    """Compile one that has all in it, with the C library that has our hooks; return it."""
    flags = ("-static", f"-L{made.archive.parent}")
    return compile_dynamic(shop, made, source, output, *flags)


def name_files(shop: Workshop, made: Dynamic, folder: Path) -> dict[str, Path]:
    """Build the module for nsswitch.conf(5) and what asks names again; return all by their path.

    The linker of a lab machine has no hints, so it finds the module only where it looks anyway.
    """
    compiler = " ".join(_compiler(shop, made.sysroot))
    where = project() / "lib/libc-ilnp"
    argv = ["make", "-s", "-C", str(where), f"OUT={folder}", f"BSDCC={compiler}", "freebsd"]
    run(argv, timeout=300)
    switch = folder / "nsswitch.conf"
    switch.write_text("hosts: files ilnp [notfound=return tryagain=return] dns\n")
    return {
        "etc/nsswitch.conf": switch,
        "usr/lib/nss_ilnp.so.1": folder / "nss_ilnp.so.1",
        "usr/local/sbin/ilnp-renew": folder / "ilnp-renew",
    }


def make_farm(tree: Path, farm: Path) -> None:
    """Make a tree of links, in which only the folders that are changed are copies."""
    if farm.exists():
        shutil.rmtree(farm)
    farm.mkdir(parents=True)
    inner = {parent for name in _CHANGED for parent in Path(name).parents}
    for folder in sorted(inner):
        (farm / folder).mkdir(exist_ok=True)
        for path in (tree / folder).iterdir():
            name = folder / path.name
            if name not in inner and str(name) not in _CHANGED:
                (farm / name).symlink_to(path)
    shutil.copytree(tree / "lib/libc", farm / "lib/libc", symlinks=True)


def _make(shop: Workshop, flags: str) -> str:
    return f"make -DWITH_AUTO_OBJ INSTALL='sh {shop.tree.root}/tools/install.sh' {flags}"


def _plain_script(shop: Workshop, root: Path) -> str:
    src, sysroot = shop.tree.root, shop.platform / "tmp"
    make = _make(shop, f"-j{shop.jobs} -DNO_FSCHG MK_PROFILE=no")
    lines = ["set -e"]
    for name in _LIBRARIES:
        lines.append(f'echo "===> {name}"; cd {src}/{name}')
        lines.append(f"{make} all; {make} DESTDIR={sysroot} install")
    make = _make(shop, _PROGRAM_FLAGS)
    for name in (_LINKER, *_PROGRAMS):
        lines.append(f'echo "===> {name}"; cd {src}/{name}')
        # The small userland has left a static program there.
        lines.append(f"rm -f {shop.platform}/{name}/*.o {shop.platform}/{name}/{Path(name).name}")
        lines.append(f"{make} all; {make} DESTDIR={root} install")
    lines.append(f"mkdir -p {root}/lib; cp {sysroot}/{_LIBC} {root}/{_LIBC}")
    return "\n".join(lines) + "\n"


def _patched_script(shop: Workshop, farm: Path, obj: Path) -> str:
    place = f"SRCTOP={farm} OBJTOP={obj} OBJROOT={obj}/"
    make = _make(shop, f"-j{shop.jobs} -DNO_FSCHG MK_PROFILE=no {place}")
    return (
        "set -e\n"
        # What is the same as before need not be compiled again.
        f"rm -rf {obj}; mkdir -p {obj}/lib\n"
        f"cp -a {shop.platform}/lib/libc {obj}/lib/libc\n"
        # But make(1) must not learn from there where the source was.
        f"rm -f {obj}/lib/libc/getaddrinfo.*o {obj}/lib/libc/.depend.getaddrinfo.*\n"
        f"rm -f {obj}/lib/libc/libc.*\n"
        f'echo "===> lib/libc (patched)"; cd {farm}/lib/libc; {make} libc.a libc.so.7\n'
    )


def _run(shop: Workshop, name: str, script: str, report: Reporter) -> None:
    path = shop.root / f"{name}.sh"
    path.write_text(script)
    variables = (*STATIC_VARIABLES, f"BUILDENV_SHELL=sh {path}")
    run_task(shop.single("buildenv", variables, name), report)


def _is_made(mark: Path, key: str, made: Iterable[Path]) -> bool:
    return is_marked(mark, key) and all(path.exists() for path in made)


def build_dynamic(shop: Workshop, report: Reporter = silent) -> tuple[Userland, Dynamic]:
    """Build the small userland and all of this, unless that has been done from the same tree."""
    userland = build_userland(shop, report)
    root, farm = shop.root / "dynamic", shop.root / "patched-src"
    obj = Path(f"{shop.obj}{farm}")
    folder = obj / "lib/libc"
    found = Dynamic(root, folder / "libc.so.7", folder / "libc.a", userland.sysroot)
    plain, patched = _plain_script(shop, root), _patched_script(shop, farm, obj)
    stem = (digest_of_tree(shop.tree.root), shop.host.compiler, *STATIC_VARIABLES)
    key = key_of(*stem, plain)
    mark = shop.root / "dynamic.key"
    with shop.alone(report):
        if not _is_made(mark, key, (root,)):
            mark.unlink(missing_ok=True)
            if root.exists():
                shutil.rmtree(root)
            for name in ("bin", "lib", "libexec", "sbin", "usr/bin", "usr/libexec"):
                (root / name).mkdir(parents=True)
            _run(shop, "dynamic", plain, report)
            mark.write_text(key)
        hooks = project() / LIBC_HOOK_FILE
        key = key_of(*stem, patched, hooks.read_text(), digest_of(libc_sources()))
        mark = shop.root / "patched.key"
        if not _is_made(mark, key, (found.patched, found.archive)):
            mark.unlink(missing_ok=True)
            make_farm(shop.tree.root, farm)
            plan = make_plan(shop.tree, load_hooks(hooks), load_lock(project() / LIBC_LOCK_FILE))
            apply_plan(plan, into=farm)
            install(libc_sources(), farm)
            _run(shop, "patched", patched, report)
            mark.write_text(key)
    return userland, found
