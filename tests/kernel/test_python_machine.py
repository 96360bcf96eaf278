# SPDX-License-Identifier: BSD-2-Clause
"""What of ilnptool is for FreeBSD itself, on a FreeBSD machine with ILNP in its kernel.

The image needs a Python 3.11 or later; $ILNP_GUEST_PYTHON names a folder that becomes /usr/local
there, with bin/python3, what that loads, cffi, and sbin/devd if there is one.  The correspondent is
ilnpd, the name server BIND.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from kernelkit import CONF, OBJ, SRC, kernel_marks
from machinekit import NEEDS_QEMU, wait_until
from servers import MOVER, Server, bind, zone_text

from ilnptool.build.sources import project
from ilnptool.config import load_config
from ilnptool.lab.addressing import provider_addresses
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.model import Impairment
from ilnptool.lab.protocol import Running, running
from ilnptool.lab.qemu import QemuLab
from ilnptool.lab.topology import load_topology
from ilnptool.run import run

GUEST_PYTHON = Path(os.environ.get("ILNP_GUEST_PYTHON", "/none"))
pytestmark = [
    pytest.mark.root,
    *kernel_marks(3600),
    NEEDS_QEMU,
    pytest.mark.skipif(
        not (GUEST_PYTHON / "bin/python3").is_file(),
        reason="no Python for machines: ILNP_GUEST_PYTHON=DIR names what becomes their /usr/local "
        "(on FreeBSD: pkg install python3 py311-cffi)",
    ),
]

NOBODY = 65534
B_NID = "0211-22ff-fe66-7788"
A_L64 = ("2001+0db8+000a+0001", "2001+0db8+000a+0002")
B_L64 = ("2001+0db8+000b+0001", "2001+0db8+000b+0002")
NOWHERE = "2001+0db8+00ee+0001"
PORT = 7001
ECHO = """
import socket, sys, threading
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
u.bind(("::", int(sys.argv[1])))
def datagrams():
    while True:
        data, peer = u.recvfrom(65536)
        u.sendto(data, peer)
def stream(c):
    while (data := c.recv(65536)):
        c.sendall(data)
threading.Thread(target=datagrams, daemon=True).start()
s = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6)
print("ready", flush=True)
while True:
    threading.Thread(target=stream, args=(s.accept()[0],), daemon=True).start()
