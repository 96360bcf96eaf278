# SPDX-License-Identifier: BSD-2-Clause
"""A BIND and a Knot for the tests of this directory, each with a zone that a key may change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from servers import MOVER, SERVERS, Server, zone_text

ZONE = "example.com"


@pytest.fixture(scope="module", params=sorted(SERVERS))
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A primary for example.com that lets the key MOVER change it, and STRANGER not."""
    folder = tmp_path_factory.mktemp(request.param)
    zones = {ZONE: zone_text("other AAAA 2001:db8:77::1")}
    with SERVERS[request.param](folder, zones, update=(MOVER,)) as running:
        yield running
