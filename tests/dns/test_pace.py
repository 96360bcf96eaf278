# SPDX-License-Identifier: BSD-2-Clause
"""When the server is told: soon, not too often, and less and less after failures."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from servers import MOVER

from ilnptool.dns.config import Pace, load_dns_config, parse_server
from ilnptool.dns.keys import load_key
from ilnptool.dns.pace import Schedule
from ilnptool.errors import EnvironmentMissing, FileError


class NoChance(random.Random):
    """Draws always the highest number."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def schedule(**pace: float) -> Schedule:
    return Schedule(Pace(**pace), NoChance())


def test_changes_in_a_row_are_told_at_once_and_soon() -> None:
    one = schedule(jitter=0.5)
    one.changed(10)
    one.changed(10.3)
    assert one.due == 10.5


def test_two_updates_are_never_nearer_than_the_gap() -> None:
    one = schedule(gap=2, jitter=0)
    one.changed(10)
    one.succeeded(10)
    assert one.due is None
    one.changed(10.1)
    assert one.due == 12


def test_failures_wait_longer_each_time_up_to_a_limit() -> None:
    one = schedule(gap=0, retry=1, retry_max=300)
    waits = [one.failed(100) for _ in range(12)]
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == 300
    one.succeeded(500)
    assert one.failed(600) == 1


def test_a_change_does_not_shorten_the_wait_after_a_failure() -> None:
    one = schedule(gap=0, jitter=0, retry=60)
    one.failed(100)
    one.changed(101)
    assert one.due == 160


def test_hosts_that_move_together_do_not_come_together() -> None:
    due = set()
    for seed in range(50):
        one = Schedule(Pace(jitter=1), random.Random(seed))
        one.changed(0)
        due.add(one.due)
    assert len(due) == 50


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
        ("ns1.example.com", ("ns1.example.com", 53)),
        ("ns1.example.com:99", ("ns1.example.com", 99)),
        ("192.0.2.1:99", ("192.0.2.1", 99)),
    ],
)
def test_servers_are_read_with_and_without_port(text: str, found: tuple[str, int]) -> None:
    assert parse_server(text) == found


GOOD = 'server = "::1"\nzone = "example.com"\nname = "mn"\nkey = "mn.key"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "ttl = -1\n", ":6: ttl: bad value -1; allowed: a whole number from 0"),
        (
            GOOD.replace('"::1"', '"[::1]:99999"'),
            r":2: server: bad value '\[::1\]:99999'; allowed: a name",
        ),
        (GOOD.replace('"mn"', '"mn.example.net."'), ":4: name: bad value .* a name in the zone"),
        (GOOD.replace('"mn"', '"m..n"'), ":4: name: bad value 'm..n'; allowed: a domain name"),
        (GOOD + 'lp = "mn"\n', ":6: lp: bad value 'mn.example.com.'; allowed: another name"),
        (GOOD + "lead = true\n", ":6: lead: bad value True; allowed: together with lp"),
        (GOOD + "secret = 1\n", ":6: unknown key 'secret'"),
        (GOOD + '[pace]\nretry = "0s"\n', ":7: retry: bad value '0s'; allowed: at least"),
        (GOOD.replace('name = "mn"\n', ""), "nothing to publish"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "dns.toml"
    file.write_text("[dns]\n" + text)
    with pytest.raises(FileError, match=said):
        load_dns_config(file)


def test_the_file_is_read_with_paths_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "dns.toml"
    file.write_text("[dns]\n" + GOOD + 'node = "ctl.sock"\nlp = "net1"\n[pace]\ngap = "10s"\n')
    config = load_dns_config(file)
    assert (config.name, config.lp, config.zone) == (
        "mn.example.com.",
        "net1.example.com.",
        "example.com.",
    )
    assert (config.key, config.node) == (tmp_path / "mn.key", tmp_path / "ctl.sock")
    assert config.pace.gap == 10


def test_a_key_is_read_from_a_private_file_only(tmp_path: Path) -> None:
    path = MOVER.write(tmp_path / "key")
    path.write_text("// made by tsig-keygen\n" + path.read_text())
    key = load_key(path)
    assert str(key.name) == "mover.example.com."
    path.chmod(0o644)
    with pytest.raises(EnvironmentMissing, match="0644 lets others at the key"):
        load_key(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a key file with '0 keys'"),
        (MOVER.text() * 2, "a key file with '2 keys'"),
        (MOVER.text().replace("sha256", "md5"), ":1: bad algorithm 'hmac-md5'"),
        ("\n\n" + MOVER.text().replace("algorithm", "method"), ":3: unknown statement 'method'"),
        ('key "k" { algorithm hmac-sha256; secret ""; };', "bad secret"),
    ],
)
def test_a_bad_key_file_is_told_without_the_secret(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(FileError, match=said) as caught:
        load_key(path)
    assert MOVER.secret not in str(caught.value)
