# SPDX-License-Identifier: BSD-2-Clause
"""Round trips, mutations and laws of the reader, options, Locator Updates, checksums, packets."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilnptool.wire import build, cksum
from ilnptool.wire.cksum import ChecksumMode, ChecksumVerdict
from ilnptool.wire.fault import Fault, WireError
from ilnptool.wire.lu import LocatorRecord, LocatorUpdate, LuMode, RecordForm
from ilnptool.wire.option import DestinationOptions, Option
from ilnptool.wire.packet import ICMPV6, TCP, UDP, parse_packet
from ilnptool.wire.reader import Reader
from ilnptool.wire.values import L64, Ilv, Nid, Nonce

u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
u64 = st.integers(0, (1 << 64) - 1)
ilvs = st.builds(Ilv, st.builds(L64, u64), st.builds(Nid, u64))
nonces = st.builds(Nonce, st.binary(min_size=4, max_size=4) | st.binary(min_size=12, max_size=12))
modes = st.sampled_from(ChecksumMode)
forms = st.sampled_from(RecordForm)

MN = Ilv.of("2001:db8:1:1:211:22ff:fe33:4455")
CN = Ilv.of("2001:db8:2:2:211:22ff:fe66:7788")
SHORT = Nonce(bytes.fromhex("a1b2c3d4"))


@st.composite
def updates(draw: st.DrawFn) -> LocatorUpdate:
    form = draw(forms)
    preference = st.integers(0, (1 << 8 * form.preference_octets) - 1)
    lifetime = st.integers(0, (1 << 8 * form.lifetime_octets) - 1)
    record = st.builds(LocatorRecord, st.builds(L64, u64), preference, lifetime)
    records = draw(st.lists(record, min_size=1, max_size=255))
    return LocatorUpdate(draw(st.sampled_from([1, 2])), tuple(records), 0, form)


# --- reader


@given(st.binary(max_size=64), st.lists(st.integers(-3, 20), max_size=12))
def test_reader_gives_its_octets_in_order_and_no_others(data: bytes, counts: list[int]) -> None:
    rd = Reader(data)
    taken = b""
    for count in counts:
        before = rd.position
        try:
            taken += rd.take(count)
        except WireError as err:
            assert err.fault is Fault.TRUNCATED
            assert rd.position == before
    assert data.startswith(taken)
    assert taken + rd.rest() == data


def test_limited_range_must_be_used_up() -> None:
    rd = Reader(b"abcdef")
    with pytest.raises(WireError) as caught, rd.limited(3) as body:
        body.take(2)
    assert caught.value.fault is Fault.LEFTOVER
    assert rd.rest() == b"def"


def test_limited_range_cannot_be_left() -> None:
    rd = Reader(b"abcdef")
    with pytest.raises(WireError) as caught, rd.limited(3) as body:
        body.take(4)
    assert caught.value.fault is Fault.TRUNCATED
    assert rd.rest() == b"def"


@pytest.mark.parametrize("count", [-1, 7])
def test_limited_range_beyond_the_data_is_refused(count: int) -> None:
    rd = Reader(b"abcdef")
    with pytest.raises(WireError), rd.limited(count):
        pass
    assert rd.remaining == 6


def test_limited_ranges_nest() -> None:
    rd = Reader(bytes(range(6)))
    with rd.limited(5):
        assert rd.u8() == 0
        with rd.limited(2):
            assert rd.u16() == 0x0102
        assert rd.u16() == 0x0304
    assert rd.u8() == 5


# --- destination options

options = st.lists(st.builds(Option, st.integers(2, 255), st.binary(max_size=40)), max_size=8).map(
    tuple
)


@given(st.integers(0, 255), options)
def test_options_header_reads_back(next_header: int, chosen: tuple[Option, ...]) -> None:
    header = DestinationOptions(next_header, chosen)
    packed = header.packed
    assert len(packed) % 8 == 0
    rd = Reader(packed + b"behind")
    assert DestinationOptions.parse(rd) == header
    assert rd.rest() == b"behind"


def test_longest_option_and_fullest_header_are_written_and_longer_ones_refused() -> None:
    longest = Option(0x1E, bytes(255))
    fullest = (longest,) * 7 + (Option(0x1F, bytes(2046 - 7 * 257 - 2)),)
    header = DestinationOptions(59, fullest)
    assert len(header.packed) == 2048
    assert DestinationOptions.parse(Reader(header.packed)) == header
    with pytest.raises(WireError):
        _ = DestinationOptions(59, (*fullest, Option(0x20, b""))).packed
    for kind, size in ((0, 0), (1, 0), (256, 0), (-1, 0), (0x1E, 256)):
        with pytest.raises(WireError):
            Option(kind, bytes(size))
    assert Option(255, b"").packed == b"\xff\0"


@pytest.mark.checklist(54)
@given(st.binary(min_size=2, max_size=64))
def test_any_octets_are_an_options_header_or_one_named_fault(data: bytes) -> None:
    try:
        header = DestinationOptions.parse(Reader(data))
        _ = header.nonce
    except WireError as err:
        assert err.fault in {
            Fault.TRUNCATED,
            Fault.OPTION_OVERRUN,
            Fault.NONCE_LENGTH,
            Fault.NONCE_TWICE,
        }


# --- Locator Updates


@pytest.mark.checklist(23, 70)
@given(updates())
def test_locator_update_reads_back(update: LocatorUpdate) -> None:
    packed = update.packed
    assert len(packed) == 8 + len(update.records) * update.form
    assert LocatorUpdate.parse(packed, LuMode(extended=True)) == update


@given(updates(), st.data())
def test_cut_locator_update_is_refused(update: LocatorUpdate, data: st.DataObject) -> None:
    packed = update.packed
    kept = data.draw(st.integers(0, len(packed) - 1))
    mode = LuMode(extended=update.form is not RecordForm.RFC)
    try:
        again = LocatorUpdate.parse(packed[:kept], mode)
    except WireError as err:
        assert err.fault in {Fault.LU_LENGTH, Fault.LU_OPERATION}
    else:
        # Cutting records of 16 octets can leave exactly as many of 14 or 12.
        assert again.form < update.form
        assert kept == 8 + len(update.records) * again.form


@given(st.binary(max_size=120), st.booleans(), st.none() | st.integers(1, 255))
def test_any_octets_are_a_locator_update_or_one_named_fault(
    data: bytes, extended: bool, soft: int | None
) -> None:
    message = b"\x9c" + data
    try:
        update = LocatorUpdate.parse(message, LuMode(extended, soft))
    except WireError as err:
        assert err.fault in {
            Fault.LU_CODE,
            Fault.LU_COUNT,
            Fault.LU_LENGTH,
            Fault.LU_OPERATION,
        }
    else:
        kept = update.packed
        assert kept[4:6] == message[4:6]
        assert kept[8:] == message[8 : len(kept)]


@pytest.mark.checklist(89)
def test_lifetimes_beyond_the_record_are_clamped() -> None:
    long = LocatorUpdate(1, (LocatorRecord(MN.l64, 70000, 100000),))
    (record,) = LocatorUpdate.parse(long.packed).records
    assert (record.preference, record.lifetime) == (65535, 65535)


# --- checksums


def _naive_sum(data: bytes) -> int:
    total = 0
    for high, low in zip(data[::2], (data + b"\0")[1::2], strict=False):
        total += high << 8 | low
        total = (total & 0xFFFF) + (total >> 16)
    return total


@given(st.binary(max_size=200))
def test_sum_equals_the_word_by_word_sum(data: bytes) -> None:
    assert cksum.ones_sum(data) == _naive_sum(data)


@pytest.mark.checklist(25, 26, 28)
@given(ilvs, ilvs, st.binary(max_size=60), modes, st.sampled_from([TCP, UDP]))
def test_computed_checksum_verifies_and_is_judged_right(
    source: Ilv, destination: Ilv, payload: bytes, mode: ChecksumMode, protocol: int
) -> None:
    make = (
        build.udp(source, destination, (1, 2), payload, mode=mode)
        if protocol == UDP
        else build.tcp(source, destination, (1, 2), payload, sequence=7, mode=mode)
    )
    segment = make[40:]
    assert cksum.verify(source.packed, destination.packed, protocol, segment, mode)
    verdict = cksum.judge(source.packed, destination.packed, protocol, segment)
    other = cksum.verify(source.packed, destination.packed, protocol, segment, ChecksumMode.RFC)
    assert verdict == (ChecksumVerdict.RFC if other else ChecksumVerdict.IPV6)


@pytest.mark.checklist(29)
@given(ilvs, ilvs, u64, u64, st.binary(max_size=60))
def test_changed_locators_leave_the_rfc_sum_alone(
    source: Ilv, destination: Ilv, one: int, two: int, payload: bytes
) -> None:
    before = build.udp(source, destination, (1, 2), payload)[40:]
    moved = build.udp(Ilv(L64(one), source.nid), Ilv(L64(two), destination.nid), (1, 2), payload)[
        40:
    ]
    assert before == moved


@pytest.mark.checklist(114)
@given(ilvs, ilvs, u64, st.binary(max_size=60))
def test_delta_equals_computing_the_sum_again(
    source: Ilv, destination: Ilv, new: int, payload: bytes
) -> None:
    moved = Ilv(L64(new), source.nid)
    mode = ChecksumMode.IPV6
    old = build.tcp(source, destination, (1, 2), payload, sequence=1, mode=mode)[40:]
    value = int.from_bytes(old[16:18], "big")
    fixed = cksum.delta(value, source.l64.packed, moved.l64.packed)
    segment = old[:16] + fixed.to_bytes(2, "big") + old[18:]
    assert cksum.verify(moved.packed, destination.packed, TCP, segment, mode)


def test_delta_over_half_a_word_is_refused() -> None:
    with pytest.raises(WireError):
        cksum.delta(0, b"abc", b"abd")
    with pytest.raises(WireError):
        cksum.delta(0, b"ab", b"abcd")


# --- packets


@pytest.mark.checklist(3, 33)
@given(
    source=ilvs,
    destination=ilvs,
    nonce=nonces,
    ports=st.tuples(u16, u16),
    payload=st.binary(max_size=80),
    mode=modes,
)
def test_udp_packet_reads_back(
    *,
    source: Ilv,
    destination: Ilv,
    nonce: Nonce,
    ports: tuple[int, int],
    payload: bytes,
    mode: ChecksumMode,
) -> None:
    packet = build.udp(source, destination, ports, payload, nonce=nonce, mode=mode)
    view = parse_packet(packet)
    assert view.error is None
    assert (view.source, view.destination, view.nonce) == (source, destination, nonce)
    assert (view.source_port, view.destination_port, view.protocol) == (*ports, UDP)
    assert view.is_complete
    assert view.checksum in (ChecksumVerdict.RFC, ChecksumVerdict.IPV6)
    assert view.upper_offset is not None
    assert packet[view.upper_offset + 8 :] == payload


@given(
    source=ilvs,
    destination=ilvs,
    nonce=nonces,
    sequence=u32,
    acknowledgement=u32,
    flags=st.integers(0, 255),
    payload=st.binary(max_size=40),
)
def test_tcp_packet_reads_back(
    *,
    source: Ilv,
    destination: Ilv,
    nonce: Nonce,
    sequence: int,
    acknowledgement: int,
    flags: int,
    payload: bytes,
) -> None:
    view = parse_packet(
        build.tcp(
            source,
            destination,
            (1, 2),
            payload,
            sequence=sequence,
            acknowledgement=acknowledgement,
            flags=flags,
            nonce=nonce,
        )
    )
    assert view.tcp == (sequence, acknowledgement, flags, 20)


@pytest.mark.checklist(60, 66)
def test_parameter_problem_shows_the_packet_it_quotes() -> None:
    sent = build.udp(MN, CN, (40000, 5001), bytes(1400), nonce=SHORT)
    answer = build.unknown_option(CN, MN, sent, pointer=42)
    assert len(answer) == 1280
    view = parse_packet(answer)
    assert view.icmp == (4, 2, 42)
    assert view.checksum is ChecksumVerdict.IPV6
    assert view.quoted is not None
    assert (view.quoted.source, view.quoted.nonce) == (MN, SHORT)
    assert not view.quoted.is_complete
    assert sent[view.icmp.parameter] == 0x8B


@pytest.mark.checklist(28)
@given(ilvs, ilvs, nonces, updates())
def test_locator_update_packet_reads_back(
    source: Ilv, destination: Ilv, nonce: Nonce, update: LocatorUpdate
) -> None:
    packet = build.locator_update(source, destination, update, nonce)
    view = parse_packet(packet, LuMode(extended=True))
    assert view.error is None
    assert view.locator_update == update
    assert view.protocol == ICMPV6
    assert view.checksum is ChecksumVerdict.IPV6


def test_locator_update_cut_by_the_capture_is_not_called_malformed() -> None:
    update = LocatorUpdate(1, (LocatorRecord(MN.l64, 1, 2),) * 20)
    view = parse_packet(build.locator_update(MN, CN, update, SHORT)[:120])
    assert view.locator_update is None
    assert view.error is not None
    assert view.error.fault is Fault.TRUNCATED
    assert view.nonce == SHORT


def test_errors_quoting_errors_end() -> None:
    packet = build.udp(MN, CN, (1, 2), b"", nonce=SHORT)
    for _ in range(20):
        packet = build.unknown_option(CN, MN, packet, pointer=42)
    view = parse_packet(packet)
    assert view.quoted is not None
    assert view.quoted.quoted is None


def _mutate(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        kind = rng.randrange(3)
        at = rng.randrange(len(changed))
        if kind == 0:
            changed[at] = rng.randrange(256)
        elif kind == 1:
            del changed[at:]
        else:
            changed[at:at] = rng.randbytes(rng.randint(1, 9))
        if not changed:
            break
    return bytes(changed)


@pytest.mark.checklist(54)
@pytest.mark.parametrize("seed", range(20))
def test_mutated_packets_never_raise_anything_but_wire_errors(seed: int) -> None:
    rng = random.Random(seed)
    update = LocatorUpdate(1, (LocatorRecord(MN.l64, 10, 300), LocatorRecord(CN.l64, 20, 600)))
    seeds = [
        build.udp(MN, CN, (1, 2), b"hello", nonce=SHORT),
        build.tcp(MN, CN, (1, 2), b"hello", sequence=1, nonce=Nonce(bytes(12))),
        build.locator_update(MN, CN, update, SHORT),
        build.unknown_option(CN, MN, build.udp(MN, CN, (1, 2), b"", nonce=SHORT), 42),
    ]
    outcomes = set()
    for _ in range(300):
        data = _mutate(rng.choice(seeds), rng)
        try:
            view = parse_packet(data, LuMode(extended=bool(seed % 2), soft_code=7))
        except WireError as err:
            outcomes.add(err.fault)
        else:
            outcomes.add(view.error.fault if view.error else None)
    assert {None, Fault.TRUNCATED, Fault.NOT_IPV6} <= outcomes


@given(st.binary(max_size=200))
def test_any_octets_behind_an_ipv6_header_give_a_view(data: bytes) -> None:
    head = build.ipv6(MN, CN, 60, b"")
    size = len(data).to_bytes(2, "big")
    view = parse_packet(head[:4] + size + head[6:] + data)
    assert view.source == MN
