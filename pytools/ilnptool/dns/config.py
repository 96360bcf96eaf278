# SPDX-License-Identifier: BSD-2-Clause
"""The file that says which name follows which node, and on which server.

[dns]
server = "2001:db8::53"         # or a name; "[2001:db8::53]:5353" with a port
zone = "example.com"
name = "mn"                     # below the zone; absolute if it ends in a point
key = "mn.key"                  # beside this file; mode 600
node = "/run/ilnpd-ilnp.sock"   # the node's control socket; "kernel": this FreeBSD kernel
ttl = 20                        # seconds, of L64 and AAAA; never above a Locator Update's
nid_ttl = 3600                  # seconds, of NID and LP
preference = 10                 # of the NIDs and the LP
aaaa = true                     # publish the addresses, too
lp = "net1"                     # have the name point there instead of holding locators
lead = true                     # and keep the locators of that name up to date

[pace]
gap = "2s"                      # least time between two updates
jitter = "500ms"                # up to that much is waited at random before one
retry = "1s"                    # after a failure; doubled each time
retry_max = "300s"
timeout = "5s"                  # for the server's answer
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ilnptool import tomlfile
from ilnptool.dns.rrset import NAME_FORM, TTL_MAX, absolute
from ilnptool.errors import UsageError
from ilnptool.lab import units
from ilnptool.tomlfile import Table

FILE_NAME = "dns.toml"
KERNEL = "kernel"  # the node that is no socket
DNS_PORT = 53
SERVER_FORM = "a name or an address, with a port as in [2001:db8::53]:5353 or ns1.example.com:5353"

_KEYS = ("server", "zone", "name", "key", "node", "state", "ttl", "nid_ttl", "preference", "aaaa")
_LP_KEYS = ("lp", "lead")
_PACE_KEYS = ("gap", "jitter", "retry", "retry_max", "timeout")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the server is bothered; all in seconds."""

    gap: float = 2.0
    jitter: float = 0.5
    retry: float = 1.0
    retry_max: float = 300.0
    timeout: float = 5.0


@dataclass(frozen=True, slots=True)
class DnsConfig:
    """Which name follows which node; names are absolute."""

    host: str
    port: int
    zone: str
    key: Path
    state: Path
    name: str | None = None
    node: Path | None = None
    kernel: bool = False  # instead of a node: this machine's own
    ttl: int = 20
    nid_ttl: int = 3600
    preference: int = 10
    aaaa: bool = True
    lp: str | None = None
    lead: bool = False
    pace: Pace = Pace()

    @property
    def server(self) -> str:
        """Return the server as errors call it."""
        return f"{self.host} port {self.port}"


def parse_server(text: str) -> tuple[str, int]:
    """Return host and port; ValueError if there are none."""
    host, port = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(text)
        port = rest[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    number = int(port) if port else DNS_PORT
    if not host or any(char.isspace() for char in host) or not 0 < number < 65536:
        raise ValueError(text)
    return host, number


def default_file() -> Path:
    """Return where the file is looked for if none is named."""
    return platformdirs.user_config_path("ilnptool") / FILE_NAME


def _seconds(table: Table, key: str, default: float, low: float) -> float:
    value = table.parsed(key, units.parse_time, units.TIME_FORM, default)
    if value < low:
        table.fail(key, units.format_time(value), f"at least {units.format_time(low)}")
    return value


def _pace(table: Table) -> Pace:
    table.only(_PACE_KEYS)
    usual = Pace()
    pace = Pace(
        _seconds(table, "gap", usual.gap, 0),
        _seconds(table, "jitter", usual.jitter, 0),
        _seconds(table, "retry", usual.retry, 0.1),
        _seconds(table, "retry_max", usual.retry_max, 0.1),
        _seconds(table, "timeout", usual.timeout, 0.1),
    )
    if pace.retry_max < pace.retry:
        limit = units.format_time(pace.retry)
        table.fail("retry_max", units.format_time(pace.retry_max), f"at least retry, {limit}")
    return pace


def _name(table: Table, key: str, zone: str) -> str | None:
    if key not in table:
        return None
    text = table.string(key, None, NAME_FORM)
    try:
        name = absolute(text, zone)
    except UsageError:
        table.fail(key, text, NAME_FORM)
    if name != zone and not name.endswith("." + zone):
        table.fail(key, text, f"a name in the zone {zone}")
    return name


def _path(table: Table, key: str, base: Path) -> Path:
    text = table.string(key, None, "a path")
    if not text:
        table.fail(key, text, "a path")
    return (base / Path(text).expanduser()).absolute()


def read_dns_config(top: Table) -> DnsConfig:
    """Return what a file says; relative paths are meant from where it lies."""
    top.only(("dns", "pace"))
    table = top.table("dns")
    table.only((*_KEYS, *_LP_KEYS))
    base = top.path.parent
    host, port = table.parsed("server", parse_server, SERVER_FORM)
    zone_text = table.string("zone", None, NAME_FORM)
    try:
        zone = absolute(zone_text, ".")
    except UsageError:
        table.fail("zone", zone_text, NAME_FORM)
    name, lp = _name(table, "name", zone), _name(table, "lp", zone)
    lead = table.flag("lead", False)
    if lead and lp is None:
        table.fail("lead", lead, "together with lp")
    if name is None and not lead:
        table.fail("name", "", "a name, or lp and lead = true", "nothing to publish: name")
    if lp is not None and lp == name:
        table.fail("lp", lp, "another name than the host's own (RFC 6742 s2.4.1.2)")
    state = _path(table, "state", base) if "state" in table else default_state(name or lp or zone)
    kernel = "node" in table and table.string("node", None, "a path") == KERNEL
    return DnsConfig(
        host=host,
        port=port,
        zone=zone,
        key=_path(table, "key", base),
        state=state,
        name=name,
        node=_path(table, "node", base) if "node" in table and not kernel else None,
        kernel=kernel,
        ttl=table.integer("ttl", 20, 0, TTL_MAX),
        nid_ttl=table.integer("nid_ttl", 3600, 0, TTL_MAX),
        preference=table.integer("preference", 10, 0, 65535),
        aaaa=table.flag("aaaa", True),
        lp=lp,
        lead=lead,
        pace=_pace(top.table("pace")),
    )


def default_state(name: str) -> Path:
    """Return where it is remembered what a name holds."""
    return platformdirs.user_state_path("ilnptool") / "dns" / f"{name.rstrip('.')}.json"


def load_dns_config(path: Path) -> DnsConfig:
    """Read a file; FileError names the line of a mistake."""
    return read_dns_config(tomlfile.load(path))
