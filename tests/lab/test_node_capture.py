# SPDX-License-Identifier: BSD-2-Clause
"""What is on the wire while a node moves, as we and tshark read it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from nodenet import NodeNet, Stream, identity_of, l64_of, paired_net, wait_until
from tsharkfile import assert_agreement, needs_tshark

pytestmark = pytest.mark.root


@pytest.fixture
def net() -> Iterator[NodeNet]:
    with paired_net() as net:
        yield net


@needs_tshark
@pytest.mark.checklist(32, 68)
def test_tshark_reads_a_move_as_we_do(net: NodeNet) -> None:
    path = net.folder / "router.pcap"
    dump = net.start("r", "tcpdump", "-i", "any", "-U", "-s", "256", "-w", str(path), "ip6")
    wait_until("tcpdump listens", lambda: "listening on" in dump.tail())
    stream = Stream(net, "a", identity_of("b"), "b", 3)
    net.tell("a", "disable", interface="if2")
    wait_until("b knows", lambda: net.remote_locators("b") == {l64_of("a", 1)})
    net.tell("a", "enable", interface="if2")
    stream.finish()
    wait_until("updates are acknowledged", lambda: net.counters("a")["lu_acked"] >= 2)
    dump.signal(signal.SIGINT)
    assert dump.wait(10) == 0

    records = assert_agreement(path)
    updates = [r["locator_update"] for r in records if "locator_update" in r]
    advertised = [
        {loc["l64"] for loc in u["locators"]} for u in updates if u["operation"] == "advertisement"
    ]
    both = {l64_of("a", 1), l64_of("a", 2)}
    assert {l64_of("a", 1)} in advertised
    assert both in advertised
    tcp = [r for r in records if "tcp" in r]
    assert len(tcp) > 100
    assert all("nonce" in r for r in tcp)
    assert {r["icmp"]["type"] for r in records if "locator_update" in r} == {156}
