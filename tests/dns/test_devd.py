# SPDX-License-Identifier: BSD-2-Clause
"""A name that follows FreeBSD's kernel: told by devd(8), read by sysctl, published to BIND.

The socket is a real one and speaks as devd does; the variables stand in memory for sysctl(3).
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers import MOVER, Server, bind, zone_text
from updating import ZONE, Site, site

from ilnptool.devd import fields
from ilnptool.dns import Follower, follow
from ilnptool.dns.config import Pace, load_dns_config
from ilnptool.dns.pace import Schedule
from ilnptool.dns.source import KernelSource, concerns_locators, source_of
from ilnptool.dns.state import load_state
from ilnptool.errors import CheckFailed, EnvironmentMissing
from ilnptool.sysctl.backends import MemoryBackend

EVENTS = Path(__file__).parents[2] / "sys/netinet6/ilnp/kern/ilnp_edge_event.c"
ONE, TWO = "2001+0db8+0001+0001", "2001+0db8+0002+0001"
ADDED = f"!system=ILNP subsystem=LOCATOR type=ADD locator={TWO}\n"
OTHERS = (
    "!system=IFNET subsystem=em0 type=LINK_UP\n",
    "!system=ILNP subsystem=PATH type=DOWN local=0-0-0-1 remote=0-0-0-2\n",
    "!system=DEVFS subsystem=CDEV type=CREATE cdev=ILNP\n",
    "+uhub0 at bus=0 system=ILNP subsystem=LOCATOR on usbus0\n",
    "? at bus=1 on acpi0\n",
    "\n",
    "\xff\n",
)


def listed(*l64s: str, rest: str = "") -> str:
    """Return locators as net.inet6.ilnp6.locators has them."""
    line = "locator {} active pref=10 left=250 interface=em0 mtu=1500 router=fe80::1\n"
    return "".join(line.format(l64) for l64 in l64s) + rest


class Kernel(MemoryBackend):
    """Variables as FreeBSD's kernel has them; counts how often the locators are read."""

    def __init__(self, *l64s: str) -> None:
        super().__init__({"nids": "0000-0000-0000-0042", "disabled": "", "lu_lifetime": "120"})
        self.looks = 0
        self.move(*l64s)

    def move(self, *l64s: str, rest: str = "") -> None:
        self.values["locators"] = listed(*l64s, rest=rest)

    def get(self, name: str) -> str:
        self.looks += name == "locators"
        return super().get(name)


class Devd:
    """What listens at /var/run/devd.seqpacket.pipe, one message for each event."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._door.bind(str(path))
        self._door.listen(10)
        self._door.settimeout(20)
        self._client: socket.socket | None = None

    def wait(self) -> None:
        self._client = self._door.accept()[0]

    def say(self, text: str) -> None:
        assert self._client is not None
        self._client.send(text.encode("latin-1"))

    def stop(self) -> None:
        self._door.close()
        if self._client is not None:
            self._client.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("bind")
    with bind(folder, {"example.com": zone_text()}, update=(MOVER,)) as running:
        yield running


@pytest.fixture
def place(server: Server, tmp_path: Path) -> Site:
    return site(server, tmp_path)


@contextmanager
def following(place: Site, kernel: Kernel, pipe: Path) -> Iterator[list[str]]:
    """Run the daemon's loop; what it says is returned."""
    said: list[str] = []
    ended = threading.Event()
    state = load_state(place.config.state)
    pace = Schedule(Pace(gap=0, jitter=0, retry=0.1))
    source = KernelSource(kernel, pipe)
    daemon = Follower(place.config, source, place.publisher(), state, pace, said.append)
    thread = threading.Thread(target=daemon.run, args=(ended.is_set,), daemon=True)
    thread.start()
    try:
        yield said
    finally:
        ended.set()
        thread.join(20)
        assert not thread.is_alive()


