# SPDX-License-Identifier: BSD-2-Clause
"""The laws of the source tree: who may include, import or start what."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
ILNP = TOP / "sys/netinet6/ilnp"
PYTOOLS = TOP / "pytools/ilnptool"

INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.MULTILINE)
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif|else)\b", re.MULTILINE)


def sources(*folders: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(p for f in folders for p in f.rglob("*") if p.suffix in suffixes)


CORE = sources(ILNP / "core", ILNP / "select", suffixes=(".c", ".h"))
PYTHON = sources(PYTOOLS, suffixes=(".py",))


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.name)
def test_core_includes_nothing_outside_core(path: Path) -> None:
    allowed = {p.name for p in (ILNP / "core").glob("*.h")}
    for name in INCLUDE.findall(path.read_text()):
        if path.name == "ilnp_env.h" and name == "ilnp_env_impl.h":
            continue
        if path.name == "ilnp_types.h" and name == "../ilnp.h":
            continue
        assert name.removeprefix("../core/") in allowed, f"{path.name} includes {name}"


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.name)
def test_core_has_no_conditionals_but_include_guards(path: Path) -> None:
    found = CONDITIONAL.findall(path.read_text())
    assert found == (["ifndef"] if path.suffix == ".h" else [])


def test_core_algorithms_do_not_see_sessions_or_packets() -> None:
    for path in (ILNP / "select").glob("*.c"):
        assert INCLUDE.findall(path.read_text()) == ["../core/ilnp_select.h"], path.name


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
    return found


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", PYTHON, ids=lambda p: str(p.relative_to(PYTOOLS)))
def test_only_the_command_line_imports_click(path: Path) -> None:
    if "cli" in path.relative_to(PYTOOLS).parts:
        return
    assert not roots(path) & {"click", "rich"}


@pytest.mark.parametrize("path", PYTHON, ids=lambda p: str(p.relative_to(PYTOOLS)))
def test_only_run_starts_processes(path: Path) -> None:
    if path != PYTOOLS / "run.py":
        assert "subprocess" not in roots(path)


def test_codec_knows_nothing_of_labs_or_processes() -> None:
    for path in sources(PYTOOLS / "wire", suffixes=(".py",)):
        outside = {
            name
            for name in imports(path)
            if name.startswith("ilnptool.")
            and not name.startswith(("ilnptool.wire", "ilnptool.errors"))
        }
        assert not outside, path.name


@pytest.mark.parametrize("path", CORE + PYTHON, ids=lambda p: p.name)
def test_every_file_names_its_licence(path: Path) -> None:
    assert (
        "SPDX-License-Identifier: BSD-2-Clause" in path.read_text()[:200] or not path.stat().st_size
    )


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    assert not [p for p in PYTHON if p.stem in {"utils", "util", "helpers", "misc", "common"}]


def test_no_work_is_left_open_in_the_code() -> None:
    mark = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    files = sources(TOP / "sys", TOP / "usr.sbin", PYTOOLS, suffixes=(".c", ".h", ".py"))
    assert not [p for p in files if mark.search(p.read_text())]


def test_test_files_have_different_names() -> None:
    """Pytest imports them by these, so a second of the same name stops the whole run."""
    names = [path.name for path in PYTOOLS.parent.glob("tests/*/test_*.py")]
    assert sorted(names) == sorted(set(names))
