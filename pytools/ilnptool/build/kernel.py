# SPDX-License-Identifier: BSD-2-Clause
"""Builds a kernel from a FreeBSD tree, the hooks and our files, without changing the tree."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ilnptool.build.filelist import check_list
from ilnptool.build.host import Host, detect
from ilnptool.build.maketask import BuildFailed, Reporter, Task, run_task, silent
from ilnptool.build.overlay import Overlay, refresh
from ilnptool.build.sources import digest_of, install, kernel_sources, project
from ilnptool.errors import UsageError
from ilnptool.hooks.lock import LOCK_FILE, load_lock
from ilnptool.hooks.plan import apply_plan, make_plan
from ilnptool.hooks.spec import HOOK_FILE, load_hooks
from ilnptool.hooks.tree import Tree, open_tree

_VARIABLES = ("NO_MODULES=yes", "-DWITHOUT_CTF")
# makefs, mkimg and etdump for this host come with the tools that a kernel needs anyway.
_TOOL_VARIABLES = ("-DWITHOUT_CTF", "-DWITH_DISK_IMAGE_TOOLS_BOOTSTRAP")
_CONF_DIR = Path("sys/amd64/conf")
_KEPT_KERNELS = 12
_held: dict[Path, int] = {}  # locks of ours, by their folder


@dataclass(frozen=True, slots=True)
class Workshop:
    """The folder in which all that is built from one source tree lies."""

    tree: Tree
    root: Path
    host: Host
    jobs: int

    @property
    def obj(self) -> Path:
        return self.root / "obj"

    @property
    def platform(self) -> Path:
        """Where make keeps the objects of this tree and target."""
        return Path(f"{self.obj}{self.tree.root}/amd64.amd64")

    @property
    def tools(self) -> Path:
        """Programs of the tree that run on this host."""
        return self.platform / "tmp/legacy/usr"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until nobody else builds in this folder, and keep others waiting meanwhile.

        A make that outlives us, as we were killed, keeps them waiting as well.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _held[self.root] = lock.fileno()
            try:
                yield
            finally:
                del _held[self.root]

    def task(self, target: str, variables: tuple[str, ...], name: str) -> Task:
        return self._task(target, variables, name, self.jobs)

    def single(self, target: str, variables: tuple[str, ...], name: str) -> Task:
        """Return a task that does one thing at a time, as make's build environment wants it."""
        return self._task(target, variables, name, None)

    def _task(self, target: str, variables: tuple[str, ...], name: str, jobs: int | None) -> Task:
        self.obj.mkdir(parents=True, exist_ok=True)
        return Task(
            name=name,
            argv=self.host.argv((target,), variables, jobs),
            cwd=self.tree.root,
            env={"MAKEOBJDIRPREFIX": str(self.obj)},
            log=self.root / "log" / f"{name}.log",
            inherit=(_held[self.root],) if self.root in _held else (),
        )


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel that has been built."""

    path: Path
    debug: Path
    key: str
    conf: str
    release: str
    cached: bool
    seconds: float
    log: Path


def open_workshop(src: Path, obj: Path, jobs: int) -> Workshop:
    """Prepare to build from the tree `src` below the folder `obj`."""
    tree = open_tree(src.resolve())
    name = str(tree.root).strip("/").replace("/", "-")
    return Workshop(tree, obj.resolve() / f"{name}-{tree.release}", detect(), jobs)


def key_of(*parts: str) -> str:
    """Return a short name for a combination of inputs."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def build_tools(shop: Workshop, report: Reporter = silent) -> None:
    """Build what building a kernel or an image needs on this host, unless that has been done.

    Call it inside `shop.alone()'.
    """
    key = key_of(str(shop.tree.version), shop.host.compiler, *_TOOL_VARIABLES)
    mark = shop.root / "tools.key"
    if mark.exists() and mark.read_text() == key:
        return
    run_task(shop.task("kernel-toolchain", _TOOL_VARIABLES, "tools"), report)
    mark.write_text(key)


