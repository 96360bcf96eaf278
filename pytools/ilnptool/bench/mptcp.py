# SPDX-License-Identifier: BSD-2-Clause
"""Linux MPTCP as a yardstick: its path manager told of all paths, at its best."""

from __future__ import annotations

from ilnptool.bench.paths import RECEIVER, SENDER
from ilnptool.bench.traffic import Way
from ilnptool.lab.addressing import provider_addresses
from ilnptool.lab.protocol import Lab

SECONDS = 10.0
_SUBFLOWS = 7


def configure(lab: Lab) -> Way:
    """Have MPTCP use path i from the i-th address to the i-th, and return the way of its streams.

    The receiver announces its addresses; the sender answers each from its addresses that are
    marked fullmesh, and from nowhere else.  The first pair is that of the connection itself, so
    for two paths there are two subflows, which share no link.  Marked `subflow` as well, they would
    meet on the links and reach 0.93 of the sum instead of 1.00.
    """
    topology = lab.topology
    for node, flag, skip in ((SENDER, "fullmesh", 1), (RECEIVER, "signal", 0)):
        limits = f"limits set subflows {_SUBFLOWS} add_addr_accepted {_SUBFLOWS}"
        lab.exec(node, ["ip", "mptcp", *limits.split()], timeout=SECONDS)
        addresses = provider_addresses(topology, node).values()
        interfaces = [end.interface for _, end in topology.links_of(node)]
        for address, interface in list(zip(addresses, interfaces, strict=True))[skip:]:
            words = f"endpoint add {address} dev {interface} {flag}"
            lab.exec(node, ["ip", "mptcp", *words.split()], timeout=SECONDS)
    first = [next(iter(provider_addresses(topology, x).values())) for x in (SENDER, RECEIVER)]
    return Way(SENDER, RECEIVER, str(first[1]), source=str(first[0]))
