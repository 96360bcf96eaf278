# SPDX-License-Identifier: BSD-2-Clause
"""Checking, applying and reviewing hooks on a small tree of our own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hooktree import HOOKS, make_tree, snapshot

from ilnptool.errors import FileError, UsageError
from ilnptool.hooks.lock import Lock, Reviewed, load_lock, save_lock
from ilnptool.hooks.patch import context, function_text, unified
from ilnptool.hooks.plan import Plan, State, apply_plan, make_plan
from ilnptool.hooks.spec import Hook, load_hooks
from ilnptool.hooks.tree import open_tree


@pytest.fixture
def hooks(tmp_path: Path) -> tuple[Hook, ...]:
    path = tmp_path / "hooks.toml"
    path.write_text(HOOKS)
    return load_hooks(path)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "src")


def plan_of(tree: Path, hooks: tuple[Hook, ...], lock: Lock | None = None) -> Plan:
    return make_plan(open_tree(tree), hooks, lock or Lock())


def reviewed(plan: Plan) -> Lock:
    return Lock().accept(
        Reviewed(plan.tree.release, place.hook.file, place.hook.function, place.fingerprint)
        for place in plan.placed
        if place.hook.function and place.fingerprint
    )


def edit(tree: Path, old: str, new: str, name: str = "sys/thing.c") -> None:
    path = tree / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_hooks_land_where_they_belong(tree: Path, hooks: tuple[Hook, ...]) -> None:
    apply_plan(plan_of(tree, hooks), unreviewed=True)
    lines = (tree / "sys/thing.c").read_text().splitlines()
    assert lines[lines.index("#include <netinet/thing.h>") + 1] == "#include <ours.h>"
    assert lines[lines.index("\t\tours(t);") - 1] == "\t\t\tflags);"
    comment = lines.index("\t/* All is well. */")
    assert lines[comment - 3 : comment] == ["\tif (ours_too(t))", "\t\treturn (0);", ""]
    assert "OURS\t\t\topt_ours.h" in (tree / "sys/conf/options").read_text()
    assert lines.count("\tif (ours_too(t))") == 1


def test_applying_twice_changes_nothing(tree: Path, hooks: tuple[Hook, ...]) -> None:
    first = apply_plan(plan_of(tree, hooks), unreviewed=True)
    assert [str(path) for path in first] == ["sys/thing.c", "sys/conf/options"]
    before = snapshot(tree)
    again = plan_of(tree, hooks)
    assert {place.state for place in again.placed} == {State.APPLIED}
    assert apply_plan(again, unreviewed=True) == ()
    assert snapshot(tree) == before


def test_an_applied_tree_has_the_fingerprints_of_the_clean_one(
    tree: Path, hooks: tuple[Hook, ...]
) -> None:
    clean = plan_of(tree, hooks)
    apply_plan(clean, unreviewed=True)
    marks = [place.fingerprint for place in plan_of(tree, hooks).placed]
    assert marks == [place.fingerprint for place in clean.placed]


def test_layout_and_comments_are_no_drift(tree: Path, hooks: tuple[Hook, ...]) -> None:
    lock = reviewed(plan_of(tree, hooks))
    edit(tree, "error = thing_shout(t,\n\t\t\tflags);", "error  =  thing_shout( t, flags );")
    edit(tree, "/* All is well. */", "/* Well, almost all. */")
    plan = plan_of(tree, hooks, lock)
    assert plan.unreviewed == ()
    assert "sys/thing.c" in [str(path) for path in apply_plan(plan)]


def test_a_changed_function_needs_a_review(tree: Path, hooks: tuple[Hook, ...]) -> None:
    lock = reviewed(plan_of(tree, hooks))
    edit(tree, "int error = 0;", "int error = 1;")
    before = snapshot(tree)
    plan = plan_of(tree, hooks, lock)
    assert [place.hook.id for place in plan.unreviewed] == ["shout", "return"]
    with pytest.raises(UsageError, match=r"hooks review .*--unreviewed"):
        apply_plan(plan)
    assert snapshot(tree) == before


def test_another_function_may_change_freely(tree: Path, hooks: tuple[Hook, ...]) -> None:
    lock = reviewed(plan_of(tree, hooks))
    edit(tree, "\tthing_free(t);", "\tthing_free(t, M_THING);")
    assert plan_of(tree, hooks, lock).unreviewed == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            "return (error);\n}\n\nvoid",
            "return (0);\n}\n\nvoid",
            r"hook return: sys/thing.c: thing_open\(\): the anchor occurs 0 times "
            r"\(the first 2 of its 5 tokens on line 25\), want 1",
            id="anchor gone",
        ),
        pytest.param(
            "error = thing_shout(t,",
            "error = thing_shout(t, 0);\n\t\terror = thing_shout(t,",
            r"hook shout: .* the anchor occurs 2 times \(lines \d+, \d+\), want 1",
            id="anchor twice",
        ),
        pytest.param(
            "\nthing_open(struct thing *t, int flags)",
            "\nthing_open2(struct thing *t, int flags)",
            r"hook shout: .* the function thing_open\(\) is defined 0 times",
            id="function gone",
        ),
        pytest.param(
            "\nvoid\nthing_close(struct thing *t)",
            "\nint\nthing_open(struct thing *t)",
            r"the function thing_open\(\) is defined 2 times",
            id="function twice",
        ),
        pytest.param(
            "flags);\n\t}", "flags); thing_cry(t);\n\t}", r"goes on behind the statement", id="tail"
        ),
        pytest.param(
            "\treturn (error);\n}\n\nvoid",
            "\tif (t) return (error);\n}\n\nvoid",
            r"the anchor does not begin the line",
            id="head",
        ),
        pytest.param(
            "THING_LOUD", "ILNP6_LOUD", r"take a tree as FreeBSD publishes it", id="other"
        ),
    ],
)
def test_drift_is_named_and_nothing_is_written(
    tree: Path, hooks: tuple[Hook, ...], old: str, new: str, said: str
) -> None:
    edit(tree, old, new)
    before = snapshot(tree)
    with pytest.raises(UsageError, match=said) as caught:
        plan_of(tree, hooks)
    assert "nothing was written" in str(caught.value)
    assert snapshot(tree) == before


def test_what_to_do_about_drift_is_said_once(tree: Path, hooks: tuple[Hook, ...]) -> None:
    edit(tree, "\nthing_open(struct thing *t, int flags)", "\nthing_open2(struct thing *t)")
    with pytest.raises(UsageError) as caught:
        plan_of(tree, hooks)
    said = str(caught.value)
    assert said.count("hook shout:") == 1
    assert said.count("correct anchor or function in sys/hooks/hooks.toml") == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"int\tone;\r\n", "CR LF", id="other line ends"),
        pytest.param(b"int\t\xff;\n", "not UTF-8", id="binary"),
    ],
)
def test_a_file_that_was_converted_is_refused(
    tree: Path, hooks: tuple[Hook, ...], content: bytes, said: str
) -> None:
    path = tree / "sys/thing.c"
    content = path.read_bytes() + content
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said) as caught:
        plan_of(tree, hooks)
    assert "take a tree as FreeBSD publishes it" in str(caught.value)
    assert "hooks.toml" not in str(caught.value)
    assert path.read_bytes() == content


def test_all_problems_are_told_at_once(tree: Path, hooks: tuple[Hook, ...]) -> None:
    edit(tree, "thing_shout", "thing_whisper")
    edit(tree, "THING\t", "THINGS\t", "sys/conf/options")
    with pytest.raises(UsageError) as caught:
        plan_of(tree, hooks)
    assert "hook shout" in str(caught.value)
    assert "hook option" in str(caught.value)


def test_a_half_patched_tree_is_refused(tree: Path, hooks: tuple[Hook, ...]) -> None:
    apply_plan(plan_of(tree, hooks), unreviewed=True)
    edit(tree, "\t\tours(t);\n", "")
    before = snapshot(tree)
    with pytest.raises(UsageError, match=r"patched in part \(missing: shout\)"):
        plan_of(tree, hooks)
    assert snapshot(tree) == before


def test_our_text_at_the_wrong_place_is_refused(tree: Path, hooks: tuple[Hook, ...]) -> None:
    apply_plan(plan_of(tree, hooks), unreviewed=True)
    edit(tree, "\t\tours(t);\n", "")
    edit(tree, "\tint error = 0;\n", "\tint error = 0;\n\t\tours(t);\n")
    with pytest.raises(UsageError, match="not where they belong"):
        plan_of(tree, hooks)


def test_a_missing_file_is_named(tree: Path, hooks: tuple[Hook, ...]) -> None:
    (tree / "sys/thing.c").unlink()
    with pytest.raises(UsageError, match=r"sys/thing.c: No such file"):
        plan_of(tree, hooks)


def test_hard_links_elsewhere_keep_the_old_file(tree: Path, hooks: tuple[Hook, ...]) -> None:
    other = tree.parent / "other.c"
    other.hardlink_to(tree / "sys/thing.c")
    old = other.read_text()
    apply_plan(plan_of(tree, hooks), unreviewed=True)
    assert other.read_text() == old
    assert (tree / "sys/thing.c").read_text() != old


def test_a_failing_write_leaves_all_files_as_they_were(tree: Path, hooks: tuple[Hook, ...]) -> None:
    plan = plan_of(tree, hooks)
    before = snapshot(tree)
    (tree / "sys/conf/options.ilnp-draft").mkdir()
    with pytest.raises(UsageError, match="all files are as they were"):
        apply_plan(plan, unreviewed=True)
    assert snapshot(tree) == before


@pytest.mark.skipif(shutil.which("patch") is None, reason="needs patch(1)")
def test_the_patch_gives_the_same_tree(tree: Path, hooks: tuple[Hook, ...]) -> None:
    copy = tree.parent / "copy"
    shutil.copytree(tree, copy)
    plan = plan_of(tree, hooks)
    apply_plan(plan, unreviewed=True)
    subprocess.run(
        ["patch", "-s", "-p1", "-d", str(copy)], input=unified(plan), text=True, check=True
    )
    assert snapshot(copy) == snapshot(tree)
    assert unified(plan_of(tree, hooks)) == unified(plan)


def test_people_see_the_hook_in_its_surroundings(tree: Path, hooks: tuple[Hook, ...]) -> None:
    plan = plan_of(tree, hooks)
    shout = next(place for place in plan.placed if place.hook.id == "shout")
    ours = [line for line in context(plan, shout).splitlines() if line.startswith("+")]
    assert len(ours) == 1
    assert ours[0].endswith("\t\tours(t);")
    shown = function_text(plan, shout)
    assert "ours(t);" in shown
    assert "thing_close" not in shown


@pytest.mark.parametrize(
    ("version", "revision", "said"),
    [
        pytest.param(
            1302001,
            "13.2",
            r"FreeBSD 13.2-STABLE \(.*1302001\); ILNP has hooks for 14 and 15",
            id="13",
        ),
        pytest.param(1600001, "16.0", "FreeBSD 16.0-STABLE", id="16"),
    ],
)
def test_other_releases_are_refused(tmp_path: Path, version: int, revision: str, said: str) -> None:
    tree = make_tree(tmp_path / "src", version=version, revision=revision)
    with pytest.raises(UsageError, match=said):
        open_tree(tree)


def test_what_is_no_freebsd_tree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such directory; get one with: git clone"):
        open_tree(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="not a FreeBSD source tree"):
        open_tree(tmp_path)


def test_the_lock_replaces_what_a_release_had(tmp_path: Path, hooks: tuple[Hook, ...]) -> None:
    path = tmp_path / "hooks.lock"
    file = hooks[1].file
    old = Reviewed("14.0-STABLE", file, "thing_open", "0" * 64)
    new = Reviewed("14.0-STABLE", file, "thing_open", "1" * 64)
    other = Reviewed("15.0-RELEASE", file, "thing_open", "0" * 64)
    save_lock(path, load_lock(path).accept([old]).accept([new, other]))
    lock = load_lock(path)
    assert lock.releases(file, "thing_open", "0" * 64) == ("15.0-RELEASE",)
    assert lock.releases(file, "thing_open", "1" * 64) == ("14.0-STABLE",)


def test_a_bad_line_of_the_lock_is_named(tmp_path: Path) -> None:
    path = tmp_path / "hooks.lock"
    path.write_text("# fine\n14.0 sys/thing.c thing_open\n")
    with pytest.raises(FileError, match=r"hooks.lock:2: bad line"):
        load_lock(path)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        pytest.param('id = "shout"', 'id = "include"', 12, "an id that no other", id="id twice"),
        pytest.param('where = "before"', 'where = "above"', 28, "before, after", id="where"),
        pytest.param('file = "sys/thing.c"', 'file = "../thing.c"', 4, "sys/", id="file"),
        pytest.param('anchor = "return (error);"', 'anchor = "/* */"', 27, "token", id="anchor"),
        pytest.param("\t\tours(t);", "\t\tours(t); ", 18, "white space", id="text"),
        pytest.param('why = "Above a comment."', 'why = ""', 24, "a sentence", id="why"),
        pytest.param('where = "before"', 'were = "before"', 28, "unknown key", id="key"),
    ],
)
def test_a_bad_hook_file_names_the_line(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    path = tmp_path / "hooks.toml"
    assert old in HOOKS
    path.write_text(HOOKS.replace(old, new, 1))
    with pytest.raises(FileError, match=said) as caught:
        load_hooks(path)
    assert caught.value.line == line
