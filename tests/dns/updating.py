# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of updates share: a name of its own per test, on a real server."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

from servers import MOVER, Key, Server

from ilnptool.dns import DnsConfig, LocalView, Publisher
from ilnptool.dns.config import Pace
from ilnptool.dns.keys import load_key
from ilnptool.dns.state import load_state
from ilnptool.wire.text import parse_l64, parse_nid
from ilnptool.wire.values import L64, Nid

ZONE = "example.com."
NID = parse_nid("0211:22ff:fe33:4455")
OTHER_NID = parse_nid("0211:22ff:fe66:7788")
AA, BB, CC = (parse_l64(f"2001:db8:{x}:1") for x in ("aa", "bb", "cc"))

_number = itertools.count(1)


def view(*l64s: L64, nids: tuple[Nid, ...] = (NID,), lu_lifetime: int = 300) -> LocalView:
    return LocalView(nids, tuple((10, x) for x in l64s), lu_lifetime)


@dataclass
class Site:
    """A name that no other test uses, with its key file and its state."""

    server: Server
    folder: Path
    config: DnsConfig

    @property
    def name(self) -> str:
        assert self.config.name is not None
        return self.config.name

    def publisher(self, *, take_over: bool = False) -> Publisher:
        """Return a publisher that begins with the state on disk, as a new process does."""
        key = load_key(self.config.key)
        return Publisher(self.config, key, load_state(self.config.state), take_over=take_over)

    def held(self, rdtype: str, name: str | None = None) -> list[str]:
        return self.server.records(name or self.name, rdtype)

    def changed(self, **fields: object) -> Site:
        return Site(self.server, self.folder, replace(self.config, **fields))  # type: ignore[arg-type]


def site(server: Server, folder: Path, key: Key = MOVER, secret: str | None = None) -> Site:
    name = f"host{next(_number)}.example.com."
    config = DnsConfig(
        host=server.address,
        port=server.port,
        zone=ZONE,
        key=key.write(folder / "key", secret),
        state=folder / "state.json",
        name=name,
        pace=Pace(gap=0, jitter=0, retry=0.1, timeout=3),
    )
    return Site(server, folder, config)
