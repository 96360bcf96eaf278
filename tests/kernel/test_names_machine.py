# SPDX-License-Identifier: BSD-2-Clause
"""Names on a FreeBSD machine with ILNP in its kernel: one boot for all of it.

Programs resolve by nss_ilnp.so.1, by a C library with our hooks, dynamic and static, and by the C
library as it is; the name server is Knot, in a node of the lab.  The correspondent is ilnpd.  Run
as test_guest.py is; what is built goes into $ILNP_OBJ, of which the first time takes an hour.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kernelkit import CONF, OBJ, SRC, kernel_marks, workshop
from machinekit import NEEDS_QEMU, UNLESS_WATCHED

from ilnptool.build.dynamic import build_dynamic, compile_dynamic, compile_static
from ilnptool.build.sources import project
from ilnptool.config import load_config
from ilnptool.lab import machine
from ilnptool.lab.addressing import provider_addresses
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.model import Impairment
from ilnptool.lab.protocol import Running, running
from ilnptool.lab.qemu import QemuLab
from ilnptool.lab.topology import load_topology
from ilnptool.run import run
from ilnptool.wire.decode import decode_file

for folder in ("dns", "lab", "resolver"):
    sys.path.append(str(Path(__file__).parents[1] / folder))

from servers import MOVER, SERVERS, SOA, Server  # noqa: E402
from test_nss import NAMES, PLAIN  # noqa: E402

pytestmark = [
    pytest.mark.root,
    *kernel_marks(7200),
    NEEDS_QEMU,
    UNLESS_WATCHED,
]

NOBODY = "65534"
B_NID = "0211-22ff-fe66-7788"
B_NID_DNS = "0211:22ff:fe66:7788"
B_L64 = ("2001+0db8+000b+0001", "2001+0db8+000b+0002")
A_L64 = ("2001+0db8+000a+0001", "2001+0db8+000a+0002")
B_ADDRESSES = ["2001:db8:b:1:211:22ff:fe66:7788", "2001:db8:b:2:211:22ff:fe66:7788"]
NOWHERE = "2001:0db8:00ee:0001"

# How a program finds our resolver, if at all; nsswitch.conf is the same for all.
MODULE: tuple[str, ...] = ()
PLAINLY = ("env", "LD_LIBMAP=nss_ilnp.so.1=none")
PATCHED = (*PLAINLY, "LD_LIBRARY_PATH=/opt/patched")
LOOK = ("/opt/bin/names", "look")
STATIC = ("/opt/bin/names-static", "look")

# FreeBSD's numbers: netinet, sys/socket.h, netdb.h.
UNSPEC, INET, INET6 = 0, 2, 28
STREAM, DGRAM = 1, 2
CANONNAME, ALL, ADDRCONFIG, V4MAPPED = 0x2, 0x100, 0x400, 0x800
HINTS = [
    *((family, STREAM, flags) for family in (UNSPEC, INET, INET6) for flags in (0, CANONNAME)),
    (UNSPEC, 0, ADDRCONFIG),
    (INET6, DGRAM, V4MAPPED | ALL),
    (INET6, DGRAM, V4MAPPED),
]
COMPLAINTS = ("panic:", "Fatal trap", "lock order reversal", "acquiring duplicate lock", "KASAN")


def wait_until(what: str, condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.2)
    return value


def zone(*records: str) -> str:
    lines = (
        f"peer 300 NID 10 {B_NID_DNS}",
        "peer 300 L64 10 2001:0db8:000b:0001",
        "peer 300 L64 10 2001:0db8:000b:0002",
        *(f"peer AAAA {address}" for address in B_ADDRESSES),
        "peer A 192.0.2.11",
        f"lp 300 NID 10 {B_NID_DNS}",
        "lp 300 LP 10 subnet",
        "subnet 300 L64 10 2001:0db8:000b:0001",
        f"lp AAAA {B_ADDRESSES[0]}",
        *records,
        *PLAIN,
    )
    return "$TTL 30\n" + SOA + "".join(f"{line}\n" for line in lines)


# The moving name: few seconds of life.
def moving(*l64s: str) -> list[str]:
    return [f"moving 5 NID 10 {B_NID_DNS}", *(f"moving 5 L64 10 {l64}" for l64 in l64s)]


def topology_text() -> str:
    """Return two-paths with a name server at the first router and losses to be had."""
    text = find_topology("two-paths").read_text().replace('"20mbit"', '"20mbit"\ndelay = "1ms"')
    mine = f'nids = ["{B_NID_DNS}"]\n'
    assert text.count(mine) == 1
    text = text.replace(mine, f"{mine}\n[node.knobs]\nsess_idle = 3\nbusy_time = 2\n")
    return text + (
        '[[provider]]\nname = "dns"\nprefix = "2001:db8:d:1::/64"\n\n'
        '[[node]]\nname = "ns"\nrole = "plain"\n\n'
        '[[link]]\nname = "ns"\nends = ["ns:if1", "r1:lan-ns"]\nprovider = "dns"\n'
        'delay = "1ms"\n'
    )


def build_image(folder: Path) -> Path:
    """Build the machine's image as everybody does, and put further programs into it."""
    shop = workshop()
    _, dynamic = build_dynamic(shop)
    names = Path(__file__).parent / "guest/names.c"
    phone = project() / "examples/telephone.c"
    files = {
        "opt/patched/libc.so.7": dynamic.patched,
        "opt/bin/names": compile_dynamic(shop, dynamic, names, folder / "names"),
        "opt/bin/names-static": compile_static(shop, dynamic, names, folder / "names-static"),
        "opt/bin/telephone": compile_dynamic(shop, dynamic, phone, folder / "telephone"),
    }
    image = folder / "image"
    argv = [sys.executable, "-m", "ilnptool", "build-image", "--names", f"--src={SRC}"]
    argv += [f"--obj={OBJ}", "--conf", CONF]
    for path, file in files.items():
        argv += ["--add", f"{file}:{path}"]
    run([*argv, str(image)], timeout=7200)
    return image