def wait_for(what: str, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def wait_held(place: Site, *l64s: str) -> None:
    wanted = [f"10 {l64.replace('+', ':')}" for l64 in l64s]
    wait_for(f"{wanted} are published", lambda: place.held("L64") == wanted)


@pytest.mark.checklist(99)
def test_the_name_follows_what_the_kernel_tells(
    place: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "POLL_SECONDS", 1000.0)  # events alone
    pipe, kernel = tmp_path / "pipe", Kernel(ONE)
    devd = Devd(pipe)
    with following(place, kernel, pipe):
        devd.wait()
        wait_held(place, ONE)
        assert place.held("NID") == ["10 0000:0000:0000:0042"]
        assert place.server.ttl(place.name, "L64") == 20
        kernel.move(ONE, TWO)
        looks = kernel.looks
        for line in OTHERS:
            devd.say(line)
        time.sleep(0.3)
        assert kernel.looks == looks
        devd.say(ADDED)
        wait_held(place, ONE, TWO)
        kernel.move(TWO)
        devd.say("!system=ILNP subsystem=EVENT type=LOST count=3\n")
        wait_held(place, TWO)
        devd.stop()


def test_without_devd_the_kernel_is_asked_and_devd_waited_for(
    place: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "POLL_SECONDS", 1000.0)
    monkeypatch.setattr(follow, "RECONNECT_SECONDS", 0.2)
    pipe, kernel = tmp_path / "pipe", Kernel(ONE)
    with following(place, kernel, pipe) as said:
        wait_held(place, ONE)
        kernel.move(TWO)
        wait_held(place, TWO)
        assert sum("start devd(8)" in line for line in said) == 1
        for l64 in (ONE, TWO):  # the second one comes after a restart of devd
            devd = Devd(pipe)
            devd.wait()
            kernel.move(l64)
            devd.say(ADDED)
            wait_held(place, l64)
            devd.stop()


def test_a_host_without_a_way_asks_on_without_longer_waits(place: Site, tmp_path: Path) -> None:
    """A provider has gone, so there is no way for a while, and the server hears nothing."""
    place = place.changed(host="ff02::1")
    with following(place, Kernel(ONE), tmp_path / "pipe") as said:
        # With waits of 0.1, 0.2, 0.4 ... the tenth attempt would come after 51 s.
        wait_for("ten attempts", lambda: load_state(place.config.state).failures >= 10)
    assert sum("no way there now" in line for line in said) == 1


def test_what_is_published_of_a_kernel() -> None:
    kernel = Kernel()
    kernel.values["disabled"] = "em1"
    kernel.move(
        ONE,
        rest=f"locator {TWO} active pref=5 withdrawn interface=em1 mtu=1500 router=fe80::1\n"
        "locator 2001+0db8+0003+0001 active pref=5 interface=em2 mtu=1500 router=::\n",
    )
    view = KernelSource(kernel).view()
    assert [str(l64) for _, l64 in view.l64s] == [ONE]
    assert [str(nid) for nid in view.nids] == ["0000-0000-0000-0042"]
    assert view.lu_lifetime == 120
    kernel.values["locators"] = "locator zz active pref=1 interface=em0 router=fe80::1\n"
    with pytest.raises(CheckFailed, match="not what a kernel lists"):
        KernelSource(kernel).view()


def test_lines_are_told_apart_as_the_kernel_writes_them() -> None:
    """The names stand in its source."""
    text = EVENTS.read_text()
    told = set(re.findall(r'\{ "([A-Z]+)", "([A-Z]+)" \}', text))
    assert {("LOCATOR", "ADD"), ("LOCATOR", "DEL"), ("PATH", "DOWN")} <= told
    assert 'devctl_notify("ILNP", "EVENT", "LOST", text)' in text
    for subsystem, kind in told:
        line = f"!system=ILNP subsystem={subsystem} type={kind} local=0-0-0-1"
        assert concerns_locators(fields(line)) == (subsystem == "LOCATOR"), line
    assert concerns_locators(fields("!system=ILNP subsystem=EVENT type=LOST count=1"))
    assert not any(concerns_locators(fields(line)) for line in OTHERS)


def test_the_file_may_name_the_kernel(tmp_path: Path) -> None:
    path = tmp_path / "dns.toml"
    path.write_text(
        f'[dns]\nserver = "::1"\nzone = "{ZONE}"\nname = "mn"\nkey = "k"\nnode = "kernel"\n'
    )
    config = load_dns_config(path)
    assert (config.kernel, config.node) == (True, None)
    with pytest.raises(EnvironmentMissing, match="not FreeBSD's; name a node"):
        source_of(config.node, kernel=config.kernel)
