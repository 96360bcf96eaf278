# SPDX-License-Identifier: BSD-2-Clause
"""What a lab consists of, whatever it is built with: nodes, links, providers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv6Network

from ilnptool.errors import UsageError
from ilnptool.lab.ident import Nid

ALGORITHMS = ("rr", "drr", "drr_paper", "pref", "weighted", "sticky", "redundant")
BOTTLENECKS = ("ends", "middle")
NAME_SERVERS = ("primary", "secondary", "resolver")
NAME_FORM = "1 to 15 of a-z, 0-9 and -, beginning with a letter"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,14}")


def check_name(text: str) -> str:
    """Return `text` if it can name a lab, node, link, provider or interface; else ValueError.

    15 characters is what Linux allows for an interface; one rule for all names is easy to remember.
    """
    if _NAME.fullmatch(text) is None:
        raise ValueError(text)
    return text


class Role(StrEnum):
    """What a node is for."""

    HOST = "host"  # an end system, with ILNP unless it says otherwise
    ROUTER = "router"  # forwards, advertises its providers' prefixes, knows nothing of ILNP
    PLAIN = "plain"  # an end system that never runs ILNP


@dataclass(frozen=True, slots=True)
class Discovery:
    """How an end system finds its routers and checks its addresses (RFC 4861, 4862, 4429)."""

    rs_delay: float = 0.0
    rs_interval: float = 1.0
    dad_transmits: int = 1
    optimistic_dad: bool = True


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the lab."""

    name: str
    role: Role
    ilnp: bool = False
    nids: tuple[Nid, ...] = ()
    algorithm: str = "rr"
    knobs: Mapping[str, int] = field(default_factory=dict)
    listed_as_ilnp: bool = False  # others believe it speaks ILNP, although it does not
    dns: str = ""  # what it does as a name server: one of NAME_SERVERS
    source_routing: bool = False  # its IPv6 sends by the provider of the source address
    discovery: Discovery = Discovery()

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.ilnp and self.role is not Role.HOST:
            raise ValueError(f"{self.name}: only a host runs ILNP")
        if self.dns not in ("", *NAME_SERVERS) or (self.dns and self.role is not Role.PLAIN):
            raise ValueError(f"{self.name}: only a plain node serves names")
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"{self.name}: unknown algorithm {self.algorithm}")


@dataclass(frozen=True, slots=True)
class Advertisement:
    """Router advertisement timing in seconds; the defaults are Table 6 of the duality paper."""

    max_interval: float = 5
    min_interval: float = 3
    valid: float = 15
    preferred: float = 9


@dataclass(frozen=True, slots=True)
class Provider:
    """A network that gives its customers addresses of its own prefix."""

    name: str
    prefix: IPv6Network

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.prefix.prefixlen != 64:
            raise ValueError(f"{self.name}: {self.prefix} is not a /64")


@dataclass(frozen=True, slots=True)
class Impairment:
    """What a link does to each frame besides carrying it, in each direction alike.

    Frames keep their order under jitter; only `reorder` lets later ones overtake.
    """

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    reorder: float = 0.0

    def __post_init__(self) -> None:
        if self.delay < 0 or not 0 <= self.jitter <= self.delay:
            raise ValueError("a delay is not negative, and jitter not larger than the delay")
        if not (0 <= self.loss <= 1 and 0 <= self.reorder <= 1):
            raise ValueError("loss and reorder are shares from 0 to 1")


@dataclass(frozen=True, slots=True)
class Locator:
    """What an ILNP host is told about the locators it gets by a link."""

    preference: int = 10  # lower is preferred (RFC 6742)
    weight: int = 1
    disabled: bool = False  # on the node's list of interfaces not to use

    def __post_init__(self) -> None:
        if not (0 <= self.preference <= 65535 and 1 <= self.weight <= 65535):
            raise ValueError("preference is from 0 to 65535, weight from 1 to 65535")


@dataclass(frozen=True, slots=True)
class End:
    """One end of a link."""

    node: str
    interface: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link between two interfaces.

    With a provider it joins an end system (first end) and that provider's router (second end);
    without, it joins two routers.
    """

    name: str
    ends: tuple[End, End]
    provider: str | None = None
    rate: int | None = None  # bits per second, in each direction
    queue: int | None = None  # bytes that wait at the bottleneck; None: 100 ms of the rate
    burst: int | None = None  # bytes that may leave at once; None: 2 ms of the rate
    bottleneck: str = "ends"
    impairment: Impairment | None = None
    offload: bool = False
    mtu: int = 1500
    up: bool = True
    advertisement: Advertisement = Advertisement()
    locator: Locator = Locator()

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.rate is not None and self.rate <= 0:
            raise ValueError(f"{self.name}: a rate is positive")
        if self.bottleneck not in BOTTLENECKS:
            raise ValueError(f"{self.name}: bottleneck is one of {BOTTLENECKS}")

    @property
    def emulated(self) -> bool:
        """Whether something sits in the middle of the link."""
        return self.impairment is not None or self.bottleneck == "middle"

    @property
    def queue_bytes(self) -> int:
        """Bytes that may wait, never less than twenty full frames."""
        if self.queue is not None:
            return self.queue
        return max((self.rate or 0) // 80, 20 * self.mtu)

    @property
    def burst_bytes(self) -> int:
        """Bytes that may leave at once, never less than three full frames."""
        if self.burst is not None:
            return self.burst
        return max((self.rate or 0) // 4000, 3 * (self.mtu + 14))


@dataclass(frozen=True, slots=True)
class Topology:
    """A whole lab."""

    name: str
    description: str
    nodes: tuple[Node, ...]
    providers: tuple[Provider, ...]
    links: tuple[Link, ...]

    def node(self, name: str) -> Node:
        for node in self.nodes:
            if node.name == name:
                return node
        raise UsageError(self._unknown("node", name, [n.name for n in self.nodes]))

    def link(self, name: str) -> Link:
        for link in self.links:
            if link.name == name:
                return link
        raise UsageError(self._unknown("link", name, [x.name for x in self.links]))

    def provider(self, name: str) -> Provider:
        for provider in self.providers:
            if provider.name == name:
                return provider
        raise UsageError(self._unknown("provider", name, [p.name for p in self.providers]))

    def _unknown(self, what: str, name: str, known: list[str]) -> str:
        return f"topology {self.name} has no {what} {name}; it has: {', '.join(known)}"

    def links_of(self, node: str) -> list[tuple[Link, End]]:
        """Return the links of a node, each with the node's own end, in file order."""
        return [(link, end) for link in self.links for end in link.ends if end.node == node]

    def with_link(self, changed: Link) -> Topology:
        """Return the same lab with the link of that name replaced."""
        self.link(changed.name)
        links = tuple(changed if link.name == changed.name else link for link in self.links)
        return replace(self, links=links)

    def with_node(self, changed: Node) -> Topology:
        """Return the same lab with the node of that name replaced."""
        self.node(changed.name)
        nodes = tuple(changed if node.name == changed.name else node for node in self.nodes)
        return replace(self, nodes=nodes)