class Names:
    """The lab, its name server, and what the machine says."""

    def __init__(self, lab: QemuLab, server: Server, folder: Path) -> None:
        self.lab = lab
        self.server = server
        self.folder = folder
        self._jobs = 0

    def a(self, *argv: str, check: bool = True, stdin: str = "", timeout: float = 120) -> str:
        """Run a program on the machine; return what it wrote."""
        return self.lab.exec("a", argv, timeout=timeout, check=check, stdin=stdin).stdout

    def job(self, node: str, *argv: str) -> Running:
        self._jobs += 1
        return self.lab.popen(node, argv, log=self.folder / f"job{self._jobs}")

    def sysctl(self, name: str) -> str:
        return self.a("sysctl", "-n", f"net.inet6.ilnp6.{name}")

    def writes(self, name: str, text: str, uid: str = NOBODY) -> str:
        """Have a user write a sysctl; return what was said against it."""
        argv = ["/opt/bin/names", "as", uid, "sysctl", f"net.inet6.ilnp6.{name}={text}"]
        found = self.lab.exec("a", argv, timeout=60, check=False)
        return "" if found.status == 0 else found.stderr.strip()

    def look(self, how: Sequence[str], program: Sequence[str], cases: Sequence[str]) -> list[str]:
        """Look names up in one way; return a line for each case."""
        text = "".join(f"{case}\n" for case in cases)
        return self.a(*how, *program, stdin=text, timeout=900).splitlines()

    def forget(self) -> None:
        """Let both know nobody: the kernel by switching ILNP off, the node after a while."""
        self.a("sysctl", "net.inet6.ilnp6.enable=0")
        sessions = lambda: self.lab.control("b", {"cmd": "sessions"})["sessions"]  # noqa: E731
        wait_until("b has forgotten", lambda: not sessions(), 120)
        self.a("sysctl", "net.inet6.ilnp6.enable=1")
        self.a("sysctl", f"net.inet6.ilnp6.teach={B_NID}", check=False)
        wait_until("two locators", lambda: self.sysctl("locators").count("router=fe80") == 2)

    def publish(self, *records: str) -> None:
        self.server.stop()
        path = self.server.folder / "example.com.zone"
        path.write_text(zone(*records))
        shutil.rmtree(self.server.folder / "journal", ignore_errors=True)
        self.server.start()

    @contextmanager
    def cut(self, *links: str) -> Iterator[None]:
        """Have links swallow everything, without a sign, for a time."""
        for link in links:
            self.lab.link_set(link, impairment=Impairment(delay=0.001, loss=1.0))
        try:
            yield
        finally:
            for link in links:
                self.lab.link_set(link, impairment=Impairment(delay=0.001))


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Names]:
    folder = tmp_path_factory.mktemp("names")
    given = os.environ.get("ILNP_NAMES_IMAGE")
    image = Path(given) if given else build_image(folder)
    (folder / "names.toml").write_text(topology_text())
    topology = load_topology(folder / "names.toml")
    with ExitStack() as stack:
        state = stack.enter_context(tempfile.TemporaryDirectory(prefix="ilnp-"))
        config = replace(load_config(), state=Path(state))
        lab = QemuLab(topology, config, ("a",), image, f"n{os.getpid()}")
        stack.enter_context(running(lab))
        address = str(provider_addresses(topology, "ns")["dns"])
        server = stack.enter_context(
            # BIND shuffles what it says, so that no two answers are alike.
            SERVERS["knot"](
                folder / "knot",
                {"example.com": zone(*moving("2001:0db8:000b:0001"))},
                update=(MOVER,),
                space=lab.space("ns"),
                address=address,
                port=53,
            )
        )
        text = f"nameserver {address}\nsearch example.com\noptions timeout:2 attempts:2\n"
        lab.exec("a", ["dd", "of=/tmp/resolv.conf"], stdin=text, timeout=60)
        made = Names(lab, server, folder)
        # The lab has told the kernel of b; here the name server is to do it.
        made.forget()
        yield made


