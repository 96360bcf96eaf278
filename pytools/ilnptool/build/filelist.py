# SPDX-License-Identifier: BSD-2-Clause
"""sys/conf/files.ilnp, which names each of our kernel's C files to config(8)."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from ilnptool.errors import CheckFailed

LIST = Path("sys/conf/files.ilnp")
FOLDERS = ("core", "select", "kern")
_TOP = Path("sys/netinet6/ilnp")
_ROW = re.compile(r"^(\S+\.c)\s", re.MULTILINE)
_HEAD = """\
# SPDX-License-Identifier: BSD-2-Clause
#
# The source files of `options ILNP6', included by sys/conf/files.  Written by
# python -m ilnptool.build.check --list.
"""
_FORM = """\
{path}	optional ilnp6 inet6 \\
	compile-with "${{NORMAL_C}} -I$S/netinet6/ilnp/kern"
"""


def c_files(root: Path) -> list[Path]:
    """Return our kernel's C files below `root`, relative to it."""
    return [
        path.relative_to(root)
        for folder in FOLDERS
        for path in sorted((root / _TOP / folder).glob("*.c"))
    ]


def render(files: list[Path]) -> str:
    return _HEAD + "".join(_FORM.format(path=path.relative_to("sys").as_posix()) for path in files)


def check_list(root: Path) -> None:
    """Raise CheckFailed unless the list names each file, and no two have one object file."""
    files = c_files(root)
    twice = [name for name, count in Counter(path.name for path in files).items() if count > 1]
    if twice:
        raise CheckFailed(
            f"{', '.join(twice)}: more than one of our files has this name, and a kernel is "
            "built in one directory; rename one"
        )
    listed = {Path("sys") / name for name in _ROW.findall((root / LIST).read_text())}
    missing = sorted(str(path) for path in set(files) - listed)
    gone = sorted(str(path) for path in listed - set(files))
    if missing or gone:
        told = [f"without {', '.join(missing)}"] if missing else []
        told += [f"with {', '.join(gone)}, which is not there"] if gone else []
        raise CheckFailed(
            f"{LIST} is {' and '.join(told)}; write it anew: python -m ilnptool.build.check --list"
        )
