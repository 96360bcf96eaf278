# SPDX-License-Identifier: BSD-2-Clause
"""Every metric on captures whose right answer is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from flowmaker import AA, BB, CLIENT, CN, CN_NONCE, DD, DELAY, MN, MN_NONCE, MS, PORT, START, Ends
from hypothesis import given
from hypothesis import strategies as st

from ilnptool.measure import FlowHint, InterfaceMark, NoFlow, RunLabels, RunResult, analyse_run
from ilnptool.measure.sequence import Coverage, Unwrapper
from ilnptool.wire import build
from ilnptool.wire.cksum import ChecksumMode
from ilnptool.wire.fault import WireError
from ilnptool.wire.lu import LocatorRecord, LocatorUpdate
from ilnptool.wire.packet import UDP
from ilnptool.wire.values import IDENTITY_L64, L64, Ilv, Nonce

UDP_HINT = FlowHint("udp", PORT)
TCP_HINT = FlowHint("tcp", PORT)
CN_NONCE_HEADER = bytes((6, 0, 0x8B, 4)) + CN_NONCE.octets
OCTETS = 1000 + 8 + 8  # payload, UDP header, nonce header


def _measure(ends: Ends, directory: Path, hint: FlowHint, snap: int = 262144) -> RunResult:
    mn, cn = ends.write(directory, snap=snap)
    return analyse_run(mn, cn, hint=hint)


def _steady(count: int, *, lost: frozenset[int] = frozenset(), wide: bool = False) -> Ends:
    """One datagram per millisecond, numbers from 1."""
    ends = Ends()
    for number in range(1, count + 1):
        packet = ends.datagram(number, AA if number <= count // 4 else BB, wide=wide)
        time = START + number * MS
        ends.mn.append((time, packet))
        if number not in lost:
            ends.cn.append((time + DELAY, packet))
    return ends


# --- UDP


def test_three_lost_of_a_thousand(tmp_path: Path) -> None:
    run = _measure(_steady(1000, lost=frozenset({5, 500, 999})), tmp_path, UDP_HINT)
    assert run.loss_ratio == 3 / 1000
    assert (run.packets_sent, run.packets_received) == (1000, 997)
    assert run.misorder_ratio == 0
    assert run.duplicate_ratio is None
    assert run.missing_bytes is None


@pytest.mark.parametrize("snap", [262144, 160, 84])
def test_lost_last_datagrams_count_and_snap_length_does_not_matter(
    snap: int, tmp_path: Path
) -> None:
    run = _measure(_steady(100, lost=frozenset({99, 100})), tmp_path, UDP_HINT, snap)
    assert run.loss_ratio == 0.02
    assert run.bytes_received == 98 * OCTETS


def test_throughput_is_octets_over_first_to_last_packet(tmp_path: Path) -> None:
    run = _measure(_steady(1001), tmp_path, UDP_HINT)
    assert run.duration_s == 1.0
    assert run.bytes_received == 1001 * OCTETS
    assert run.throughput_mbps == pytest.approx(1001 * OCTETS * 8 / 1e6)


def test_two_misordered_of_a_thousand(tmp_path: Path) -> None:
    ends = _steady(1000)
    for late in (100, 600):
        time, packet = ends.cn[late]
        ends.cn[late] = (time + 3 * MS + 1, packet)
    run = _measure(ends, tmp_path, UDP_HINT)
    assert run.misorder_ratio == 2 / 1000
    assert run.loss_ratio == 0


def test_one_early_datagram_makes_all_it_overtook_late(tmp_path: Path) -> None:
    ends = _steady(100)
    time, packet = ends.cn[50]
    ends.cn[50] = (time - 4 * MS - 1, packet)
    assert _measure(ends, tmp_path, UDP_HINT).misorder_ratio == 4 / 100


def test_datagram_received_twice_is_neither_lost_nor_misordered(tmp_path: Path) -> None:
    ends = _steady(100)
    time, packet = ends.cn[-1]
    ends.cn.append((time + 1, packet))
    run = _measure(ends, tmp_path, UDP_HINT)
    assert (run.loss_ratio, run.misorder_ratio) == (0, 0)


def test_numbers_of_64_bits_are_read_when_told(tmp_path: Path) -> None:
    ends = _steady(100, lost=frozenset({7}), wide=True)
    assert _measure(ends, tmp_path, FlowHint("udp", PORT, counters_64bit=True)).loss_ratio == 0.01


def test_flow_that_never_arrives_is_lost_entirely(tmp_path: Path) -> None:
    ends = _steady(10, lost=frozenset(range(1, 11)))
    run = _measure(ends, tmp_path, UDP_HINT)
    assert run.loss_ratio == 1
    assert run.throughput_mbps is None
    assert run.paths == ()


def test_datagrams_missing_from_the_senders_capture_are_noted_not_negative(tmp_path: Path) -> None:
    ends = _steady(100)
    del ends.mn[10:12]
    run = _measure(ends, tmp_path, UDP_HINT)
    assert run.loss_ratio == 0
    assert any("lacks 2 datagrams" in note for note in run.notes)


def test_datagrams_dropped_before_the_wire_are_lost_and_noted(tmp_path: Path) -> None:
    ends = _steady(100)
    del ends.mn[10:12]
    del ends.cn[10:12]
    run = _measure(ends, tmp_path, UDP_HINT)
    assert (run.loss_ratio, run.packets_sent) == (0.02, 98)
    assert run.notes == ("2 of the lost datagrams never left the sender",)


def test_iperfs_greeting_has_no_number_but_belongs_to_the_flow(tmp_path: Path) -> None:
    ends = _steady(10)
    hello = build.udp(Ilv(AA, MN), Ilv(DD, CN), (CLIENT, PORT), b"6789", nonce=MN_NONCE)
    ends.both(START - 100 * MS, hello)
    run = _measure(ends, tmp_path, UDP_HINT)
    assert run.loss_ratio == 0
    assert run.packets_received == 11
    assert run.duration_s == pytest.approx(0.11)
    assert run.setup_s == pytest.approx(0.101)


def test_fragments_count_for_their_flow(tmp_path: Path) -> None:
    ends = Ends(nonce=None, mode=ChecksumMode.IPV6)
    whole = ends.datagram(1)
    head, tail = whole[40:840], whole[840:]
    for at, (offset, part) in enumerate(((0, head), (800, tail))):
        place = (offset | (offset == 0)).to_bytes(2, "big")
        fragment = bytes((UDP, 0)) + place + b"\0\0\0\7"
        packet = build.ipv6(Ilv(AA, MN), Ilv(DD, CN), 44, fragment + part)
        ends.both(START + (1 - at) * MS, packet)  # the second fragment comes first
    run = _measure(ends, tmp_path, UDP_HINT)
    assert run.bytes_received == len(head) + len(tail) + 16
    assert (run.loss_ratio, run.packets_received) == (0, 2)


# --- TCP


def _stream(segments: int, *, origin: int = 1000) -> Ends:
    """A TCP stream of 100-octet segments, one per millisecond, each acknowledged."""
    ends = Ends()
    ends.both(START, ends.segment(origin, b"", flags=0x02))
    for index in range(segments):
        at = origin + 1 + index * 100
        time = START + (index + 1) * MS
        ends.both(time, ends.segment(at, bytes(100)))
        ends.both(time + DELAY, ends.answer(at + 100), back=True)
    ends.both(START + (segments + 1) * MS, ends.segment(origin + 1 + segments * 100, b"", flags=1))
    return ends


def test_clean_stream_has_no_faults(tmp_path: Path) -> None:
    run = _measure(_stream(100), tmp_path, TCP_HINT)
    assert (run.misorder_ratio, run.duplicate_ratio, run.missing_bytes) == (0, 0, 0)
    assert run.loss_ratio is None
    assert run.packets_received == 102
    assert run.bytes_received == 102 * 28 + 100 * 100


@pytest.mark.parametrize("origin", [1000, 2**32 - 5000])
def test_two_retransmissions_of_lost_segments(origin: int, tmp_path: Path) -> None:
    ends = _stream(98, origin=origin)
    for lost in (20, 60):
        packet = ends.mn[1 + 2 * lost - 2][1]
        arrived = next(entry for entry in ends.cn if entry[1] == packet)
        ends.cn.remove(arrived)
        time = arrived[0] - DELAY + 5 * MS + 1
        ends.both(time, packet)
    run = _measure(ends, tmp_path, TCP_HINT)
    assert run.duplicate_ratio == 2 / 102
    assert run.misorder_ratio == 2 / 100
    assert run.missing_bytes == 0


def test_octets_that_never_arrive_are_missing(tmp_path: Path) -> None:
    ends = _stream(50)
    data = [entry for entry in ends.cn if len(entry[1]) > 160]
    for entry in data[10:13]:
        ends.cn.remove(entry)
    run = _measure(ends, tmp_path, TCP_HINT)
    assert (run.missing_bytes, run.unacknowledged_bytes) == (300, 1)  # one: FIN


def test_octets_abandoned_at_the_end_are_not_called_missing(tmp_path: Path) -> None:
    ends = _stream(50)
    last = [entry for entry in ends.cn if len(entry[1]) > 160][-2:]
    ends.cn = [entry for entry in ends.cn if entry not in last]
    ends.cn = [entry for entry in ends.cn if entry[0] < last[0][0] or len(entry[1]) > 160]
    run = _measure(ends, tmp_path, TCP_HINT)
    assert (run.missing_bytes, run.unacknowledged_bytes) == (0, 201)


def test_repeated_syn_is_a_duplicate_and_a_repeated_ack_is_not(tmp_path: Path) -> None:
    ends = _stream(8)
    ends.both(START + 1, ends.segment(1000, b"", flags=0x02))
    ends.both(START + 5 * MS + 1, ends.segment(1401, b""))
    run = _measure(ends, tmp_path, TCP_HINT)
    assert run.duplicate_ratio == 1 / 12
    assert run.packets_sent == 12


def test_acknowledgements_out_of_order_count_as_misordered(tmp_path: Path) -> None:
    ends = _stream(50)
    answers = [entry for entry in ends.mn if entry[1][40:48] == CN_NONCE_HEADER]
    time, packet = answers[20]
    ends.mn.remove((time, packet))
    ends.mn.append((time + 2 * MS + 1, packet))
    mn, cn = ends.write(tmp_path)
    hint = FlowHint("tcp", PORT, from_client=False)
    run = analyse_run(cn, mn, hint=hint, labels=RunLabels("cn", "mn"))
    assert run.direction == "cn-mn"
    assert run.misorder_ratio == 1 / 50


def test_reset_with_any_number_is_not_misordered(tmp_path: Path) -> None:
    ends = _stream(10)
    ends.both(START + 500 * MS, ends.segment(0, b"", flags=0x04))
    assert _measure(ends, tmp_path, TCP_HINT).misorder_ratio == 0


@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
def test_reset_changes_neither_origin_nor_coverage(first: bool, tmp_path: Path) -> None:
    ends = _stream(10)
    reset = ends.segment(2**31 + 5, b"", flags=0x14, acknowledgement=2**31)
    ends.both(START - MS if first else START + 500 * MS, reset)
    back = build.tcp(
        Ilv(DD, CN),
        Ilv(AA, MN),
        (PORT, CLIENT),
        b"",
        sequence=0,
        acknowledgement=2**31 - 7,
        flags=0x14,
        nonce=CN_NONCE,
    )
    ends.both(START + 400 * MS, back, back=True)
    run = _measure(ends, tmp_path, TCP_HINT)
    assert (run.misorder_ratio, run.duplicate_ratio, run.missing_bytes) == (0, 0, 0)
    assert run.unacknowledged_bytes == 1
    assert run.sequence[-1].highest == 901


def test_acknowledgement_number_without_its_flag_means_nothing(tmp_path: Path) -> None:
    ends = Ends()
    for index in range(4):
        flags, ack = (0x10, 1000) if index % 2 else (0, 5)
        packet = ends.segment(1 + index, b"x", flags=flags, acknowledgement=ack)
        ends.both(START + index * MS, packet)
    assert _measure(ends, tmp_path, TCP_HINT).misorder_ratio == 0


def test_largest_flow_is_taken_and_the_control_connection_left_out(tmp_path: Path) -> None:
    ends = _stream(20)
    for index in range(30):
        ends.both(START + index * MS, ends.segment(5, b"{}", port=CLIENT + 1))
    assert _measure(ends, tmp_path, TCP_HINT).packets_received == 22


def test_subflows_of_mptcp_are_one_flow(tmp_path: Path) -> None:
    ends = Ends(nonce=None, mode=ChecksumMode.IPV6)
    for index in range(20):
        port = CLIENT + index % 2
        at = 1000 + index // 2 * 100
        l64 = (AA, BB)[index % 2]
        ends.both(START + index * MS, ends.segment(at, bytes(100), l64=l64, port=port))
    run = _measure(ends, tmp_path, FlowHint("mptcp", PORT))
    assert run.packets_received == 20
    assert (run.misorder_ratio, run.duplicate_ratio, run.missing_bytes) == (0, 0, 0)
    assert [path.share for path in run.paths] == [0.5, 0.5]
    assert run.sequence == ()
    assert (run.network, run.nonce_verified) == ("ipv6", None)


def test_mptcp_leaves_out_the_transfer_of_the_other_direction(tmp_path: Path) -> None:
    ends = Ends(nonce=None, mode=ChecksumMode.IPV6)
    for index in range(10):
        at = START + index * MS
        ends.both(at, ends.segment(1000 + index * 100, bytes(100)))
        ends.both(at, ends.answer(1100 + index * 100), back=True)
        ends.both(at, ends.segment(5, b"", acknowledgement=index, port=CLIENT + 1))
        data = build.tcp(
            Ilv(DD, CN),
            Ilv(AA, MN),
            (PORT, CLIENT + 1),
            bytes(100),
            sequence=index * 100,
            mode=ChecksumMode.IPV6,
        )
        ends.both(at, data, back=True)
    mn, cn = ends.write(tmp_path)
    assert analyse_run(mn, cn, hint=FlowHint("mptcp", PORT)).bytes_received == 10 * 120
    down = FlowHint("mptcp", PORT, from_client=False)
    assert analyse_run(cn, mn, hint=down).bytes_received == 10 * 120


# --- networks and time


def test_shares_and_bins_per_network(tmp_path: Path) -> None:
    run = _measure(_steady(2000), tmp_path, UDP_HINT)
    assert [(p.l64, p.bytes, p.share) for p in run.paths] == [
        (str(AA), 500 * OCTETS, 0.25),
        (str(BB), 1500 * OCTETS, 0.75),
    ]
    assert run.series is not None
    assert run.series.bin_s == 0.5
    assert [series.bytes for series in run.series.networks] == [
        (500 * OCTETS, 0, 0, 0),
        (0, 500 * OCTETS, 500 * OCTETS, 500 * OCTETS),
    ]


def test_with_one_network_at_each_end_the_senders_is_named(tmp_path: Path) -> None:
    ends = Ends()
    for number in range(10):
        ends.both(START + number * MS, ends.datagram(number))
    assert [path.l64 for path in _measure(ends, tmp_path, UDP_HINT).paths] == [str(AA)]


@pytest.mark.parametrize("end", ["sender", "receiver"])
def test_networks_can_be_those_of_either_end(end: str, tmp_path: Path) -> None:
    hint = FlowHint("udp", PORT, networks_of="sender" if end == "sender" else "receiver")
    run = _measure(_steady(100), tmp_path, hint)
    names = [path.l64 for path in run.paths]
    assert names == ([str(AA), str(BB)] if end == "sender" else [str(DD)])


def test_sequence_progression_covers_the_run_from_lowest_to_highest(tmp_path: Path) -> None:
    run = _measure(_steady(3000), tmp_path, UDP_HINT)
    assert run.sequence[0].lowest == 1
    assert run.sequence[-1].highest == 3000
    assert 0 < run.sequence[0].time_s <= 0.01
    assert run.sequence[-1].time_s == pytest.approx(2.99, abs=0.02)
    assert len(run.sequence) == 150  # 20 ms each
    for before, after in zip(run.sequence, run.sequence[1:], strict=False):
        assert after.lowest == before.highest + 1
        assert after.time_s > before.time_s


def test_long_runs_are_divided_into_five_hundred_slots(tmp_path: Path) -> None:
    ends = Ends()
    for number in range(1000):
        ends.both(START + number * 100 * MS, ends.datagram(number, size=20))
    run = _measure(ends, tmp_path, UDP_HINT)
    assert len(run.sequence) == 500
    assert run.sequence[-1].time_s == pytest.approx(99.8, abs=0.1)


def test_tcp_progression_counts_octets_of_the_stream(tmp_path: Path) -> None:
    run = _measure(_stream(100, origin=2**32 - 3000), tmp_path, TCP_HINT)
    assert (run.sequence[0].lowest, run.sequence[-1].highest) == (1, 1 + 99 * 100)


def test_interface_events_are_told_in_time_of_the_run(tmp_path: Path) -> None:
    mn, cn = _steady(10).write(tmp_path)
    first = (START + MS + DELAY) / 1e9
    marks = (
        InterfaceMark(first + 2.5, "eth1", "disabled"),
        InterfaceMark(first + 0.5, "eth1", "enabled"),
    )
    run = analyse_run(mn, cn, hint=UDP_HINT, labels=RunLabels(events=marks, delay_ms=20))
    told = [(event.time_s, event.action) for event in run.events]
    assert told == [
        (pytest.approx(0.5, abs=1e-5), "enabled"),
        (pytest.approx(2.5, abs=1e-5), "disabled"),
    ]
    assert run.delay_ms == 20


# --- session

ADVERT = LocatorUpdate(1, (LocatorRecord(AA, 10, 300), LocatorRecord(BB, 10, 300)))


def test_locator_updates_are_told_once_with_direction_and_fate(tmp_path: Path) -> None:
    ends = _steady(100)
    ends.mn.append((START + 20 * MS, ends.update(ADVERT)))  # this one is lost
    ends.both(START + 40 * MS, ends.update(ADVERT))
    ends.both(START + 60 * MS, ends.update(ADVERT.acknowledged(), BB, back=True), back=True)
    run = _measure(ends, tmp_path, UDP_HINT)
    told = [(u.time_s, u.direction, u.operation, u.arrived) for u in run.locator_updates]
    assert told == [
        (0.009, "mn-cn", "advertisement", True),
        (0.029, "mn-cn", "advertisement", False),
        (0.049, "cn-mn", "ack", True),
    ]
    assert [locator.l64 for locator in run.locator_updates[0].locators] == [str(AA), str(BB)]


def test_updates_of_another_session_are_left_out(tmp_path: Path) -> None:
    ends = _steady(10)
    other = Ilv.of("2001:db8::99")
    ends.both(START, build.locator_update(other, Ilv(DD, CN), ADVERT, MN_NONCE))
    assert _measure(ends, tmp_path, UDP_HINT).locator_updates == ()


@pytest.mark.checklist(34, 35, 39)
def test_one_nonce_per_direction_is_verified(tmp_path: Path) -> None:
    run = _measure(_stream(10), tmp_path, TCP_HINT)
    assert run.network == "ilnp"
    assert run.nonce_verified is True
    assert [(c.direction, c.with_nonce, c.without_nonce, c.values) for c in run.nonces] == [
        ("mn-cn", 24, 0, 1),
        ("cn-mn", 20, 0, 1),
    ]


def _with(ends: Ends, packet: bytes, where: str) -> Ends:
    if where in ("mn", "both"):
        ends.mn.append((START + 50 * MS, packet))
    if where in ("cn", "both"):
        ends.cn.append((START + 50 * MS, packet))
    return ends


@pytest.mark.parametrize("where", ["mn", "cn", "both"])
@pytest.mark.parametrize("nonce", [None, Nonce(bytes(4))], ids=["none", "another"])
@pytest.mark.parametrize("back", [False, True], ids=["forward", "back"])
def test_one_packet_with_no_or_another_nonce_is_found(
    where: str, nonce: Nonce | None, back: bool, tmp_path: Path
) -> None:
    ends = _stream(10)
    odd = ends.answer(1001, nonce=nonce) if back else Ends(nonce=nonce).segment(2001, b"")
    assert _measure(_with(ends, odd, where), tmp_path, TCP_HINT).nonce_verified is False


def test_nonce_changed_on_the_way_is_found(tmp_path: Path) -> None:
    ends = Ends()
    forged = Ends(nonce=Nonce(bytes(4)))
    for number in range(10):
        ends.mn.append((START + number * MS, ends.datagram(number)))
        ends.cn.append((START + number * MS, forged.datagram(number)))
    assert _measure(ends, tmp_path, UDP_HINT).nonce_verified is False


def test_locator_update_without_the_nonce_is_found(tmp_path: Path) -> None:
    ends = _steady(10)
    packet = build.locator_update(Ilv(AA, MN), Ilv(DD, CN), ADVERT, None)
    ends.both(START, packet)
    assert _measure(ends, tmp_path, UDP_HINT).nonce_verified is False


@pytest.mark.checklist(25, 26)
@pytest.mark.parametrize("mode", ChecksumMode)
def test_bad_checksums_are_counted_in_the_sessions_mode(mode: ChecksumMode, tmp_path: Path) -> None:
    ends = Ends(mode=mode)
    for number in range(50):
        packet = ends.datagram(number)
        arrived = packet[:-1] + b"\0" if number in (3, 4) else packet
        ends.mn.append((START + number * MS, packet))
        ends.cn.append((START + number * MS + DELAY, arrived))
    ends.both(START + 100 * MS, ends.update(ADVERT))
    run = _measure(ends, tmp_path, UDP_HINT)
    assert (run.bad_checksums, run.checksums_checked, run.checksums_unfinished) == (2, 51, 0)


def test_wrong_mode_is_bad_when_the_mode_is_given(tmp_path: Path) -> None:
    hint = FlowHint("udp", PORT, checksum_mode=ChecksumMode.IPV6)
    assert _measure(_steady(10), tmp_path, hint).bad_checksums == 10


def test_truncated_packets_are_not_checked_and_none_is_not_zero(tmp_path: Path) -> None:
    run = _measure(_steady(10), tmp_path, UDP_HINT, snap=160)
    assert (run.bad_checksums, run.checksums_checked) == (None, 0)


def test_unfinished_checksums_are_counted_apart(tmp_path: Path) -> None:
    ends = _steady(10)
    time, packet = ends.cn[0]
    half = _unfinished(packet)
    ends.cn[0] = (time, half)
    run = _measure(ends, tmp_path, UDP_HINT)
    assert (run.bad_checksums, run.checksums_checked, run.checksums_unfinished) == (0, 9, 1)


def _unfinished(packet: bytes) -> bytes:
    """Puts the pseudo-header's sum into the checksum field, as Linux does for a device."""
    total = int.from_bytes(packet[8:40], "big") % 0xFFFF + len(packet) - 48 + UDP
    total = (total & 0xFFFF) + (total >> 16)
    return packet[:54] + total.to_bytes(2, "big") + packet[56:]


