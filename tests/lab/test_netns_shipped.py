# SPDX-License-Identifier: BSD-2-Clause
"""Every shipped topology comes up with the real node, and its hosts reach one another by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest
from labkit import lab_name, leftovers, ping, temporary_config

from ilnptool.lab.catalogue import find_topology, shipped
from ilnptool.lab.model import Role
from ilnptool.lab.netns import NetnsLab
from ilnptool.lab.protocol import running
from ilnptool.lab.topology import load_topology

pytestmark = pytest.mark.root

PROGRAM = Path(sys.executable).with_name("ilnptool")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(shipped()))
def test_hosts_reach_one_another_by_name(name: str) -> None:
    with temporary_config() as config:
        lab = NetnsLab(load_topology(find_topology(name)), config, lab_name("z"))
        with running(lab):
            hosts = [x for x in lab.topology.nodes if x.role is not Role.ROUTER]
            for one, other in permutations(hosts, 2):
                if one.ilnp and other.ilnp:
                    # From the first packet on: `up` has waited until the nodes are ready.
                    assert ping(lab, one.name, other.name)["received"] == 3, (one.name, other.name)
        assert leftovers(config, lab.name) == []


# lesson: 73
def test_status_shows_the_nodes_of_a_lab() -> None:
    with temporary_config() as config:
        lab = NetnsLab(load_topology(find_topology("two-paths")), config, lab_name("s"))
        with running(lab):
            ping(lab, "a", "b")
            argv = [PROGRAM, "status", "--lab", lab.name]
            environment = {**os.environ, "ILNPTOOL_STATE": str(config.state)}

            def said(*words: str) -> str:
                done = subprocess.run(
                    [*argv, *words], env=environment, capture_output=True, text=True, check=True
                )
                return done.stdout

            value = json.loads(said("--json"))
            assert value["schema_version"] == 1
            assert set(value["nodes"]) == {f"{lab.name}/a", f"{lab.name}/b"}
            a = value["nodes"][f"{lab.name}/a"]
            assert [x["name"] for x in a["session_list"]] == ["b"]
            assert sum(x["rx_packets"] for x in a["session_list"][0]["paths"]) >= 3
            assert a["counters"]["out_ilnp"] >= 3
            text = said("--node", "b")
            assert f"{lab.name}/b" in text
            assert f"{lab.name}/a" not in text
            assert "2001+0db8+000b+0001" in text
            assert "out_ilnp" in text
