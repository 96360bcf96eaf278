# SPDX-License-Identifier: BSD-2-Clause
"""Writes and checks configuration files of bhyve(8), whose rules are those of bhyve_config(5).

A file has lines KEY=VALUE; the nodes of a key are joined by dots.  Only devices that a lab may use
are known here, and what is not known is an error: bhyve itself says nothing about a wrong key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ilnptool.errors import FileError

_TRUE = ("true", "on", "yes", "1")
_FALSE = ("false", "off", "no", "0")
_SIZE = re.compile(r"\d+[BKMGTPE]?", re.IGNORECASE)  # expand_number(3)
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.IGNORECASE)
_SECTOR = re.compile(r"\d+(/\d+)?")
_PCI = re.compile(r"pci\.(0|[1-9]\d*)\.(0|[1-9]\d*)\.([0-7])\.(.+)")

# How a value is written: a test, and what to say if it fails.
Form = tuple[Callable[[str], object], str]


def _integer(text: str) -> bool:
    # As strtol(3) with base 0 takes it.
    return re.fullmatch(r"[-+]?(0x[0-9a-f]+|\d+)", text, re.IGNORECASE) is not None


_FORMS: Mapping[str, Form] = {
    "string": (bool, "a text that is not empty"),
    "path": (bool, "a path"),
    "integer": (_integer, "a whole number"),
    "bool": (lambda text: text.lower() in _TRUE + _FALSE, ", ".join(_TRUE + _FALSE)),
    "size": (_SIZE.fullmatch, "a size such as 256M"),
    "mac": (_MAC.fullmatch, "a MAC address such as 02:69:6c:00:01:01"),
    "sector": (_SECTOR.fullmatch, "LOGICAL or LOGICAL/PHYSICAL"),
    "fwcfg": (lambda text: text in ("bhyve", "qemu"), "bhyve, qemu"),
    "backend": (
        lambda text: re.fullmatch(r"(tap|vmnet)\d+|netgraph|netmap:.+|vale.+:.+", text),
        "tapN, vmnetN, netgraph, netmap:INTERFACE, valeBRIDGE:PORT",
    ),
}
GLOBAL = {
    "name": "string",
    **dict.fromkeys(("cpus", "cores", "threads", "sockets", "gdb.port"), "integer"),
    **dict.fromkeys(
        ("memory.guest_in_core", "memory.wired", "acpi_tables", "acpi_tables_in_memory"), "bool"
    ),
    **dict.fromkeys(("destroy_on_poweroff", "gdb.wait", "rtc.use_localtime"), "bool"),
    **dict.fromkeys(("virtio_msix", "config.dump"), "bool"),
    "memory.size": "size",
    "gdb.address": "string",
    "uuid": "string",
    **{
        f"x86.{name}": "bool"
        for name in (
            *("mptable", "x2apic", "strictio", "strictmsr"),
            *("vmexit_on_hlt", "vmexit_on_pause"),
        )
    },
    **{f"lpc.com{number}.path": "path" for number in range(1, 5)},
    **{"lpc.bootrom": "path", "lpc.bootvars": "path", "lpc.fwcfg": "fwcfg"},
    "lpc.pc-testdev": "bool",
}
_BLOCK = {
    "path": "path",
    **dict.fromkeys(("nocache", "nodelete", "sync", "direct", "ro"), "bool"),
    "sectorsize": "sector",
}
_NET = {"backend": "backend", "type": "string", "mac": "mac"}
DEVICES: Mapping[str, Mapping[str, str]] = {
    "hostbridge": {"pcireg.vendor": "integer", "pcireg.device": "integer"},
    "lpc": {},
    "uart": {"path": "path"},
    "virtio-blk": {**_BLOCK, "ser": "string"},
    "virtio-net": {**_NET, "mtu": "integer"},
    "e1000": _NET,
    "virtio-rnd": {},
    "passthru": {
        **dict.fromkeys(("bus", "slot", "func"), "integer"),
        **{"pptdev": "string", "rom": "path"},
    },
}
_SLOT_MAX = 31


def format_config(settings: Mapping[str, str]) -> str:
    """Return the text of a file; `%` stands for itself."""
    return "".join(f"{key}={value.replace('%', '%%')}\n" for key, value in settings.items())


def _value(path: Path, line: int, key: str, form: str, value: str) -> None:
    test, allowed = _FORMS[form]
    if not test(value):
        raise FileError(path, line, value, allowed, f"bad value of {key}")


def _lines(path: Path, text: str) -> Iterable[tuple[int, str, str]]:
    seen: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals or not key or key != key.strip():
            raise FileError(path, number, line, "KEY=VALUE", "bad line")
        if key in seen:
            raise FileError(path, number, key, "each key once", "repeated key")
        seen.add(key)
        yield number, key, value.replace("%%", "%")


def check_config(text: str, path: Path) -> None:
    """Raise FileError with line, value and what is allowed, unless bhyve would take the file."""
    settings = {key: (number, value) for number, key, value in _lines(path, text)}
    devices: dict[str, str] = {}
    for key, (number, value) in settings.items():
        match = _PCI.fullmatch(key)
        if match is not None and match[4] == "device":
            if value not in DEVICES:
                raise FileError(path, number, value, DEVICES, "unknown device")
            if int(match[2]) > _SLOT_MAX:
                raise FileError(path, number, key, f"slots up to {_SLOT_MAX}", "bad slot")
            if value == "lpc" and match[1] != "0":
                raise FileError(path, number, key, "bus 0", "bad place for lpc")
            devices[key.removesuffix(".device")] = value
    for key, (number, value) in settings.items():
        match = _PCI.fullmatch(key)
        if match is None:
            if key not in GLOBAL:
                raise FileError(path, number, key, GLOBAL, "unknown key")
            _value(path, number, key, GLOBAL[key], value)
        elif match[4] != "device":
            place = key.removesuffix(f".{match[4]}")
            if place not in devices:
                raise FileError(path, number, key, f"after {place}.device", "device without model:")
            known = DEVICES[devices[place]]
            if match[4] not in known:
                raise FileError(path, number, match[4], known, f"unknown key of {devices[place]}")
            _value(path, number, key, known[match[4]], value)
    _check_whole(path, {key: value for key, (_, value) in settings.items()}, devices)


def _check_whole(path: Path, settings: Mapping[str, str], devices: Mapping[str, str]) -> None:
    """Check what no single line shows."""
    if "hostbridge" not in devices.values():
        raise FileError(path, 1, "", "pci.0.0.0.device=hostbridge", "no host bridge")
    if any(key.startswith("lpc.") for key in settings) and "lpc" not in devices.values():
        raise FileError(path, 1, "lpc", "a device lpc", "settings without")
    for place, model in devices.items():
        wanted = {"virtio-blk": "path", "virtio-net": "backend", "e1000": "backend"}.get(model)
        if wanted and f"{place}.{wanted}" not in settings:
            raise FileError(path, 1, place, f"{place}.{wanted}", "incomplete device")
        if model != "passthru":
            continue
        whole = {f"{place}.{part}" for part in ("bus", "slot", "func")} <= settings.keys()
        if whole == (f"{place}.pptdev" in settings):
            allowed = "bus, slot and func, or pptdev"
            raise FileError(path, 1, place, allowed, "incomplete pass-through")
        # The device writes into the guest's memory by itself, so that must stay where it is.
        if settings.get("memory.wired", "false").lower() not in _TRUE:
            raise FileError(path, 1, place, "memory.wired=true", "pass-through without")