"""
# Pure Python, so it is the same everywhere.
PACKAGES = ("click", "dns", "idna", "markdown_it", "mdurl", "platformdirs", "pygments", "rich")
PACKAGES += ("tomlkit",)


def topology_text() -> str:
    """Return two-paths with losses to be had, and a name server at the first router."""
    text = find_topology("two-paths").read_text().replace('"20mbit"', '"20mbit"\ndelay = "1ms"')
    return text + (
        '[[provider]]\nname = "dns"\nprefix = "2001:db8:d:1::/64"\n\n'
        '[[node]]\nname = "ns"\nrole = "plain"\n\n'
        '[[link]]\nname = "ns"\nends = ["ns:if1", "r1:lan-ns"]\nprovider = "dns"\n'
    )


def stage(folder: Path) -> None:
    """Copy what machines import: ilnptool in a checkout of its own, and the packages."""
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("pytools/ilnptool", "examples", "sys/netinet6/ilnp", "tests/kernel/guest"):
        shutil.copytree(project() / name, folder / name, ignore=skip)
    for name in PACKAGES:
        found = find_spec(name)
        assert found is not None, name
        assert found.origin is not None, name
        shutil.copytree(Path(found.origin).parent, folder / "site" / name, ignore=skip)
    # They lie on a CD, where nothing can be compiled once for all.
    argv = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder)]
    run([sys.executable, *argv], timeout=600)


def build_image(folder: Path) -> Path:
    stage(folder / "stage")
    image = folder / "image"
    argv = [sys.executable, "-m", "ilnptool", "build-image", "--names", f"--src={SRC}"]
    argv += [f"--obj={OBJ}", "--conf", CONF]
    argv += ["--add", f"{folder}/stage:opt/ilnp", "--add", f"{GUEST_PYTHON}:usr/local"]
    run([*argv, str(image)], timeout=3500)
    return image


PYTHON = (
    *("env", "PYTHONPATH=/opt/ilnp/pytools:/opt/ilnp/site", "HOME=/tmp", "TERM=dumb"),
    *("COLUMNS=200", "/usr/local/bin/python3"),
)


class Guest:
    """The lab, its name server, and Python on the machine a."""

    def __init__(self, lab: QemuLab, server: Server, folder: Path) -> None:
        self.lab = lab
        self.server = server
        self.folder = folder
        self._jobs = 0

    def job(self, node: str, *argv: str, stdout: Path | None = None) -> Running:
        self._jobs += 1
        return self.lab.popen(node, argv, log=self.folder / f"job{self._jobs}", stdout=stdout)

    def tool(self, *commands: Sequence[Any]) -> list[tuple[int, str, str]]:
        """Run commands of ilnptool, each as (USER, WORD...); return status, output, messages."""
        argv = (*PYTHON, "/opt/ilnp/tests/kernel/guest/say.py")
        text = json.dumps(commands)
        said = self.lab.exec("a", argv, timeout=1500, stdin=text)
        return [tuple(json.loads(line)) for line in said.stdout.splitlines()]

    @contextmanager
    def cut(self, link: str) -> Iterator[None]:
        """Have a link swallow everything, without a sign, for a time."""
        self.lab.link_set(link, impairment=Impairment(delay=0.001, loss=1.0))
        try:
            yield
        finally:
            self.lab.link_set(link, impairment=Impairment(delay=0.001))


class Talk:
    """A connection of the machine that does what it is told; see guest/paths.py."""

    def __init__(self, guest: Guest, kind: str) -> None:
        self._agent = guest.lab.agent("a")
        self._out = guest.folder / f"talk-{kind}"  # begun anew by the job
        self._fifo = f"/tmp/talk-{kind}"
        self._agent.ask(f"rm -f {self._fifo}; mkfifo {self._fifo}")
        argv = (*PYTHON, "/opt/ilnp/tests/kernel/guest/paths.py", kind, "b", str(PORT), self._fifo)
        self.job = guest.job("a", *argv, stdout=self._out)
        self._asked = 0

    def tell(self, text: str) -> Any:
        """Have an expression evaluated; return its value, or the error as text."""
        self._agent.ask(f"printf '%s\\n' {shlex.quote(text)} >{self._fifo}")
        self._asked += 1

        def answered() -> bool:
            assert self.job.poll() is None, self.job.tail()
            return len(self._out.read_text().splitlines()) >= self._asked

        wait_until(f"{text} is answered", answered, 300)
        answer = json.loads(self._out.read_text().splitlines()[self._asked - 1])
        return answer["value"] if "value" in answer else answer["error"]

    def end(self) -> None:
        self._agent.ask(f"echo end >{self._fifo}")
        assert self.job.wait(120) == 0, self.job.tail()

    def until(self, text: str, good: Callable[[Any], bool], seconds: float = 120) -> Any:
        """Have it evaluated until its value is good."""
        deadline = time.monotonic() + seconds
        while not good(value := self.tell(text)):
            assert time.monotonic() < deadline, (text, value)
        return value

    def states(self) -> dict[str, str]:
        found = self.tell("paths.status()")
        return {f"{x['local']} {x['remote']}": x["state"] for x in found["paths"]}

    def four_up(self) -> None:
        wait_until("four paths", lambda: sorted(self.states().values()) == ["up"] * 4, 300)

    def used(self) -> set[str]:
        """Return by which paths something goes in two seconds."""
        before = self.tell("traffic()")
        after = self.tell("(time.sleep(2), traffic())[1]")
        return {pair for pair, count in after.items() if count > before[pair] + 5}


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    folder = tmp_path_factory.mktemp("python")
    given = os.environ.get("ILNP_PYTHON_IMAGE")
    image = Path(given) if given else build_image(folder)
    (folder / "python.toml").write_text(topology_text())
    topology = load_topology(folder / "python.toml")
    with ExitStack() as stack:
        state = stack.enter_context(tempfile.TemporaryDirectory(prefix="ilnp-"))
        config = replace(load_config(), state=Path(state))
        lab = QemuLab(topology, config, ("a",), image, f"p{os.getpid()}")
        stack.enter_context(running(lab))
        address = str(provider_addresses(topology, "ns")["dns"])
        zones = {"example.com": zone_text()}
        space = lab.space("ns")
        server = stack.enter_context(
            bind(folder / "bind", zones, update=(MOVER,), space=space, address=address, port=53)
        )
        made = Guest(lab, server, folder)
        # The real one, if the image has it.
        lab.agent("a").ask(": >/tmp/devd.conf")
        real = "/usr/local/sbin/devd"
        if lab.exec("a", ["test", "-x", real], timeout=60, check=False).status == 0:
            made.job("a", real, "-d", "-q", "-f", "/tmp/devd.conf")
        else:
            stand_in = "/opt/ilnp/tests/kernel/guest/devd.py"
            made.job("a", *PYTHON, stand_in, "/var/run/devd.seqpacket.pipe")
        echo = made.job("b", sys.executable, "-c", ECHO, str(PORT))
        wait_until("b echoes", lambda: "ready" in echo.tail())
        yield made


def test_the_tool_reads_and_sets_its_own_kernel(guest: Guest) -> None:
    said = guest.tool(
        (0, "sysctl", "list", "--json"),
        (NOBODY, "sysctl", "get", "nids", "enable", "stats.in_ilnp"),
        (0, "sysctl", "set", "probe_idle=900", "algorithm=drr", "disabled=if2"),
        (0, "sysctl", "diff", "--json"),
        (0, "sysctl", "set", "probe_idle=1000", "algorithm=rr", "disabled="),
        (NOBODY, "sysctl", "set", "probe_idle=900"),
        (0, "sysctl", "set", "probe_idle=900", "nonce_size=3"),
        (0, "sysctl", "set", "nids=zz"),
        (0, "sysctl", "get", "probe_idle"),
    )
    values = json.loads(said[0][1])["values"]
    assert (values["enable"], values["nonce_size"], values["disabled"]) == ("1", "4", "")
    assert said[1][0] == 0
    assert "nids: 0211-22ff-fe33-4455" in said[1][1]
    assert said[2][0] == 0, said[2]
    assert "probe_idle: 1000 -> 900" in said[2][2]
    found = {x["name"]: x["found"] for x in json.loads(said[3][1])["differences"]}
    changed = {"enable": "1", "algorithm": "drr", "disabled": "if2", "probe_idle": "900"}
    assert found == changed
    assert said[4][0] == 0, said[4]
    for (status, _, text), reason in zip(
        said[5:8],
        ("Operation not permitted", "allowed: 4 to 12 octets", "Invalid argument"),
        strict=True,
    ):
        assert status == 2
        assert reason in text
    assert said[8][1] == "1000\n"


def test_status_shows_its_own_kernel(guest: Guest) -> None:
    (status, text, _), (_, shown, _) = guest.tool((0, "status", "--json"), (NOBODY, "status"))
    assert status == 0
    node = json.loads(text)["nodes"]["this machine"]
    assert node["nids"] == ["0211-22ff-fe33-4455"]
    assert {x["l64"]: x["state"] for x in node["locators"]} == dict.fromkeys(A_L64, "used")
    assert "in_ilnp" in node["counters"]
    assert A_L64[0] in shown


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_a_program_sees_and_chooses_its_paths(guest: Guest, kind: str) -> None:
    talk = Talk(guest, kind)
    assert "is the socket connected by ILNP?" in talk.tell("paths.status()")
    talk.tell("busy.connect()")
    talk.tell("busy.listen(paths)")
    talk.four_up()
    status = talk.tell("paths.status()")
    assert {x["l64"] for x in status["local"]} == {*A_L64}
    assert {x["l64"] for x in status["remote"]} == {*B_L64}
    assert status["choice"] == {"kind": "any", "local": None, "remote": None, "lost": False}
    talk.tell(f"paths.prefer(remote=l64('{B_L64[1]}'))")
    assert {pair.split()[1] for pair in talk.used()} == {B_L64[1]}
    talk.tell(f"paths.pin(local=l64('{A_L64[0]}'), remote=l64('{B_L64[0]}'), strict=True)")
    assert talk.used() == {f"{A_L64[0]} {B_L64[0]}"}
    assert "there is no such path" in talk.tell(f"paths.pin(local=l64('{NOWHERE}'))")
    assert "name local, remote or both" in talk.tell("paths.pin()")
    if kind == "udp":
        assert talk.tell("paths.redundant()")["kind"] == "redundant"
        assert len(talk.used()) == 4
    talk.tell(f"paths.pin(local=l64('{A_L64[0]}'), strict=True)")
    talk.tell("busy.heard.clear()")
    with guest.cut("a1"):
        heard = talk.until("busy.heard", lambda x: "choice_lost" in [e["event"] for e in x])
        assert talk.tell("paths.status()")["choice"]["lost"]
        down = {e["local_l64"] for e in heard if e["event"] == "path_down"}
        assert A_L64[0] in down, heard
        talk.tell("paths.release()")
        talk.until("busy.missing()", lambda x: x == 0 or kind == "udp")
    talk.until("busy.heard", lambda x: "path_up" in [e["event"] for e in x])
    talk.four_up()
    lost = talk.tell("busy.missing()")
    assert lost == 0 if kind == "tcp" else lost < 200
    talk.end()


@pytest.mark.parametrize("caller", ["a", "b"])
def test_the_telephone_loses_nothing_whatever_path_fails(guest: Guest, caller: str) -> None:
    """In Python on the machine, in C at the other end, which talks to ilnpd."""
    program = guest.folder / "telephone"
    run(["cc", "-o", str(program), str(project() / "examples/telephone.c")], timeout=60)
    ours = (*PYTHON, "/opt/ilnp/examples/telephone.py")
    if caller == "a":
        answer = guest.job("b", str(program), "answer", "4000")
        call_argv = (*ours, "call", "b", "--port", "4000", "--seconds", "40")
    else:
        answer = guest.job("a", *ours, "answer", "--port", "4001")
        call_argv = (str(program), "call", "a", "4001", "40")
    wait_until("somebody waits", lambda: answer.poll() is None and "waiting" in answer.tail(), 120)
    call = guest.job(caller, *call_argv)
    listing = ["sysctl", "-n", "net.inet6.ilnp6.sessions"]

    def all_up() -> bool:
        return guest.lab.exec("a", listing, timeout=60).stdout.count(" up ") == 4

    wait_until("four paths are up", all_up, 120)
    for link in ("a1", "a2", "b1", "b2"):
        with guest.cut(link):
            time.sleep(2.5)
        wait_until("it is up again", all_up, 120)
    for end in (call, answer):
        assert end.wait(300) == 0, end.tail()
    dropped = guest.lab.exec("a", ["netstat", "-s", "-p", "udp"], timeout=60).stdout
    for end in (call, answer):
        heard = json.loads(end.tail().splitlines()[-1])
        assert heard["frames"] > 300
        assert heard["missing"] == 0, f"{heard}\n{dropped}"
        assert heard["copies"] > heard["frames"], heard


def test_a_name_follows_the_kernel(guest: Guest) -> None:
    """A provider of the machine goes and comes; the zone of the real server says so in seconds."""
    agent = guest.lab.agent("a")
    agent.write("/tmp/mover.key", MOVER.text().encode())
    conf = (
        f'[dns]\nserver = "{guest.server.address}"\nzone = "example.com"\nname = "moving"\n'
        'key = "mover.key"\nnode = "kernel"\nstate = "state.json"\nttl = 5\n'
        '[pace]\ngap = "0s"\njitter = "0s"\n'
    )
    agent.write("/tmp/dns.toml", conf.encode())
    agent.ask("chmod 644 /tmp/mover.key")
    argv = (*PYTHON, "-m", "ilnptool", "dns", "follow", "--config", "/tmp/dns.toml")
    wrong = guest.lab.exec("a", argv, timeout=600, check=False)
    assert wrong.status == 3
    assert "chmod 600" in wrong.stderr
    agent.ask("chmod 600 /tmp/mover.key")

    def held(rdtype: str) -> list[str]:
        words = ["dig", "+short", f"@{guest.server.address}", "moving.example.com", rdtype]
        return sorted(guest.lab.exec("ns", words, timeout=30).stdout.splitlines())

    both = [f"10 {l64.replace('+', ':')}" for l64 in A_L64]
    bare = [text.replace(":0", ":").replace(":0", ":").replace(":0", ":") for text in both]
    follower = guest.job("a", *argv)
    wait_until("both are published", lambda: held("L64") == bare, 600)
    assert held("NID") == ["10 211:22ff:fe33:4455"]
    assert len(held("AAAA")) == 2
    for link, left in (("a2", bare[:1]), ("a1", bare[1:])):
        # The server is beyond both.
        guest.lab.link_down(link)
        began = time.monotonic()
        wait_until(f"{link} is no locator", lambda left=left: held("L64") == left, 60)
        print(f"{link} gone after {time.monotonic() - began:.1f} s")
        guest.lab.link_up(link)
        began = time.monotonic()
        wait_until(f"{link} is one again", lambda: held("L64") == bare, 120)
        print(f"{link} back after {time.monotonic() - began:.1f} s")
    follower.poll()
    assert "does not answer" not in follower.tail(), follower.tail()
    assert follower.stop() in (130, 143)
