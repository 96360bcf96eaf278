# SPDX-License-Identifier: BSD-2-Clause
"""The name servers of a lab: BIND as primary, secondary and resolver of the zone lab.test.

The zone holds every end system as it is when the lab comes up.  Each ILNP host has a key that lets
it change its own name, and a configuration for `ilnptool dns` beside its others.
"""

from __future__ import annotations

import base64
import secrets
import sys
from ipaddress import IPv6Address
from pathlib import Path

import tomlkit

from ilnptool.dns.zone import Layout, Place, Record, render
from ilnptool.errors import UsageError
from ilnptool.lab.addressing import nids_of, provider_addresses
from ilnptool.lab.linuxnet import netns_of
from ilnptool.lab.model import Node, Role, Topology
from ilnptool.lab.node import control_socket
from ilnptool.lab.services import NSSWITCH_CONF, RESOLV_CONF, Services, wait_for
from ilnptool.lab.state import LabState
from ilnptool.wire.values import L64, Nid

ZONE = "lab.test."
LOCATOR_TTL = 2  # seconds: caches forget as fast as a move takes
DNS_CONF = "dns.toml"

_READY_SECONDS = 20.0
_NAMED_CONF = "named.conf"
_READY = {"primary": "all zones loaded", "secondary": "Transfer status: success"}


def name_servers(topology: Topology, kind: str) -> list[Node]:
    """Return the name servers of a kind, in file order."""
    return [node for node in topology.nodes if node.dns == kind]


def server_address(topology: Topology, node: Node) -> IPv6Address:
    """Return where a name server is asked."""
    found = list(provider_addresses(topology, node.name).values())
    if not found:
        raise UsageError(f"name server {node.name} has no provider, so nobody reaches it")
    return found[0]


def resolver_address(topology: Topology) -> IPv6Address:
    """Return the address of the first server that hosts may ask for any name."""
    for kind in ("resolver", "secondary", "primary"):
        for node in name_servers(topology, kind):
            return server_address(topology, node)
    raise UsageError(f'topology {topology.name} has no name server; give a plain node dns = "..."')


def write_resolv_conf(topology: Topology, directory: Path) -> None:
    """Have the programs of a node ask the lab's name server, if there is one.

    They do so by our module for the name service switch, which needs no node to be there.
    """
    if any(node.dns for node in topology.nodes):
        text = f"search {ZONE}\nnameserver {resolver_address(topology)}\noptions timeout:1\n"
        (directory / RESOLV_CONF).write_text(text)
        order = "files ilnp [!UNAVAIL=return] dns"
        text = f"passwd: files\ngroup: files\nshadow: files\nhosts: {order}\n"
        (directory / NSSWITCH_CONF).write_text(text)


def zone_file(topology: Topology) -> str:
    """Return the zone as it begins: locators of the links that are up and used."""
    here = Place(Path(topology.name), 1)
    records = []
    for node in topology.nodes:
        if not node.ilnp:
            continue
        owner = f"{node.name}.{ZONE}"
        records += [Record(owner, 10, Nid(int(x)), None, here) for x in nids_of(topology, node)]
        for link, _ in topology.links_of(node.name):
            if link.provider is not None and link.up and not link.locator.disabled:
                prefix = topology.provider(link.provider).prefix
                l64 = L64(int(prefix.network_address) >> 64)
                records.append(Record(owner, link.locator.preference, l64, None, here))
    primary = name_servers(topology, "primary")[0]
    text = render(records, Layout(ZONE, LOCATOR_TTL, primary=f"{primary.name}.{ZONE}"))
    text += "".join(f"@ NS {node.name}\n" for node in name_servers(topology, "secondary"))
    for node in topology.nodes:
        if node.role is Role.PLAIN:
            found = provider_addresses(topology, node.name).values()
            text += "".join(f"{node.name} AAAA {address}\n" for address in found)
    return text


def _key_name(node: Node) -> str:
    return f"{node.name}.{ZONE}"


def _key(node: Node) -> str:
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    return f'key "{_key_name(node)}" {{ algorithm hmac-sha256; secret "{secret}"; }};\n'


