# SPDX-License-Identifier: BSD-2-Clause
"""The arithmetic of the benchmark: pairs, medians, what counts as met."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ilnptool.bench.context import Alternation, Bench
from ilnptool.bench.goals import GOALS, PAIRS_MIN, Goal, Sense, goal, goals_of, measures
from ilnptool.bench.verdict import Outcome, Pair, measure_json
from ilnptool.config import load_config
from ilnptool.errors import CheckFailed

LEAST = Goal("P0", "least", "something", "ratio", floor=0.9, aim=1.0)
MOST = replace(LEAST, part="most", floor=0.02, aim=0.01, sense=Sense.AT_MOST)


def pairs(*ratios: float) -> tuple[Pair, ...]:
    return tuple(Pair(ratio * 8, 8) for ratio in ratios)


def test_ratio_is_ours_to_the_yardstick() -> None:
    assert Pair(19.0, 20.0).ratio == pytest.approx(0.95)


def test_a_yardstick_of_nothing_is_an_error() -> None:
    with pytest.raises(CheckFailed, match="yardstick"):
        Pair(1.0, 0.0)


def test_median_is_of_the_ratios_of_pairs_not_of_the_sums() -> None:
    found = Outcome(LEAST, (Pair(1, 1), Pair(1, 1), Pair(1, 1), Pair(1, 100), Pair(1, 100)))
    assert found.median == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("which", "ratios", "met"),
    [
        pytest.param(LEAST, (0.9,) * 5, True, id="at least, on the floor"),
        pytest.param(LEAST, (0.89,) * 5, False, id="at least, below"),
        pytest.param(LEAST, (0.1, 0.1, 0.95, 0.95, 0.95), True, id="the median decides"),
        pytest.param(MOST, (0.02,) * 5, True, id="at most, on the floor"),
        pytest.param(MOST, (0.021,) * 5, False, id="at most, above"),
    ],
)
def test_floor(which: Goal, ratios: tuple[float, ...], met: bool) -> None:
    assert Outcome(which, pairs(*ratios)).met is met


def test_too_few_pairs_do_not_meet_anything() -> None:
    found = Outcome(LEAST, pairs(*[1.0] * (PAIRS_MIN - 1)))
    assert not found.met
    assert found.reason == f"{PAIRS_MIN - 1} pairs were taken, {PAIRS_MIN} are needed"


def test_what_could_not_be_measured_is_not_met() -> None:
    found = Outcome(LEAST, why_not="no MPTCP in this kernel").as_json()
    assert found["met"] is False
    assert found["why_not"] == "no MPTCP in this kernel"
    assert found["ratio_median"] is None


def test_an_outcome_needs_pairs_or_a_reason() -> None:
    with pytest.raises(ValueError, match="neither"):
        Outcome(LEAST)


def test_a_missed_floor_names_value_floor_and_evidence() -> None:
    found = Outcome(LEAST, pairs(*[0.5] * 5), evidence="processors 99% busy")
    assert found.reason == "0.5 is not at least 0.9; processors 99% busy"


def test_json_has_extremes_and_every_pair() -> None:
    found = Outcome(LEAST, pairs(0.9, 1.0, 1.1, 1.0, 1.0)).as_json()
    assert (found["ratio_min"], found["ratio_median"], found["ratio_max"]) == pytest.approx(
        (0.9, 1.0, 1.1)
    )
    assert found["pairs"] == len(found["values"]) == 5
    assert found["aim_met"] is True


def test_a_measure_shows_its_worst_part_and_is_met_only_if_all_are() -> None:
    good = Outcome(LEAST, pairs(*[1.0] * 5))
    bad = Outcome(MOST, pairs(*[0.03] * 5))
    whole = measure_json([good, bad])
    assert whole["part"] == "most"
    assert whole["met"] is False
    assert whole["why_not"].startswith("most: 0.03 is not at most")
    assert [part["part"] for part in whole["parts"]] == ["least", "most"]
    assert measure_json([good])["met"] is True


def test_parts_of_different_scale_are_compared_relative_to_their_floors() -> None:
    near = Outcome(replace(LEAST, floor=100.0), pairs(*[99.0] * 5))
    far = Outcome(replace(LEAST, part="far", floor=0.01), pairs(*[0.005] * 5))
    assert measure_json([near, far])["part"] == "far"


def test_arms_alternate() -> None:
    order: list[str] = []
    bench = Bench(load_config(environ={}), 3, True, 1, lambda _text: None)

    def arm(name: str, value: float) -> float:
        order.append(name)
        return value

    taken = Alternation(bench, "test").take(lambda: arm("A", 3), lambda: arm("B", 4))
    assert order == ["A", "B"] * 3
    assert [pair.ratio for pair in taken] == [0.75] * 3


def test_goals_are_those_that_were_asked_for() -> None:
    assert measures() == ("P1", "P2", "P4", "P5", "P6", "P7", "P8", "P9", "P13", "P14")
    assert len({(x.measure, x.part) for x in GOALS}) == len(GOALS)
    assert all(goals_of(name) for name in measures())
    assert goal("P13", "memory").floor == 512


def test_a_goal_without_a_floor_is_told_and_never_the_worst() -> None:
    told = Outcome(replace(LEAST, part="told", floor=None, aim=None), pairs(*[0.1] * 5))
    assert told.met
    assert measure_json([told, Outcome(LEAST, pairs(*[0.91] * 5))])["part"] == "least"
    assert not Outcome(told.goal, pairs(0.1)).met


# Of some floors nothing better can be asked: no datagram lost.
JUDGED = [found for found in GOALS if found.floor != found.aim]


@pytest.mark.parametrize("which", JUDGED, ids=lambda x: f"{x.measure}-{x.part}")
def test_every_aim_is_beyond_its_floor(which: Goal) -> None:
    assert which.floor is not None
    assert which.aim is not None
    assert which.reached(which.aim, which.floor)
    assert not which.reached(which.floor, which.aim)
