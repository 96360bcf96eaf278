# SPDX-License-Identifier: BSD-2-Clause
"""The locator API: own sockets only, choices that hold; and the telephone that loses nothing."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nodenet import TOP, NodeNet, identity_of, l64_of, paired_net, wait_until

from ilnptool import run

pytestmark = pytest.mark.root

EXAMPLES = TOP / "examples"
NOBODY = ["setpriv", "--reuid=4321", "--regid=4321", "--clear-groups", "--"]
HERE = Path(__file__).parent
PYTHON = [sys.executable, str(HERE / "asnobody.py")]
USER = [*PYTHON, str(HERE / "pathuser.py")]


@pytest.fixture(scope="module")
def net() -> Iterator[NodeNet]:
    with paired_net() as net:
        net.wait_paths("a", 4)
        yield net


def use(net: NodeNet, *requests: dict[str, Any], port: int = 4100) -> list[Any]:
    """Have an unprivileged program on `a` make requests about its socket; return the answers."""
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = net.exec("a", *USER, identity_of("b"), str(port), stdin=lines)
    return [json.loads(line) for line in done.stdout.splitlines()]


def sent_by_pair(net: NodeNet) -> dict[tuple[str, str], int]:
    """Return the packets that `a` has sent to `b` by each pair of locators."""
    return {
        (path["local_l64"], path["remote_l64"]): path["tx_packets"]
        for path in net.session("a")["paths"]
    }


def test_a_program_without_privilege_sees_its_paths(net: NodeNet) -> None:
    (answer,) = use(net, {"status": 1})
    status = answer["done"]
    assert status["state"] == "open"
    assert len(status["local"]) == 2
    assert {x["state"] for x in status["local"]} == {"used"}
    assert {x["preference"] for x in status["remote"]} == {10}
    assert len(status["paths"]) == 4
    assert {x["state"] for x in status["paths"]} == {"up"}
    assert status["choice"]["kind"] == "any"
    assert "tx_packets" not in json.dumps(status)


@pytest.mark.parametrize("kind", ["prefer", "pin"])
def test_a_chosen_pair_carries_the_socket_and_no_other_flow(net: NodeNet, kind: str) -> None:
    pair = {"local": l64_of("a", 2), "remote": l64_of("b", 1)}
    before = sent_by_pair(net)
    answers = use(net, {"choose": kind, **pair}, {"send": 100})
    assert answers[0]["done"]["kind"] == kind
    after = sent_by_pair(net)
    grown = {key: after[key] - before[key] for key in after}
    # Besides the hundred: the first datagram, which went before, and what keeps paths probed.
    assert grown[tuple(pair.values())] >= 100
    assert sum(grown.values()) - grown[tuple(pair.values())] < 60
    # Another flow of the same session goes by all of them.
    before = sent_by_pair(net)
    use(net, {"send": 100}, port=4101)
    after = sent_by_pair(net)
    assert all(after[key] - before[key] >= 10 for key in after)


def test_redundant_sends_by_all_paths_and_release_ends_it(net: NodeNet) -> None:
    before = sent_by_pair(net)
    use(net, {"choose": "redundant"}, {"send": 50})
    after = sent_by_pair(net)
    assert all(after[key] - before[key] >= 50 for key in after)
    before = after
    use(net, {"choose": "redundant"}, {"choose": "release"}, {"send": 100})
    after = sent_by_pair(net)
    assert sum(after[key] - before[key] for key in after) < 250


def test_a_choice_ends_with_its_connection(net: NodeNet) -> None:
    before = sent_by_pair(net)
    use(net, {"choose": "redundant"}, {"detach": 1}, {"send": 100})
    after = sent_by_pair(net)
    assert sum(after[key] - before[key] for key in after) < 250


def test_a_choice_ends_with_its_socket(net: NodeNet) -> None:
    """Else whoever gets the port next would inherit it."""
    answers = use(net, {"choose": "redundant"}, {"close": 1}, {"events": 5, "until": "never"})
    assert "the socket is no more" in answers[2]["error"]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"choose": "pin", "local": "2001:db8:99:99"}, "no path fits these locators; allowed:"),
        ({"choose": "pin"}, "no locator named; allowed:"),
    ],
)
def test_what_cannot_be_is_refused(net: NodeNet, request_: dict[str, Any], said: str) -> None:
    (answer,) = use(net, request_)
    assert said in answer["error"]


RAW = """
import socket, sys
node = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
node.connect(b"\\0ilnpd.sock")
{setup}
socket.send_fds(node, [b'{{"cmd": "status"}}'], fds)
print(node.recv(65536).decode())
print(len(node.recv(65536)))
"""

# What is not a connected socket of this namespace, and how the node says so.
FOREIGN = {
    "nothing": ("fds = []", "no socket handed over"),
    "file": ("f = open('/dev/null'); fds = [f.fileno()]", "not a TCP or UDP socket"),
    "unix": (
        "s = socket.socketpair()[0]; fds = [s.fileno()]",
        "not a TCP or UDP socket",
    ),
    "unconnected": (
        "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(('{own}', 4109)); "
        "fds = [s.fileno()]",
        "not connected to an identity address",
    ),
    "plain": (
        "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.connect(('::1', 9)); "
        "fds = [s.fileno()]",
        "not bound to an identity address",
    ),
    "elsewhere": (
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "here = os.open('/proc/self/ns/net', os.O_RDONLY)\n"
        "assert libc.unshare(0x40000000) == 0\n"
        "os.system('ip link set lo up; ip -6 addr add {own}/128 dev lo nodad; '\n"
        "          'ip -6 route add local fd69:6c6e:702d:25fa::/64 dev lo')\n"
        "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n"
        "s.bind(('{own}', 4108)); s.connect(('{peer}', 4100))\n"
        "assert libc.setns(here, 0) == 0\n"
        "fds = [s.fileno()]",
        "not a socket of this network namespace",
    ),
}


@pytest.mark.parametrize(("setup", "said"), FOREIGN.values(), ids=FOREIGN)
def test_only_a_socket_of_ones_own_is_taken(net: NodeNet, setup: str, said: str) -> None:
    setup = setup.format(own=identity_of("a"), peer=identity_of("b"))
    script = RAW.format(setup=setup)
    lines = net.exec("a", sys.executable, "-c", script).stdout.splitlines()
    assert said in json.loads(lines[0])["error"]
    assert lines[1] == "0"


def test_one_user_cannot_take_all_places(net: NodeNet) -> None:
    script = (
        "import socket, time\nheld = []\n"
        "for _ in range(40):\n"
        "    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "    s.connect(b'\\0ilnpd.sock'); s.setblocking(False); held.append(s)\n"
        "time.sleep(2)\n"
        "def gone(s):\n"
        "    try: return s.recv(1) == b''\n"
        "    except OSError: return False\n"
        "print(sum(gone(s) for s in held))\n"
    )
    program = net.folder / "crowd.py"
    program.write_text(script)
    done = net.exec("a", *PYTHON, str(program))
    assert int(done.stdout) == 8
    assert "done" in use(net, {"status": 1})[0]


class Loss:
    """A network of a host that swallows everything, while its link looks as if it worked."""

    def __init__(self, net: NodeNet, port: str) -> None:
        self._net = net
        self._rules = (
            "table ip6 loss { chain forward { type filter hook forward priority 0;\n"
            f'iifname "{port}" drop; oifname "{port}" drop; }}; }}'
        )

    def __enter__(self) -> None:
        self._net.exec("r", "nft", "-f", "-", stdin=self._rules)

    def __exit__(self, *_: object) -> None:
        self._net.exec("r", "nft", "delete", "table", "ip6", "loss")
        self._net.wait_paths("a", 4)


def test_events_tell_of_a_path_that_dies(net: NodeNet) -> None:
    lines = json.dumps({"events": 10, "until": "path_down"}) + "\n"
    script = f"printf '%s' '{lines}' | {' '.join(USER)} {identity_of('b')} 4100"
    with net.start("a", "sh", "-c", script) as process:
        # The program must have subscribed before the path dies; it says nothing of that.
        wait_until("it is attached", lambda: _subscribed(net))
        with Loss(net, "a2"):
            assert process.wait(20) == 0
        event = json.loads(process.tail().splitlines()[-1])["done"]
    assert event["event"] == "path_down"
    assert event["local_l64"] == l64_of("a", 2)


def _subscribed(net: NodeNet) -> bool:
    """Tell whether some program holds a connection to the API of `a`."""
    return "@ilnpd.sock" in net.exec("a", "ss", "-xH", "state", "established").stdout


@pytest.fixture(scope="module")
def phone(net: NodeNet) -> Path:
    """The C example, built with all warnings, where all may run it."""
    program = net.folder / "telephone"
    flags = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2"]
    run.run(["gcc", *flags, "-o", str(program), str(EXAMPLES / "telephone.c")], timeout=60)
    return program


def wait_sent(net: NodeNet, count: int) -> None:
    """Wait until `a` has sent some more packets."""
    begin = sum(sent_by_pair(net).values())
    wait_until("they talk", lambda: sum(sent_by_pair(net).values()) >= begin + count)


def conversation(
    net: NodeNet, answerer: list[str], caller: list[str], ports: tuple[str, ...]
) -> tuple[dict[str, int], dict[str, int]]:
    """Let two talk while one network after the other swallows everything; the caller hangs up."""
    with net.start("b", *answerer) as one:
        wait_until("it waits for a call", lambda: "waiting" in one.tail())
        with net.start("a", *caller) as other:
            wait_sent(net, 100)
            for port in ports:
                with Loss(net, port):
                    wait_sent(net, 100)
            other.signal(signal.SIGINT)
            assert other.wait(40) == 0, other.tail()
            heard = json.loads(other.tail().splitlines()[-1])
        assert one.wait(20) == 0, one.tail()
        return heard, json.loads(one.tail().splitlines()[-1])


def python_phone(*words: str) -> list[str]:
    return [*PYTHON, str(EXAMPLES / "telephone.py"), *words]


def test_the_telephone_survives_the_loss_of_any_one_path(net: NodeNet, phone: Path) -> None:
    """Python calls C; each side hears every frame of the other."""
    call = python_phone("call", identity_of("b"), "--seconds", "120")
    answer = [*NOBODY, str(phone), "answer", "4000"]
    heard, answered = conversation(net, answer, call, ("a1", "a2", "b1", "b2"))
    for ear in (heard, answered):
        assert ear["frames"] > 100
        assert ear["missing"] == 0
        assert ear["copies"] > ear["frames"]


def test_a_telephone_on_single_paths_loses_frames(net: NodeNet) -> None:
    """The same loss is heard without redundancy, or the test above would show nothing."""
    call = python_phone("call", "--single", identity_of("b"), "--seconds", "120")
    heard, answered = conversation(net, python_phone("answer", "--single"), call, ("a1", "b2"))
    assert heard["missing"] + answered["missing"] > 5
    assert heard["copies"] + answered["copies"] == 0
