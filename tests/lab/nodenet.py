# SPDX-License-Identifier: BSD-2-Clause
"""A small network for tests of the node alone: hosts around one router, each link a network.

Two hosts, `a` and `b`, have links if1, if2, ... to the router, which announces 2001:db8:H:L::/64
on link L of host H.  The NIDs are ...:a and ...:b.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ilnptool import run
from ilnptool.errors import IlnpError
from ilnptool.lab.control import NodeControl
from ilnptool.wire.values import Ilv

TOP = Path(__file__).parents[2]
ILNPD = Path(os.environ.get("ILNPD", TOP / "build/ilnpd"))
IDENTITY = "fd69:6c6e:702d:25fa::"
HOSTS = {"a": 1, "b": 2}
_networks = itertools.count(1)  # several may be up at a time

_RADVD = """interface {port} {{
 AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime 60;
 prefix {prefix}::/64 {{ AdvValidLifetime 60; AdvPreferredLifetime 40; }};
}};
"""


def wait_until(what: str, condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return the first true value of `condition`; fail with `what` at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


def prefix_of(host: str, link: int) -> str:
    """Return the four groups of a link's network."""
    return f"2001:db8:{HOSTS[host]}:{link}"


def l64_of(host: str, link: int) -> str:
    """Return a link's locator as the node writes it."""
    return f"2001+0db8+{HOSTS[host]:04x}+{link:04x}"


def ilv_of(host: str, link: int) -> Ilv:
    return Ilv.of(f"{prefix_of(host, link)}::{host}")


def identity_of(host: str) -> str:
    return f"{IDENTITY}{host}"


def router_mac(host: str, link: int) -> bytes:
    return bytes((2, 0, 0, 1, HOSTS[host], link))


def host_mac(host: str, link: int) -> bytes:
    return bytes((2, 0, 0, 0, HOSTS[host], link))


def _text(mac: bytes) -> str:
    return ":".join(f"{octet:02x}" for octet in mac)


