# SPDX-License-Identifier: BSD-2-Clause
"""The locator API for Python programs: see and choose the paths of a connected socket.

    with LocatorSocket(sock) as paths:
        for path in paths.status().paths:
            print(path.local, path.remote, path.state)
        paths.prefer(local=L64)         # while it works best
        paths.pin(remote=L64)           # unless it is down
        paths.redundant()               # every datagram by all paths that work
        for event in paths.events(timeout=1.0):
            ...

It needs no privilege: the socket itself is shown to the node (ilnpd), which thereby knows whose it
is.  A choice concerns this socket alone, and ends with the `with' block or with the socket.
"""

from __future__ import annotations

import json
import select
import socket
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from ilnptool.errors import CheckFailed, EnvironmentMissing, Timeout
from ilnptool.wire.text import parse_l64
from ilnptool.wire.values import L64

ADDRESS = b"\0ilnpd.sock"  # abstract: of this network namespace
_MESSAGE_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class LocatorInfo:
    """One locator of an end; lower preferences are better."""

    l64: L64
    preference: int
    state: str  # ours: used, disabled ...; the peer's: active, valid, expired, aged
    interface: str = ""  # ours only


@dataclass(frozen=True, slots=True)
class PathInfo:
    """One pair of locators."""

    local: L64
    remote: L64
    interface: str
    state: str  # new, up, suspect, down
    rtt_us: int  # 0: not measured
    mtu: int  # 0: that of the interface


@dataclass(frozen=True, slots=True)
class Choice:
    """What the socket wants; `lost` if that cannot be had now."""

    kind: str  # any, prefer, pin, strict, redundant
    local: L64 | None
    remote: L64 | None
    lost: bool


@dataclass(frozen=True, slots=True)
class Status:
    """All there is to know of a socket's paths."""

    state: str  # of the session: trying, open, ipv6
    local: tuple[LocatorInfo, ...]
    remote: tuple[LocatorInfo, ...]
    paths: tuple[PathInfo, ...]
    choice: Choice


def _l64(text: str | None) -> L64 | None:
    return None if text is None else parse_l64(text)


def _choice(value: dict[str, Any]) -> Choice:
    return Choice(
        value["kind"], _l64(value.get("local_l64")), _l64(value.get("remote_l64")), value["lost"]
    )


def _locator(value: dict[str, Any]) -> LocatorInfo:
    return LocatorInfo(
        parse_l64(value["l64"]), value["preference"], value["state"], value.get("interface", "")
    )


class PathChooser(ABC):
    """What a socket may want of its paths; a choice ends with the `with' block."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_why: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """End the choice; the socket itself stays open."""

    @abstractmethod
    def status(self) -> Status:
        """Return the locators of both ends, the paths, and what was chosen."""

    @abstractmethod
    def events(self, timeout: float | None = None) -> Iterator[Mapping[str, Any]]:
        """Yield what happens to the session's paths, until nothing has for `timeout` seconds.

        Each has `event`: path_up, path_down, choice_lost, choice_back ...
        """

    @abstractmethod
    def _choose(self, kind: str, local: L64 | None, remote: L64 | None) -> Choice:
        """Have a choice made, and return what it is now."""

    def prefer(self, *, local: L64 | None = None, remote: L64 | None = None) -> Choice:
        """Use paths of these locators while no others are in a better state."""
        return self._choose("prefer", local, remote)

    def pin(
        self, *, local: L64 | None = None, remote: L64 | None = None, strict: bool = False
    ) -> Choice:
        """Use paths of these locators unless all of them are down; `strict`: even then."""
        return self._choose("strict" if strict else "pin", local, remote)

    def redundant(self) -> Choice:
        """Send everything by all paths that work, up to four: the peer gets copies."""
        return self._choose("redundant", None, None)

    def release(self) -> Choice:
        """Want nothing any more."""
        return self._choose("any", None, None)


class LocatorSocket(PathChooser):
    """The paths of one connected TCP or UDP socket over identity addresses."""

    def __init__(self, sock: socket.socket, *, timeout: float = 5.0) -> None:
        self._sock = sock
        self._timeout = timeout
        self._shown = False
        self._events: deque[dict[str, Any]] = deque()
        self._node = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._node.settimeout(timeout)
        try:
            self._node.connect(ADDRESS)
        except OSError as err:
            self._node.close()
            raise EnvironmentMissing(
                "no ILNP node serves this network namespace; start ilnpd"
            ) from err

    def close(self) -> None:
        self._node.close()

    def fileno(self) -> int:
        """Return what becomes readable when there are events, for select and poll."""
        return self._node.fileno()

    def status(self) -> Status:
        said = self._request("status")
        return Status(
            state=said["state"],
            local=tuple(_locator(x) for x in said["local"]),
            remote=tuple(_locator(x) for x in said["remote"]),
            paths=tuple(
                PathInfo(
                    parse_l64(x["local_l64"]),
                    parse_l64(x["remote_l64"]),
                    x["interface"],
                    x["state"],
                    x["srtt_us"],
                    x["mtu"],
                )
                for x in said["paths"]
            ),
            choice=_choice(said["choice"]),
        )

    def events(self, timeout: float | None = None) -> Iterator[dict[str, Any]]:
        """Yield what happens to the session's paths, until nothing has for `timeout` seconds.

        Each has `event`: path_up, path_suspect, path_down, choice_lost, choice_back, lu_rcvd ...
        """
        self._request("subscribe")
        while True:
            if self._events:
                yield self._events.popleft()
            elif select.select([self._node], [], [], timeout)[0]:
                self._events.append(self._receive(self._timeout))
            else:
                return

    def _choose(self, kind: str, local: L64 | None, remote: L64 | None) -> Choice:
        pair = {"local": local, "remote": remote}
        words = {key: str(l64) for key, l64 in pair.items() if l64 is not None}
        return _choice(self._request(kind, **words)["choice"])

    def _receive(self, seconds: float) -> dict[str, Any]:
        self._node.settimeout(max(seconds, 0.001))
        try:
            text = self._node.recv(_MESSAGE_MAX)
        except TimeoutError as err:
            raise Timeout(f"ilnpd does not answer within {self._timeout:g} s") from err
        except OSError as err:
            raise EnvironmentMissing(f"ilnpd: {err.strerror}") from err
        if not text:
            raise EnvironmentMissing("ilnpd has closed the connection; the socket is no more")
        value: dict[str, Any] = json.loads(text)
        return value

    def _request(self, cmd: str, **words: str) -> dict[str, Any]:
        """Send a request and return its answer; events that come meanwhile are kept."""
        text = json.dumps({"cmd": cmd, **words}).encode()
        deadline = time.monotonic() + self._timeout
        try:
            socket.send_fds(self._node, [text], [] if self._shown else [self._sock.fileno()])
        except OSError as err:
            raise EnvironmentMissing(f"ilnpd has closed the connection: {err.strerror}") from err
        self._shown = True
        while "ok" not in (said := self._receive(deadline - time.monotonic())):
            self._events.append(said)
        if not said["ok"]:
            allowed = f"; allowed: {said['allowed']}" if "allowed" in said else ""
            raise CheckFailed(f"{cmd}: {said['error']}{allowed}")
        return said
