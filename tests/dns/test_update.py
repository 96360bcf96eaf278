# SPDX-License-Identifier: BSD-2-Clause
"""Updates against BIND and Knot: whole sets at once, nothing lost, errors that say what to do."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import dns.update
import pytest
from servers import MOVER, STRANGER, Key, Server, bind, free_port, need, zone_text
from updating import AA, BB, CC, NID, OTHER_NID, Site, site, view

from ilnptool.cli.dns import dns as dns_command
from ilnptool.dns import DnsConfig, compose
from ilnptool.dns.config import Pace
from ilnptool.dns.faults import NameTaken, NoWay, Refused, ServerDown
from ilnptool.dns.keys import load_key
from ilnptool.dns.rrset import OwnerSet, rdata
from ilnptool.dns.server import connection
from ilnptool.dns.state import load_state
from ilnptool.errors import IlnpError, Timeout, UsageError

PROGRAM = Path(sys.executable).with_name("ilnptool")


@pytest.fixture
def place(server: Server, tmp_path: Path) -> Site:
    return site(server, tmp_path)


def publish(place: Site, *l64s: object, **options: object) -> tuple[OwnerSet, ...]:
    wanted = compose(place.config, view(*l64s, **options))  # type: ignore[arg-type]
    place.publisher().publish(wanted)
    return wanted


@pytest.mark.checklist(99)
def test_a_move_replaces_the_whole_set(place: Site) -> None:
    publish(place, AA, BB)
    assert place.held("NID") == ["10 0211:22ff:fe33:4455"]
    assert place.held("L64") == ["10 2001:0db8:00aa:0001", "10 2001:0db8:00bb:0001"]
    publish(place, CC)
    assert place.held("L64") == ["10 2001:0db8:00cc:0001"]
    assert place.server.ttl(place.name, "L64") == 20
    assert place.server.ttl(place.name, "NID") == 3600


@pytest.mark.checklist(108)
def test_addresses_are_kept_beside_and_those_of_others_stay(place: Site) -> None:
    publish(place, AA)
    add_by_hand(place, "2001:db8:99::1")
    publish(place, BB, CC)
    assert place.held("AAAA") == [
        "2001:db8:99::1",
        "2001:db8:bb:1:211:22ff:fe33:4455",
        "2001:db8:cc:1:211:22ff:fe33:4455",
    ]


def add_by_hand(place: Site, address: str) -> None:
    """What an administrator does beside us."""
    message = dns.update.UpdateMessage(place.config.zone)
    message.add(place.name, 20, "AAAA", address)
    with connection(place.config.host, place.config.port, 5) as server:
        server.update(message, place.config.zone, load_key(place.config.key))


def test_every_combination_of_nids_and_locators_has_an_address(place: Site) -> None:
    publish(place, AA, BB, nids=(NID, OTHER_NID))
    assert len(place.held("NID")) == 2
    assert len(place.held("AAAA")) == 4


@pytest.mark.checklist(109)
def test_withdraw_leaves_nothing_of_ours(place: Site) -> None:
    publish(place, AA)
    add_by_hand(place, "2001:db8:99::1")
    place.publisher().publish(())
    assert [place.held(x) for x in ("NID", "L64", "LP")] == [[], [], []]
    assert place.held("AAAA") == ["2001:db8:99::1"]
    publish(place, BB)
    assert place.held("L64") == ["10 2001:0db8:00bb:0001"]


def test_a_lost_state_file_does_no_harm(place: Site) -> None:
    publish(place, AA)
    place.config.state.unlink()
    publish(place, BB)
    assert place.held("AAAA") == ["2001:db8:bb:1:211:22ff:fe33:4455"]


def test_what_somebody_removed_is_published_again(place: Site) -> None:
    publish(place, AA)
    twin = place.changed(state=place.folder / "twin.json")
    publish(twin, AA)
    twin.publisher().publish(())
    assert place.held("NID") == []
    publish(place, BB)
    assert place.held("NID") == ["10 0211:22ff:fe33:4455"]
    assert place.held("L64") == ["10 2001:0db8:00bb:0001"]


def test_the_name_of_another_host_is_not_taken(place: Site) -> None:
    publish(place, AA, nids=(OTHER_NID,))
    mine = place.changed(state=place.folder / "mine.json")
    with pytest.raises(NameTaken, match="0211:22ff:fe66:7788, which is not ours"):
        publish(mine, BB)
    assert place.held("L64") == ["10 2001:0db8:00aa:0001"]
    mine.publisher(take_over=True).publish(compose(mine.config, view(BB)))
    assert place.held("NID") == ["10 0211:22ff:fe33:4455"]
    assert place.held("L64") == ["10 2001:0db8:00bb:0001"]
    # The other one notices, and does not take it back.
    with pytest.raises(NameTaken):
        publish(place, AA, nids=(OTHER_NID,))


def test_one_update_moves_a_whole_subnet(place: Site) -> None:
    net = f"net-{place.name}"
    hosts = []
    for number in (1, 2, 3):
        host = place.changed(
            name=f"h{number}-{place.name}",
            lp=net,
            aaaa=False,
            state=place.folder / f"{number}.json",
        )
        publish(host, AA)
        hosts.append(host)
    leader = place.changed(name=None, lp=net, lead=True, state=place.folder / "net.json")
    publish(leader, AA, BB)
    for host in hosts:
        assert host.held("LP") == [f"10 {net}"]
        assert host.held("L64") == []
    publish(leader, CC)
    assert place.held("L64", net) == ["10 2001:0db8:00cc:0001"]


def test_a_host_that_leads_publishes_both_names_at_once(place: Site) -> None:
    net = f"net-{place.name}"
    publish(place.changed(lp=net, lead=True), AA)
    assert (place.held("LP"), place.held("L64")) == ([f"10 {net}"], [])
    assert place.held("L64", net) == ["10 2001:0db8:00aa:0001"]
    # Without the LP the locators come back to the name, and the other name is given up.
    publish(place, BB)
    assert (place.held("LP"), place.held("L64")) == ([], ["10 2001:0db8:00bb:0001"])
    assert place.held("L64", net) == []


@pytest.mark.checklist(104)
def test_the_target_of_an_lp_is_sent_whole() -> None:
    message = dns.update.UpdateMessage("example.com.")
    message.add("mn.example.com.", 60, rdata("LP", "10 net1.example.com."))
    whole = b"\x04net1\x07example\x03com\x00"
    assert b"\x00\x0a" + whole in message.to_wire()


def test_the_ttl_of_locators_is_not_longer_than_a_locator_update_promises(place: Site) -> None:
    publish(place.changed(ttl=900), AA, lu_lifetime=120)
    assert place.server.ttl(place.name, "L64") == 120
    assert place.server.ttl(place.name, "AAAA") == 120


def test_nothing_to_publish_is_refused() -> None:
    with pytest.raises(UsageError, match="no locator is in use"):
        compose(dummy(), view())
    with pytest.raises(UsageError, match="no NID that lasts"):
        compose(dummy(), view(AA, nids=()))


def dummy() -> DnsConfig:
    return DnsConfig("::1", 53, "example.com.", Path("k"), Path("s"), name="a.example.com.")


def refused(place: Site, kind: type[IlnpError], text: str) -> None:
    """Publish in vain: the reason can be acted on, and what was wanted is not forgotten."""
    with pytest.raises(kind, match=text):
        publish(place, AA)
    state = load_state(place.config.state)
    assert state.pending
    assert state.wanted[0].rdata("L64") == ("10 2001:0db8:00aa:0001",)
    assert state.failures == 1
    assert state.failure is not None


def test_a_wrong_secret_is_told(place: Site) -> None:
    MOVER.write(place.config.key, secret="d3Jvbmcgc2VjcmV0IG9mIHRoaXJ0eS10d28gb2N0ZXRz")
    refused(place, Refused, r"BADSIG\): the server has another secret for key mover.example.com")


def test_an_unknown_key_is_told(place: Site) -> None:
    Key("nobody.example.com").write(place.config.key)
    refused(place, Refused, r"BADKEY\): the server does not know key nobody.example.com")


def test_a_key_that_may_nothing_is_told(place: Site) -> None:
    STRANGER.write(place.config.key)
    refused(place, Refused, r"update refused \((REFUSED|BADKEY)\).*key stranger.example.com")


def test_a_zone_that_is_elsewhere_is_told(place: Site) -> None:
    elsewhere = place.changed(zone="example.net.", name="a.example.net.")
    refused(elsewhere, Refused, "name (the zone's primary server|a server of the zone)")


def test_a_server_that_is_down_is_told(place: Site) -> None:
    refused(place.changed(port=free_port("::1")), ServerDown, "is the name server running")


def test_a_machine_without_a_way_to_the_server_is_told(place: Site) -> None:
    """No TCP connection goes to a group, so the attempt ends before anything leaves."""
    refused(place.changed(host="ff02::1"), NoWay, "this machine has no way there now")


def test_a_server_that_hangs_is_told_and_nothing_is_lost(place: Site) -> None:
    place = place.changed(pace=Pace(timeout=0.5))
    place.server.pause()
    try:
        refused(place, Timeout, "no answer within 0.5 s; the server is slow or hangs")
    finally:
        place.server.resume()
    # It may have been made all the same; trying again must end well in either case.
    patient = place.changed(pace=Pace(timeout=10))
    publish(patient, AA)
    assert place.held("L64") == ["10 2001:0db8:00aa:0001"]
    assert load_state(place.config.state).failures == 0


def command(
    place: Site, *words: str, fake: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Call the program as a user does, with a configuration file."""
    file = place.folder / "dns.toml"
    file.write_text(
        f'[dns]\nserver = "[{place.config.host}]:{place.config.port}"\nzone = "example.com"\n'
        f'name = "{place.name}"\nkey = "{place.config.key.name}"\nstate = "state.json"\n'
    )
    argv = [*fake, str(PROGRAM), "dns", words[0], "--config", str(file), *words[1:]]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


