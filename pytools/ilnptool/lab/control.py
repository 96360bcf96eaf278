# SPDX-License-Identifier: BSD-2-Clause
"""Clients for the control sockets of the node (ilnpd) and of the link emulator (linkem)."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ilnptool.errors import CheckFailed, EnvironmentMissing, Timeout

_ANSWER_MAX = 16 << 20


def _answer(text: bytes, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError) as err:
        raise CheckFailed(f"{path}: the answer is not JSON: {text[:200]!r}") from err
    if not isinstance(value, dict):
        raise CheckFailed(f"{path}: the answer is not a JSON object: {text[:200]!r}")
    return value


@contextlib.contextmanager
def _told(path: Path, seconds: float) -> Iterator[None]:
    """Turn what a socket can raise into errors that say what to do."""
    try:
        yield
    except TimeoutError as err:
        raise Timeout(f"{path}: no answer within {seconds:g} s; is the process stopped?") from err
    except (FileNotFoundError, ConnectionRefusedError) as err:
        raise EnvironmentMissing(f"{path}: nobody listens; start the lab or the daemon") from err
    except OSError as err:
        raise EnvironmentMissing(f"{path}: {err.strerror}") from err


class NodeControl:
    """A connection to ilnpd: JSON objects, one per line, in both directions."""

    def __init__(self, path: Path, timeout: float = 5.0) -> None:
        self.path = path
        self._timeout = timeout
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        self._buffer = b""
        try:
            with _told(path, timeout):
                self._socket.connect(str(path))
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> NodeControl:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def pending(self, seconds: float) -> bool:
        """Wait up to some seconds for something to receive, and tell whether there is."""
        return b"\n" in self._buffer or bool(select.select([self._socket], [], [], seconds)[0])

    def receive(self) -> dict[str, Any]:
        """Return the next object, which after a subscription is an event."""
        while b"\n" not in self._buffer:
            with _told(self.path, self._timeout):
                chunk = self._socket.recv(65536)
            if not chunk:
                raise EnvironmentMissing(f"{self.path}: the daemon closed the connection")
            self._buffer += chunk
            if len(self._buffer) > _ANSWER_MAX:
                raise CheckFailed(f"{self.path}: an answer of more than {_ANSWER_MAX} bytes")
        line, _, self._buffer = self._buffer.partition(b"\n")
        return _answer(line, self.path)

    def request(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request and return its answer."""
        with _told(self.path, self._timeout):
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        return self.receive()


def ask_node(path: Path, request: Mapping[str, Any], timeout: float = 5.0) -> dict[str, Any]:
    """Send ilnpd one request and return the answer."""
    with NodeControl(path, timeout) as control:
        return control.request(request)


def ask_linkem(path: Path, command: str, timeout: float = 5.0) -> dict[str, Any]:
    """Send linkem one command line and return the answer; CheckFailed if it refuses."""
    with (
        tempfile.TemporaryDirectory(prefix="ilnp-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock,
        _told(path, timeout),
    ):
        sock.settimeout(timeout)
        sock.bind(os.path.join(folder, "s"))  # noqa: PTH118  (an address, not a file of ours)
        sock.sendto(command.encode(), str(path))
        answer = _answer(sock.recv(65536), path)
    if not answer.get("ok"):
        raise CheckFailed(f"{path}: linkem refuses {command!r}: {answer.get('error')}")
    return answer
