# SPDX-License-Identifier: BSD-2-Clause
"""The golden captures, and what tshark reads in them.  Its checksum verdict is never asked:
it differs between versions."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from tsharkfile import assert_agreement, needs_tshark, read_by_tshark, values
from vectorfile import VECTORS

from ilnptool.wire.decode import decode_file

PCAPS = VECTORS / "pcap"
MAKER = runpy.run_path(str(VECTORS / "make_pcaps.py"))
NAMES = [*MAKER["CAPTURES"], "lu-on-ethernet"]


def test_committed_captures_are_what_the_codec_writes(tmp_path: Path) -> None:
    MAKER["write_all"](tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in PCAPS.iterdir()}
    assert sorted(made) == sorted(committed)
    assert made == committed


@needs_tshark
@pytest.mark.parametrize("name", [name for name in NAMES if name != "malformed"])
def test_tshark_agrees_on_nonces_types_and_locators(name: str) -> None:
    assert_agreement(PCAPS / f"{name}.pcap")


@needs_tshark
def test_tshark_reads_preferences_lifetimes_and_operation() -> None:
    advert, ack = read_by_tshark(PCAPS / "lu-advert-and-ack.pcap")
    assert [int(v) for v in values(advert, "icmpv6.ilnp.nb_locs")] == [2]
    assert [int(v, 0) for v in values(advert, "icmpv6.ilnp.nb_preference")] == [10, 20]
    assert [int(v, 0) for v in values(advert, "icmpv6.ilnp.nb_lifetime")] == [300, 600]
    # tshark knows no operation: it shows that octet as the first reserved field.
    assert next(values(advert, "icmpv6.reserved")) == "01"
    assert next(values(ack, "icmpv6.reserved")) == "02"


@pytest.mark.checklist(40, 54, 84)
def test_malformed_capture_decodes_to_three_named_faults() -> None:
    records = list(decode_file(PCAPS / "malformed.pcap"))
    faults = [record.get("fault") for record in records]
    assert faults == ["nonce-twice", "option-overrun", "lu-length"]


@pytest.mark.checklist(25, 28)
def test_decoded_checksums_name_the_mode_of_each_packet() -> None:
    sums = [record["checksum"] for record in decode_file(PCAPS / "udp-both-checksums.pcap")]
    assert sums == ["rfc", "ipv6", "rfc", "ipv6"]
    assert [r["checksum"] for r in decode_file(PCAPS / "lu-advert-and-ack.pcap")] == ["ipv6"] * 2
