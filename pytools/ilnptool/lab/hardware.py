# SPDX-License-Identifier: BSD-2-Clause
"""Network cards of the machine that are handed to machines of a lab: PCI pass-through of bhyve(8).

A hardware file has any number of

    [[passthrough]]
    interface = "mn:if1"    # of the topology
    device = "5/0/0"        # BUS/SLOT/FUNCTION, as pciconf -l has it after pci0:
    driver = "ix"           # of the device inside the lab's machine
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ilnptool import tomlfile
from ilnptool.errors import EnvironmentMissing, UsageError
from ilnptool.lab.model import End, Topology
from ilnptool.tomlfile import Table

DEVICE_FORM = 'BUS/SLOT/FUNCTION, such as "5/0/0"'
END_FORM = 'NODE:INTERFACE of the topology, such as "mn:if1"'

_DEVICE = re.compile(r"(\d+)/(\d+)/([0-7])")
_DRIVER = re.compile(r"[a-z][a-z0-9_]*[a-z_]|[a-z]")
# Of the loader, each with room for so many octets and a zero; see vmm(4).
_VARIABLES = ("pptdevs", "pptdevs2", "pptdevs3")
_VARIABLE_MAX = 128
_LISTED = re.compile(r"^(\w+)@pci0:(\d+):(\d+):(\d+):", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Device:
    """A PCI device of the host and the interface it becomes."""

    end: End
    bus: int
    slot: int
    function: int
    driver: str

    @property
    def place(self) -> str:
        """Return where it is, as pptdevs wants it."""
        return f"{self.bus}/{self.slot}/{self.function}"


def _place(text: str) -> tuple[int, int, int]:
    match = _DEVICE.fullmatch(text)
    if match is None or int(match[1]) > 255 or int(match[2]) > 31:
        raise ValueError(text)
    return int(match[1]), int(match[2]), int(match[3])


def _driver(text: str) -> str:
    if _DRIVER.fullmatch(text) is None:
        raise ValueError(text)
    return text


def _read(table: Table, topology: Topology, taken: list[Device]) -> Device:
    table.only(("interface", "device", "driver"))
    ends = {f"{end.node}:{end.interface}": end for link in topology.links for end in link.ends}
    end = ends[table.choice("interface", ends)]
    if end in [device.end for device in taken]:
        table.fail("interface", f"{end.node}:{end.interface}", "each interface once", "repeated")
    place = table.parsed("device", _place, DEVICE_FORM)
    if place in [(x.bus, x.slot, x.function) for x in taken]:
        table.fail("device", "/".join(map(str, place)), "each device once", "repeated")
    driver = table.parsed("driver", _driver, 'a driver without number, such as "ix"')
    return Device(end, *place, driver)


def load_hardware(path: Path, topology: Topology) -> tuple[Device, ...]:
    """Read a hardware file for a topology."""
    top = tomlfile.load(path)
    top.only(("passthrough",))
    found: list[Device] = []
    for table in top.tables("passthrough"):
        found.append(_read(table, topology, found))
    if not found:
        raise UsageError(f"{path}: no [[passthrough]] in it, so no card to hand over")
    return tuple(found)


def loader_lines(devices: Collection[Device]) -> list[str]:
    """Return the lines for /boot/loader.conf that keep the host's own drivers off devices.

    UsageError if there are more than its variables have room for.
    """
    if not devices:
        return []
    lists = [""]
    for device in devices:
        longer = f"{lists[-1]} {device.place}".strip()
        if len(longer) < _VARIABLE_MAX:
            lists[-1] = longer
        else:
            lists.append(device.place)
    if len(lists) > len(_VARIABLES):
        raise UsageError(f"{len(devices)} devices are more than {', '.join(_VARIABLES)} can name")
    named = zip(_VARIABLES, lists, strict=False)
    return ['vmm_load="YES"', *(f'{name}="{text}"' for name, text in named)]


def check_reserved(devices: Collection[Device], listing: str) -> None:
    """Raise EnvironmentMissing unless `pciconf -l` shows that all devices are reserved."""
    names = {
        (int(bus), int(slot), int(function)): name
        for name, bus, slot, function in _LISTED.findall(listing)
    }
    wrong = []
    for device in devices:
        name = names.get((device.bus, device.slot, device.function))
        if name is None:
            wrong.append(f"there is no PCI device {device.place}")
        elif not name.startswith("ppt"):
            wrong.append(f"PCI device {device.place} belongs to {name}")
    if wrong:
        lines = "\n    ".join(loader_lines(devices))
        raise EnvironmentMissing(
            f"{'; '.join(wrong)}; put into /boot/loader.conf, and start the machine anew:\n"
            f"    {lines}"
        )
