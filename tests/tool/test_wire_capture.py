# SPDX-License-Identifier: BSD-2-Clause
"""Capture files of every kind we meet, damaged ones included; dpkt as the other opinion."""

from __future__ import annotations

import io
import random
import shutil
import struct
import subprocess
from pathlib import Path

import dpkt
import pytest
from vectorfile import VECTORS

from ilnptool.wire import build, link
from ilnptool.wire.capture import CaptureReader, Frame, write_pcap
from ilnptool.wire.decode import decode_file
from ilnptool.wire.fault import Fault, WireError
from ilnptool.wire.lu import LocatorRecord, LocatorUpdate, LuMode, RecordForm
from ilnptool.wire.values import Ilv, Nonce

MN = Ilv.of("2001:db8:1:1:211:22ff:fe33:4455")
CN = Ilv.of("2001:db8:2:2:211:22ff:fe66:7788")
NONCE = Nonce(bytes.fromhex("a1b2c3d4"))
PACKET = build.udp(MN, CN, (40000, 5001), b"hello", nonce=NONCE)
SECOND = 1_000_000_000

LINKS = {
    "ethernet": (link.ETHERNET, bytes(12) + b"\x86\xdd"),
    "ethernet-vlan": (link.ETHERNET, bytes(12) + b"\x81\x00\x00\x05\x86\xdd"),
    "ethernet-two-vlans": (link.ETHERNET, bytes(12) + b"\x88\xa8\0\5\x81\0\0\6\x86\xdd"),
    "raw": (link.RAW, b""),
    "raw-bsd": (link.RAW_BSD, b""),
    "raw-ipv6": (link.RAW_IPV6, b""),
    "linux-cooked": (link.LINUX_COOKED, bytes(14) + b"\x86\xdd"),
    "linux-cooked-2": (link.LINUX_COOKED_2, b"\x86\xdd" + bytes(18)),
    "null": (link.NULL, struct.pack("<I", 28)),
    "loop": (link.LOOP, struct.pack(">I", 28)),
}


@pytest.mark.parametrize("name", LINKS)
def test_ipv6_is_found_behind_every_link_header(name: str, tmp_path: Path) -> None:
    link_type, head = LINKS[name]
    path = tmp_path / "one.pcap"
    write_pcap(path, [(5 * SECOND + 7, head + PACKET)], link_type=link_type)
    (record,) = decode_file(path)
    assert record["source_ilv"] == str(MN)
    assert record["nonce"] == "a1b2c3d4"
    assert record["octets"] == len(head + PACKET)


@pytest.mark.parametrize(
    ("link_type", "frame", "reason"),
    [
        (link.ETHERNET, bytes(12) + b"\x08\x00" + b"\x45" + bytes(40), "not IPv6"),
        (link.ETHERNET, b"short", "not IPv6"),
        (link.ETHERNET, bytes(12) + b"\x81\x00", "not IPv6"),
        (link.RAW, b"", "not IPv6"),
        (link.RAW, b"\x45" + bytes(40), "not IPv6"),
        (105, PACKET, "link type not supported"),
    ],
)
def test_other_frames_are_skipped_with_a_reason(
    link_type: int, frame: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "one.pcap"
    write_pcap(path, [(0, frame)], link_type=link_type)
    (record,) = decode_file(path)
    assert record["skipped"] == reason


def test_frames_and_times_read_back_to_the_nanosecond(tmp_path: Path) -> None:
    path = tmp_path / "some.pcap"
    rng = random.Random(1)
    frames = [(1_700_000_000 * SECOND + rng.randrange(SECOND), rng.randbytes(i)) for i in range(50)]
    write_pcap(path, frames, snap=20)
    read = list(CaptureReader(path))
    assert read == [Frame(t, data[:20], len(data), link.RAW) for t, data in frames]


@pytest.mark.parametrize("nano", [False, True])
def test_pcap_of_another_writer_is_read(nano: bool, tmp_path: Path) -> None:
    path = tmp_path / "dpkt.pcap"
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file, linktype=link.RAW, nano=nano)
        writer.writepkt(PACKET, 12.5)
        writer.writepkt(PACKET[:50], 13.25)
    assert list(CaptureReader(path)) == [
        Frame(12_500_000_000, PACKET, len(PACKET), link.RAW),
        Frame(13_250_000_000, PACKET[:50], 50, link.RAW),
    ]


