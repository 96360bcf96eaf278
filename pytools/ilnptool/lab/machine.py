# SPDX-License-Identifier: BSD-2-Clause
"""The machines of a lab that are not namespaces, and how QEMU is asked for one."""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ilnptool.lab.addressing import mac_of
from ilnptool.lab.model import Node, Topology
from ilnptool.lab.state import LabState

QEMU = "qemu-system-x86_64"

_ACCELERATION = {
    "kvm": ("-accel", "kvm", "-cpu", "host"),
    "tcg": ("-accel", "tcg,thread=multi", "-cpu", "max"),
}
_FIRST_SLOT = 0x10  # of network interfaces on the PCI bus, so that FreeBSD finds them in our order
# What a virtio interface leaves to the other side, or takes in larger pieces than a frame.
_OFFLOADS = (
    *("csum", "guest_csum", "gso", "guest_tso4", "guest_tso6", "guest_ecn", "guest_ufo"),
    *("host_tso4", "host_tso6", "host_ecn", "host_ufo", "mrg_rxbuf"),
)


MEMORY = 256  # MB of a machine; of one whose kernel watches all accesses to memory:
MEMORY_KASAN = 1024
_KASAN = b"kasan_init"  # a function of such kernels, whose symbols the image holds


@dataclass(frozen=True, slots=True)
class Nic:
    """One network interface of a machine."""

    tap: str
    mac: str
    offload: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine is made of."""

    name: str
    image: Path
    nics: tuple[Nic, ...]
    memory: int = MEMORY  # MB
    cpus: int = 1


def tap_name(index: int) -> str:
    """Return the name of the TAP of a machine's interface; no topology can use it, for the _."""
    return f"tap_{index}"


def machine_of(lab: str, topology: Topology, node: Node, image: Path) -> Machine:
    """Return the machine for a node."""
    nics = tuple(
        Nic(tap_name(index), mac_of(topology, end), link.offload)
        for index, (link, end) in enumerate(topology.links_of(node.name))
    )
    return Machine(f"{lab}.{node.name}", image, nics, memory_for(image))


def memory_for(image: Path) -> int:
    """Return how many MB a machine needs that starts from an image, by the kernel in it."""
    with (
        contextlib.suppress(OSError, ValueError),  # an image that is not there, or empty
        image.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as octets,
    ):
        if octets.find(_KASAN) >= 0:
            return MEMORY_KASAN
    return MEMORY


def console_log(folder: Path) -> Path:
    """Return where all that a machine says on its console is kept."""
    return folder / "console.log"


def keep_consoles(state: LabState, nodes: Iterable[str], err: BaseException) -> None:
    """Keep the consoles of machines beyond their lab; the error says, by notes, where they are."""
    for node in nodes:
        log = console_log(state.node(node))
        if log.exists():
            err.add_note(f"the whole console of {node}: {state.keep(log)}")


def console_socket(folder: Path) -> Path:
    """Return the socket of a machine's console."""
    return folder / "con.sock"


def agent_socket(folder: Path) -> Path:
    """Return the socket of the line on which the machine's agent is."""
    return folder / "agt.sock"


def _kvm_works() -> bool:
    """Tell whether hardware runs machines; the device alone, as in some clouds, proves nothing."""
    with contextlib.suppress(OSError):
        flags = Path("/proc/cpuinfo").read_text().split()
        return bool({"vmx", "svm"} & {*flags}) and os.access("/dev/kvm", os.R_OK | os.W_OK)
    return False


def choose_accelerator(wanted: str) -> str:
    """Return "kvm" or "tcg"; with "auto", KVM if it works here."""
    if wanted != "auto":
        return wanted
    return "kvm" if _kvm_works() else "tcg"


def qemu_argv(machine: Machine, folder: Path, accelerator: str) -> list[str]:
    """Return the command that runs a machine whose state is in `folder`."""
    lines = (
        ("con", console_socket(folder), f",logfile={console_log(folder)}"),
        ("agt", agent_socket(folder), ""),
    )
    argv = [
        *(QEMU, "-name", machine.name, "-M", "q35", *_ACCELERATION[accelerator]),
        *("-smp", str(machine.cpus), "-m", str(machine.memory)),
        *("-nodefaults", "-display", "none", "-no-reboot"),
        *("-cdrom", str(machine.image)),
        # What a machine writes there, if its image is a disk, ends with it.
        *("-drive", f"if=virtio,format=raw,snapshot=on,file={machine.image}"),
    ]
    for name, socket, log in lines:
        argv += ["-chardev", f"socket,id={name},path={socket},server=on,wait=off{log}"]
        argv += ["-serial", f"chardev:{name}"]
    for index, nic in enumerate(machine.nics):
        device = f"virtio-net-pci,netdev=net{index},mac={nic.mac},addr={_FIRST_SLOT + index:#x}"
        if not nic.offload:
            device += "".join(f",{name}=off" for name in _OFFLOADS)
        argv += ["-netdev", f"tap,id=net{index},ifname={nic.tap},script=no,downscript=no"]
        argv += ["-device", f"{device},romfile="]
    return argv