def test_names_without_ilnp_records_resolve_as_ever(names: Names) -> None:
    cases = [f"{name} {family} {kind} {flags}" for name in NAMES for family, kind, flags in HINTS]
    theirs = names.look(PLAINLY, LOOK, cases)
    assert len(theirs) == len(cases)
    assert sum(line.startswith("0 ") for line in theirs) > 40
    for how, program in ((MODULE, LOOK), (PATCHED, LOOK), (PLAINLY, STATIC)):
        ours = names.look(how, program, cases)
        wrong = [x for x in zip(cases, ours, theirs, strict=True) if x[1] != x[2]]
        shown = "\n".join(" | ".join(part[:200] for part in x) for x in wrong[:8])
        assert not wrong, f"{how} {program}:\n{shown}"
    assert names.sysctl("hints").strip() == ""


@pytest.mark.parametrize(("how", "program"), [(MODULE, LOOK), (PATCHED, LOOK), (PLAINLY, STATIC)])
# journey: 5
def test_a_name_with_ilnp_records_teaches_the_kernel(
    names: Names, how: Sequence[str], program: Sequence[str]
) -> None:
    names.forget()
    as_nobody = ("/opt/bin/names", "as", NOBODY, *how)
    (line,) = names.look(as_nobody, program, [f"peer {UNSPEC} {STREAM} {CANONNAME}"])
    found = [item.split(",") for item in line.split()[1:]]
    assert [item[3] for item in found] == [*B_ADDRESSES, "192.0.2.11"]
    assert found[0][4] == "peer.example.com"
    hint = names.sysctl("hints")
    assert f"hint {B_NID} {B_L64[0]},10,300 {B_L64[1]},10,300" in hint
    assert f"name=peer.example.com uid={NOBODY} left=" in hint
    (line,) = names.look(as_nobody, program, [f"lp {INET6} {STREAM} 0"])
    assert [item.split(",")[3] for item in line.split()[1:]] == [B_ADDRESSES[0]]


def test_without_our_resolver_the_same_name_is_an_ordinary_one(names: Names) -> None:
    names.forget()
    (line,) = names.look(PLAINLY, LOOK, [f"peer {INET6} {STREAM} 0"])
    assert {item.split(",")[3] for item in line.split()[1:]} == {*B_ADDRESSES}
    assert names.sysctl("hints").strip() == ""


TAKE = """
import socket, sys
s = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6)
print("ready", flush=True)
c, _ = s.accept()
n = 0
while (data := c.recv(65536)):
    n += len(data)
print(n, flush=True)
"""


