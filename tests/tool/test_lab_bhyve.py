# SPDX-License-Identifier: BSD-2-Clause
"""The bhyve driver: what it would do, by the rules of bhyve_config(5).  No hardware is touched."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from ilnptool.config import load_config
from ilnptool.errors import CheckFailed, EnvironmentMissing, FileError, UsageError
from ilnptool.lab import bhyve, bhyveconf
from ilnptool.lab.bhyve import BhyveLab, Planner
from ilnptool.lab.bhyveconf import check_config, format_config
from ilnptool.lab.catalogue import find_topology, shipped
from ilnptool.lab.hardware import check_reserved, load_hardware, loader_lines
from ilnptool.lab.model import Topology
from ilnptool.lab.topology import load_topology

TOP = Path(__file__).parents[2]
IX = TOP / "bhyve/ix-passthrough.toml"
PATH = Path("vm.conf")
PLACE = "%s.%d%s"  # of a machine's serial line
GOOD = {
    "name": "ilnp.a",
    "memory.size": "256M",
    "pci.0.0.0.device": "hostbridge",
    "pci.0.31.0.device": "lpc",
    "lpc.com1.path": "/dev/nmdm-a.1A",
    "pci.0.4.0.device": "virtio-net",
    "pci.0.4.0.backend": "vmnet4",
    "pci.0.4.0.mac": "02:69:6c:00:01:01",
}


def topology(name: str) -> Topology:
    return load_topology(find_topology(name))


def planner(name: str, **more: object) -> Planner:
    devices = load_hardware(IX, topology(name)) if more else ()
    return Planner(topology(name), "lab", Path("/lab.img"), Path("/state"), devices)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_topology_makes_a_configuration_that_bhyve_takes(name: str) -> None:
    plan = planner(name).plan()
    assert set(plan.start) == {node.name for node in topology(name).nodes}
    for path, text in plan.files.items():
        check_config(text, path)


def test_links_are_bridges_of_two_interfaces_that_are_all_removed_again() -> None:
    plan = planner("two-paths").plan()
    created = {argv[1] for argv in plan.prepare if argv[2:] == ("create",)}
    destroyed = {argv[1] for argv in plan.undo if argv[2:] == ("destroy",)}
    assert created == destroyed
    links = topology("two-paths").links
    bridges = [argv for argv in plan.prepare if "addm" in argv]
    assert len(bridges) == len(links)
    assert len(created) == 3 * len(links)
    backends = [
        line.partition("=")[2]
        for text in plan.files.values()
        for line in text.splitlines()
        if ".backend=" in line
    ]
    assert sorted(backends) == sorted(name for name in created if name.startswith("vmnet"))
    machines = {argv[2] for argv in plan.undo if argv[0] == "bhyvectl"}
    assert machines == {f"--vm={argv[-1]}" for argv in plan.start.values()}


def test_configuration_reads_back_with_percent_signs() -> None:
    text = format_config({**GOOD, "lpc.com1.path": "/dev/100%"})
    assert "lpc.com1.path=/dev/100%%\n" in text
    check_config(text, PATH)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"memory.sized": "1M"}, "unknown key 'memory.sized'"),
        ({"memory.size": "much"}, "bad value of memory.size 'much'"),
        ({"acpi_tables": "maybe"}, "bad value of acpi_tables"),
        ({"cpus": "two"}, "bad value of cpus"),
        ({"pci.0.5.0.device": "rtl8139"}, "unknown device"),
        ({"pci.0.32.0.device": "e1000"}, "bad slot"),
        ({"pci.0.04.0.device": "virtio-rnd"}, "unknown key"),
        ({"pci.0.4.0.backend": "eth0"}, "bad value of pci.0.4.0.backend"),
        ({"pci.0.4.0.mac": "02:69"}, "bad value of pci.0.4.0.mac"),
        ({"pci.0.4.0.path": "/x"}, "unknown key of virtio-net"),
        ({"pci.0.6.0.mac": "02:69:6c:00:01:01"}, "device without model"),
        ({"pci.0.6.0.device": "virtio-blk"}, "incomplete device"),
        ({"pci.1.31.0.device": "lpc"}, "bad place for lpc"),
        ({"pci.0.7.0.device": "passthru", "pci.0.7.0.bus": "5"}, "incomplete pass-through"),
        ({"pci.0.7.0.device": "passthru", "pci.0.7.0.pptdev": "ppt0"}, "pass-through without"),
        ({"pci.0.0.0.device": "virtio-rnd"}, "no host bridge"),
        ({"pci.0.31.0.device": "virtio-rnd"}, "settings without"),
    ],
)
def test_what_bhyve_would_not_take_is_named(changed: dict[str, str], said: str) -> None:
    check_config(format_config(GOOD), PATH)
    with pytest.raises(FileError, match=said):
        check_config(format_config({**GOOD, **changed}), PATH)


@pytest.mark.parametrize("line", ["name", "=x", " name=x"])
def test_bad_lines_are_named_with_their_number(line: str) -> None:
    with pytest.raises(FileError, match=r"vm.conf:9: bad line"):
        check_config(format_config(GOOD) + line + "\n", PATH)
    with pytest.raises(FileError, match=r"vm.conf:9: repeated key 'name'"):
        check_config(format_config(GOOD) + "name=b\n", PATH)


def test_cards_that_are_handed_over_take_the_place_of_virtio() -> None:
    plan = planner("duality", hardware=True).plan()
    text = plan.files[Path("/state/mn/bhyve.conf")]
    assert "pci.0.4.0.device=passthru\npci.0.4.0.bus=5\npci.0.4.0.slot=0\npci.0.4.0.func=0" in text
    assert "memory.wired=true\n" in text
    assert "pci.0.6.0.device=virtio-net\n" in text
    assert "-S" in plan.load["mn"]
    assert "-S" not in plan.load["cn"]
    told = plan.told["mn"]
    assert told[0] == "ifconfig ix0 name if1"
    assert "ifconfig ix1 name if2" in told
    assert "ifconfig vtnet0 name if3" in told
    # What a cable leads to is none of ours.
    router = plan.files[Path("/state/r1/bhyve.conf")]
    assert "pci.0.4.0.device" not in router
    assert "pci.0.5.0.device=virtio-net\n" in router
    told = plan.told["r1"]
    assert told[0] == "ifconfig vtnet0 name core"
    assert not any("lan" in line or "rtadvd" in line for line in told)
    assert any("rtadvd" in line for line in plan.told["r3"])


def test_reserved_devices_are_told_from_others() -> None:
    devices = load_hardware(IX, topology("duality"))
    assert loader_lines(devices) == ['vmm_load="YES"', 'pptdevs="5/0/0 5/0/1"']
    reserved = "ppt0@pci0:5:0:0:\tclass=0x020000 rev=0x01\nppt1@pci0:5:0:1:\tclass=0x020000\n"
    check_reserved(devices, reserved)
    with pytest.raises(EnvironmentMissing, match=r"5/0/1 belongs to ix1; (.|\n)*pptdevs=\"5/0/0"):
        check_reserved(devices, reserved.replace("ppt1", "ix1"))
    with pytest.raises(EnvironmentMissing, match="there is no PCI device 5/0/0"):
        check_reserved(devices, "")


def test_many_devices_are_named_by_several_variables_of_the_loader() -> None:
    (one, _) = load_hardware(IX, topology("duality"))
    many = [replace(one, bus=bus) for bus in range(100, 140)]
    _, *lines = loader_lines(many)
    names = [line.partition("=")[0] for line in lines]
    assert names == ["pptdevs", "pptdevs2", "pptdevs3"]
    values = [line.partition("=")[2].strip('"') for line in lines]
    assert max(map(len, values)) < 128
    assert " ".join(values).split() == [device.place for device in many]
    with pytest.raises(UsageError, match="80 devices are more than"):
        loader_lines([*many, *many])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('interface = "mn:if9"\ndevice = "5/0/0"\ndriver = "ix"', "mn:if9"),
        ('interface = "mn:if1"\ndevice = "5:0:0"\ndriver = "ix"', "5:0:0"),
        ('interface = "mn:if1"\ndevice = "5/0/9"\ndriver = "ix"', "5/0/9"),
        ('interface = "mn:if1"\ndevice = "5/0/0"\ndriver = "ix0"', "ix0"),
        ('interface = "mn:if1"\ndevice = "5/0/0"\ndriver = "ix"\nspeed = 1', "speed"),
    ],
)
def test_bad_hardware_files_are_named_with_their_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "hardware.toml"
    path.write_text(f"[[passthrough]]\n{text}\n")
    with pytest.raises(FileError, match=rf"hardware.toml:\d: .*{said}"):
        load_hardware(path, topology("duality"))


def test_the_console_of_a_kernel_that_does_not_boot_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs of FreeBSD that do nothing, and a bhyve that says why it ends, stand in."""
    for node in topology("two-paths").nodes:
        os.mkfifo(tmp_path / f"{node.name}.1B")
    tools = {name: "true" for name in ("kldload", "ifconfig", "bhyveload", "bhyvectl")}
    tools["bhyve"] = (
        # Opened for both, it waits for nobody who reads.
        f"exec 4<>{tmp_path}/${{3##*.}}.1B; echo panic: no root >&4; echo vm exit >&2; "
        "sleep 2; exit 3"
    )
    for name, text in tools.items():
        (tmp_path / name).write_text(f"#! /bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(bhyve, "line_device", lambda _, *words: str(tmp_path / (PLACE % words)))
    config = replace(load_config(environ={}), state=tmp_path / "state")
    lab = BhyveLab(topology("two-paths"), config, tmp_path / "image", name="l")
    said = r"has ended with status 3\nvm exit\nthe end of its console:\n(.*\n)*panic: no root"
    with pytest.raises(CheckFailed, match=said) as caught:
        lab.up()
    kept = tmp_path / "state/kept/l.a.console.log"
    assert f"the whole console of a: {kept}" in caught.value.__notes__
    assert kept.read_text() == "panic: no root\n"
    assert not lab.state.exists()


def test_a_hardware_file_without_a_card_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hardware.toml"
    path.write_text("# later\n")
    with pytest.raises(UsageError, match=r"hardware.toml: no \[\[passthrough\]\] in it"):
        load_hardware(path, topology("duality"))


MANUAL = Path(os.environ.get("ILNP_SRC", "/usr/src")) / "usr.sbin/bhyve/bhyve_config.5"


@pytest.mark.skipif(not MANUAL.exists(), reason=f"no {MANUAL}: a FreeBSD tree, see ILNP_SRC")
def test_what_is_known_of_configurations_stands_in_the_manual() -> None:
    text = MANUAL.read_text()
    forms = dict(re.findall(r"^\.It (?:Va )?(\S+) Ta (.+?) Ta", text, re.MULTILINE))
    models = re.findall(r"^\.It Li (\S+)$", text, re.MULTILINE)
    assert set(bhyveconf.DEVICES) <= {*models}
    known = {**bhyveconf.GLOBAL, **{k: v for x in bhyveconf.DEVICES.values() for k, v in x.items()}}
    for key, form in known.items():
        # The manual lists what is below pcireg and lpc without that in front.
        name = key if key in forms else key.removesuffix(".path").rpartition(".")[2]
        if key == "backend":  # which has a section of its own
            continue
        assert name in forms, key
        if form in ("bool", "integer"):
            assert form == forms[name], key
