# SPDX-License-Identifier: BSD-2-Clause
"""The fast way through a capture against the codec's, and its speed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from flowmaker import AA, BB, CC, CLIENT, CN, CN_NONCE, DD, MN, MN_NONCE, MS, PORT, START, Ends
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ilnptool.measure import FlowHint, analyse_run
from ilnptool.measure.scan import Scan, _Scanner, scan
from ilnptool.wire import build, link
from ilnptool.wire.capture import write_pcap
from ilnptool.wire.cksum import ChecksumMode
from ilnptool.wire.lu import LocatorRecord, LocatorUpdate
from ilnptool.wire.values import Ilv, Nonce

UPDATE = LocatorUpdate(1, (LocatorRecord(AA, 1, 2),))
nonces = st.none() | st.just(MN_NONCE) | st.just(Nonce(bytes(range(12))))
ports = st.tuples(st.integers(0, 65535), st.integers(0, 65535))
numbers = st.integers(0, 2**32 - 1)
packets = st.one_of(
    st.builds(
        lambda p, d, n, m: build.udp(Ilv(AA, MN), Ilv(DD, CN), p, d, nonce=n, mode=m),
        ports,
        st.binary(max_size=40),
        nonces,
        st.sampled_from(ChecksumMode),
    ),
    st.builds(
        lambda p, d, n, s, f: build.tcp(
            Ilv(BB, MN), Ilv(DD, CN), p, d, sequence=s, acknowledgement=7, flags=f, nonce=n
        ),
        ports,
        st.binary(max_size=40),
        nonces,
        numbers,
        st.integers(0, 255),
    ),
    st.builds(lambda n: build.locator_update(Ilv(CC, MN), Ilv(DD, CN), UPDATE, n), nonces),
)


def _both_ways(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Scan, Scan]:
    fast = scan(path)
    with monkeypatch.context() as patch:
        patch.setattr(_Scanner, "_take_fast", lambda *_: False)
        slow = scan(path)
    return fast, slow


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(chosen=st.lists(packets, max_size=6), snap=st.sampled_from([44, 62, 84, 96, 300]))
@pytest.mark.parametrize("link_type", [link.RAW, link.ETHERNET])
def test_fast_way_and_codec_agree(
    chosen: list[bytes],
    snap: int,
    link_type: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head = bytes(12) + b"\x86\xdd" if link_type == link.ETHERNET else b""
    path = tmp_path / "some.pcap"
    frames = [(START + i, head + packet + bytes(3)) for i, packet in enumerate(chosen)]
    write_pcap(path, frames, link_type=link_type, snap=snap)
    fast, slow = _both_ways(path, monkeypatch)
    assert fast == slow


def test_mutated_packets_are_read_alike_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = Ends()
    packet = ends.datagram(5, size=20)
    mutants = [
        packet[:at] + bytes((value,)) + packet[at + 1 :]
        for at in [*range(8), *range(40, 56)]
        for value in (0, 1, 0x8B, 255)
    ]
    path = tmp_path / "mutants.pcap"
    write_pcap(path, list(enumerate(mutants)))
    fast, slow = _both_ways(path, monkeypatch)
    assert fast == slow


def test_packets_nobody_can_read_are_counted_in_a_note(tmp_path: Path) -> None:
    path = tmp_path / "odd.pcap"
    write_pcap(path, [(0, b"\x60" + bytes(20)), (1, Ends().datagram(1))])
    found = scan(path)
    assert len(found.flows) == 1
    assert found.notes == ["odd.pcap: 1 packets could not be read"]


def test_locator_updates_nobody_can_read_are_counted_and_other_icmp_is_not(tmp_path: Path) -> None:
    path = tmp_path / "odd.pcap"
    ends = (Ilv(CC, MN), Ilv(DD, CN))
    broken = build.icmpv6(*ends, UPDATE.packed[:-1], nonce=MN_NONCE)
    echo = build.icmpv6(*ends, b"\x80\0\0\0\0\1\0\1", nonce=MN_NONCE)
    none = build.ilnp(*ends, MN_NONCE, 59, b"")
    write_pcap(path, [(0, broken), (1, echo), (2, none)])
    assert scan(path).notes == ["odd.pcap: 1 packets could not be read"]


def test_jumbograms_are_noted_not_counted_with_a_wrong_length(tmp_path: Path) -> None:
    path = tmp_path / "jumbo.pcap"
    packet = build.ipv6(Ilv(AA, MN), Ilv(DD, CN), 0, b"\x06\0\xc2\4\0\1\0\0" + bytes(60))
    write_pcap(path, [(0, packet[:4] + b"\0\0" + packet[6:] + bytes(70_000))], snap=200)
    assert scan(path).notes == ["jumbo.pcap: 1 packets could not be read"]


@pytest.mark.slow
@pytest.mark.parametrize("snap", [160, 262144])
def test_a_hundred_thousand_packets_take_a_few_seconds(snap: int, tmp_path: Path) -> None:
    ends = Ends()
    for index in range(50_000):
        at = START + index * MS
        ends.both(at, ends.segment(1 + index * 1000, bytes(1000), l64=(AA, BB)[index & 1]))
        ends.both(at + MS // 2, ends.answer(1 + index * 1000, nonce=CN_NONCE), back=True)
    mn, cn = ends.write(tmp_path, snap=snap)
    began = time.process_time()
    run = analyse_run(mn, cn, hint=FlowHint("tcp", PORT))
    took = time.process_time() - began
    assert run.packets_received == 50_000
    assert (run.misorder_ratio, run.duplicate_ratio, run.missing_bytes) == (0, 0, 0)
    assert took < 12, f"2 x 100,000 packets took {took:.1f} s"


def test_ports_of_both_directions_stay_apart(tmp_path: Path) -> None:
    ends = Ends()
    ends.both(START, ends.segment(1, b"x"))
    ends.both(START, ends.answer(2), back=True)
    path, _ = ends.write(tmp_path)
    keys = sorted(key[1] for key in scan(path).flows)
    assert keys == [PORT, CLIENT]
