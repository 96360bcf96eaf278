# SPDX-License-Identifier: BSD-2-Clause
"""Our own sys/hooks/hooks.toml, alone and, where there is one, with a FreeBSD tree."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from ilnptool.build.sources import kernel_sources, project
from ilnptool.errors import UsageError
from ilnptool.hooks.lock import LOCK_FILE, load_lock
from ilnptool.hooks.plan import apply_plan, make_plan
from ilnptool.hooks.spec import HOOK_FILE, Hook, load_hooks
from ilnptool.hooks.tree import open_tree

SRC = Path(os.environ.get("ILNP_SRC", "/usr/src"))
HEADER = "sys/netinet6/ilnp/kern/ilnp_hooks.h"


@pytest.fixture(scope="module")
def hooks() -> tuple[Hook, ...]:
    return load_hooks(project() / HOOK_FILE)


@pytest.fixture
def tree(tmp_path: Path, hooks: tuple[Hook, ...]) -> Path:
    """Copy what the hooks touch of the FreeBSD tree of this machine."""
    try:
        open_tree(SRC)
    except UsageError as err:
        pytest.skip(str(err))
    names = {str(hook.file) for hook in hooks} | {"sys/sys/param.h", "sys/conf/newvers.sh"}
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SRC / name, tmp_path / name)
    return tmp_path


def test_few_lines_in_few_files(hooks: tuple[Hook, ...]) -> None:
    assert len({hook.file for hook in hooks}) <= 8
    assert sum(hook.lines for hook in hooks) <= 60


# What comes by any path has its flow's addresses again before FreeBSD looks for its PCB, and finds
# it where it lies, without the lock of the whole table, after a move as before.
# lesson: 39
def test_pcb_lookup_is_freebsds_own(hooks: tuple[Hook, ...]) -> None:
    pcb = [hook.function or "" for hook in hooks if hook.file.name.endswith("_pcb.c")]
    assert "in_pcbinshash" in pcb
    assert [name for name in pcb if "lookup" in name or "notify" in name] == []


# What modules are compiled with is the same with and without the option.
# lesson: 74
def test_no_header_of_freebsd_is_changed(hooks: tuple[Hook, ...]) -> None:
    assert [hook.id for hook in hooks if hook.file.suffix == ".h"] == []


def test_anchors_are_short(hooks: tuple[Hook, ...]) -> None:
    assert max(len(" ".join(hook.anchor.split())) for hook in hooks) <= 100


def test_call_sites_have_no_conditionals(hooks: tuple[Hook, ...]) -> None:
    for hook in hooks:
        assert not re.search(r"^\s*#\s*(if|else|endif)", hook.text, re.MULTILINE), hook.id


def test_lines_keep_to_eighty_columns(hooks: tuple[Hook, ...]) -> None:
    for hook in hooks:
        for line in hook.text.splitlines():
            assert len(line.expandtabs(8)) <= 80, hook.id


def test_every_hook_called_is_declared_with_and_without_the_option(
    hooks: tuple[Hook, ...],
) -> None:
    called = {name for hook in hooks for name in re.findall(r"\bilnp_hook_\w+", hook.text)}
    header = (project() / HEADER).read_text()
    with_option, without = header.split("#else /* !ILNP6 */")
    assert called == set(re.findall(r"^(ilnp_hook_\w+)\(", with_option, re.MULTILINE))
    assert called == set(re.findall(r"^#define\t(ilnp_hook_\w+)\(", without, re.MULTILINE))


def test_every_hooked_c_file_includes_the_header(hooks: tuple[Hook, ...]) -> None:
    for file in {hook.file for hook in hooks if hook.c}:
        texts = [hook.text for hook in hooks if hook.file == file and hook.function is None]
        assert texts == ["#include <netinet6/ilnp/kern/ilnp_hooks.h>\n"]


def test_the_header_is_among_our_files() -> None:
    assert HEADER in {str(name) for name in kernel_sources()}


def test_the_tree_of_this_machine_takes_the_hooks(tree: Path, hooks: tuple[Hook, ...]) -> None:
    lock = load_lock(project() / LOCK_FILE)
    plan = make_plan(open_tree(tree), hooks, lock)
    assert plan.unreviewed == ()
    apply_plan(plan)
    again = make_plan(open_tree(tree), hooks, lock)
    assert again.applied
    assert again.unreviewed == ()
    assert apply_plan(again) == ()
