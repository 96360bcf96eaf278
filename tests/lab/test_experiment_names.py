# SPDX-License-Identifier: BSD-2-Clause
"""Renumbering and moving at once, with real name servers: nobody loses anybody."""

from __future__ import annotations

from pathlib import Path

import pytest
from labkit import temporary_config

from ilnptool.experiments import run
from ilnptool.measure import RunFile, RunResult, load_run_json

pytestmark = [pytest.mark.root, pytest.mark.slow]


def measured(folder: Path, name: str, transport: str, seconds: float) -> RunFile:
    with temporary_config() as config:
        out = run(
            name,
            out=folder,
            transports=(transport,),
            directions=("bidir",),
            seconds=seconds,
            config=config,
        )
    assert (out / "report.html").stat().st_size > 10_000
    return load_run_json(out)


def held(result: RunResult, name: str) -> list[tuple[str, ...]]:
    """Return what a name held, one after the other."""
    return [change.l64s for change in result.names if change.name == f"{name}.lab.test."]


@pytest.mark.checklist(99)
def test_a_server_is_renumbered_under_its_session_and_new_clients(tmp_path: Path) -> None:
    file = measured(tmp_path, "renumber", "tcp", 34)
    old, new = "2001+0db8+0001+0001", "2001+0db8+0001+0002"
    for result in file.runs:
        assert result.error is None
        assert result.missing_bytes == 0
        assert result.nonce_verified
        assert result.bad_checksums == 0
        assert {path.l64 for path in result.paths} == {old, new}
        assert all(path.share > 0.1 for path in result.paths)
        assert held(result, "server") == [(old,), (old, new), (new,)]
        assert len(result.arrivals) > 12
        assert [x.error for x in result.arrivals if x.error is not None] == []
        assert sum(x.fresh for x in result.arrivals) >= 8
    assert file.topology.networks[new] == "isp, new"


def test_two_that_move_at_once_meet_again_through_the_dns(tmp_path: Path) -> None:
    file = measured(tmp_path, "both-move", "udp", 30)
    for result in file.runs:
        assert result.error is None
        assert result.nonce_verified
        for node in ("a", "b"):
            first, second = (f"2001+0db8+000{node}+000{number}" for number in (1, 2))
            assert held(result, node) == [(first,), (second,), (first,)]
        assert result.series is not None
        assert len(result.series.networks) == 2
        # After both moves: the first network carries again.
        last = result.series.networks[0].bytes[-4:]
        assert sum(last) > 0
        assert result.longest_gap_s is not None
        assert result.longest_gap_s < 10
