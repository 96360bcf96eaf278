# SPDX-License-Identifier: BSD-2-Clause
"""A network of two nodes with a BIND at the router, whose names programs resolve by our module.

Each namespace has its own nsswitch.conf and resolv.conf in /etc/netns, which `ip netns exec` puts
into place; the machine's own files are not touched.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from nodenet import HOSTS, NodeNet, node_net, prefix_of
from resolving import OUT, resolver
from servers import MOVER, SERVERS, SOA, Server

ETC = Path("/etc/netns")
ZONE = "example.com"
ORDER = "files ilnp [!UNAVAIL=return] dns"


def group4(prefix: str) -> str:
    """Return a prefix with four digits in each group, which is all that Knot reads."""
    return ":".join(group.zfill(4) for group in prefix.split(":"))


def zone(*records: str) -> str:
    """Return a zone in which host b has its NID, two locators and an address."""
    lines = (
        "b 300 NID 10 0000:0000:0000:000b",
        f"b L64 10 {group4(prefix_of('b', 1))}",
        f"b L64 20 {group4(prefix_of('b', 2))}",
        f"b AAAA {prefix_of('b', 1)}::b",
        "b A 192.0.2.11",
        *records,
    )
    return "$TTL 30\n" + SOA + "".join(f"{line}\n" for line in lines)


def environment() -> dict[str, str]:
    """Return what makes programs find the module where it was built."""
    resolver(False)
    return {"LD_LIBRARY_PATH": str(OUT)}


@contextmanager
def _etc(net: NodeNet, server: str) -> Iterator[None]:
    existed = ETC.exists()
    folders = [ETC / (net.prefix + host) for host in HOSTS]
    try:
        for folder in folders:
            folder.mkdir(parents=True)
            (folder / "nsswitch.conf").write_text(f"hosts: {ORDER}\npasswd: files\ngroup: files\n")
            (folder / "resolv.conf").write_text(
                f"nameserver {server}\nsearch {ZONE}\noptions timeout:2 attempts:2\n"
            )
        yield
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        if not existed:
            with suppress(OSError):
                ETC.rmdir()


class NameNet:
    """The network, its name server, and programs that ask it."""

    def __init__(self, net: NodeNet, server: Server) -> None:
        self.net = net
        self.server = server

    def exec(self, *argv: str, host: str = "a", check: bool = True, timeout: float = 30) -> str:
        """Run a program that resolves names; return what it wrote."""
        words = ["env", *(f"{k}={v}" for k, v in environment().items()), *argv]
        return self.net.exec(host, *words, check=check, timeout=timeout).stdout

    def candidates(self, host: str = "a") -> dict[str, dict[str, object]]:
        """Return what a node has been taught by look-ups, by NID."""
        return {x["nid"]: x for x in self.net.tell(host, "hosts")["hosts"] if "uid" in x}


@contextmanager
def name_net(
    *records: str, kind: str = "bind", links: int = 2, text: str = ""
) -> Iterator[NameNet]:
    """Make it, with nodes that know each other from no hosts file."""
    address = f"{prefix_of('a', 1)}::1"
    with node_net(links) as net, ExitStack() as stack:
        (net.folder / "hosts").write_text("")
        folder = net.folder / kind
        space = net.space("r")
        stack.enter_context(_etc(net, address))
        server = stack.enter_context(
            SERVERS[kind](
                folder,
                {ZONE: zone(*records)},
                update=(MOVER,),
                space=space,
                address=address,
                port=53,
            )
        )
        for host in HOSTS:
            net.node(host, text)
        yield NameNet(net, server)


def as_nobody(*argv: str) -> list[str]:
    """Return the command that runs another without any privilege."""
    return ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *argv]
