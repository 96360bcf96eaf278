# SPDX-License-Identifier: BSD-2-Clause
"""The golden byte vectors, read by the Python codec."""

from __future__ import annotations

import re

import pytest
from vectorfile import VECTORS, as_params, read_vectors

from ilnptool.wire import cksum
from ilnptool.wire.cksum import ChecksumMode
from ilnptool.wire.fault import Fault, WireError
from ilnptool.wire.lu import LocatorUpdate, LuMode
from ilnptool.wire.option import DestinationOptions
from ilnptool.wire.packet import parse_packet
from ilnptool.wire.reader import Reader
from ilnptool.wire.text import IlvForm, parse_ilv
from ilnptool.wire.values import Nonce

Vector = dict[str, str]


def _shown(nonce: Nonce | None) -> str:
    return "none" if nonce is None else str(nonce)


@pytest.mark.checklist(32, 33, 40, 53, 54)
@pytest.mark.parametrize("vector", as_params("nonce.vec"))
def test_options_header_reads_as_the_vector_says(vector: Vector) -> None:
    data = bytes.fromhex(vector["hex"])
    if vector["expect"] != "ok":
        with pytest.raises(WireError) as caught:
            _ = DestinationOptions.parse(Reader(data)).nonce
        assert caught.value.fault == vector["expect"]
        return
    rd = Reader(data)
    header = DestinationOptions.parse(rd)
    assert rd.remaining == 0
    assert header.next_header == int(vector["next"])
    assert _shown(header.nonce) == vector.get("nonce", "none")


@pytest.mark.checklist(32, 33)
@pytest.mark.parametrize("name", ["nonce-4", "nonce-12"])
def test_header_with_a_nonce_only_is_written_without_padding(name: str) -> None:
    vector = next(v for v in read_vectors("nonce.vec") if v["name"] == name)
    header = DestinationOptions.of_nonce(Nonce(bytes.fromhex(vector["nonce"])), int(vector["next"]))
    assert header.packed.hex() == vector["hex"]


def _mode(vector: Vector) -> LuMode:
    soft = vector.get("soft")
    return LuMode(vector["mode"] == "extended", int(soft) if soft else None)


@pytest.mark.checklist(23, 68, 69, 70, 83, 84, 90)
@pytest.mark.parametrize("vector", as_params("lu.vec"))
def test_locator_update_reads_as_the_vector_says(vector: Vector) -> None:
    data = bytes.fromhex(vector["hex"])
    if vector["expect"] != "ok":
        with pytest.raises(WireError) as caught:
            LocatorUpdate.parse(data, _mode(vector))
        assert caught.value.fault == vector["expect"]
        return
    update = LocatorUpdate.parse(data, _mode(vector))
    assert update.operation == int(vector["operation"])
    assert update.code == int(vector["code"])
    assert update.form == int(vector["record"])
    assert len(update.records) == int(vector["count"])
    first = " ".join(f"{r.l64.value:016x}/{r.preference}/{r.lifetime}" for r in update.records[:2])
    assert first == vector["locators"]


@pytest.mark.checklist(68, 70, 74)
def test_acknowledgement_differs_from_advertisement_in_operation_and_checksum_only() -> None:
    advert, ack = (bytes.fromhex(v["hex"]) for v in read_vectors("lu.vec")[:2])
    made = LocatorUpdate.parse(advert).acknowledged().packed
    assert made[:2] + made[4:] == ack[:2] + ack[4:]


@pytest.mark.checklist(25, 26, 28, 30)
@pytest.mark.parametrize("vector", as_params("cksum.vec"))
def test_checksum_is_as_the_vector_says(vector: Vector) -> None:
    source, destination, segment = (
        bytes.fromhex(vector[key]) for key in ("source", "destination", "hex")
    )
    protocol = int(vector["protocol"])
    assert cksum.judge(source, destination, protocol, segment) == vector["expect"]
    at = cksum.FIELD_OFFSET[protocol]
    blank = segment[:at] + b"\0\0" + segment[at + 2 :]
    for mode in ChecksumMode:
        if mode not in vector:
            continue
        value = cksum.checksum(source, destination, protocol, blank, mode)
        assert f"{value:04x}" == vector[mode]
        filled = segment[:at] + value.to_bytes(2, "big") + segment[at + 2 :]
        assert cksum.verify(source, destination, protocol, filled, mode)


@pytest.mark.checklist(3, 32, 40, 53, 54)
@pytest.mark.parametrize("vector", as_params("packet.vec"))
def test_packet_reads_as_the_vector_says(vector: Vector) -> None:
    data = bytes.fromhex(vector["hex"])
    if vector["expect"] in ("not-ipv6",) or len(data) < 40:
        with pytest.raises(WireError) as caught:
            parse_packet(data)
        assert caught.value.fault == vector["expect"]
        return
    view = parse_packet(data)
    if vector["expect"] != "ok":
        assert view.error is not None
        assert view.error.fault == vector["expect"]
        return
    assert view.error is None
    assert view.protocol == int(vector["proto"])
    assert _shown(view.nonce) == vector["nonce"]
    ports = (view.source_port, view.destination_port)
    assert ports == (
        (int(vector["sport"]), int(vector["dport"])) if "sport" in vector else (None, None)
    )
    if "icmp-type" in vector:
        assert view.icmp is not None
        assert view.icmp.type == int(vector["icmp-type"])
    if "pointer" in vector:
        assert view.icmp is not None
        assert view.icmp.parameter == int(vector["pointer"])
        assert view.quoted is not None
        assert _shown(view.quoted.nonce) == vector["quoted-nonce"]
    later = view.fragment is not None and view.fragment.offset > 0
    assert later == ("later-fragment" in vector)


@pytest.mark.parametrize("vector", as_params("ilv-text.vec"))
def test_ilv_notation_reads_as_the_vector_says(vector: Vector) -> None:
    form = IlvForm(vector.get("form", "separator"))
    if vector["expect"] != "ok":
        with pytest.raises(WireError) as caught:
            parse_ilv(vector["text"], form)
        assert caught.value.fault == vector["expect"]
        assert "allowed:" in str(caught.value)
        return
    assert parse_ilv(vector["text"], form).packed.hex() == vector["hex"]


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.vec")), ids=lambda path: path.stem)
def test_vector_files_keep_their_format(path: object) -> None:
    names = set()
    known = {"ok", *Fault, *cksum.ChecksumVerdict}
    for vector in read_vectors(path.name):  # type: ignore[attr-defined]
        assert vector["name"] not in names
        names.add(vector["name"])
        assert vector["expect"] in known
        assert all(re.fullmatch(r"[a-z0-9-]+", key) for key in vector)
        bytes.fromhex(vector.get("hex", ""))
    assert names