@pytest.mark.parametrize("how", [MODULE, PATCHED])
def test_a_session_by_name_uses_all_locators_from_its_first_packet(
    names: Names, how: Sequence[str], tmp_path: Path
) -> None:
    """Seen on the wire: the SYN and all that follows have the nonce, and all pairs have turns."""
    names.forget()
    names.a("sysctl", "net.inet6.ilnp6.algorithm=rr")
    port = "5001" if how == MODULE else "5002"
    sink = names.job("b", sys.executable, "-c", TAKE, port)
    wait_until("the sink listens", lambda: "ready" in sink.tail())
    expression = f"ip6 and src net 2001:db8:a::/48 and (tcp port {port} or ip6 proto 60)"
    captures = [
        names.lab.capture(router, "lan-a", tmp_path / router, expression=expression)
        for router in ("r1", "r2")
    ]
    talk = "i=0; while [ $i -lt 30 ]; do echo tick; sleep 0.1; i=$((i + 1)); done"
    send = f"({talk}) | nc -N peer.example.com {port}"
    names.a("/opt/bin/names", "as", NOBODY, *how, "sh", "-c", send)
    assert sink.wait(60) == 0
    assert sink.tail().split()[-1] == "150"
    for capture in captures:
        capture.stop()
    packets = sorted(
        (x for c in captures for x in decode_file(c.file) if x.get("protocol") == "tcp"),
        key=lambda x: float(str(x["time"])),
    )
    syn = packets[0]
    assert "syn" in syn["tcp"]["flags"]  # type: ignore[index]
    assert all("nonce" in x for x in packets)
    pairs = [(str(x["source"]), str(x["destination"])) for x in packets]
    # A path takes its turn as soon as it has answered: probes leave by all at once.
    assert len(set(pairs)) == 4, names.sysctl("sessions") + str(pairs[:20])
    assert "open" in names.sysctl("sessions")
    assert names.sysctl("hints").strip().endswith("open")


def test_what_users_teach_is_bounded(names: Names) -> None:
    names.forget()
    names.look(MODULE, LOOK, [f"peer {INET6} {STREAM} 0"])
    evil = NOWHERE.replace(":", "+")
    assert "not permitted" in names.writes("teach", f"{B_NID} {evil},1,300")
    assert "not permitted" in names.writes("answer", f"peer.example.com {B_NID} {evil},1,300")
    # The NID is root's; neither another name nor other locators replace what root was told.
    assert "exists" in names.writes("candidate", f"evil.example.com {B_NID} {evil},1,300")
    assert "busy" in names.writes("candidate", f"peer.example.com {B_NID} {evil},1,300")
    words = (f"peer;rm {B_NID} {evil},1,1", f"-f {B_NID} {evil},1,1", f"peer {B_NID}")
    numbers = (f"peer {B_NID} {evil},1,-1", f"peer 0-0-0-0 {evil},1,1")
    for text in ("peer", *words, *numbers, "x" * 900):
        assert "Invalid argument" in names.writes("candidate", text)
    many = (
        "for i in 1 2 3 4; do for j in 0 1 2 3 4 5 6 7 8 9; do "
        "sysctl net.inet6.ilnp6.candidate="
        f'"many.example.com 0000-0000-0${{i}}0${{j}}-0001 {evil},1,9999" || exit 1; done; done'
    )
    names.a("/opt/bin/names", "as", "4321", "sh", "-c", many)
    lines = [line for line in names.sysctl("hints").splitlines() if line]
    assert sum("uid=4321" in line for line in lines) == 32
    assert all(int(line.split(" left=")[1].split()[0]) <= 3600 for line in lines)
    assert any(B_NID in line and B_L64[0] in line and evil not in line for line in lines)


def ping_b(names: Names, address: str) -> bool:
    argv = ["ping", "-6", "-c", "3", "-i", "0.3", address]
    return " 3 packets received" in names.a(*argv, check=False)


def test_a_candidate_does_not_redirect_a_session(names: Names) -> None:
    """A user who comes first with a NID that is in use, and connects by what he taught."""
    names.forget()
    names.a("sysctl", f"net.inet6.ilnp6.teach={B_NID} {B_L64[0]} {B_L64[1]}")
    talk = names.job("b", sys.executable, "-c", TAKE, "5003")
    wait_until("the sink listens", lambda: "ready" in talk.tail())
    sender = names.job("a", "sh", "-c", f"(sleep 5; echo end) | nc -N {B_ADDRESSES[0]} 5003")
    wait_until("a session", lambda: "open" in names.sysctl("sessions"))
    names.a("sysctl", f"net.inet6.ilnp6.teach={B_NID}")
    evil = NOWHERE.replace(":", "+")
    assert names.writes("candidate", f"evil.example.com {B_NID} {evil},1,300") == ""
    there = NOWHERE.replace(":0db8:00ee:0001", ":db8:ee:1") + ":211:22ff:fe66:7788"
    names.a("/opt/bin/names", "as", NOBODY, "nc", "-w", "2", there, "5003", check=False)
    found = names.sysctl("sessions").split("session ")
    (first,) = (text for text in found if f"remote {B_L64[0]}" in text)
    assert evil not in first
    assert talk.wait(60) == 0
    assert sender.wait(60) == 0


CHAT = """
import socket, sys
s = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6)
print("ready", flush=True)
c, _ = s.accept()
text = b""
while (data := c.recv(65536)):
    text += data
print(text.count(b"tick"), text.endswith(b"end\\n"), flush=True)
"""


