# SPDX-License-Identifier: BSD-2-Clause
"""Builds a kernel from a FreeBSD tree, the hooks and our files, without changing the tree."""

from __future__ import annotations

import fcntl
import filecmp
import hashlib
import json
import re
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ilnptool.build.filelist import check_list
from ilnptool.build.host import Host, detect
from ilnptool.build.maketask import (
    ELSEWHERE,
    BuildFailed,
    Progress,
    Reporter,
    Task,
    run_task,
    silent,
)
from ilnptool.build.overlay import Overlay, refresh
from ilnptool.build.sources import digest_of, install, kernel_sources, project
from ilnptool.errors import EnvironmentMissing, UsageError
from ilnptool.hooks.lock import LOCK_FILE, load_lock
from ilnptool.hooks.plan import apply_plan, make_plan
from ilnptool.hooks.spec import HOOK_FILE, load_hooks
from ilnptool.hooks.tree import Tree, open_tree

_VARIABLES = ("NO_MODULES=yes", "-DWITHOUT_CTF")
# makefs, mkimg and etdump for this host come with the tools that a kernel needs anyway.
_TOOL_VARIABLES = ("-DWITHOUT_CTF", "-DWITH_DISK_IMAGE_TOOLS_BOOTSTRAP")
_CONF_DIR = Path("sys/amd64/conf")
_KEPT_KERNELS = 12
_INCLUDE = re.compile(r'^include\s+"?([^\s"]+)', re.MULTILINE)
_CONF_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
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

    def _open_lock(self) -> IO[str]:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            return (self.root / "lock").open("w")
        except OSError as err:
            raise self._unwritable(err, err.filename) from err

    def _unwritable(self, err: OSError, name: str) -> EnvironmentMissing:
        return EnvironmentMissing(f"{name}: {err.strerror}; {ELSEWHERE}")

    @contextmanager
    def alone(self, report: Reporter = silent) -> Iterator[None]:
        """Wait until nobody else builds in this folder, and keep others waiting meanwhile.

        A make that outlives us, as we were killed, keeps them waiting as well.
        """
        with self._open_lock() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                whom = f"waiting for another build, or what a killed one left (fuser {lock.name})"
                report(Progress(whom, 0.0, 0, ""))
                fcntl.flock(lock, fcntl.LOCK_EX)
            _held[self.root] = lock.fileno()
            try:
                yield
            except OSError as err:
                # What a write meets names no file, and of two the second is the one to write.
                name = str(err.filename2 or err.filename or self.root)
                if not Path(name).is_relative_to(self.root):
                    raise
                raise self._unwritable(err, name) from err
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


def is_marked(mark: Path, key: str) -> bool:
    """Tell whether what leaves `mark` when it is complete was made from what `key` stands for."""
    return mark.exists() and mark.read_text() == key


def build_tools(shop: Workshop, report: Reporter = silent) -> None:
    """Build what building a kernel or an image needs on this host, unless that has been done.

    Call it inside `shop.alone()'.
    """
    key = key_of(str(shop.tree.version), shop.host.compiler, *_TOOL_VARIABLES)
    mark = shop.root / "tools.key"
    if is_marked(mark, key):
        return
    run_task(shop.task("kernel-toolchain", _TOOL_VARIABLES, "tools"), report)
    mark.write_text(key)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The copy of sys/ that is built, with what was put into it."""

    overlay: Overlay
    sources: Mapping[PurePosixPath, Path]  # as kernel_sources() has them
    conf: str
    key: str  # of all that is in it


def _own_confs(path: Path, taken: Collection[str]) -> dict[PurePosixPath, Path]:
    """Return somebody's own kernel configuration, and what it includes from beside it.

    Names that are `taken` are FreeBSD's or ours.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such kernel configuration")
    if path.name in taken or not _CONF_NAME.fullmatch(path.name):
        raise UsageError(
            f"{path}: the name of the file is that of the kernel; allowed: letters, digits and "
            "._-, and none that FreeBSD or ILNP has a kernel configuration of"
        )
    found: dict[PurePosixPath, Path] = {}
    todo = [path]
    while todo:
        file = todo.pop()
        found[PurePosixPath(_CONF_DIR / file.name)] = file
        names = {*_INCLUDE.findall(file.read_text(errors="replace"))} - {*taken}
        beside = [file.with_name(name) for name in names if "/" not in name]
        todo += [x for x in beside if x.is_file() and x not in found.values()]
    return found