# --- what is left out, and what goes wrong


def test_inside_of_the_node_is_not_counted(tmp_path: Path) -> None:
    ends = _steady(10)
    inner = build.udp(Ilv(IDENTITY_L64, MN), Ilv(IDENTITY_L64, CN), (CLIENT, PORT), bytes(100))
    local = build.udp(Ilv.of("fe80::1"), Ilv(DD, CN), (CLIENT, PORT), bytes(9000))
    back = build.udp(Ilv(AA, MN), Ilv.of("fe80::2"), (CLIENT, PORT), bytes(9000))
    short = build.ipv6(Ilv.of("fe80::1"), Ilv(DD, CN), 59, b"")
    for packet in (inner, local, back, short):
        ends.both(START, packet)
    run = _measure(ends, tmp_path, UDP_HINT)
    assert run.packets_received == 10
    assert len(run.paths) == 2


def test_captures_per_interface_are_merged_by_time(tmp_path: Path) -> None:
    ends = _steady(400)
    one, two = Ends(), Ends()
    for half, keep in ((one, str(AA)), (two, str(BB))):
        half.mn = [f for f in ends.mn if str(L64(int.from_bytes(f[1][8:16], "big"))) == keep]
        half.cn = ends.cn
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    mn1, cn = one.write(tmp_path / "1")
    mn2, _ = two.write(tmp_path / "2")
    run = analyse_run([mn2, mn1], cn, hint=UDP_HINT)
    assert (run.packets_sent, run.loss_ratio) == (400, 0)


