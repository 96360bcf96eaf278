# SPDX-License-Identifier: BSD-2-Clause
"""What an experiment is going to do: its moves, its runs, its lab as a run begins."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ilnptool.errors import UsageError
from ilnptool.experiments import EXPERIMENTS, Direction, Experiment, find_experiment
from ilnptool.experiments.flows import client_command
from ilnptool.experiments.plan import Condition, Move, conditions, moves
from ilnptool.experiments.single import prepared
from ilnptool.lab.catalogue import find_topology
from ilnptool.lab.model import Topology
from ilnptool.lab.topology import load_topology

NETWORKS = ("aa", "bb", "cc")


def topology_of(experiment: Experiment) -> Topology:
    return load_topology(find_topology(experiment.topology))


def links_of(experiment: Experiment) -> list[str]:
    return [link.name for link, _ in topology_of(experiment).links_of(experiment.mover)]


def test_networks_are_counted_from_one() -> None:
    assert moves(NETWORKS, "+2 -1") == (Move(True, "bb"), Move(False, "aa"))


def in_use_after_each(links: Sequence[str], text: str) -> list[set[str]]:
    """Return the networks in use after each move; every move has to change something."""
    in_use, found = {links[0]}, []
    for move in moves(links, text):
        if move is not None:
            assert move.enable == (move.link not in in_use), f"{move} changes nothing"
            in_use ^= {move.link}
        found.append(set(in_use))
    return found


def test_duality_uses_all_three_networks_twice_and_comes_back() -> None:
    stages = in_use_after_each(NETWORKS, EXPERIMENTS["duality"].moves)
    assert [len(stage) for stage in stages] == [2, 3, 2, 1, 2, 3, 2, 1]
    assert (stages[3], stages[7]) == ({"cc"}, {"aa"})


def test_one_four_one_stays_at_four_for_twice_as_long() -> None:
    experiment = EXPERIMENTS["one-four-one"]
    stages = in_use_after_each(links_of(experiment), experiment.moves)
    assert [len(stage) for stage in stages] == [2, 3, 4, 4, 3, 2, 1]


def test_runs_are_all_combinations() -> None:
    found = conditions(("udp", "tcp"), ("up", "down"), (0, 20), 2)
    assert len(found) == len({condition.name for condition in found}) == 16
    assert found[0] == Condition("tcp", Direction.UP, 0.0, 0)
    assert found[0].name == "tcp-up-0ms-1"


@pytest.mark.parametrize(
    ("transports", "directions", "delays", "runs", "complaint"),
    [
        pytest.param(("sctp",), ("up",), (0,), 1, "bad transport 'sctp'", id="transport"),
        pytest.param(("tcp",), ("left",), (0,), 1, "bad direction 'left'", id="direction"),
        pytest.param(("tcp",), ("up",), (-1,), 1, "bad delay -1", id="delay"),
        pytest.param(("tcp",), ("up",), (0,), 0, "0 runs", id="runs"),
        pytest.param((), ("up",), (0,), 1, "no runs", id="nothing"),
    ],
)
def test_what_cannot_be_run_is_refused(
    transports: tuple[str, ...],
    directions: tuple[str, ...],
    delays: tuple[float, ...],
    runs: int,
    complaint: str,
) -> None:
    with pytest.raises(UsageError, match=complaint):
        conditions(transports, directions, delays, runs)


def test_unknown_experiment_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="duality, one-four-one"):
        find_experiment("handover")


def test_a_run_begins_on_the_first_network_with_half_the_delay_each_way() -> None:
    experiment = EXPERIMENTS["duality"]
    topology = prepared(topology_of(experiment), experiment, 200)
    disabled = [link.locator.disabled for link, _ in topology.links_of("mn")]
    assert disabled == [False, True, True]
    impairment = topology.link("dd").impairment
    assert impairment is not None
    assert impairment.delay == pytest.approx(0.1)


def test_delay_of_the_topology_itself_stays() -> None:
    experiment = EXPERIMENTS["one-four-one"]
    before = topology_of(experiment).link("site").impairment
    after = prepared(topology_of(experiment), experiment, 20).link("site").impairment
    assert before is not None
    assert after is not None
    assert after.delay == pytest.approx(before.delay + 0.01)


@pytest.mark.parametrize(
    ("transport", "direction", "words"),
    [
        pytest.param("tcp", "up", "--bitrate 10M --length 8K", id="tcp up"),
        pytest.param("udp", "down", "--bitrate 10M --udp --reverse", id="udp down"),
        pytest.param("udp", "bidir", "--bitrate 10M --udp --bidir", id="udp both ways"),
    ],
)
def test_iperf3_is_told_what_the_condition_says(transport: str, direction: str, words: str) -> None:
    (condition,) = conditions((transport,), (direction,), (0,), 1)
    command = " ".join(client_command(EXPERIMENTS["duality"], condition, 35))
    assert command == f"iperf3 --client cn --port 5201 --json --time 35 {words}"
