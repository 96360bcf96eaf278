# SPDX-License-Identifier: BSD-2-Clause
"""Command line, configuration file and hosts file of the node: what is refused, and how."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nodenet import ILNPD, TOP, node_net

from ilnptool import run
from ilnptool.tables import read_knobs

NODE = '[node]\ninterfaces = ["if1"]\n'

BAD_FILES = {
    "no-table": (
        'name = "a"\n',
        "1: bad value name; allowed: [node], [knobs] and",
    ),
    "unknown-key": (NODE + "colour = 1\n", "3: bad value colour; allowed: name, interfaces"),
    "wrong-kind": ("[node]\ninterfaces = 3\n", "2: bad value interfaces = 3; allowed: an arr"),
    "array": ('[node]\nname = ["a", "b"]\n', '2: bad value name = ["a", ...]; allowed: a '),
    "flag": (NODE + "mtu = true\n", "3: bad value mtu = true; allowed: a whole number"),
    "bad-name": ('[node]\nname = "a b"\n', "2: bad value a b; allowed: 1 to 15 letters"),
    "bad-nid": (NODE + 'nids = ["1:2:3"]\n', "3: bad value 1:2:3; allowed: four groups of"),
    "zero-nid": (NODE + 'nids = ["0:0:0:0"]\n', "3: bad value 0:0:0:0; allowed: not zero"),
    "anycast-nid": (NODE + 'nids = ["fdff:ffff:ffff:ff80"]\n', "allowed: not zero, not a subnet"),
    "same-nid": (NODE + 'nids = ["0:0:0:1", "0:0:0:1"]\n', "allowed: each NID once"),
    "bad-locator": (NODE + 'locators = ["if1 via"]\n', "3: bad value if1 via; allowed: INTERFACE"),
    "link-local-locator": (NODE + 'locators = ["if1 fe80:0:0:0"]\n', "allowed: INTERFACE L64"),
    "locator-elsewhere": (NODE + 'locators = ["if2 2001:db8:1:1"]\n', "that `interfaces' names"),
    "bad-deny": (
        NODE + 'deny = ["2001:db8::/65"]\n',
        "3: bad value 2001:db8::/65; allowed: P",
    ),
    "bad-mtu": (NODE + "mtu = 100\n", "3: bad value 100; allowed: 0 (computed) or 1280 to 65535"),
    "bad-offload": (NODE + 'offload = "yes"\n', '3: bad value offload = "yes"; allowed: true'),
    "unknown-knob": (NODE + "[knobs]\nspeed = 1\n", "4: bad value speed; allowed: the knobs that"),
    "knob-range": (
        NODE + "[knobs]\nquiet = 70000\n",
        "bad value quiet = 70000; allowed: 0 to",
    ),
    "knob-negative": (
        NODE + "[knobs]\nquiet = -1\n",
        "bad value quiet = -1; allowed: 0 to",
    ),
    "knob-size": (NODE + "[knobs]\nnonce_size = 7\n", "nonce_size = 7; allowed: 4 or 12 octets"),
    "knob-text": (NODE + '[knobs]\nquiet = "1"\n', 'bad value quiet = "1"; allowed: a whole'),
    "no-interface": (NODE + "[interface.if2]\nweight = 1\n", "4: bad value if2; allowed: an inter"),
    "weight": (NODE + "[interface.if1]\nweight = 0\n", "4: bad value 0; allowed: 1 to 65535"),
    "table-twice": (NODE + "[knobs]\n[knobs]\n", "4: bad value knobs; allowed: each name once"),
    "no-equals": ("[node]\nname\n", "2: bad value end of line; allowed: key = value"),
    "open-quote": ('[node]\nname = "a\n', "2: bad value end of line; allowed: a closing quote"),
    "open-array": ('[node]\ninterfaces = ["a"\n', "allowed: a comma or ]"),
    "float": (NODE + "mtu = 1.5\n", "3: bad value 1.5; allowed: a "),
    "date": (NODE + "mtu = 2026-01-01\n", "3: bad value 2026-01-01; allowed: a "),
    "open-table": ("[node\n", "1: bad value end of line; allowed: [table] or [table.name]"),
    "nul": ("[node]\n\0", "Invalid or incomplete"),
}


def ilnpd(*argv: str) -> run.Result:
    return run.run([str(ILNPD), *argv], timeout=10, check=False)


@pytest.mark.parametrize(("text", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    result = ilnpd("-f", "-c", str(path))
    assert result.status == 2
    assert str(path) in result.stderr
    assert message in result.stderr


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "no interface named"),
        (["-x"], "usage:"),
        (["extra"], "usage:"),
        (["-i"], "usage:"),
        (["-i", "if1", "-i", "if1"], "-i: bad value if1; allowed:"),
        (["-i", "if1", "-k", "quiet"], "-k: bad value quiet; allowed: KNOB=NUMBER"),
        (["-i", "if1", "-k", "nothing=1"], "-k: bad value nothing; allowed:"),
        (["-i", "if1", "-N", "zz"], "-N: bad value zz; allowed: four groups"),
        (["-i", "an-interface-name-too-long"], "allowed: 1 to 15 letters"),
        (["-c", "/nonexistent"], "/nonexistent: No such file"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else None,
)
def test_a_bad_command_line_is_refused(argv: list[str], message: str) -> None:
    result = ilnpd(*argv)
    assert result.status == 2
    assert message in result.stderr


def test_help_and_version_are_no_errors() -> None:
    assert "usage: ilnpd" in ilnpd("-h").stdout
    assert ilnpd("-V").stdout.startswith("ilnpd ")
    assert (ilnpd("-h").status, ilnpd("-V").status) == (0, 0)


BAD_HOSTS = {
    "form": ("2001-db8-1-1.1-2-3-4 x", "bad value 2001-db8-1-1.1-2-3-4; allowed: L64.NID as"),
    "colons": ("2001:db8:1:1.1:2:3:4 x", "bad value 2001:db8:1:1.1:2:3:4; allowed: L64.NID as"),
    "no-name": ("2001+db8+1+1.1-2-3-4", "bad value end of line; allowed: I-LV NAME"),
    "link-local": ("fe80+0+0+0.1-2-3-4 x", "allowed: an L64 of 2000::/3 or fc00::/7"),
    "zero": ("2001+db8+1+1.0-0-0-0 x", "allowed: a NID that is not zero"),
    "preference": ("2001+db8+1+1.1-2-3-4 x 65536", "bad value 65536; allowed: a preference"),
    "lifetime": ("2001+db8+1+1.1-2-3-4 x 1 -5", "bad value -5; allowed: a lifetime"),
    "more": ("2001+db8+1+1.1-2-3-4 x 1 5 7", "bad value 7; allowed: I-LV NAME"),
    "ninth": (
        "\n".join(f"2001+db8+1+{i}.1-2-3-4 x" for i in range(9)),
        ":10: bad value 2001+db8+1+8.1-2-3-4; allowed: at most 8 locators",
    ),
    "long": ("x" * 600, "bad value line; allowed: at most 510 characters"),
}


@pytest.mark.root
@pytest.mark.parametrize(("text", "message"), BAD_HOSTS.values(), ids=BAD_HOSTS)
def test_a_bad_hosts_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(f"# comment\n{text}\n")
    argv = ["-f", "-i", "none", "-N", "1:2:3:4", "-H", str(hosts), "-s", str(tmp_path / "s")]
    result = run.run(["unshare", "-n", str(ILNPD), *argv], timeout=10, check=False)
    assert result.status == 2
    assert message in result.stderr
    assert not (tmp_path / "s").exists()


@pytest.mark.root
def test_every_form_of_a_hosts_line_is_read() -> None:
    with node_net(1) as net:
        (net.folder / "hosts").write_text(
            "2001+0db8+0001+0001.0211-22ff-fe33-4455 ours\n"
            "d250-99ff-fed1-5a0c.2001+2+dd+dd papers 20 300  # with more words\n"
            "\n   # nothing here\n"
            "2001+2+ee+ee.d250-99ff-fed1-5a0c papers\n"
        )
        net.node("a")
        hosts = {x["name"]: x for x in net.tell("a", "hosts")["hosts"]}
    assert hosts["ours"]["identity"] == "fd69:6c6e:702d:25fa:211:22ff:fe33:4455"
    papers = {x["l64"]: (x["preference"], x["lifetime"]) for x in hosts["papers"]["locators"]}
    assert papers == {"2001+0002+00dd+00dd": (20, 300), "2001+0002+00ee+00ee": (10, 0)}


@pytest.mark.root
def test_an_ordinary_user_is_told_what_needs_root() -> None:
    argv = ["setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all"]
    result = run.run([*argv, str(ILNPD), "-f", "-i", "if1"], timeout=10, check=False)
    assert result.status == 3
    assert "needs root" in result.stderr


@pytest.mark.root
def test_in_the_background_the_parent_tells_whether_it_runs() -> None:
    with node_net(1) as net:
        conf = str(net.conf("a"))
        started = net.exec("a", str(ILNPD), "-c", conf, check=False)
        assert started.status == 0, started.stderr
        net.wait_locators("a", 1)
        again = net.exec("a", str(ILNPD), "-c", conf, check=False)
        assert again.status == 3
        assert "another node answers there" in again.stderr


def test_the_manual_names_every_knob_counter_and_command() -> None:
    manual = (TOP / "share/man/ilnpd.8").read_text()
    own = re.findall(r"X\((node_\w+),", (TOP / "usr.sbin/ilnpd/stat.h").read_text())
    commands = re.findall(r'\{ "(\w+)", cmd_', (TOP / "usr.sbin/ilnpd/cmd.c").read_text())
    assert own
    assert commands
    for knob in read_knobs(TOP):
        limits = f".It Cm {knob.name} Pq {knob.default}"
        assert limits in manual, knob.name
        assert f"; {knob.lowest} to {knob.highest}" in manual.split(limits)[1].split("\n")[0]
    assert [x for x in own + commands if f".It Cm {x}" not in manual] == []
