# SPDX-License-Identifier: BSD-2-Clause
"""Programs in a lab with name servers resolve its names without being told how."""

from __future__ import annotations

from dataclasses import replace

import pytest
from labkit import lab_name, temporary_config
from resolving import OUT, resolver

from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.netns import NetnsLab
from ilnptool.lab.protocol import running
from ilnptool.lab.topology import load_topology
from ilnptool.resolve import program_beside, resolve
from ilnptool.run import Result

pytestmark = pytest.mark.root


def test_programs_in_a_lab_resolve_by_the_module() -> None:
    resolver(False)
    topology = load_topology(find_topology("renumber"))
    with temporary_config() as made:
        config = replace(made, ilnpd=OUT / "ilnpd")
        lab = NetnsLab(topology, config, lab_name("n"))
        with running(lab):
            said = lab.exec("late", ["getent", "ahosts", "server.lab.test"], timeout=30).stdout
            assert said.split()[0] == "fd69:6c6e:702d:25fa:211:22ff:fe33:4455"
            said = lab.exec("late", ["ping", "-6", "-c", "2", "server.lab.test"], timeout=30).stdout
            assert " 2 received" in said

            def there(argv: list[str]) -> Result:
                return lab.exec("late", argv, timeout=30, check=False)

            found = resolve(there, program_beside(config.ilnpd), "server.lab.test", look=True)
            assert [peer["nid"] for peer in found.peers] == ["0211-22ff-fe33-4455"]