def _prepare(shop: Workshop, conf: str, *, stock: bool, unreviewed: bool) -> tuple[Overlay, str]:
    """Make the copy of sys/ that is built, and the key of what is in it."""
    overlay_root = shop.root / ("stock" if stock else "ilnp")
    sources = kernel_sources()
    if stock:
        sources = {name: path for name, path in sources.items() if name.match("sys/*/conf/*")}
    hook_text = ""
    if stock:
        overlay = refresh(shop.tree.root / "sys", overlay_root / "sys")
    else:
        root = project()
        check_list(root)
        hook_text = (root / HOOK_FILE).read_text()
        plan = make_plan(shop.tree, load_hooks(root / HOOK_FILE), load_lock(root / LOCK_FILE))
        overlay = refresh(shop.tree.root / "sys", overlay_root / "sys")
        apply_plan(plan, into=overlay_root, unreviewed=unreviewed)
    install(sources, overlay_root)
    _forget_ours(overlay_root, {str(name) for name in sources})
    if not (overlay_root / _CONF_DIR / conf).is_file():
        known = sorted(
            path.name
            for path in (overlay_root / _CONF_DIR).iterdir()
            if path.name[0].isupper() and "." not in path.name
        )
        raise UsageError(f"no kernel configuration {conf}; there are: {', '.join(known)}")
    key = key_of(
        overlay.digest, digest_of(sources), hook_text, conf, shop.host.compiler, *_VARIABLES
    )
    return overlay, key


def _forget_ours(overlay_root: Path, present: set[str]) -> None:
    """Remove files of ours that the project no longer has: config(8) must not find them."""
    ours = overlay_root / "sys/netinet6/ilnp"
    for path in ours.rglob("*") if ours.exists() else ():
        if path.is_file() and str(path.relative_to(overlay_root)) not in present:
            path.unlink()


def _cached(folder: Path) -> Kernel | None:
    try:
        data = json.loads((folder / "build.json").read_text())
    except (OSError, json.JSONDecodeError):
        return None
    paths = {name: Path(data[name]) for name in ("path", "debug", "log")}
    return Kernel(**{**data, **paths, "cached": True}) if paths["path"].exists() else None


def _forget_oldest(folder: Path) -> None:
    kernels = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    for old in kernels[:-_KEPT_KERNELS]:
        shutil.rmtree(old)


def build_kernel(
    shop: Workshop,
    conf: str,
    *,
    stock: bool = False,
    unreviewed: bool = False,
    report: Reporter = silent,
) -> Kernel:
    """Build a kernel, or return the one that was built from the same before.

    A `stock` kernel is built from the tree as it is, with nothing of ours but the configuration.
    An interrupted build goes on where it was.
    """
    with shop.alone():
        return _build(shop, conf, stock, unreviewed, report)


def edited_names(text: str, overlay: Path) -> str:
    """Return an error with our files named where they are edited, not where they are compiled."""
    ours = "netinet6/ilnp/"
    return text.replace(f"{overlay}/{ours}", f"{project()}/sys/{ours}")


def _build(shop: Workshop, conf: str, stock: bool, unreviewed: bool, report: Reporter) -> Kernel:
    overlay, key = _prepare(shop, conf, stock=stock, unreviewed=unreviewed)
    folder = shop.root / "kernels" / key
    kernel = _cached(folder)
    if kernel is not None:
        return kernel
    began = time.monotonic()
    build_tools(shop, report)
    variables = (*_VARIABLES, f"KERNSRCDIR={overlay.root}", f"KERNCONF={conf}")
    task = shop.task("buildkernel", variables, f"kernel-{conf}{'-stock' if stock else ''}")
    try:
        run_task(task, report)
    except BuildFailed as err:
        raise BuildFailed(edited_names(str(err), overlay.root)) from err
    built = Path(f"{shop.platform}{overlay.root}") / conf
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("kernel", "kernel.debug"):
        shutil.copy2(built / name, folder / name)
    kernel = Kernel(
        path=folder / "kernel",
        debug=folder / "kernel.debug",
        key=key,
        conf=conf,
        release=shop.tree.release,
        cached=False,
        seconds=time.monotonic() - began,
        log=task.log,
    )
    (folder / "build.json").write_text(json.dumps(asdict(kernel), default=str, indent=1))
    _forget_oldest(folder.parent)
    return kernel