def test_a_name_is_asked_again_when_all_paths_are_down(names: Names) -> None:
    """The correspondent is gone from where its name said, and is found where it says now."""
    names.publish(*moving("2001:0db8:000b:0001"))
    names.lab.link_down("b2")
    names.forget()
    renew = names.job("a", "/usr/local/sbin/ilnp-renew", "-f")
    chat = names.job("b", sys.executable, "-c", CHAT, "5004")
    wait_until("the sink listens", lambda: "ready" in chat.tail())
    talk = "while [ ! -e /tmp/stop ]; do echo tick; sleep 1; done; echo end"
    names.a("rm", "-f", "/tmp/stop")
    sender = names.job("a", *MODULE, "sh", "-c", f"({talk}) | nc -N moving.example.com 5004")
    wait_until("a path is up", lambda: f"{B_L64[0]} up" in names.sysctl("sessions"))
    assert B_L64[1] not in names.sysctl("sessions")
    with names.cut("b1"):
        # Nothing of b2 reaches the machine before the name has been asked.
        with names.cut("b2"):
            names.lab.link_up("b2")
            names.publish(*moving("2001:0db8:000b:0002"))
            wait_until(
                "the session has the new locator",
                lambda: f"remote {B_L64[1]}" in names.sysctl("sessions"),
                90,
            )
        wait_until("it works", lambda: f"{B_L64[1]} up" in names.sysctl("sessions"), 90)
        names.a("touch", "/tmp/stop")
        assert chat.wait(120) == 0, chat.tail() + names.sysctl("sessions")
    count, whole = chat.tail().split()[-2:]
    assert whole == "True"
    assert int(count) > 5
    assert sender.wait(60) == 0
    renew.stop()


def test_a_name_can_be_asked_again_by_hand(names: Names) -> None:
    """As an action of devd(8) does it; the kernel takes what it knows the name and NID of."""
    names.forget()
    argv = ["/usr/local/sbin/ilnp-renew", "peer.example.com"]
    assert names.lab.exec("a", argv, timeout=60, check=False).status == 0
    assert B_NID not in names.sysctl("hints")
    text = f"peer.example.com {B_NID} {B_L64[0]},1,7"
    assert names.writes("candidate", text) == ""
    assert names.lab.exec("a", argv, timeout=60, check=False).status == 0
    hint = names.sysctl("hints")
    assert f"{B_L64[0]},10,300 {B_L64[1]},10,300 name=peer.example.com" in hint
    for words, status in ((["nobody.example.com"], 1), (["-x"], 2), ([], 2)):
        found = names.lab.exec("a", [argv[0], *words], timeout=60, check=False)
        assert found.status == status, words


def test_names_are_asked_again_where_no_events_tell(names: Names) -> None:
    """As in a jail with a network stack of its own: what the kernel lists is looked into."""
    names.forget()
    # One program at a time may read the events.
    holder = names.job("a", "dd", "if=/dev/devctl", "of=/dev/null")
    renew = names.job("a", "/usr/local/sbin/ilnp-renew", "-f")
    try:
        lie = f"peer.example.com {B_NID} {NOWHERE.replace(':', '+')},1,300"
        truth = f"peer.example.com {B_NID} {B_L64[0]},1,300"
        assert names.writes("candidate", lie, "1001") == ""
        assert "busy" in names.writes("candidate", truth, "1002")
        known = f"{B_L64[0]},10,300 {B_L64[1]},10,300 name=peer.example.com"
        wait_until("the name is asked", lambda: known in names.sysctl("hints"), 90)
        assert "asked=" not in names.sysctl("hints")
        # A name that leads nowhere loses what somebody said of it.
        gone = f"nobody.example.com 0-0-0-9 {B_L64[0]},1,300"
        assert names.writes("candidate", gone, "1001") == ""
        other = gone.replace(B_L64[0], B_L64[1])
        assert "busy" in names.writes("candidate", other, "1002")
        wait_until("it is forgotten", lambda: "nobody" not in names.sysctl("hints"), 90)
    finally:
        renew.stop()
        holder.stop()


