# SPDX-License-Identifier: BSD-2-Clause
"""What is made of the report of core_bench."""

from __future__ import annotations

from typing import Any

import pytest

from ilnptool.bench.core import judge
from ilnptool.errors import CheckFailed

LOOKUP = {
    "burst_many_ns": 90.0,
    "burst_few_ns": 60.0,
    "single_many_ns": 400.0,
    "active_many_ns": 60.0,
    "single_few_ns": 50.0,
}


def report(**fields: Any) -> dict[str, Any]:
    return {"lookup": [LOOKUP] * 6, "octets_per_correspondent": 300.0, **fields}


def test_bursts_count_and_the_other_forms_stand_beside_them() -> None:
    lookup, memory = judge(report(), 5)
    assert lookup.ratios == [1.5] * 5
    assert lookup.evidence == "one by one 8, for the same 1,000 of all 1.2"
    assert lookup.met
    assert memory.median == 300


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"lookup": [{**LOOKUP, "burst_many_ns": "fast"}]}, id="no number"),
        pytest.param({"lookup": [{"burst_many_ns": 1, "burst_few_ns": 1}]}, id="a form is missing"),
        pytest.param({"lookup": []}, id="no lookups"),
        pytest.param({"lookup": [{**LOOKUP, "single_few_ns": 0}]}, id="nothing to compare with"),
        pytest.param({"octets_per_correspondent": None}, id="no memory"),
    ],
)
def test_a_report_of_another_form_is_an_error(fields: dict[str, Any]) -> None:
    with pytest.raises(CheckFailed, match="core_bench"):
        judge(report(**fields), 5)
