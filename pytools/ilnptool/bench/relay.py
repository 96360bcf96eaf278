# SPDX-License-Identifier: BSD-2-Clause
"""The bare relay (pytools/tunrelay): the least that a node between TUN and wire can do."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv6Address
from pathlib import Path

from ilnptool import run
from ilnptool.bench.traffic import Way
from ilnptool.config import PROJECT
from ilnptool.errors import CheckFailed
from ilnptool.lab.addressing import mac_of
from ilnptool.lab.ident import Nid, address_of
from ilnptool.lab.model import End, Link, Topology
from ilnptool.lab.protocol import Lab, Running
from ilnptool.lab.services import wait_for

SOURCE = PROJECT / "pytools" / "tunrelay"
BINARY = PROJECT / "build" / "tunrelay"
TUN = "relay0"
RELAYED = Nid(0xBEEF)  # the identifier of the addresses that only the relay serves
SECONDS = 10.0


def build() -> Path:
    """Return the relay's path, built anew if its source is newer."""
    run.run(["make", "-s", "-C", str(SOURCE), f"OUT={BINARY.parent}"], timeout=120)
    return BINARY


def relayed_address(topology: Topology, node: str) -> IPv6Address:
    """Return the address of a node's TUN device: of its first provider, so that routers agree."""
    link = topology.links_of(node)[0][0]
    assert link.provider is not None
    return address_of(topology.provider(link.provider).prefix, RELAYED)


def _keep_host_out(lab: Lab, node: str, interface: str, own: IPv6Address) -> None:
    """Have the host's own IPv6 drop what is the relay's; packet sockets see it before."""
    rules = (
        f"table ip6 relay {{ chain early {{ type filter hook prerouting priority raw; "
        f'iifname "{interface}" ip6 daddr {own} drop; }}; }}\n'
    )
    lab.exec(node, ["nft", "-f", "-"], stdin=rules, timeout=SECONDS)


def _tell_router(lab: Lab, link: Link, own_mac: str, own: IPv6Address) -> None:
    """Nobody answers neighbour solicitations for the address, so its router is told."""
    router = link.ends[1]
    words = ["ip", "-6", "neigh", "replace", str(own), "lladdr", own_mac]
    lab.exec(router.node, [*words, "dev", router.interface, "nud", "permanent"], timeout=SECONDS)


def _start(lab: Lab, node: str, peer: str, folder: Path, *, offload: bool) -> Running:
    topology = lab.topology
    link, end = topology.links_of(node)[0]
    own, theirs = relayed_address(topology, node), relayed_address(topology, peer)
    router_end: End = link.ends[1]
    _keep_host_out(lab, node, end.interface, own)
    _tell_router(lab, link, mac_of(topology, end), own)
    argv = [str(BINARY), *(["-o"] if offload else []), "-t", TUN, "-i", end.interface]
    argv += ["-m", mac_of(topology, router_end), "-a", str(own)]
    out, log = folder / f"{node}.out", folder / f"{node}.log"
    process = lab.popen(node, argv, log=log, stdout=out)

    def ready() -> bool:
        if process.poll() is not None:
            raise CheckFailed(f"tunrelay on {node} has ended: {process.tail()}")
        return "ready" in out.read_text()

    try:
        wait_for(ready, SECONDS, lambda: f"tunrelay on {node} is not ready: {process.tail()}")
        # No address of its own making: what that sends would go out by the relay.
        lines = f"link set {TUN} addrgenmode none\nlink set {TUN} up\n"
        lines += f"address add {own}/128 dev {TUN} nodad\n"
        lines += f"route add {theirs}/128 dev {TUN}\n"
        lab.exec(node, ["ip", "-6", "-batch", "-"], stdin=lines, timeout=SECONDS)
    except BaseException:
        process.stop()
        raise
    return process


@contextmanager
def relaying(lab: Lab, sender: str, receiver: str, *, offload: bool) -> Iterator[Way]:
    """Have a relay run on both nodes for the time of a block; yields the way between them."""
    with tempfile.TemporaryDirectory(prefix="ilnp-relay-") as folder, ExitStack() as stack:
        for node, peer in ((sender, receiver), (receiver, sender)):
            process = _start(lab, node, peer, Path(folder), offload=offload)
            stack.callback(process.stop)
            stack.callback(
                lab.exec, node, ["nft", "delete", "table", "ip6", "relay"], timeout=SECONDS
            )
        yield Way(sender, receiver, str(relayed_address(lab.topology, receiver)))
