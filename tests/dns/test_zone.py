# SPDX-License-Identifier: BSD-2-Clause
"""Zone files: what is refused and where, and that three name servers load what is written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from servers import bind, need, zone_text

from ilnptool.dns.master import read_zone
from ilnptool.dns.zone import Layout, check, read_hosts, read_locators, render
from ilnptool.errors import FileError

PROGRAM = Path(sys.executable).with_name("ilnptool")
ORIGIN = "example.com."

HOSTS = """# a host with two providers, and one with one
2001+0db8+0001+0001.0211-22ff-fe33-4455   mn
0211-22ff-fe33-4455.2001+db8+2+2          mn 20 30
2001+db8+3+3.0211-22ff-fe66-7788          cn
"""
LOCATORS = """l64 net1 2001:db8:4:4
l64 net1 2001+db8+5+5 20
nid one 0:0:0:1
lp  one net1            # and through it both locators
lp  one spare.example.net. 20
nid two 0000-0000-0000-0002 5 60
lp  two net1 7 90
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    hosts, locators = tmp_path / "hosts", tmp_path / "locators"
    hosts.write_text(HOSTS)
    locators.write_text(LOCATORS)
    return hosts, locators


def whole(files: tuple[Path, Path]) -> str:
    hosts, locators = files
    records = read_hosts(hosts, ORIGIN) + read_locators(locators, ORIGIN)
    check(records)
    return render(records, Layout(ORIGIN, primary="ns.example.net."))


@pytest.mark.checklist(103, 108)
def test_groups_are_read_with_few_digits_and_written_with_four(files: tuple[Path, Path]) -> None:
    lines = whole(files).splitlines()
    assert "mn.example.com. 3600 NID 10 0211:22ff:fe33:4455" in lines
    # The shortest lifetime of its locators counts for all of them.
    assert "mn.example.com. 30 L64 10 2001:0db8:0001:0001" in lines
    assert "mn.example.com. 30 L64 20 2001:0db8:0002:0002" in lines
    assert "net1.example.com. 20 L64 20 2001:0db8:0005:0005" in lines
    assert "two.example.com. 90 LP 7 net1.example.com." in lines
    assert "two.example.com. 20 AAAA 2001:db8:5:5::2" in lines
    assert len([x for x in lines if x.startswith("mn.example.com. ") and " NID " in x]) == 1


