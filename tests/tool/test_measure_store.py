# SPDX-License-Identifier: BSD-2-Clause
"""run.json: written, read, refused, and described by its schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flowmaker import MS, START, Ends

from ilnptool.errors import UsageError
from ilnptool.measure import (
    FlowHint,
    RunFile,
    RunLabels,
    Topology,
    analyse_run,
    failed_run,
    load_run_json,
    write_run_json,
)
from ilnptool.measure.gen_schema import json_schema
from ilnptool.measure.store import SCHEMA_FILE

ISSUE_RUN_KEYS = {
    "transport",
    "delay_ms",
    "direction",
    "throughput_mbps",
    "loss_ratio",
    "misorder_ratio",
    "duplicate_ratio",
    "locator_updates",
    "paths",
    "nonce_verified",
    "bad_checksums",
}


def _file(directory: Path) -> RunFile:
    ends = Ends()
    for number in range(10):
        ends.both(START + number * MS, ends.datagram(number))
    mn, cn = ends.write(directory)
    hint, labels = FlowHint("udp"), RunLabels(run_index=1, delay_ms=20)
    runs = (analyse_run(mn, cn, hint=hint), failed_run(hint, labels, "iperf3 ended with 1"))
    topology = Topology(name="duality", networks={"2001+0002+00aa+00aa": "aa"})
    return RunFile(experiment="duality", seed=7, topology=topology, runs=runs)


def test_written_file_reads_back(tmp_path: Path) -> None:
    run = _file(tmp_path)
    path = write_run_json(tmp_path / "results", run)
    assert load_run_json(path) == run
    assert load_run_json(path.parent) == run
    assert [entry.name for entry in path.parent.iterdir()] == ["run.json"]


def test_file_has_the_agreed_names(tmp_path: Path) -> None:
    data = json.loads(write_run_json(tmp_path, _file(tmp_path)).read_text())
    assert {"schema_version", "experiment", "seed", "runs"} <= data.keys()
    assert data["runs"][0].keys() >= ISSUE_RUN_KEYS
    assert data["runs"][0]["paths"][0].keys() == {"l64", "bytes", "share"}


def test_failed_run_has_its_labels_and_no_numbers(tmp_path: Path) -> None:
    failed = _file(tmp_path).runs[1]
    assert (failed.error, failed.delay_ms, failed.run_index) == ("iperf3 ended with 1", 20, 1)
    assert failed.throughput_mbps is None
    assert failed.loss_ratio is None


def test_published_schema_is_the_one_of_the_models() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == json_schema(), (
        "regenerate: python -m ilnptool.measure.gen_schema "
        "> pytools/ilnptool/measure/run.schema.json"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_version": 2}, "schema_version is 2; this program reads 1"),
        ({"seed": "many"}, "seed: .*integer"),
        ({"runs": [{"transport": "sctp"}]}, r"runs\.0\."),
        ({"typo": 1}, "typo: Extra inputs"),
    ],
    ids=["version", "type", "transport", "unknown"],
)
def test_wrong_file_is_one_clear_error(
    change: dict[str, object], words: str, tmp_path: Path
) -> None:
    path = write_run_json(tmp_path, _file(tmp_path))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UsageError, match=words):
        load_run_json(path)


@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_file_that_is_no_run_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"run\.json"):
        load_run_json(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_run_json(tmp_path)