def test_our_pcap_is_read_by_another_reader(tmp_path: Path) -> None:
    path = tmp_path / "ours.pcap"
    write_pcap(path, [(3 * SECOND // 2, PACKET), (2 * SECOND, b"x")])
    with path.open("rb") as file:
        reader = dpkt.pcap.Reader(file)
        assert reader.datalink() == link.RAW
        assert [(float(time), data) for time, data in reader] == [(1.5, PACKET), (2.0, b"x")]


def test_pcapng_of_another_writer_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dpkt.pcapng"
    with path.open("wb") as file:
        writer = dpkt.pcapng.Writer(file, linktype=link.RAW)
        writer.writepkt(PACKET, 12.5)
    assert list(CaptureReader(path)) == [Frame(12_500_000_000, PACKET, len(PACKET), link.RAW)]


def _block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = len(body) + 12
    return struct.pack(order + "2I", kind, size) + body + struct.pack(order + "I", size)


def _section(order: str) -> bytes:
    return _block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def _interface(order: str, link_type: int, tick: int, offset: int = 0) -> bytes:
    head = struct.pack(order + "2HI", link_type, 0, 96)
    resolution = struct.pack(order + "2H", 9, 1) + bytes((tick, 0, 0, 0))
    shift = struct.pack(order + "2Hq", 14, 8, offset)
    return _block(order, 1, head + resolution + shift + bytes(4))


def _enhanced(order: str, number: int, ticks: int, data: bytes, original: int) -> bytes:
    numbers = (number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), original)
    return _block(order, 6, struct.pack(order + "5I", *numbers) + data)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_keeps_link_type_and_clock_of_each_interface(order: str, tmp_path: Path) -> None:
    path = tmp_path / "two.pcapng"
    ethernet = LINKS["ethernet"][1]
    path.write_bytes(
        _section(order)
        + _interface(order, link.RAW, 9)
        + _interface(order, link.ETHERNET, 0x80 | 10, offset=100)
        + _block(order, 0xBAD, b"a block we do not know")
        + _enhanced(order, 0, 5 * SECOND + 1, PACKET[:60], len(PACKET))
        + _enhanced(order, 1, 1536, ethernet + PACKET, len(ethernet + PACKET))
        + _block(order, 3, struct.pack(order + "I", len(PACKET)) + PACKET)
    )
    assert list(CaptureReader(path)) == [
        Frame(5 * SECOND + 1, PACKET[:60], len(PACKET), link.RAW),
        Frame(101_500_000_000, ethernet + PACKET, len(ethernet + PACKET), link.ETHERNET),
        Frame(0, PACKET, len(PACKET), link.RAW),
    ]


@pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap is not installed")
def test_pcapng_of_wireshark_gives_the_same_records(tmp_path: Path) -> None:
    for golden in (VECTORS / "pcap").glob("*.pcap"):
        converted = tmp_path / golden.with_suffix(".pcapng").name
        argv = ["editcap", "-F", "pcapng", str(golden), str(converted)]
        subprocess.run(argv, check=True, capture_output=True, timeout=60)
        assert list(decode_file(converted)) == list(decode_file(golden))


@pytest.mark.parametrize("content", [b"", b"\xd4\xc3\xb2", b"GIF89a" + bytes(40), bytes(30)])
def test_file_that_is_no_capture_is_one_clear_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.pcap"
    path.write_bytes(content)
    with pytest.raises(WireError, match=r"odd\.pcap: ") as caught:
        list(decode_file(path))
    assert caught.value.fault is Fault.CAPTURE
    assert caught.value.exit_code == 2


def test_missing_file_and_directory_are_one_clear_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pcap", tmp_path):
        with pytest.raises(WireError, match="cannot be read"):
            list(decode_file(path))


@pytest.mark.parametrize("lost", [1, 10, 80])
def test_cut_file_gives_its_frames_and_an_error_record(lost: int, tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    write_pcap(path, [(SECOND, PACKET)] * 3)
    path.write_bytes(path.read_bytes()[:-lost])
    *frames, last = decode_file(path)
    whole = [record for record in frames if record["captured"] == len(PACKET)]
    assert len(whole) == (1 if lost > len(PACKET) + 16 else 2)
    assert last.keys() == {"fault", "error"}
    assert "cut short" in str(last["error"])


def test_absurd_frame_length_ends_the_file_with_an_error_record(tmp_path: Path) -> None:
    path = tmp_path / "huge.pcap"
    write_pcap(path, [(SECOND, PACKET)])
    with path.open("ab") as file:
        file.write(struct.pack("<4I", 1, 0, 0xFFFFFFF0, 0xFFFFFFF0) + bytes(100))
    records = list(decode_file(path))
    assert len(records) == 2
    assert "impossible frame length" in str(records[-1]["error"])


def _files() -> list[bytes]:
    memory = io.BytesIO()
    writer = dpkt.pcapng.Writer(memory, linktype=link.RAW)
    for _ in range(4):
        writer.writepkt(PACKET, 1.0)
    golden = [path.read_bytes() for path in sorted((VECTORS / "pcap").glob("*.pcap"))]
    return [memory.getvalue(), *golden]


@pytest.mark.parametrize("seed", range(15))
def test_hostile_files_never_raise_anything_but_wire_errors(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    originals = _files()
    path = tmp_path / "mutant.pcap"
    for _ in range(60):
        content = bytearray(rng.choice(originals))
        for _ in range(rng.randint(1, 12)):
            content[rng.randrange(len(content))] = rng.choice(
                (0, 1, 127, 128, 255, rng.randrange(256))
            )
        if rng.random() < 0.3:
            del content[rng.randrange(len(content)) :]
        path.write_bytes(content)
        try:
            count = sum(1 for _ in decode_file(path, LuMode(extended=True)))
        except WireError as err:
            assert err.fault is Fault.CAPTURE
        else:
            assert count <= len(content) // 12 + 1


def test_extended_records_are_decoded_in_extended_mode_only() -> None:
    path = VECTORS / "pcap/lu-extended-records.pcap"
    first, second = decode_file(path, LuMode(extended=True, soft_code=7))
    update = first["locator_update"]
    assert isinstance(update, dict)
    assert update["record_octets"] == 14
    assert [locator["lifetime"] for locator in update["locators"]] == [300, 600]
    assert isinstance(second["locator_update"], dict)
    assert second["locator_update"]["code"] == 7
    plain = list(decode_file(path))
    assert plain[1]["fault"] == "lu-code"


def test_decoding_keeps_up_with_a_capture_of_a_run(tmp_path: Path) -> None:
    update = LocatorUpdate(1, (LocatorRecord(MN.l64, 1, 2),), form=RecordForm.RFC)
    path = tmp_path / "long.pcap"
    packets = [PACKET] * 999 + [build.locator_update(MN, CN, update, NONCE)]
    write_pcap(path, ((i, packet) for i, packet in enumerate(packets)))
    assert sum("locator_update" in record for record in decode_file(path)) == 1
