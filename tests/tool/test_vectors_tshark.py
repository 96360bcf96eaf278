# SPDX-License-Identifier: BSD-2-Clause
"""The golden captures, and what tshark reads in them.  Its checksum verdict is never asked:
it differs between versions."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from vectorfile import VECTORS

from ilnptool.wire.decode import decode_file

PCAPS = VECTORS / "pcap"
MAKER = runpy.run_path(str(VECTORS / "make_pcaps.py"))
NAMES = [*MAKER["CAPTURES"], "lu-on-ethernet"]

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def _tshark(path: Path) -> list[dict[str, Any]]:
    argv = ["tshark", "-r", str(path), "-T", "json", "--no-duplicate-keys"]
    done = subprocess.run(argv, capture_output=True, check=True, timeout=60)
    return [packet["_source"]["layers"] for packet in json.loads(done.stdout)]


def _values(tree: object, field: str) -> Iterator[str]:
    """Every value of one field, at any depth, in order."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == field:
                yield from value if isinstance(value, list) else [value]
            else:
                yield from _values(value, field)
    elif isinstance(tree, list):
        for value in tree:
            yield from _values(value, field)


def _hex(values: Iterator[str]) -> list[str]:
    return [value.removeprefix("0x").replace(":", "") for value in values]


def test_committed_captures_are_what_the_codec_writes(tmp_path: Path) -> None:
    MAKER["write_all"](tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in PCAPS.iterdir()}
    assert sorted(made) == sorted(committed)
    assert made == committed


@needs_tshark
@pytest.mark.parametrize("name", [name for name in NAMES if name != "malformed"])
def test_tshark_agrees_on_nonces_types_and_locators(name: str) -> None:
    ours = list(decode_file(PCAPS / f"{name}.pcap"))
    theirs = _tshark(PCAPS / f"{name}.pcap")
    assert len(ours) == len(theirs) > 0
    for mine, their in zip(ours, theirs, strict=True):
        outer = [mine["nonce"]] if "nonce" in mine else []
        quoted = mine.get("quoted")
        inner = [quoted["nonce"]] if isinstance(quoted, dict) and "nonce" in quoted else []
        assert _hex(_values(their, "ipv6.opt.ilnp_nonce")) == outer + inner
        types = [int(value) for value in _values(their, "icmpv6.type")]
        icmp = mine.get("icmp")
        assert types == ([icmp["type"]] if isinstance(icmp, dict) else [])
        update = mine.get("locator_update")
        if isinstance(update, dict):
            assert types == [156]
            seen = _hex(_values(their, "icmpv6.ilnp.nb_locator"))
            assert seen == [loc["l64"].replace("+", "") for loc in update["locators"]]


@needs_tshark
def test_tshark_reads_preferences_lifetimes_and_operation() -> None:
    advert, ack = _tshark(PCAPS / "lu-advert-and-ack.pcap")
    assert [int(v) for v in _values(advert, "icmpv6.ilnp.nb_locs")] == [2]
    assert [int(v, 0) for v in _values(advert, "icmpv6.ilnp.nb_preference")] == [10, 20]
    assert [int(v, 0) for v in _values(advert, "icmpv6.ilnp.nb_lifetime")] == [300, 600]
    # tshark knows no operation: it shows that octet as the first reserved field.
    assert next(_values(advert, "icmpv6.reserved")) == "01"
    assert next(_values(ack, "icmpv6.reserved")) == "02"


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
