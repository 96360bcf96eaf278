# SPDX-License-Identifier: BSD-2-Clause
"""How the runs of the published experiment are judged."""

from __future__ import annotations

from typing import Any

import pytest

from ilnptool.bench.published import FULL, SHORT, judge, spread
from ilnptool.bench.verdict import Outcome
from ilnptool.errors import CheckFailed
from ilnptool.measure import RunResult


def result(transport: str, mbps: float, **fields: Any) -> RunResult:
    given = {"misorder_ratio": 0.0, "delay_ms": 20.0, **fields}
    if transport == "udp":
        given = {"loss_ratio": 0.0, **given}
    return RunResult.model_validate(
        {
            "run_index": 0,
            "transport": transport,
            "direction": "mn-cn",
            "throughput_mbps": mbps,
            **given,
        }
    )


def judged(*runs: RunResult) -> dict[str, Outcome]:
    return {outcome.goal.part: outcome for outcome in judge(runs)}


def test_spread_is_relative_to_the_median() -> None:
    assert spread([10.0, 10.4, 10.1]) == pytest.approx(0.4 / 10.1)


def test_spread_is_taken_within_a_delay_not_across() -> None:
    found = judged(
        result("tcp", 10.00, delay_ms=0),
        result("tcp", 10.01, delay_ms=0),
        result("tcp", 5.00, delay_ms=200),
        result("tcp", 5.01, delay_ms=200),
    )["tcp spread"]
    assert found.ratios == pytest.approx([0.01 / 10.005, 0.01 / 5.005])
    assert found.met


def test_one_run_has_no_spread() -> None:
    found = judged(result("tcp", 10.0))["tcp spread"]
    assert not found.met
    assert found.reason == "no run has such a value"


def test_the_worst_run_decides_on_loss() -> None:
    runs = [result("udp", 10.0, loss_ratio=ratio) for ratio in (0.0, 0.0, 0.02)]
    found = judged(*runs)["loss"]
    assert found.median == 0.02
    assert not found.met


def test_a_failed_run_fails_the_measure() -> None:
    with pytest.raises(CheckFailed, match="1 of 2 runs failed, the first with: no flow"):
        judge([result("tcp", 10.0), result("tcp", 10.0, error="no flow")])


def test_fewer_runs_than_the_paper_are_named() -> None:
    assert FULL.remark() == ""
    assert SHORT.remark() == "3 runs of 25 s at 20 ms, not 20 of 120 s at 0, 20, 200 ms"