def _options(folder: Path, *, recursion: bool) -> str:
    return (
        f'options {{ directory "{folder}"; listen-on-v6 {{ any; }}; listen-on {{ none; }};\n'
        f'\tpid-file none; session-keyfile "{folder}/session.key"; dnssec-validation no;\n'
        f"\tallow-query {{ any; }}; recursion {'yes' if recursion else 'no'};\n"
        "\tallow-recursion { any; }; allow-transfer { any; }; notify explicit; notify-delay 0;\n"
        "\tnotify-rate 1000; serial-query-rate 1000; prefetch 0; };\ncontrols { };\n"
    )


def _primary(topology: Topology, folder: Path, keys: dict[str, str]) -> str:
    told = [server_address(topology, x) for x in name_servers(topology, "secondary")]
    also = "".join(f"{address}; " for address in told)
    grants = "".join(f"\tgrant {name} name {name} ANY;\n" for name in keys)
    (folder / "zone").write_text(zone_file(topology))
    return (
        f'{"".join(keys.values())}zone "{ZONE}" {{ type primary; file "zone";\n'
        f"update-policy {{\n{grants}}};\nalso-notify {{ {also}}};\n}};\n"
    )


def _others(topology: Topology, kind: str) -> str:
    primary = server_address(topology, name_servers(topology, "primary")[0])
    if kind == "secondary":
        return (
            f'zone "{ZONE}" {{ type secondary; file "zone"; masterfile-format text;\n'
            f"primaries {{ {primary}; }}; allow-notify {{ any; }}; }};\n"
        )
    seconds = [server_address(topology, x) for x in name_servers(topology, "secondary")]
    asked = "".join(f"{address}; " for address in [primary, *seconds])
    return f'zone "{ZONE}" {{ type forward; forward only; forwarders {{ {asked}}}; }};\n'


def _write_host(topology: Topology, state: LabState, node: Node, key: str) -> None:
    """Write what a host needs to keep its own name up to date."""
    folder = state.node(node.name)
    path = folder / "dns.key"
    path.touch(0o600)
    path.write_text(key)
    conf = tomlkit.document()
    conf["dns"] = {
        "server": str(server_address(topology, name_servers(topology, "primary")[0])),
        "zone": ZONE,
        "name": node.name,
        "key": path.name,
        "node": str(control_socket(folder)),
        "state": "dns-state.json",
        "ttl": LOCATOR_TTL,
    }
    conf["pace"] = {
        "gap": "300ms",
        "jitter": "50ms",
        "retry": "300ms",
        "retry_max": "2s",
        "timeout": "2s",
    }
    (folder / DNS_CONF).write_text(tomlkit.dumps(conf))


def follow_command(state: LabState, node: str) -> list[str]:
    """Return the command by which a host keeps its name up to date."""
    config = str(state.node(node) / DNS_CONF)
    return [sys.executable, "-m", "ilnptool", "dns", "follow", "--take-over", "--config", config]


def start_name_servers(topology: Topology, state: LabState, services: Services) -> None:
    """Write the files of all name servers, start them, and wait until they answer."""
    if not any(node.dns for node in topology.nodes):
        return
    if not name_servers(topology, "primary"):
        raise UsageError(f'topology {topology.name} has name servers, but no dns = "primary"')
    hosts = [node for node in topology.nodes if node.ilnp]
    keys = {_key_name(node): _key(node) for node in hosts}
    for node in hosts:
        _write_host(topology, state, node, keys[_key_name(node)])
    for kind in ("primary", "secondary", "resolver"):
        for node in name_servers(topology, kind):
            folder = state.node(node.name)
            text = _options(folder, recursion=kind == "resolver")
            text += (
                _primary(topology, folder, keys) if kind == "primary" else _others(topology, kind)
            )
            conf = folder / _NAMED_CONF
            conf.touch(0o600)
            conf.write_text(text)
            argv = ["named", "-g", "-6", "-n", "1", "-c", str(conf)]
            services.start(f"{node.name}/named", argv, netns_of(state.lab, node.name))
            _wait(services, f"{node.name}/named", _READY.get(kind, "running"))


def _wait(services: Services, name: str, words: str) -> None:
    """Wait until a server's log says that it is ready."""
    log = services.log(name)

    def ready() -> bool:
        services.check()
        return words in log.read_text(errors="replace")

    wait_for(ready, _READY_SECONDS, lambda: f"{name} is not ready; see {log}")
