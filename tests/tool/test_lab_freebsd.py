# SPDX-License-Identifier: BSD-2-Clause
"""What FreeBSD machines of a lab are told, what they answer, and how QEMU is asked for them."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from click.testing import CliRunner

from ilnptool.cli.bhyve import bhyve_lab
from ilnptool.config import load_config
from ilnptool.errors import UsageError
from ilnptool.lab import freebsd, machine
from ilnptool.lab.catalogue import find_topology, shipped
from ilnptool.lab.guestbuild import choose_machines
from ilnptool.lab.model import Locator, Topology
from ilnptool.lab.rehearsal import rehearse
from ilnptool.lab.state import LabState
from ilnptool.lab.topology import load_topology

IMAGE = Path("/lab.img")
IFCONFIG = """\
if1: flags=1008843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,LOWER_UP> metric 0 mtu 1500
\tether 02:69:6c:00:01:01
\tinet6 fe80::69:6cff:fe00:101%if1 prefixlen 64 scopeid 0x1
\tinet6 2001:db8:a:1:69:6cff:fe00:101 prefixlen 64 autoconf pltime 9 vltime 15
\tinet6 2001:db8:a:1:211:22ff:fe33:4455 prefixlen 64 tentative deprecated pltime 0 vltime infty
lo0: flags=1008049<UP,LOOPBACK,RUNNING,MULTICAST,LOWER_UP> metric 0 mtu 16384
\tinet6 ::1 prefixlen 128
"""


def topology(name: str) -> Topology:
    return load_topology(find_topology(name))


def test_addresses_are_read_from_ifconfig() -> None:
    link, auto, own = freebsd.parse_addresses(IFCONFIG)
    assert (link.scope, link.address, link.valid) == (
        "link",
        IPv6Address("fe80::69:6cff:fe00:101"),
        None,
    )
    assert (auto.interface, auto.scope, auto.usable) == ("if1", "global", True)
    assert (auto.valid, auto.preferred) == (15, 9)
    assert (own.usable, own.deprecated, own.valid, own.preferred) == (False, True, None, 0)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_lines_for_a_machine_are_right_shell_text_of_one_line(name: str) -> None:
    found = topology(name)
    for node in found.nodes:
        lines = freebsd.set_up_lines(found, node)
        assert lines[-1] == f"hostname {node.name}"
        for line in lines:
            assert "\n" not in line
            assert line.isascii()
            subprocess.run(["sh", "-n", "-c", line], check=True)


def test_router_writes_the_very_configuration_of_rtadvd(tmp_path: Path) -> None:
    found = topology("two-paths")
    lines = freebsd.set_up_lines(found, found.node("r1"))
    (write,) = [line for line in lines if line.startswith("printf ")]
    target = tmp_path / "rtadvd.conf"
    line = write.replace("/tmp/rtadvd.conf", str(target))
    subprocess.run(["sh", "-c", line], check=True)
    text = target.read_text()
    assert text == freebsd.rtadvd_conf(found, "r1", [x for _, x in found.links_of("r1")])
    assert text.startswith('lan-a:\\\n\t:addr="2001:db8:a:1::":prefixlen#64:\\\n')
    assert "rtadvd -c /tmp/rtadvd.conf lan-a lan-b" in lines
    assert "sysctl net.inet6.ip6.forwarding=1 net.inet6.ip6.dad_count=0" in lines


def test_machine_is_taught_its_identifiers_and_its_correspondents() -> None:
    found = topology("two-paths")
    lines = freebsd.ilnp_lines(found, found.node("a"))
    assert "sysctl net.inet6.ilnp6.nids=0211:22ff:fe33:4455" in lines
    assert lines[-1] == (
        "sysctl net.inet6.ilnp6.teach='0211:22ff:fe66:7788 2001+0db8+000b+0001 2001+0db8+000b+0002'"
    )


def test_machine_is_told_what_its_locators_are_worth() -> None:
    found = topology("two-paths")
    assert not any(".preferences=" in line for line in freebsd.ilnp_lines(found, found.node("a")))
    link, end = found.links_of("a")[1]
    worse = found.with_link(replace(link, locator=Locator(preference=20, weight=3)))
    lines = freebsd.ilnp_lines(worse, worse.node("a"))
    assert f"sysctl net.inet6.ilnp6.preferences={end.interface},20,3" in lines


def test_names_lead_to_ilvs_where_both_speak_ilnp_and_to_plain_addresses_else() -> None:
    found = topology("fallback")
    hosts = freebsd.hosts_file(found, found.node("a")).splitlines()
    assert "2001:db8:a:1:211:22ff:fe33:4455 a" in hosts
    assert "2001:db8:a:2:211:22ff:fe33:4455 a" in hosts
    plain = [line.split()[0] for line in hosts if line.endswith(" plain")]
    assert plain == [line.split()[0] for line in hosts if line.endswith(" plain.v6")]


def test_hosts_with_ilnp_become_machines_unless_userspace_is_wanted() -> None:
    assert choose_machines(topology("fallback"), ()) == ("a",)
    assert choose_machines(topology("two-paths"), ("b",)) == ("a",)
    with pytest.raises(UsageError, match="is a router"):
        choose_machines(topology("two-paths"), ("r1",))
    with pytest.raises(UsageError, match="has no node x"):
        choose_machines(topology("two-paths"), ("x",))


def test_machine_has_an_interface_per_link_with_the_topologys_address() -> None:
    found = topology("two-paths")
    wanted = machine.machine_of("lab", found, found.node("a"), IMAGE)
    argv = machine.qemu_argv(wanted, Path("/state/a"), "tcg")
    assert [nic.tap for nic in wanted.nics] == ["tap_0", "tap_1"]
    devices = [word for word in argv if word.startswith("virtio-net-pci")]
    assert ["mac=02:69:6c:00:01:01" in word for word in devices] == [True, False]
    # Frames pass tbf and linkem one by one, so nothing larger may come.
    assert all(",host_tso6=off" in word and ",csum=off" in word for word in devices)
    chardevs = [word for word in argv if word.startswith("socket,")]
    assert "logfile=/state/a/console.log" in chardevs[0]


def test_machine_whose_kernel_watches_memory_gets_more_of_it(tmp_path: Path) -> None:
    image = tmp_path / "image"
    for inside, wanted in (
        (b"", "256"),
        (b"witness_init\0" * 9000, "256"),
        (b"..kasan_init\0", "1024"),
    ):
        image.write_bytes(inside)
        found = topology("two-paths")
        made = machine.machine_of("lab", found, found.node("a"), image)
        argv = machine.qemu_argv(made, Path("/state/a"), "tcg")
        assert argv[argv.index("-m") + 1] == wanted


def test_dry_run_prints_every_command_and_makes_nothing(tmp_path: Path) -> None:
    config = replace(load_config(environ={}), state=tmp_path)
    lines = rehearse(topology("duality"), config, "dry", ("mn",), IMAGE)
    text = "\n".join(lines)
    for word in (
        "ip netns add ilnp.dry.mn",
        "master br_0",
        "qemu-system-x86_64",
        "radvd",
        "linkem",
    ):
        assert word in text, word
    assert "mn# sysctl net.inet6.ilnp6.enable=1" in lines
    assert "ip netns delete ilnp.dry.link.dd" in lines
    assert f"{tmp_path}/labs/dry/mn/console.log" in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.root
@pytest.mark.parametrize(
    "words",
    [
        ["down", "some", "nosuch"],
        ["status", "nosuch"],
        ["console", "nosuch", "a"],
        ["exec", "nosuch", "a", "--", "true"],
    ],
)
def test_lab_that_is_not_there_is_named_with_those_that_are(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ILNPTOOL_STATE", str(tmp_path))
    some = LabState(tmp_path, "some")
    some.record("begin")
    result = CliRunner().invoke(bhyve_lab, words)
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == "no lab nosuch; there are: some"
    assert some.exists()


@pytest.mark.root
def test_lab_whose_making_was_cut_short_says_how_to_remove_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ILNPTOOL_STATE", str(tmp_path))
    LabState(tmp_path, "half").record("begin")
    result = CliRunner().invoke(bhyve_lab, ["status", "half"])
    assert "`ilnptool lab down half` removes it" in str(result.exception)
    assert CliRunner().invoke(bhyve_lab, ["down", "half"]).exit_code == 0
    assert not LabState(tmp_path, "half").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--driver", "bhyve", "--userspace", "cn"], "every node is a machine"),
        (["--driver", "qemu", "--hardware", "x.toml"], "only bhyve hands network cards over"),
    ],
)
def test_wishes_that_no_driver_can_fulfil_are_refused(words: list[str], said: str) -> None:
    result = CliRunner().invoke(bhyve_lab, ["up", "duality", "--dry-run", *words])
    assert said in str(result.exception)
