# SPDX-License-Identifier: BSD-2-Clause
"""What routers are told: advertisements for radvd, ingress filter for nft."""

from __future__ import annotations

from pathlib import Path

from ilnptool.lab.model import End, Link, Topology


def _customers(topology: Topology, router: str) -> list[tuple[Link, End]]:
    return [(link, end) for link, end in topology.links_of(router) if link.provider is not None]


def radvd_conf(topology: Topology, router: str) -> str:
    """Return radvd's configuration for a router; empty if it has no customers."""
    blocks = []
    for link, end in _customers(topology, router):
        assert link.provider is not None
        ra = link.advertisement
        mtu = f"\tAdvLinkMTU {link.mtu};\n" if link.mtu != 1500 else ""
        blocks.append(
            f"interface {end.interface} {{\n"
            "\tAdvSendAdvert on;\n"
            "\tIgnoreIfMissing on;\n"
            f"\tMaxRtrAdvInterval {ra.max_interval:g};\n"
            f"\tMinRtrAdvInterval {ra.min_interval:g};\n"
            f"{mtu}"
            f"\tprefix {topology.provider(link.provider).prefix} {{\n"
            f"\t\tAdvValidLifetime {ra.valid:g};\n"
            f"\t\tAdvPreferredLifetime {ra.preferred:g};\n"
            "\t};\n"
            "};\n"
        )
    return "".join(blocks)


def radvd_command(directory: Path) -> list[str]:
    """Return the command that runs radvd on the configuration in a router's directory."""
    files = ["-C", str(directory / "radvd.conf"), "-p", str(directory / "radvd.pid")]
    return ["radvd", "--nodaemon", *files, "-m", "stderr"]


def ingress_rules(topology: Topology, router: str) -> str:
    """Return nft rules by which a router takes from customers only what has its own prefix.

    This is BCP 38, and what makes multihoming hard: a packet must leave by the provider whose
    prefix its source address has.
    """
    rules = []
    for link, end in _customers(topology, router):
        assert link.provider is not None
        prefix = topology.provider(link.provider).prefix
        rules.append(f'\t\tiifname "{end.interface}" ip6 saddr != {prefix} counter drop\n')
    return (
        "table ip6 ilnptool {\n"
        "\tchain ingress {\n"
        "\t\ttype filter hook forward priority filter; policy accept;\n"
        f"{''.join(rules)}"
        "\t}\n"
        "}\n"
    )