class NodeNet:
    """The network and the nodes that run in it."""

    def __init__(self, folder: Path, links: int, dad: bool) -> None:
        self.folder = folder
        self.links = links
        self.dad = dad
        self.prefix = f"nn{os.getpid()}-{next(_networks)}."
        self.nodes: dict[str, run.Process] = {}
        self._radvd: run.Process | None = None
        self.number = itertools.count()

    def space(self, name: str) -> run.Space:
        return run.Space(self.prefix + name)

    def exec(
        self, name: str, *argv: str, timeout: float = 30, check: bool = True, stdin: str = ""
    ) -> run.Result:
        """Run a command in the namespace of a host or of the router `r`."""
        return run.run(argv, timeout=timeout, space=self.space(name), check=check, stdin=stdin)

    def start(self, name: str, *argv: str) -> run.Process:
        """Start a process in the namespace of a host or of the router."""
        log = self.folder / f"{name}-{Path(argv[0]).name}-{next(self.number)}.log"
        return run.popen(argv, log=log, space=self.space(name))

    def up(self) -> None:
        for name in (*HOSTS, "r"):
            run.run(["ip", "netns", "add", self.prefix + name], timeout=10)
            self.exec(name, "ip", "link", "set", "lo", "up")
        self.exec("r", "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
        conf = ""
        for host in HOSTS:
            default = "net.ipv6.conf.default."
            self.exec(host, "sysctl", "-qw", f"{default}router_solicitation_delay=0")
            self.exec(host, "sysctl", "-qw", f"{default}dad_transmits={int(self.dad)}")
            for link in range(1, self.links + 1):
                self.link(host, link)
                conf += _RADVD.format(port=f"{host}{link}", prefix=prefix_of(host, link))
        (self.folder / "radvd.conf").write_text(conf)
        lines = [
            f"{ilv_of(host, link)} {host}\n" for host in HOSTS for link in range(1, self.links + 1)
        ]
        (self.folder / "hosts").write_text("".join(lines))
        self.radvd_start()

    def link(self, host: str, link: int) -> None:
        """Make a link of a host, for the first time or again."""
        port, name = f"{host}{link}", f"if{link}"
        words = f"link add {name} address {_text(host_mac(host, link))} type veth peer name {port}"
        words += f" address {_text(router_mac(host, link))} netns {self.prefix}r"
        self.exec(host, "ip", *words.split())
        gateway = f"{prefix_of(host, link)}::1/64"
        self.exec("r", "ip", "addr", "add", gateway, "dev", port, "nodad")
        self.exec("r", "ip", "link", "set", port, "up")
        self.exec(host, "ip", "link", "set", name, "up")

    def radvd_start(self) -> None:
        argv = ["-C", str(self.folder / "radvd.conf"), "-p", str(self.folder / "radvd.pid")]
        self._radvd = self.start("r", "radvd", *argv, "-u", "root", "-m", "stderr", "-n")

    def radvd_stop(self) -> None:
        """End the router's announcements; it says goodbye with a lifetime of zero."""
        if self._radvd is not None:
            self._radvd.stop()
            self._radvd = None

    def radvd_reload(self) -> None:
        """Let it see links that have come back."""
        if self._radvd is not None:
            self._radvd.signal(signal.SIGHUP)

    def radvd_kill(self) -> None:
        if self._radvd is not None:
            self._radvd.signal(signal.SIGKILL)
            self._radvd.wait(5)
            self._radvd = None

    def down(self) -> None:
        for process in self.nodes.values():
            process.stop()
        self.radvd_stop()
        for name in (*HOSTS, "r"):
            space = self.prefix + name
            pids = run.run(["ip", "netns", "pids", space], timeout=10, check=False).stdout.split()
            for pid in pids:
                os.kill(int(pid), signal.SIGKILL)
            run.run(["ip", "netns", "del", space], timeout=10, check=False)

    def conf(self, host: str, text: str = "", *, nids: Sequence[str] | None = None) -> Path:
        """Write a node's configuration; `text` goes below [node]."""
        names = ", ".join(f'"if{link}"' for link in range(1, self.links + 1))
        own = ", ".join(f'"{nid}"' for nid in (nids or [f"0:0:0:{host}"]))
        path = self.folder / f"{host}.toml"
        path.write_text(
            f'[node]\nname = "{host}"\ninterfaces = [{names}]\nnids = [{own}]\n'
            f'hosts = "{self.folder}/hosts"\ncontrol = "{self.socket(host)}"\n{text}\n'
        )
        return path

    def socket(self, host: str) -> Path:
        return self.folder / f"{host}.sock"

    def argv(self, conf: Path) -> list[str]:
        return [str(ILNPD), "-f", "-v", "-c", str(conf)]

    def node(self, host: str, text: str = "", *, wait: bool = True) -> run.Process:
        """Start a host's node, and wait until all its locators are in use."""
        self.nodes[host] = self.start(host, *self.argv(self.conf(host, text)))
        if wait:
            self.wait_locators(host, self.links)
        return self.nodes[host]

    def node_stop(self, host: str, sig: signal.Signals = signal.SIGTERM) -> int:
        process = self.nodes.pop(host)
        process.signal(sig)
        return process.wait(10)

    def control(self, host: str) -> NodeControl:
        return NodeControl(self.socket(host))

    def ask(self, host: str, cmd: str, **fields: Any) -> dict[str, Any]:
        with self.control(host) as control:
            return control.request({"cmd": cmd, **fields})

    def tell(self, host: str, cmd: str, **fields: Any) -> dict[str, Any]:
        """Ask, and insist on success."""
        answer = self.ask(host, cmd, **fields)
        assert answer["ok"], answer
        return answer

    def counters(self, host: str) -> dict[str, int]:
        return dict(self.tell(host, "counters")["counters"])

    def sessions(self, host: str) -> list[dict[str, Any]]:
        return list(self.tell(host, "sessions")["sessions"])

    def session(self, host: str) -> dict[str, Any]:
        """Return the only session of a host."""
        (session,) = self.sessions(host)
        return session

    def remote_locators(self, host: str) -> set[str]:
        """Return the locators that the only session of a host sends to."""
        return {x["l64"] for x in self.session(host)["locators"] if not x["withdrawn"]}

    def lu_pending(self, host: str) -> bool:
        """Return whether the only session of a host waits for an acknowledgement."""
        return bool(self.session(host)["lu_pending"])

    def locators(self, host: str) -> dict[str, str]:
        """Return the state of each locator of a host that answers, by its text."""
        try:
            answer = self.tell(host, "locators")
        except IlnpError:
            self.nodes[host].check()
            return {}
        return {x["l64"]: x["state"] for x in answer["locators"]}

    def wait_locators(self, host: str, count: int, state: str = "used") -> None:
        wait_until(
            f"{count} locators {state} on {host}",
            lambda: list(self.locators(host).values()).count(state) == count,
            15,
        )

    def wait_paths(self, host: str, count: int, state: str = "up") -> None:
        def ready() -> bool:
            paths = self.tell(host, "paths")["paths"]
            return [path["state"] for path in paths].count(state) == count

        wait_until(f"{count} paths {state} on {host}", ready)

    def inject(self, host: str, link: int, *packets: bytes) -> None:
        """Send packets to a host from the router's end of a link, whatever they say."""
        head = host_mac(host, link) + router_mac(host, link) + b"\x86\xdd"
        lines = "".join((head + packet).hex() + "\n" for packet in packets)
        script = str(Path(__file__).with_name("inject.py"))
        self.exec("r", sys.executable, script, f"{host}{link}", stdin=lines)

    def wait_routes(self, host: str) -> None:
        """Wait until a host's kernel has heard the routers of all its links."""

        def heard() -> bool:
            routes = self.exec(host, "ip", "-6", "route", "show", "default").stdout
            return all(f"dev if{link}" in routes for link in range(1, self.links + 1))

        wait_until(f"{host} has its default routes", heard)

    def ping(self, host: str, target: str, *words: str, count: int = 3) -> int:
        """Return how many of `count` pings were answered."""
        argv = ["ping", "-6", "-n", "-c", str(count), "-i", "0.1", "-W", "3", *words, target]
        text = self.exec(host, *argv, check=False).stdout
        return int(text.split(" received")[0].split()[-1])


class Stream:
    """A checked TCP transfer from one host to another that runs in the background."""

    def __init__(
        self, net: NodeNet, sender: str, target: str, host: str, seconds: float, listen: str = ""
    ) -> None:
        script = str(Path(__file__).with_name("streamer.py"))
        port = str(6000 + next(net.number))
        self._server = net.start(host, sys.executable, script, "serve", listen or target, port)
        wait_until("the server listens", lambda: "ready" in self._server.tail())
        self._client = net.start(sender, sys.executable, script, "send", target, port, str(seconds))
        self._seconds = seconds

    def finish(self, patience: float = 30) -> float:
        """Wait for the end, check that every octet arrived, return the longest gap in s."""
        assert self._client.wait(self._seconds + patience) == 0, self._client.tail()
        assert self._server.wait(5) == 0, self._server.tail()
        sent = json.loads(self._client.tail().splitlines()[-1])
        received = json.loads(self._server.tail().splitlines()[-1])
        assert sent["octets"] > 0
        assert (sent["octets"], sent["digest"]) == (received["octets"], received["digest"])
        return float(received["gap"])


@contextmanager
def node_net(links: int = 2, *, dad: bool = False) -> Iterator[NodeNet]:
    """Make the network, and take it down with all that runs in it.

    Without duplicate address detection, which takes seconds, unless `dad` says so.
    """
    with tempfile.TemporaryDirectory(prefix="nn-") as text:
        folder = Path(text)
        folder.chmod(0o755)
        net = NodeNet(folder, links, dad)
        with ExitStack() as stack:
            stack.callback(net.down)
            net.up()
            yield net


@contextmanager
def paired_net() -> Iterator[NodeNet]:
    """Make the network with a node on both hosts that know each other."""
    with node_net(2) as net:
        for host in HOSTS:
            net.node(host)
        assert net.ping("a", identity_of("b")) == 3
        yield net