NOW = ("--nid", "0211:22ff:fe33:4455", "--l64", "2001:db8:aa:1/20")


@pytest.mark.parametrize(("shift", "word"), [("-2h", "behind"), ("+2h", "ahead of")])
def test_a_wrong_clock_is_told_with_the_difference(place: Site, shift: str, word: str) -> None:
    need("faketime")
    done = command(place, "publish", *NOW, fake=("faketime", "-f", shift))
    assert done.returncode == 1
    assert "BADTIME" in done.stderr
    assert f"s {word} the server's" in done.stderr


def test_the_commands_publish_update_show_and_withdraw(place: Site) -> None:
    planned = command(place, "publish", "--dry-run", *NOW)
    assert planned.stdout.splitlines() == [
        f"prereq nxrrset {place.name} NID",
        *(f"delete {place.name} {x}" for x in ("L64", "LP", "NID")),
        f"add {place.name} 3600 NID 10 0211:22ff:fe33:4455",
        f"add {place.name} 20 L64 20 2001:0db8:00aa:0001",
        f"add {place.name} 20 AAAA 2001:db8:aa:1:211:22ff:fe33:4455",
    ]
    assert place.held("L64") == []
    assert command(place, "publish", *NOW).returncode == 0
    assert place.held("L64") == ["20 2001:0db8:00aa:0001"]
    assert "up to date" in command(place, "update", *NOW).stderr
    said = json.loads(command(place, "status", "--json").stdout)
    assert not said["pending"]
    assert {x["type"] for x in said["held"]} == {"NID", "L64", "AAAA"}
    assert "20 2001:0db8:00aa:0001" in command(place, "status").stdout
    assert command(place, "withdraw").stderr.endswith(": withdrawn\n")
    assert place.held("NID") == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--nid", "::1", "--l64", "2001:db8:1:1"), "bad NID '::1'; allowed: four groups"),
        (("--nid", "0:0:0:1", "--l64", "fe80:0:0:0"), "bad locator fe80[+]0000"),
        (("--nid", "0:0:0:1", "--l64", "2001:db8:1:1/x"), "bad preference 'x'; allowed: 0 to"),
        ((), "no locators; give --l64, or a node in dns.toml"),
    ],
)
def test_what_is_wrong_by_hand_is_told(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    file = tmp_path / "dns.toml"
    file.write_text('[dns]\nserver = "::1"\nzone = "example.com"\nname = "a"\nkey = "k"\n')
    with pytest.raises(UsageError, match=f"^{said}"):
        dns_command.main(["publish", "--config", str(file), *words], standalone_mode=False)


def test_a_key_that_others_can_read_is_not_used(place: Site) -> None:
    for mode in (0o640, 0o604, 0o660):
        place.config.key.chmod(mode)
        done = command(place, "publish", *NOW)
        assert done.returncode == 3, mode
        assert "chmod 600" in done.stderr
    assert place.held("NID") == []


def test_no_secret_is_ever_said(place: Site) -> None:
    place.config.key.write_text(MOVER.text("broken base64!"))
    done = command(place, "publish", *NOW)
    assert done.returncode == 2
    assert "broken" not in done.stdout + done.stderr
    assert "key:1: bad secret '(not shown)'; allowed: BASE64" in done.stderr


def test_secondaries_have_the_new_locators_within_seconds(tmp_path: Path) -> None:
    second_port = free_port("::1")
    told = (("::1", second_port),)
    zones = {"example.com": zone_text()}
    with bind(tmp_path / "1", zones, update=(MOVER,), notify=told) as first:
        source = {"example.com": ("::1", first.port)}
        with bind(tmp_path / "2", {}, secondary=source, port=second_port) as second:
            place = site(first, tmp_path)
            publish(place, AA)
            deadline = time.monotonic() + 20
            while second.records(place.name, "L64") != ["10 2001:0db8:00aa:0001"]:
                assert time.monotonic() < deadline
                time.sleep(0.05)
