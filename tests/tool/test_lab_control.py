# SPDX-License-Identifier: BSD-2-Clause
"""The clients of the control sockets, against real sockets."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ilnptool.errors import CheckFailed, EnvironmentMissing, Timeout
from ilnptool.lab.control import NodeControl, ask_linkem, ask_node

Answer = Callable[[bytes], list[bytes]]


@contextlib.contextmanager
def node_at(path: Path, answer: Answer) -> Iterator[None]:
    """A daemon that takes one connection and sends what `answer` returns for each line."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as lines:
                for line in lines:
                    for part in answer(line):
                        connection.sendall(part)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        thread.join(5)


def test_answer_in_pieces_is_put_together(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with node_at(path, lambda line: [b'{"you":', line.strip(), b"}", b"\n"]):
        assert ask_node(path, {"cmd": "status"}) == {"you": {"cmd": "status"}}


def test_events_follow_on_the_same_connection(tmp_path: Path) -> None:
    path = tmp_path / "s"
    events = b'{"ok": true}\n{"event": 1}\n{"event": 2}\n'
    with node_at(path, lambda _line: [events]), NodeControl(path) as control:
        assert control.request({"cmd": "subscribe"}) == {"ok": True}
        assert [control.receive()["event"] for _ in range(2)] == [1, 2]


def test_no_socket_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissing, match="nobody listens; start"):
        ask_node(tmp_path / "none", {})


def test_no_answer_is_a_timeout(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with node_at(path, lambda _line: []), pytest.raises(Timeout, match="no answer within"):
        ask_node(path, {}, timeout=0.1)


@pytest.mark.parametrize("text", [b"hello\n", b"[1]\n", b"\xff\n"], ids=["word", "list", "bytes"])
def test_answer_that_is_no_object_is_an_error(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "s"
    with node_at(path, lambda _line: [text]), pytest.raises(CheckFailed, match="not"):
        ask_node(path, {})


def test_closed_connection_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen()

        def hang_up() -> None:
            server.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(EnvironmentMissing):
            ask_node(path, {})
        thread.join()


def test_refusal_of_linkem_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))

        def refuse() -> None:
            command, sender = server.recvfrom(1000)
            error = f"no {command.decode()}"
            server.sendto(json.dumps({"ok": False, "error": error}).encode(), sender)

        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(CheckFailed, match="no set x"):
            ask_linkem(path, "set x")
        thread.join()
