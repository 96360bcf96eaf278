# SPDX-License-Identifier: BSD-2-Clause
"""Runs a Python program without privileges: asnobody.py PROGRAM ARGUMENT...

The program and what it imports are read before: the tree may lie where only root can read.
"""

from __future__ import annotations

import argparse
import dataclasses  # noqa: F401
import encodings.idna  # noqa: F401
import json  # noqa: F401
import os
import select  # noqa: F401
import sys
from pathlib import Path

import ilnptool.sock  # noqa: F401

UID = 4321


def main() -> None:
    sys.argv = sys.argv[1:]
    argparse.ArgumentParser().format_help()  # imports some more when it is used
    code = compile(Path(sys.argv[0]).read_text(), sys.argv[0], "exec")
    os.setgroups([])
    os.setgid(UID)
    os.setuid(UID)
    exec(code, {"__name__": "__main__", "__doc__": code.co_consts[0]})


if __name__ == "__main__":
    main()