def test_many_names_of_one_user_do_not_delay_those_of_others(names: Names, tmp_path: Path) -> None:
    """Nobody answers: each name takes four seconds, and one user has 32 of them asked."""
    names.forget()
    renew = names.job("a", "/usr/local/sbin/ilnp-renew", "-f")
    captures = [
        names.lab.capture(router, "lan-a", tmp_path / router, expression="udp port 53")
        for router in ("r1", "r2")
    ]
    # Asked is what one user has said and another says otherwise.
    say = (
        "for i in {numbers}; do /opt/bin/names as {uid} sysctl "
        '"net.inet6.ilnp6.candidate={name}$i.example.com 0-0-0-$i {l64},1,300"; done'
    )
    many = " ".join(f"1{number:02}" for number in range(32))

    def asked(prefix: str) -> set[bytes]:
        packets = b"".join(capture.file.read_bytes() for capture in captures)
        return set(re.findall(prefix.encode() + rb"\d+\x07example", packets.lower()))

    def hint(name: str) -> str:
        return next(line for line in names.sysctl("hints").splitlines() if f"name={name}." in line)

    try:
        with names.cut("ns"):
            for name, numbers, first in (("many", many, 1001), ("one", "201", 1003)):
                for uid, l64 in ((first, B_L64[0]), (first + 1, B_L64[1])):
                    text = say.format(numbers=numbers, uid=uid, name=name, l64=l64)
                    names.a("sh", "-c", text, check=False, timeout=300)
            assert names.sysctl("hints").count("name=many") == 32
            wait_until("the kernel wants it", lambda: hint("one201").count("asked="))
            time.sleep(10)
            for capture in captures:
                capture.stop()
        assert asked("one")
        assert 0 < len(asked("many")) < 32
    finally:
        renew.stop()


def test_the_telephone_loses_nothing_whatever_path_fails(names: Names) -> None:
    names.publish(*moving("2001:0db8:000b:0001"))
    names.forget()
    phone = str(project() / "examples/telephone.py")
    answer = names.job("b", sys.executable, phone, "answer", "--port", "4000")
    wait_until("b waits", lambda: "waiting" in answer.tail())
    call = names.job("a", *MODULE, "/opt/bin/telephone", "call", "peer.example.com", "4000", "24")
    wait_until("four paths are up", lambda: names.sysctl("sessions").count(" up ") == 4)
    for link in ("a1", "a2", "b1", "b2"):
        with names.cut(link):
            time.sleep(2.5)
        wait_until("it is up again", lambda: names.sysctl("sessions").count(" up ") == 4)
    assert call.wait(90) == 0, call.tail()
    assert answer.wait(30) == 0, answer.tail()
    for end in (call, answer):
        heard = json.loads(end.tail().splitlines()[-1])
        assert heard["frames"] > 700
        assert heard["missing"] == 0, heard
        assert heard["copies"] > heard["frames"], heard
        assert heard["longest_gap_ms"] < 1000, heard


def test_names_are_asked_again_in_a_jail_with_its_own_stack(names: Names) -> None:
    """It has one of the machine's interfaces, and the machine's files."""
    names.a("jail", "-c", "name=names", "vnet", "path=/", "persist")
    try:
        names.a("ifconfig", "if2", "vnet", "names")
        inside = ("jexec", "names")
        names.a(*inside, "ifconfig", "if2", "inet6", "accept_rtadv", "-ifdisabled", "up")
        names.a(*inside, "sysctl", "net.inet6.ilnp6.enable=1")
        hints = lambda: names.a(*inside, "sysctl", "-n", "net.inet6.ilnp6.hints")  # noqa: E731
        look = (*inside, "env", *PLAINLY[1:], *LOOK)
        wait_until(
            "the jail reaches the name server",
            lambda: names.look(look, (), [f"peer {INET6} {STREAM} 0"])[0].startswith("0 "),
        )
        renew = names.job("a", *inside, "/usr/local/sbin/ilnp-renew", "-f")
        for uid, l64 in (("1001", NOWHERE.replace(":", "+")), ("1002", B_L64[0])):
            text = f"net.inet6.ilnp6.candidate=peer.example.com {B_NID} {l64},1,300"
            names.a(*inside, "/opt/bin/names", "as", uid, "sysctl", text, check=False)
        known = f"{B_L64[0]},10,300 {B_L64[1]},10,300 name=peer.example.com"
        wait_until("the name is asked", lambda: known in hints(), 90)
        renew.stop()
    finally:
        names.a("jail", "-r", "names", check=False)


def test_the_kernel_does_not_complain(names: Names) -> None:
    console = machine.console_log(names.lab.state.node("a")).read_text(errors="replace")
    assert "The machine has started." in console
    assert [line for line in console.splitlines() if any(x in line for x in COMPLAINTS)] == []
