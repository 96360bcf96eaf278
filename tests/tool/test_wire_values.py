# SPDX-License-Identifier: BSD-2-Clause
"""NID, L64, I-LV, nonce, how they are written, and the generated constants."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilnptool.errors import UsageError
from ilnptool.wire import cksum, constants, gen_constants, text
from ilnptool.wire.fault import Fault, WireError
from ilnptool.wire.values import IDENTITY_L64, L64, Ilv, Nid, Nonce

ROOT = Path(__file__).parents[2]
HEADER = ROOT / "sys/netinet6/ilnp/ilnp.h"

u64 = st.integers(0, (1 << 64) - 1)
ilvs = st.builds(Ilv, st.builds(L64, u64), st.builds(Nid, u64))


@pytest.mark.checklist(3)
def test_l64_is_the_upper_half_of_the_address() -> None:
    ilv = Ilv.of("2001:db8:1:1:211:22ff:fe33:4455")
    assert ilv.l64.value == 0x20010DB800010001
    assert ilv.nid.value == 0x021122FFFE334455
    assert ilv.address == IPv6Address("2001:db8:1:1:211:22ff:fe33:4455")


def test_ilv_is_written_padded_with_plus_and_dash() -> None:
    assert str(Ilv.of("2001:db8:1:1:0:22ff:fe33:5")) == "2001+0db8+0001+0001.0000-22ff-fe33-0005"


@pytest.mark.parametrize("value", [-1, 1 << 64])
@pytest.mark.parametrize("kind", [Nid, L64])
def test_more_than_64_bits_are_refused(kind: type[Nid] | type[L64], value: int) -> None:
    with pytest.raises(WireError):
        kind(value)


@pytest.mark.parametrize("size", [0, 3, 5, 8, 11, 13, 16])
def test_nonce_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(WireError) as caught:
        Nonce(bytes(size))
    assert caught.value.fault is Fault.NONCE_LENGTH


def test_fresh_nonces_differ() -> None:
    assert len({Nonce.fresh(12).octets for _ in range(100)}) == 100


def test_values_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Nid(1).value = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("prefix", "plausible", "link_local"),
    [
        ("2001:db8::", True, False),
        ("3fff::", True, False),
        ("fd69:6c6e::", True, False),
        ("fe80::", False, True),
        ("febf::", False, True),
        ("::", False, False),
        ("4000::", False, False),
    ],
)
def test_unlikely_locators_are_told_from_likely_ones(
    prefix: str, plausible: bool, link_local: bool
) -> None:
    l64 = Ilv.of(prefix).l64
    assert (l64.is_plausible, l64.is_link_local) == (plausible, link_local)


def test_identity_prefix_adds_nothing_to_a_checksum() -> None:
    assert cksum.ones_sum(IDENTITY_L64.packed) == 0xFFFF


@given(ilvs)
def test_written_ilv_reads_back(ilv: Ilv) -> None:
    assert text.parse_ilv(str(ilv)) == ilv
    assert text.parse_ilv(f"{ilv.nid}.{ilv.l64}") == ilv
    assert text.parse_ilv(str(ilv), text.IlvForm.L64_FIRST) == ilv
    assert Ilv.of(ilv.address) == ilv


@given(u64)
def test_every_notation_of_a_lone_half_reads_back(value: int) -> None:
    short = [f"{value >> shift & 0xFFFF:x}" for shift in (48, 32, 16, 0)]
    for mark in "+-:":
        assert text.parse_nid(mark.join(short)) == Nid(value)
        assert text.parse_l64(mark.join(short)) == L64(value)
    assert text.parse_dns_nid(Nid(value).dns()) == Nid(value)
    assert text.parse_dns_l64(L64(value).dns()) == L64(value)


@given(st.text(alphabet="0123456789abcdefg+-:. ", max_size=50))
def test_any_text_is_read_or_refused_with_what_is_allowed(written: str) -> None:
    for parse in (text.parse_ilv, text.parse_nid, text.parse_l64, text.parse_dns_nid):
        try:
            parse(written)
        except WireError as err:
            assert err.fault is Fault.TEXT
            shown = re.fullmatch(r"bad [A-Z0-9-]+ '(.*)'; allowed: .+", err.detail)
            assert shown is not None
            assert shown[1] in written


@pytest.mark.checklist(102)
@pytest.mark.parametrize("written", ["2001:db8::1", "::", "2001::1:1"])
def test_double_colon_is_refused_and_named(written: str) -> None:
    with pytest.raises(WireError, match="'::' may not"):
        text.parse_dns_l64(written)


@pytest.mark.checklist(103)
def test_dns_form_takes_short_groups_and_gives_four_lower_case_digits() -> None:
    assert text.parse_dns_nid("14:4FFF:ff20:ee64").dns() == "0014:4fff:ff20:ee64"


@pytest.mark.parametrize("written", ["14-4fff-ff20-ee64", "14+4fff+ff20+ee64"])
def test_dns_form_takes_colons_only(written: str) -> None:
    with pytest.raises(WireError):
        text.parse_dns_nid(written)


def test_committed_constants_are_what_the_generator_makes() -> None:
    committed = Path(constants.__file__).read_text(encoding="utf-8")
    assert gen_constants.generate(HEADER) == committed, (
        "regenerate: python -m ilnptool.wire.gen_constants sys/netinet6/ilnp/ilnp.h "
        "> pytools/ilnptool/wire/constants.py"
    )


def test_generator_takes_plain_numbers_only(tmp_path: Path) -> None:
    header = tmp_path / "h.h"
    header.write_text(
        "#define\tILNP_A\t0x8b\t/* why */\n#define ILNP_B (1 + 2)\n#define ILNP_F(x) 3\n"
        "#define OTHER 4\n#define ILNP_C 12u\n #define ILNP_D 5\n"
    )
    made = gen_constants.generate(header)
    assert "A: Final = 0x8B\nC: Final = 12\n" in made
    assert "B:" not in made
    assert "OTHER" not in made


@pytest.mark.parametrize(
    ("content", "words"),
    [("#define ILNP_A 1\n#define ILNP_A 2\n", "twice"), ("int x;\n", "holds no line")],
)
def test_generator_refuses_a_header_it_cannot_use(tmp_path: Path, content: str, words: str) -> None:
    header = tmp_path / "h.h"
    header.write_text(content)
    with pytest.raises(UsageError, match=words):
        gen_constants.generate(header)


def _generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "ilnptool.wire.gen_constants", *arguments]
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)


def test_generator_runs_as_a_module_and_says_what_is_missing(tmp_path: Path) -> None:
    good = _generate(str(HEADER))
    assert (good.returncode, good.stderr) == (0, "")
    assert "OPT_NONCE: Final = 0x8B" in good.stdout
    missing = _generate(str(tmp_path / "none.h"))
    assert missing.returncode == 2
    assert "none.h: cannot be read" in missing.stderr
    assert _generate().returncode == 2
