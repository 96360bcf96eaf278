# SPDX-License-Identifier: BSD-2-Clause
"""What the C library is asked for directly; tests/kernel has a FreeBSD machine ask for it all."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from ilnptool import libc
from ilnptool.errors import EnvironmentMissing
from ilnptool.sockopt import paths_of


def test_an_option_is_read_with_more_room_than_python_gives() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        with pytest.raises(OSError, match="out of range"):
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE, 2560)
        value = libc.getsockopt(sock.fileno(), socket.SOL_SOCKET, socket.SO_TYPE, 2560)
        assert value == sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE, 4)


def test_what_is_refused_is_an_error_with_its_reason() -> None:
    with pytest.raises(OSError, match="descriptor") as caught:
        libc.getsockopt(1 << 20, socket.SOL_SOCKET, socket.SO_TYPE, 4)
    assert caught.value.errno == errno.EBADF


@pytest.mark.skipif(os.uname().sysname == "FreeBSD", reason="the kernel answers there")
def test_elsewhere_than_on_freebsd_the_node_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ilnptool.sock.ADDRESS", b"\0nobody-here")
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock,
        pytest.raises(EnvironmentMissing, match="start ilnpd"),
    ):
        paths_of(sock)
