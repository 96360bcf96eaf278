# SPDX-License-Identifier: BSD-2-Clause
"""Reads what `ip -json address` says."""

from __future__ import annotations

import json
from ipaddress import IPv6Address
from typing import Any

from ilnptool.lab.protocol import Address

_FOREVER = 0xFFFFFFFF


def _seconds(value: int) -> float | None:
    return None if value == _FOREVER else float(value)


def _usable(info: dict[str, Any]) -> bool:
    if info.get("dadfailed"):
        return False
    return not info.get("tentative") or bool(info.get("optimistic"))


def parse_addresses(text: str) -> list[Address]:
    """Return the IPv6 addresses in the output, those of the loopback interface left out."""
    return [
        Address(
            interface=device["ifname"],
            address=IPv6Address(info["local"]),
            scope=info["scope"],
            usable=_usable(info),
            deprecated=bool(info.get("deprecated")),
            valid=_seconds(info["valid_life_time"]),
            preferred=_seconds(info["preferred_life_time"]),
        )
        for device in json.loads(text or "[]")
        if device.get("ifname") != "lo"
        for info in device.get("addr_info", [])
        if info.get("family") == "inet6"
    ]