def test_flow_that_is_not_there_is_an_error_that_lists_what_is(tmp_path: Path) -> None:
    mn, cn = _steady(10).write(tmp_path)
    with pytest.raises(NoFlow, match=r"no UDP flow to port 9 .* 17/40000->5201"):
        analyse_run(mn, cn, hint=FlowHint("udp", 9))
    with pytest.raises(NoFlow, match="no TCP flow from port 5201"):
        analyse_run(mn, cn, hint=FlowHint("tcp", PORT, from_client=False))
    for wrong in (FlowHint("udp", PORT, sender_nid=CN), FlowHint("udp", PORT, receiver_nid=MN)):
        with pytest.raises(NoFlow):
            analyse_run(mn, cn, hint=wrong)
    right = FlowHint("udp", PORT, sender_nid=MN, receiver_nid=CN)
    assert analyse_run(mn, cn, hint=right).packets_received == 10


def test_cut_capture_is_measured_and_noted(tmp_path: Path) -> None:
    mn, cn = _steady(100).write(tmp_path)
    cn.write_bytes(cn.read_bytes()[:-5])
    run = analyse_run(mn, cn, hint=UDP_HINT)
    assert run.loss_ratio == 0
    assert any("cn.pcap: cut short" in note for note in run.notes)


def test_file_that_is_no_capture_is_an_error(tmp_path: Path) -> None:
    mn, cn = _steady(10).write(tmp_path)
    cn.write_bytes(b"nothing")
    with pytest.raises(WireError, match=r"cn\.pcap"):
        analyse_run(mn, cn, hint=UDP_HINT)


# --- the arithmetic of sequence spaces

ranges = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 12)).map(lambda r: (r[0], r[0] + r[1])),
    max_size=20,
)


@given(ranges, ranges)
def test_coverage_equals_a_set_of_octets(
    one: list[tuple[int, int]], two: list[tuple[int, int]]
) -> None:
    first, second = Coverage(), Coverage()
    a: set[int] = set()
    b: set[int] = set()
    for cover, octets, spans in ((first, a, one), (second, b, two)):
        for start, end in spans:
            assert cover.add(start, end) == bool(octets & set(range(start, end)))
            octets |= set(range(start, end))
    assert first.missing_from(second) == len(a - b)
    assert second.missing_from(first) == len(b - a)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(-1000, 2**20), max_size=50))
def test_unwrapped_numbers_keep_their_distance(origin: int, steps: list[int]) -> None:
    place = Unwrapper(origin)
    true = highest = origin
    for step in steps:
        true = highest + step
        assert place(true % 2**32) == true
        highest = max(highest, true)
