# SPDX-License-Identifier: BSD-2-Clause
"""Names for nodes: records of RFC 6742 that follow the locators of a host, and zone files.

`compose` says what a name is to hold, `Publisher` puts it there by one atomic update (RFC 2136,
TSIG), `Follower` does so whenever the locators change, `zone` checks and writes zone files.
"""

from ilnptool.dns.compose import LocalView, compose
from ilnptool.dns.config import DnsConfig, load_dns_config
from ilnptool.dns.follow import Follower
from ilnptool.dns.publisher import Publisher
from ilnptool.dns.rrset import OwnerSet, RRset
from ilnptool.dns.source import source_of

__all__ = [
    "DnsConfig",
    "Follower",
    "LocalView",
    "OwnerSet",
    "Publisher",
    "RRset",
    "compose",
    "load_dns_config",
    "source_of",
]
