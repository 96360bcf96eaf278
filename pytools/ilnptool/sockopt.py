# SPDX-License-Identifier: BSD-2-Clause
"""The locator API where the kernel speaks ILNP: socket options (netinet6/ilnp/ilnp_sock.h).

The same as ilnptool.sock: `with KernelSocket(sock) as paths: paths.redundant()'.  A choice ends
with the `with' block or with the socket.  One that is made before the socket is connected counts
from its first packet on; `status' and `events' need a connection.  Events are those of devctl(4),
which devd(8) hands on to programs of any user.

A program that is to run on both kinds of node says `with paths_of(sock) as paths'.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
from collections.abc import Iterator, Mapping

from ilnptool import devd, libc
from ilnptool.errors import CheckFailed
from ilnptool.sock import Choice, LocatorInfo, LocatorSocket, PathChooser, PathInfo, Status
from ilnptool.wire.text import parse_nid
from ilnptool.wire.values import L64, Nid

# ilnp.h; a test compiles the header and compares.
SO_PEER = 121
SO_LOCATORS = 122
SO_PATHS = 123
SO_CHOICE = 124
LOCATOR = struct.Struct("@16sIIIII")
PATH = struct.Struct("@16s16sIIIIQQQQ")
CHOICE = struct.Struct("@II16s16s")
LOCATORS_MAX = 16
PATHS_MAX = 32
_PYTHONS_MAX = 1024  # octets of an option that Python reads itself

DEVD = devd.PIPE
# What the kernel's events are called by the node (ilnpd).
_EVENTS = {
    "PATH UP": "path_up",
    "PATH DOWN": "path_down",
    "CHOICE LOST": "choice_lost",
    "CHOICE BACK": "choice_back",
    "SESSION FALLBACK": "fallback",
    "SESSION REKEYED": "rekeyed",
    "SESSION UNHEARD": "lu_failed",
    "LOCATOR ADD": "loc_add",
    "LOCATOR DEL": "loc_del",
}
_WORDS = {"from": "local_l64", "to": "remote_l64", "locator": "local_l64"}

_KINDS = ("any", "prefer", "pin", "strict", "redundant")
_LOCATOR_STATES = ("valid", "active", "expired", "aged")
_PATH_STATES = ("new", "up", "suspect", "down")
_NONE = bytes(16)
_NO_ILNP = "is the socket connected by ILNP?"
_REASONS = {
    errno.EADDRNOTAVAIL: "there is no such path; see status()",
    errno.EINVAL: "name local, remote or both",
}


def _l64(address: bytes) -> L64:
    return L64(int.from_bytes(address[:8], "big"))


def _maybe(address: bytes) -> L64 | None:
    return None if address[:8] == _NONE[:8] else _l64(address)


def read_locators(data: bytes) -> tuple[tuple[LocatorInfo, ...], tuple[LocatorInfo, ...]]:
    """Return our locators and the peer's from what the kernel has written."""
    ours: list[LocatorInfo] = []
    theirs: list[LocatorInfo] = []
    for address, mine, state, withdrawn, preference, _left in LOCATOR.iter_unpack(data):
        word = "withdrawn" if withdrawn else _LOCATOR_STATES[state]
        (ours if mine else theirs).append(LocatorInfo(_l64(address), preference, word))
    return tuple(ours), tuple(theirs)


def read_paths(data: bytes) -> tuple[PathInfo, ...]:
    """Return the paths from what the kernel has written."""
    return tuple(
        PathInfo(_l64(local), _l64(peer), "", _PATH_STATES[state], rtt, mtu)
        for local, peer, state, _rank, rtt, mtu, *_totals in PATH.iter_unpack(data)
    )


def read_choice(data: bytes) -> Choice:
    """Return what a socket wants from what the kernel has written."""
    kind, lost, local, peer = CHOICE.unpack(data)
    return Choice(_KINDS[kind], _maybe(local), _maybe(peer), bool(lost))


def write_choice(kind: str, local: L64 | None, remote: L64 | None) -> bytes:
    """Return a choice as the kernel takes it; a NID of 0 means the connection's."""
    halves = [_NONE if l64 is None else l64.packed + bytes(8) for l64 in (local, remote)]
    return CHOICE.pack(_KINDS.index(kind), 0, *halves)


def read_event(words: Mapping[str, str], peer: Nid | None = None) -> dict[str, str] | None:
    """Return what an event of the kernel means, to sessions with a peer; None if nothing.

    As of the node: `event`, and `local_l64` and `remote_l64` if it is about these.
    """
    name = _EVENTS.get(f"{words.get('subsystem')} {words.get('type')}")
    if words.get("system") != "ILNP" or name is None:
        return None
    if peer is not None and "remote" in words and parse_nid(words["remote"]) != peer:
        return None
    found = {_WORDS[key]: value for key, value in words.items() if key in _WORDS}
    return {"event": name, **found}


class KernelSocket(PathChooser):
    """The paths of one TCP or UDP socket that the kernel connects by ILNP."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def close(self) -> None:
        if self._sock.fileno() >= 0:
            self.release()

    def status(self) -> Status:
        ours, theirs = read_locators(self._get(SO_LOCATORS, LOCATOR.size * LOCATORS_MAX))
        return Status(
            state="open",
            local=ours,
            remote=theirs,
            paths=read_paths(self._get(SO_PATHS, PATH.size * PATHS_MAX)),
            choice=read_choice(self._get(SO_CHOICE, CHOICE.size)),
        )

    def events(self, timeout: float | None = None) -> Iterator[dict[str, str]]:
        """Yield what happens to the session's paths, until nothing has for `timeout` seconds.

        Our own locators' events are there as well; see ilnp(4), EVENTS.
        """
        peer = Nid(int.from_bytes(self._get(SO_PEER, 16)[8:], "big"))
        with devd.listening(DEVD) as line:
            while select.select([line], [], [], timeout)[0]:
                event = read_event(devd.receive(line), peer)
                if event is not None:
                    yield event

    def _get(self, option: int, size: int) -> bytes:
        try:
            if size > _PYTHONS_MAX:
                return libc.getsockopt(self._sock.fileno(), socket.IPPROTO_IPV6, option, size)
            return self._sock.getsockopt(socket.IPPROTO_IPV6, option, size)
        except OSError as err:
            raise CheckFailed(f"{err.strerror}; {_NO_ILNP}") from err

    def _choose(self, kind: str, local: L64 | None, remote: L64 | None) -> Choice:
        value = write_choice(kind, local, remote)
        try:
            self._sock.setsockopt(socket.IPPROTO_IPV6, SO_CHOICE, value)
        except OSError as err:
            raise CheckFailed(
                f"{kind}: {err.strerror}; {_REASONS.get(err.errno or 0, _NO_ILNP)}"
            ) from err
        return read_choice(self._get(SO_CHOICE, CHOICE.size))


def paths_of(sock: socket.socket) -> PathChooser:
    """Return the locator API of a socket, whether FreeBSD's kernel speaks ILNP here or ilnpd."""
    return KernelSocket(sock) if os.uname().sysname == "FreeBSD" else LocatorSocket(sock)
