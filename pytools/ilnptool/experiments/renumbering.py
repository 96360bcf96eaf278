# SPDX-License-Identifier: BSD-2-Clause
"""A provider that renumbers a customer, as RFC 4192 has it done: make before break."""

from __future__ import annotations

from ipaddress import IPv6Network

from ilnptool.lab import routers
from ilnptool.lab.addressing import routes_of
from ilnptool.lab.ident import Nid, address_of
from ilnptool.lab.model import Link, Role
from ilnptool.lab.netns import NetnsLab

_SECONDS = 10.0
_ROUTER = Nid(1)


class Renumbering:
    """One link of a lab and the prefix that replaces its provider's."""

    def __init__(self, lab: NetnsLab, link: Link, new: IPv6Network) -> None:
        assert link.provider is not None
        self._lab = lab
        self._link = link
        self._old = lab.topology.provider(link.provider).prefix
        self._new = new
        self._router = link.ends[1]
        self._conf = lab.state.node(self._router.node) / "radvd.conf"

    def announce_new(self) -> None:
        """Route the new prefix, take packets from it, and announce both."""
        self._ip(f"address replace {address_of(self._new, _ROUTER)}/64 dev {self._port} nodad")
        self._routes(self._new, "replace")
        both = f"{{ {self._old}, {self._new} }}"
        self._filter(both)
        ra = self._link.advertisement
        self._announce({self._old: (ra.valid, ra.preferred), self._new: (ra.valid, ra.preferred)})

    def deprecate_old(self) -> None:
        """Announce that nothing new is to begin from the old prefix."""
        ra = self._link.advertisement
        self._announce({self._old: (ra.valid, 0), self._new: (ra.valid, ra.preferred)})

    def silence_old(self) -> None:
        """Announce the new prefix only; the old one ends when its lifetime does."""
        ra = self._link.advertisement
        self._announce({self._new: (ra.valid, ra.preferred)})

    def remove_old(self) -> None:
        """Route the old prefix no more."""
        self._filter(str(self._new))
        self._routes(self._old, "delete")
        self._ip(f"address delete {address_of(self._old, _ROUTER)}/64 dev {self._port}")

    @property
    def _port(self) -> str:
        return self._router.interface

    def _ip(self, line: str, node: str | None = None) -> None:
        self._lab.exec(node or self._router.node, ["ip", "-6", *line.split()], timeout=_SECONDS)

    def _routes(self, prefix: IPv6Network, verb: str) -> None:
        """Have all other routers send a prefix where they send the old one."""
        for node in self._lab.topology.nodes:
            if node.role is not Role.ROUTER or node.name == self._router.node:
                continue
            for route in routes_of(self._lab.topology, node.name):
                if route.destination == self._old:
                    via = f"via {route.via} dev {route.interface} onlink"
                    self._ip(f"route {verb} {prefix} {via}", node.name)

    def _filter(self, prefixes: str) -> None:
        rules = routers.ingress_rules(self._lab.topology, self._router.node)
        text = "delete table ip6 ilnptool\n" + rules.replace(
            f'"{self._port}" ip6 saddr != {self._old}', f'"{self._port}" ip6 saddr != {prefixes}'
        )
        self._lab.exec(self._router.node, ["nft", "-f", "-"], stdin=text, timeout=_SECONDS)

    def _announce(self, prefixes: dict[IPv6Network, tuple[float, float]]) -> None:
        """Have radvd announce prefixes with their valid and preferred lifetimes, in seconds."""
        text = routers.radvd_conf(self._lab.topology, self._router.node)
        begin = text.index(f"\tprefix {self._old} {{")
        end = text.index("\t};\n", begin) + len("\t};\n")
        blocks = "".join(
            f"\tprefix {prefix} {{\n\t\tAdvValidLifetime {valid:g};\n"
            f"\t\tAdvPreferredLifetime {preferred:g};\n\t}};\n"
            for prefix, (valid, preferred) in prefixes.items()
        )
        self._conf.write_text(text[:begin] + blocks + text[end:])
        pid = self._conf.with_name("radvd.pid").read_text().strip()
        self._lab.exec(self._router.node, ["kill", "-HUP", pid], timeout=_SECONDS)