@pytest.mark.parametrize("program", ["named-checkzone", "kzonecheck", "nsd-checkzone"])
def test_three_name_servers_take_what_is_written(
    files: tuple[Path, Path], tmp_path: Path, program: str
) -> None:
    need(program)
    zone = tmp_path / "zone"
    zone.write_text(whole(files))
    argv = {
        "named-checkzone": ["-k", "fail", "example.com", str(zone)],
        "kzonecheck": ["-o", "example.com", str(zone)],
        "nsd-checkzone": ["example.com", str(zone)],
    }[program]
    done = subprocess.run([program, *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_written_is_what_a_server_answers(files: tuple[Path, Path], tmp_path: Path) -> None:
    with bind(tmp_path / "bind", {"example.com": whole(files)}) as server:
        assert server.records("mn.example.com", "L64") == [
            "10 2001:0db8:0001:0001",
            "20 2001:0db8:0002:0002",
        ]
        assert server.records("one.example.com", "LP") == [
            "10 net1.example.com.",
            "20 spare.example.net.",
        ]
        assert server.ttl("two.example.com", "NID") == 60


def test_what_a_server_writes_is_read(tmp_path: Path) -> None:
    """BIND leaves out leading zeros, dnspython does not take that."""
    if shutil.which("named-checkzone") is None:
        pytest.skip("named-checkzone is not installed")
    zone, written = tmp_path / "zone", tmp_path / "written"
    zone.write_text(zone_text("mn NID 10 0014:4fff:ff20:0e64", "mn 5 L64 1 2001:0db8:0:1"))
    argv = ["named-checkzone", "-s", "full", "-D", "-o", str(written), "example.com", str(zone)]
    subprocess.run(argv, check=True, capture_output=True)
    assert "14:4fff:ff20:e64" in written.read_text()
    records = read_zone(written, ORIGIN)
    assert sorted((x.owner, x.ttl, x.rdtype, x.rdata) for x in records) == [
        ("mn.example.com.", 5, "L64", "1 2001:0db8:0000:0001"),
        ("mn.example.com.", 30, "NID", "10 0014:4fff:ff20:0e64"),
    ]


@pytest.mark.checklist(100, 102, 105)
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("mn L64 10 2001:db8::1", "2:.*'::' may not stand for zeros"),
        ("mn NID 10 ::1", "2:.*'::' may not stand for zeros"),
        ("mn L64 10 2001:0db80:1:1", "2: bad value '2001:0db80:1:1'; allowed: four groups of 1 to"),
        ("mn L64 10 2001:db8:1", "2: bad value '2001:db8:1'; allowed: four groups"),
        ("mn L64 10 2001+db8+1+1", r"2: bad value '2001\+db8\+1\+1'; .* separated by ':'"),
        (
            "mn L64 65536 2001:db8:1:1",
            "2: bad value '65536'; allowed: a preference from 0 to 65535",
        ),
        ("mn L64 -1 2001:db8:1:1", "2: bad value '-1'; allowed: a preference"),
        ("mn L64 10", "2: bad value '10'; allowed: PREFERENCE L64"),
        ("mn L64 10 fe80:0:0:0", "2: bad value 'fe80:0:0:0'; allowed: a locator in 2000::/3"),
        ("mn NID 10 0:0:0:0", "2: bad value '0:0:0:0'; allowed: an identifier that is not zero"),
        ("mn NID 10 fdff:ffff:ffff:ff80", "2: .* no subnet anycast"),
        ("mn LP 10 mn", "2: bad value 'mn'; allowed: another name than the record's own"),
        ("mn LP 10 MN.Example.COM.", "2: bad value .* allowed: another name"),
        ("mn LP 10 a..b", "2: bad value 'a..b'; allowed: a domain name"),
        (r"mn NID \# 9 000a02112233445566", r"2: bad value .* allowed: 10 octets"),
        (r"mn L64 \# 10 000a0211", r"2: bad value .* as many octets"),
        ("mn L64 ( 10\n ; a comment\n 2001:db8:1 )", "2: bad value '2001:db8:1'"),
        ("mn L64 10 2001:db8:1:1\nmn 30 L64 20 2001:db8:2:2", "3: bad TTL 30; allowed: one TTL"),
        ("mn L64 10 2001:db8:1:1\nMN L64 20 2001:db8:01:1", "3: duplicate record"),
        ("a LP 10 b\nb LP 10 c\nc L64 10 2001:db8:1:1", "2: bad value 'b.example.com.'; .* an LP"),
        ("a LP 10 b\nb LP 10 a", "2: bad value 'b.example.com.'; .* not to another LP"),
        ("$INCLUDE other", "2: bad value '\\$INCLUDE'"),
    ],
)
def test_what_rfc_6742_forbids_is_refused_with_file_line_and_value(
    tmp_path: Path, line: str, said: str
) -> None:
    zone = tmp_path / "zone"
    zone.write_text(f"$TTL 20\n{line}\n")
    with pytest.raises(FileError, match=f"zone:{said}"):
        check(read_zone(zone, ORIGIN))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2001+db8+1+1.1-2-3 mn\n", "hosts:1: bad value"),
        ("\n2001+db8+1+1 mn\n", "hosts:2: bad value '2001.db8.1.1'; allowed: L64.NID as"),
        ("2001+db8+1+1.0-0-0-1\n", "hosts:1: .* allowed: I-LV NAME"),
        ("2001+db8+1+1.0-0-0-1 mn x\n", "hosts:1: bad value 'x'; allowed: a preference"),
        ("fe80+0+0+1.0-0-0-1 mn\n", "hosts:1: .* allowed: a locator in"),
    ],
)
def test_a_mistake_in_a_hosts_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "hosts"
    path.write_text(text)
    with pytest.raises(FileError, match=said):
        read_hosts(path, ORIGIN)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("l46 net 2001:db8:1:1\n", "locators:1: .* allowed: l64 NAME L64, nid"),
        ("l64 net\n", "locators:1: .* allowed: l64 NAME L64"),
        ("lp a a\n", "locators:1: bad value 'a'; allowed: another name"),
        ("l64 net 2001:db8:1:1 10 9999999999\n", "locators:1: .* allowed: a TTL"),
    ],
)
def test_a_mistake_in_a_locators_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "locators"
    path.write_text(text)
    with pytest.raises(FileError, match=said):
        read_locators(path, ORIGIN)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("mn NID 10 0:0:0:1", "has a NID and neither L64 nor LP"),
        ("mn LP 10 net\nnet L64 10 2001:db8:1:1", "has an LP and no NID"),
        ("mn NID 10 0:0:0:1\nmn LP 10 net", "net.example.com. is not in these files"),
        (
            "mn NID 10 0:0:0:1\nmn L64 10 2001:db8:1:1\nmn LP 10 n\nn L64 10 2001:db8:1:1",
            "has L64 and LP records",
        ),
    ],
)
def test_what_is_allowed_and_hardly_meant_is_told(tmp_path: Path, lines: str, said: str) -> None:
    zone = tmp_path / "zone"
    zone.write_text(f"$TTL 20\n{lines}\n")
    (told,) = check(read_zone(zone, ORIGIN))
    assert said in told


def test_other_records_quotes_and_continued_lines_are_passed_over(tmp_path: Path) -> None:
    zone = tmp_path / "zone"
    zone.write_text(
        "$ORIGIN com.\n$TTL 1h\nexample IN SOA ns hostmaster (\n 1 2 3 4 5 ) ; (\n"
        '  TXT "a ; b ( NID 10 ::" \nexample 2h IN NID 10 0:0:0:1\n\tIN 30 L64 1 2001:db8:1:1\n'
    )
    records = read_zone(zone, ORIGIN)
    assert [(x.owner, x.ttl, x.rdata, x.place.line) for x in records] == [
        ("example.com.", 7200, "10 0000:0000:0000:0001", 6),
        ("example.com.", 30, "1 2001:0db8:0001:0001", 7),
    ]


def test_the_commands_check_and_render(files: tuple[Path, Path]) -> None:
    hosts, locators = files
    words = ["--hosts", str(hosts), "--locators", str(locators), "--origin", "example.com"]

    def call(*argv: str) -> subprocess.CompletedProcess[str]:
        argv = (str(PROGRAM), "dns", "zone", *argv)
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    done = call("check", *words)
    assert done.returncode == 0
    assert "no mistakes: 4 NID, 5 L64, 3 LP" in done.stderr
    assert "spare.example.net. is not in these files" in done.stderr
    done = call("render", *words, "--no-aaaa")
    assert (done.returncode, "AAAA" in done.stdout) == (0, False)
    assert "SOA" not in done.stdout
    assert (
        "SOA ns1.example.com. hostmaster.example.com. 7 "
        in call("render", *words, "--primary", "ns1", "--serial", "7").stdout
    )
    locators.write_text("lp a a\n")
    done = call("check", *words)
    assert done.returncode == 2
    assert f"{locators}:1: bad value 'a'" in done.stderr
