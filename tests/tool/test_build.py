# SPDX-License-Identifier: BSD-2-Clause
"""The parts of a kernel build that need no FreeBSD: copies, logs, lists, the check of our C."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path, PurePosixPath

import pytest

from ilnptool.build import filelist, host
from ilnptool.build.boot import loader_script
from ilnptool.build.check import check_files
from ilnptool.build.kernel import edited_names
from ilnptool.build.maketask import BuildFailed, Progress, Task, first_error, run_task
from ilnptool.build.overlay import refresh
from ilnptool.build.sources import digest_of, install
from ilnptool.build.trial import Machine
from ilnptool.errors import CheckFailed, CommandTimeout, EnvironmentMissing
from ilnptool.hooks.tree import GET_SOURCE


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    for name in ("kern/a.c", "kern/b.c", "net/c.c", ".git/config"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{name}\n")
    (root / "link").symlink_to("kern/a.c")
    return root


def listing(root: Path) -> set[str]:
    return {
        str(path.relative_to(root))
        for path in root.rglob("*")
        if not path.is_dir() and path.name != ".ilnp-index"
    }


def test_a_copy_shares_its_files_with_the_tree(source: Path, tmp_path: Path) -> None:
    copy = refresh(source, tmp_path / "copy").root
    assert listing(copy) == {"kern/a.c", "kern/b.c", "net/c.c", "link"}
    assert (copy / "kern/a.c").samefile(source / "kern/a.c")
    assert (copy / "link").readlink() == Path("kern/a.c")


def test_a_refresh_touches_only_what_changed(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    first = refresh(source, copy)
    (copy / "net/c.c").unlink()
    (copy / "net/c.c").write_text("patched\n")
    again = refresh(source, copy)
    assert (again.changed, again.digest) == (0, first.digest)
    assert (copy / "net/c.c").read_text() == "patched\n"
    replaced = source / "kern/new"
    replaced.write_text("a new a\n")
    replaced.replace(source / "kern/a.c")
    (source / "kern/b.c").unlink()
    last = refresh(source, copy)
    assert last.changed == 1
    assert last.digest != first.digest
    assert (copy / "kern/a.c").read_text() == "a new a\n"
    assert not (copy / "kern/b.c").exists()


def test_an_interrupted_refresh_starts_over(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    refresh(source, copy)
    (copy / "kern/a.c").unlink()
    (copy / ".ilnp-index").unlink()
    refresh(source, copy)
    assert (copy / "kern/a.c").samefile(source / "kern/a.c")


def test_our_files_replace_links_and_leave_the_tree_alone(source: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours.c"
    ours.write_text("ours\n")
    copy = refresh(source, tmp_path / "copy").root
    files = {PurePosixPath("kern/a.c"): ours}
    assert install(files, copy) == [PurePosixPath("kern/a.c")]
    assert install(files, copy) == []
    assert (source / "kern/a.c").read_text() == "kern/a.c\n"


def test_the_digest_follows_names_and_contents(tmp_path: Path) -> None:
    ours = tmp_path / "ours.c"
    ours.write_text("ours\n")
    first = digest_of({PurePosixPath("a"): ours})
    assert digest_of({PurePosixPath("b"): ours}) != first
    ours.write_text("more\n")
    assert digest_of({PurePosixPath("a"): ours}) != first


@pytest.mark.parametrize(
    ("log", "said"),
    [
        pytest.param(
            "--- a.o ---\ncc -c a.c\n--- b.o ---\nb.c:3:2: warning: odd\n"
            "a.c:7:1: error: unknown type name 'x'\n  7 | x y;\n    | ^\n*** [a.o] Error code 1\n"
            "c.c:1:1: error: second\nmake: stopped in /x\n",
            "a.c:7:1: error: unknown type name 'x'\n  7 | x y;\n    | ^\n*** [a.o] Error code 1",
            id="compiler",
        ),
        pytest.param(
            "ld.lld: error: undefined symbol: ilnp_x\n>>> referenced by y.c\n",
            "ld.lld: error: undefined symbol: ilnp_x\n>>> referenced by y.c",
            id="linker",
        ),
        pytest.param(
            "===> lib/libfirst (all)\n===> lib/libthing (all)\n"
            "make[4]: make[4]: don't know how to make /src/contrib/thing.c. Stop\n"
            "\nmake: stopped in /src\n",
            "the source tree lacks /src/contrib/thing.c (wanted by lib/libthing); "
            f"{GET_SOURCE}\n"
            "make[4]: make[4]: don't know how to make /src/contrib/thing.c. Stop",
            id="missing file",
        ),
        pytest.param(
            '/src/conf/ILNP: unknown option "ILNP7"\n*** Error code 1\nStop.\n',
            '/src/conf/ILNP: unknown option "ILNP7"\n*** Error code 1\nStop.',
            id="only make speaks",
        ),
        pytest.param(
            "--- a.o ---\nclang-16: error: unable to execute command: Killed\n--- b.o ---\ncc\n",
            "clang-16: error: unable to execute command: Killed",
            id="short of memory",
        ),
        pytest.param(
            "cc -c a.c\nLLVM ERROR: IO failure on output stream: No space left on device\n*** x\n",
            "LLVM ERROR: IO failure on output stream: No space left on device\n"
            "make room there, or let --obj name another place for what is built",
            id="short of room",
        ),
        pytest.param(
            'cd /obj; config -d /obj/MINE /src/MINE\n/home/MINE: unknown option "X"\n\n'
            "bmake[1]: stopped in /src\n",
            '/home/MINE: unknown option "X"',
            id="configuration",
        ),
        pytest.param(
            "cp a b\ncp: odd\n*** Error code 1\nStop.\n",
            "cp a b\ncp: odd\n*** Error code 1\nStop.",
            id="whoever made make stop",
        ),
        pytest.param("one\ntwo\n", "one\ntwo", id="nothing known"),
    ],
)
def test_the_first_real_error_is_told(log: str, said: str) -> None:
    assert first_error(log) == said


@pytest.mark.parametrize(
    ("compiled", "edited"),
    [
        ("{o}/sys/ours.c:1:2: error: x", "/project/ours.c:1:2: error: x"),
        ("{o}/sys/same.c:1:2: error: x", "{t}/sys/same.c:1:2: error: x"),
        # Other lines than in the tree.
        (
            "{o}/sys/hooked.c:1:2: error: x",
            "{o}/sys/hooked.c:1:2: error: x\n{o}/sys/hooked.c is {t}/sys/hooked.c with hooks",
        ),
        (
            "don't know how to make {o}/sys/gone.c. Stop",
            "don't know how to make {t}/sys/gone.c. Stop",
        ),
        ("clang -I{o}/sys/netinet/ -c x.c", "clang -I{o}/sys/netinet/ -c x.c"),
        ("{o}-other/sys/same.c:1:2: error: x", "{o}-other/sys/same.c:1:2: error: x"),
    ],
)
def test_errors_name_the_files_that_are_edited(tmp_path: Path, compiled: str, edited: str) -> None:
    overlay, tree = tmp_path / "overlay", tmp_path / "tree"
    for folder, changed in ((overlay, "with hooks\n"), (tree, "without\n")):
        (folder / "sys/netinet").mkdir(parents=True)
        (folder / "sys/same.c").write_text("same\n")
        (folder / "sys/hooked.c").write_text(changed)
    (overlay / "sys/ours.c").write_text("ours\n")
    ours = {PurePosixPath("sys/ours.c"): Path("/project/ours.c")}
    said = edited_names(compiled.format(o=overlay), overlay, tree, ours)
    assert said == edited.format(o=overlay, t=tree)


def task(tmp_path: Path, script: str, deadline: float = 60.0) -> Task:
    argv = [sys.executable, "-c", script]
    return Task("thing", argv, tmp_path, {}, tmp_path / "log/thing.log", deadline)


def test_a_task_counts_objects_and_keeps_its_log(tmp_path: Path) -> None:
    script = (
        "print('===> lib/a'); print('--- a.o ---'); print('--- b.pico ---'); print('--- all ---')"
    )
    seen: list[Progress] = []
    run_task(task(tmp_path, script), seen.append)
    assert (seen[-1].objects, seen[-1].folder) == (2, "lib/a")
    run_task(task(tmp_path, "print('second')"))
    assert (tmp_path / "log/thing.log").read_text() == "second\n"
    assert "===> lib/a" in (tmp_path / "log/thing.log.old").read_text()


def test_a_failing_task_tells_its_reason_and_its_log(tmp_path: Path) -> None:
    script = "import sys; print('a.c:1:1: error: bad'); sys.exit(2)"
    with pytest.raises(BuildFailed, match=r"(?s)thing failed: a.c:1:1: error: bad.*thing.log"):
        run_task(task(tmp_path, script))


def test_a_task_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(CommandTimeout):
        run_task(task(tmp_path, "import time; time.sleep(600)", deadline=0.5))


def project_with(root: Path, names: list[str]) -> Path:
    for name in names:
        path = root / "sys/netinet6/ilnp" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n")
    path = root / filelist.LIST
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(filelist.render(filelist.c_files(root)))
    return root


def test_a_list_written_now_is_complete(tmp_path: Path) -> None:
    root = project_with(tmp_path, ["core/a.c", "select/b.c", "kern/c.c", "core/a.h"])
    filelist.check_list(root)
    assert (root / filelist.LIST).read_text().count("optional ilnp6 inet6") == 3


def test_a_file_that_is_not_listed_is_named(tmp_path: Path) -> None:
    root = project_with(tmp_path, ["core/a.c", "core/b.c"])
    (root / "sys/netinet6/ilnp/core/b.c").rename(root / "sys/netinet6/ilnp/core/c.c")
    with pytest.raises(CheckFailed, match=r"without .*core/c.c and with .*core/b.c, .*--list"):
        filelist.check_list(root)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    root = project_with(tmp_path, ["core/a.c", "kern/a.c"])
    with pytest.raises(CheckFailed, match=r"a.c: more than one"):
        filelist.check_list(root)


@pytest.mark.skipif(os.uname().sysname == "FreeBSD", reason="FreeBSD has its own compiler")
def test_what_this_machine_lacks_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host, "LLVM_VERSIONS", ())
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(EnvironmentMissing, match=r"apt-get install clang-16 lld-16 gcc .*flex"):
        host.detect()


def test_tunables_go_to_the_loader_and_may_be_overruled() -> None:
    script = loader_script({"init_path": "/bin/test", "net.x": "1"}).splitlines()
    assert 'set init_path="/bin/test"' in script
    assert 'set net.x="1"' in script
    assert script[-2:] == ["load /boot/kernel/kernel", "boot"]


def test_a_machine_ends_when_it_resets() -> None:
    argv = Machine(Path("/x.img"), memory=256).argv(Path("/console"))
    assert "-no-reboot" in argv
    assert argv[argv.index("-m") + 1] == "256"


needs_headers = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None or not Path("/usr/include/ck_queue.h").exists(),
    reason="needs pip install ziglang==0.15.2 and apt-get install libck-dev",
)


@needs_headers
def test_good_kernel_code_passes_the_check(tmp_path: Path) -> None:
    file = tmp_path / "good.c"
    file.write_text(
        "#include <sys/param.h>\n#include <sys/systm.h>\n#include <sys/mbuf.h>\n"
        "#include <sys/socket.h>\n#include <netinet/in.h>\n#include <netinet/in_pcb.h>\n"
        "#include <netinet6/ilnp/kern/ilnp_hooks.h>\n"
        "struct mbuf *good(struct mbuf *);\n"
        "struct mbuf *\ngood(struct mbuf *m)\n{\n\treturn (m_pullup(m, 40));\n}\n"
    )
    assert check_files(filelist_root(), [file]) == 1


@needs_headers
def test_a_warning_fails_the_check(tmp_path: Path) -> None:
    file = tmp_path / "bad.c"
    file.write_text("#include <sys/param.h>\nint bad(void);\nint\nbad(void)\n{\n\tint x;\n}\n")
    with pytest.raises(CheckFailed, match=r"bad.c.*(?s:.)*unused variable 'x'"):
        check_files(filelist_root(), [file])


def filelist_root() -> Path:
    return Path(__file__).resolve().parents[2]
