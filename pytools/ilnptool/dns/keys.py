# SPDX-License-Identifier: BSD-2-Clause
"""TSIG keys, read from files that only their owner can read.

The form is BIND's, which tsig-keygen(8) writes; Knot's keymgr -t writes the same values.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from pathlib import Path

import dns.exception
import dns.name
import dns.tsig

from ilnptool.errors import EnvironmentMissing, FileError, UsageError

ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224")
KEY_FORM = 'key "NAME" { algorithm hmac-sha256; secret "BASE64"; };  as tsig-keygen writes it'
_FILE_MAX = 65536

_KEY = re.compile(r'\bkey\s+"?(?P<name>[^\s"{]+)"?\s*\{(?P<body>[^}]*)\}\s*;?')
_COMMENT = re.compile(r"//[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)


def _read_private(path: Path) -> str:
    """Return the text of a file; EnvironmentMissing if others than its owner can read it."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(_FILE_MAX)
    except OSError as err:
        raise EnvironmentMissing(f"{path}: {err.strerror}; it has to hold the key") from err
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = stat.S_IMODE(status.st_mode)
        raise EnvironmentMissing(
            f"{path}: mode {mode:04o} lets others at the key; chmod 600 it, and make a new key "
            "if somebody else may have read this one"
        )
    if status.st_uid not in (os.geteuid(), 0):
        raise EnvironmentMissing(
            f"{path}: belongs to user {status.st_uid}, who could change the key; allowed: a file "
            "of your own or of root"
        )
    return data.decode("utf-8", "replace")


def _blank(match: re.Match[str]) -> str:
    return "".join("\n" if char == "\n" else " " for char in match.group())


def load_key(path: Path) -> dns.tsig.Key:
    """Read the only key of a file; what is in it is never told, not even in an error."""
    text = _COMMENT.sub(_blank, _read_private(path))
    found = list(_KEY.finditer(text))
    if len(found) != 1:
        raise FileError(path, 1, f"{len(found)} keys", f"one {KEY_FORM}", "a key file with")
    match = found[0]
    line = text.count("\n", 0, match.start()) + 1
    fields: dict[str, str] = {}
    for statement in match["body"].split(";"):
        words = statement.replace('"', " ").split()
        if words and words[0] not in ("algorithm", "secret"):
            raise FileError(path, line, words[0], KEY_FORM, "unknown statement")
        if words:
            fields[words[0]] = " ".join(words[1:])
    algorithm = fields.get("algorithm", "")
    if algorithm.lower().rstrip(".") not in ALGORITHMS:
        raise FileError(path, line, algorithm, ALGORITHMS, "bad algorithm")
    try:
        secret = base64.b64decode(fields.get("secret", ""), validate=True)
    except binascii.Error as err:
        raise FileError(path, line, "(not shown)", "BASE64", "bad secret") from err
    if not secret:
        raise FileError(path, line, "(empty)", "BASE64 of at least one octet", "bad secret")
    try:
        name = dns.name.from_text(match["name"])
    except dns.exception.DNSException as err:
        raise UsageError(f"{path}:{line}: bad key name {match['name']!r}: {err}") from err
    return dns.tsig.Key(name, secret, algorithm.lower())
