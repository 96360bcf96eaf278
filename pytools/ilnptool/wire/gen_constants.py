# SPDX-License-Identifier: BSD-2-Clause
"""Writes constants.py from a C header: `python -m ilnptool.wire.gen_constants HEADER`.

Takes lines of the form `#define ILNP_NAME number`, nothing else: no expressions and no macros
with arguments, so that no C has to be understood here.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from ilnptool.errors import IlnpError, UsageError

_DEFINE = re.compile(
    r"^#define[ \t]+(ILNP_[A-Z0-9_]+)[ \t]+(0[xX][0-9a-fA-F]+|0|[1-9][0-9]*)[uU]?[ \t]*(?:/\*.*)?$"
)

_HEAD = '''# SPDX-License-Identifier: BSD-2-Clause
"""Numbers of the protocol and its limits.  Generated: do not edit.

Made from {name} by `python -m ilnptool.wire.gen_constants`.
"""

from typing import Final

'''


def generate(header: Path) -> str:
    """Returns the text of constants.py for this header."""
    try:
        lines = header.read_text(encoding="utf-8").splitlines()
    except OSError as err:
        raise UsageError(f"{header}: cannot be read: {err.strerror}") from err
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        match = _DEFINE.match(line)
        if match is None:
            continue
        name = match[1].removeprefix("ILNP_")
        value = match[2].upper().replace("0X", "0x")
        if name in found:
            raise UsageError(f"{header}:{number}: {match[1]} is defined twice; keep one")
        found[name] = value
    if not found:
        raise UsageError(f"{header}: holds no line `#define ILNP_NAME number`")
    body = "".join(f"{name}: Final = {value}\n" for name, value in found.items())
    return _HEAD.format(name=header.name) + body


def main(argv: list[str]) -> int:
    if len(argv) != 2:
        sys.stderr.write(f"usage: python -m {__spec__.name} HEADER > constants.py\n")
        return UsageError.exit_code
    try:
        sys.stdout.write(generate(Path(argv[1])))
    except IlnpError as err:
        sys.stderr.write(f"{err}\n")
        return err.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