def _prepare(shop: Workshop, conf: str, *, stock: bool, unreviewed: bool) -> _Prepared:
    overlay_root = shop.root / ("stock" if stock else "ilnp")
    sources = kernel_sources()
    if stock:
        sources = {name: path for name, path in sources.items() if name.match("sys/*/conf/*")}
    theirs = {path.name for path in (shop.tree.root / _CONF_DIR).glob("*")}
    known = theirs | {name.name for name in sources if name.parent == PurePosixPath(_CONF_DIR)}
    if "/" in conf:
        sources |= _own_confs(Path(conf).absolute(), known)
        conf = Path(conf).name
    elif conf not in known:
        names = sorted(name for name in known if name[0].isupper() and "." not in name)
        raise UsageError(
            f"no kernel configuration {conf}; there are: {', '.join(names)}, or give a file "
            f"of your own, with a / (./{conf})"
        )
    hook_text = ""
    if stock:
        _refuse_hooks(shop.tree)
        overlay = refresh(shop.tree.root / "sys", overlay_root / "sys")
    else:
        root = project()
        check_list(root)
        hook_text = (root / HOOK_FILE).read_text()
        plan = make_plan(shop.tree, load_hooks(root / HOOK_FILE), load_lock(root / LOCK_FILE))
        overlay = refresh(shop.tree.root / "sys", overlay_root / "sys")
        apply_plan(plan, into=overlay_root, unreviewed=unreviewed)
    install(sources, overlay_root)
    _forget_ours(overlay_root, {*sources}, theirs)
    key = key_of(
        overlay.digest, digest_of(sources), hook_text, conf, shop.host.compiler, *_VARIABLES
    )
    return _Prepared(overlay, sources, conf, key)


def _refuse_hooks(tree: Tree) -> None:
    for hook in load_hooks(project() / HOOK_FILE):
        path = tree.root / hook.file
        if path.is_file() and hook.text in path.read_text(errors="replace"):
            raise UsageError(
                f"{path}: has our hooks already; a stock kernel wants a tree as FreeBSD has it"
            )


def _forget_ours(
    overlay_root: Path, present: Collection[PurePosixPath], theirs: Collection[str]
) -> None:
    """Remove files of ours that the project no longer has: config(8) must not find them.

    Nor configurations that somebody gave us once; those named by `theirs` are FreeBSD's.
    """
    ours = overlay_root / "sys/netinet6/ilnp"
    confs = [x for x in (overlay_root / _CONF_DIR).glob("*") if x.name not in theirs]
    for path in (*ours.rglob("*"), *confs):
        if path.is_file() and PurePosixPath(path.relative_to(overlay_root)) not in present:
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
    with shop.alone(report):
        return _build(shop, conf, stock, unreviewed, report)


def edited_names(
    text: str, overlay: Path, tree: Path, sources: Mapping[PurePosixPath, Path]
) -> str:
    """Return an error with files named where they are edited, not in the copy that is compiled.

    `overlay` and `tree` hold a sys/ each.  Files with hooks have other lines there, so they are
    told of as well.
    """
    hooked: dict[Path, Path] = {}

    def edited(match: re.Match[str]) -> str:
        name, there = PurePosixPath(match[1]), tree / match[1]
        if name in sources:
            return str(sources[name])
        here = overlay / match[1]
        if here.is_file() and not (there.is_file() and filecmp.cmp(here, there)):
            hooked[here] = there
        return match[0] if here.is_dir() or here in hooked else str(there)

    text = re.sub(rf"{re.escape(str(overlay))}/(sys/[\w./+-]*\w)", edited, text)
    return "\n".join([text, *(f"{here} is {there} with hooks" for here, there in hooked.items())])


def _build(shop: Workshop, conf: str, stock: bool, unreviewed: bool, report: Reporter) -> Kernel:
    made = _prepare(shop, conf, stock=stock, unreviewed=unreviewed)
    overlay, conf = made.overlay, made.conf
    folder = shop.root / "kernels" / made.key
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
        names = overlay.root.parent, shop.tree.root, made.sources
        raise BuildFailed(edited_names(str(err), *names)) from err
    built = Path(f"{shop.platform}{overlay.root}") / conf
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("kernel", "kernel.debug"):
        shutil.copy2(built / name, folder / name)
    kernel = Kernel(
        path=folder / "kernel",
        debug=folder / "kernel.debug",
        key=made.key,
        conf=conf,
        release=shop.tree.release,
        cached=False,
        seconds=time.monotonic() - began,
        log=task.log,
    )
    (folder / "build.json").write_text(json.dumps(asdict(kernel), default=str, indent=1))
    _forget_oldest(folder.parent)
    return kernel
