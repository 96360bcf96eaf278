# SPDX-License-Identifier: BSD-2-Clause
"""The values of the kernel's socket options, against its own header; and the C example there."""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from ilnptool import run, sockopt
from ilnptool.errors import CheckFailed, EnvironmentMissing
from ilnptool.sock import Choice
from ilnptool.wire.text import parse_l64

TOP = Path(__file__).parents[2]
L64_A, L64_B = parse_l64("2001:db8:a:1"), parse_l64("2001:db8:b:1")

PROGRAM = """
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include "ilnp_sock.h"

static void
put(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", ((const unsigned char *)p)[i]);
	printf("\\n");
}

int
main(void)
{
	struct ilnp_soloc loc = { .sl_ours = 1, .sl_state = ILNP_SL_ACTIVE, .sl_pref = 7 };
	struct ilnp_sopath path = { .sp_state = ILNP_SP_DOWN, .sp_rank = 10, .sp_rtt = 1234 };

	path.sp_mtu = 1500;
	struct ilnp_sochoice ch = { .sc_kind = ILNP_CHOICE_PIN };

	printf("%d %d %d %d\\n", ILNP_SO_LOCATORS, ILNP_SO_PATHS, ILNP_SO_CHOICE, ILNP_PATHS_MAX);
	inet_pton(AF_INET6, "2001:db8:a:1::1", &loc.sl_addr);
	inet_pton(AF_INET6, "2001:db8:a:1::1", &path.sp_local);
	inet_pton(AF_INET6, "2001:db8:b:1::2", &path.sp_peer);
	inet_pton(AF_INET6, "2001:db8:a:1::", &ch.sc_local);
	put(&loc, sizeof(loc));
	put(&path, sizeof(path));
	put(&ch, sizeof(ch));
}
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a C program with the header says of its structures."""
    folder = tmp_path_factory.mktemp("sockopt")
    (folder / "p.c").write_text(PROGRAM)
    header = TOP / "sys/netinet6/ilnp"
    argv = ["cc", "-D_GNU_SOURCE", f"-I{header}", "-o", str(folder / "p"), str(folder / "p.c")]
    run.run(argv, timeout=60)
    return run.run([str(folder / "p")], timeout=10).stdout.splitlines()


def test_numbers_are_those_of_the_header(said: list[str]) -> None:
    assert said[0] == (
        f"{sockopt.SO_LOCATORS} {sockopt.SO_PATHS} {sockopt.SO_CHOICE} {sockopt.PATHS_MAX}"
    )


def test_structures_are_read_as_c_writes_them(said: list[str]) -> None:
    ours, theirs = sockopt.read_locators(bytes.fromhex(said[1]) * 2)
    assert (len(ours), theirs) == (2, ())
    assert (ours[0].l64, ours[0].preference, ours[0].state) == (L64_A, 7, "active")
    (path,) = sockopt.read_paths(bytes.fromhex(said[2]))
    assert (path.local, path.remote, path.state) == (L64_A, L64_B, "down")
    assert (path.rtt_us, path.mtu) == (1234, 1500)


def test_a_choice_is_written_as_c_writes_it(said: list[str]) -> None:
    octets = bytes.fromhex(said[3])
    assert sockopt.write_choice("pin", L64_A, None) == octets
    assert sockopt.read_choice(octets) == Choice("pin", L64_A, None, False)


EVENTS = (
    b"!system=ILNP subsystem=PATH type=DOWN local=0-0-0-a remote=0-0-0-b "
    b"from=2001+db8+a+1 to=2001+db8+b+1\n",
    b"!system=ILNP subsystem=PATH type=UP local=0-0-0-a remote=0-0-0-c "
    b"from=2001+db8+a+1 to=2001+db8+b+1\n",  # of another session
    b"!system=IFNET subsystem=em0 type=LINK_UP\n",
    b"?at bus=0\n",
    b"!system=ILNP subsystem=LOCATOR type=ADD locator=2001+db8+a+2\n",
    b"!system=ILNP subsystem=NAME type=RESOLVE name=peer.example.com nid=0-0-0-b\n",
)


def test_events_of_the_kernel_are_those_of_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As devd(8) hands them on: to whoever connects, one message each."""
    monkeypatch.setattr(sockopt, "DEVD", tmp_path / "devd")
    peer = bytes.fromhex("20010db8000b0001000000000000000b")
    monkeypatch.setattr(sockopt.KernelSocket, "_get", lambda *_what: peer)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as devd:
        devd.bind(str(tmp_path / "devd"))
        devd.listen(1)
        found = sockopt.KernelSocket(socket.socket(socket.AF_INET6)).events(5.0)

        def speak() -> None:
            listener, _ = devd.accept()
            with listener:
                for event in EVENTS:
                    listener.send(event)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(speak)
            first, second = next(found), next(found)
            with pytest.raises(EnvironmentMissing, match="ended"):
                next(found)
    pair = {"local_l64": "2001+db8+a+1", "remote_l64": "2001+db8+b+1"}
    assert first == {"event": "path_down", **pair}
    assert second == {"event": "loc_add", "local_l64": "2001+db8+a+2"}


def test_the_telephone_is_built_for_freebsd(tmp_path: Path) -> None:
    if find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed; setup.sh run kernel")
    program = tmp_path / "telephone"
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", f"-I{TOP / 'sys'}"]
    target = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-freebsd"]
    argv = [*target, *flags, "-o", str(program), str(TOP / "examples/telephone.c")]
    run.run(argv, timeout=280, cwd=tmp_path)
    assert program.read_bytes()[:4] == b"\x7fELF"


def test_what_is_refused_says_what_to_do() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        with pytest.raises(CheckFailed, match="is the socket connected by ILNP"):
            sockopt.KernelSocket(sock).status()
        with pytest.raises(CheckFailed, match="is the socket connected by ILNP"):
            sockopt.KernelSocket(sock).redundant()
