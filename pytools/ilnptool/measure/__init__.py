# SPDX-License-Identifier: BSD-2-Clause
"""From packet captures at both ends of a flow to run.json.

`analyse_run` measures one flow, `RunFile` holds an experiment, `write_run_json` and `load_run_json`
keep it.  The definitions of the metrics stand where they are computed: throughput and shares in
`analyse` and `series`, loss, misordering and duplicates in `sequence`, nonces and checksums in
`session`; their units in `schema`.
"""

from ilnptool.measure.analyse import analyse_run, failed_run
from ilnptool.measure.flows import NoFlow
from ilnptool.measure.hints import FlowHint, InterfaceMark, RunLabels
from ilnptool.measure.schema import (
    Arrival,
    Host,
    NameChange,
    RunFile,
    RunResult,
    Topology,
)
from ilnptool.measure.store import load_run_json, write_run_json

__all__ = [
    "Arrival",
    "FlowHint",
    "Host",
    "InterfaceMark",
    "NameChange",
    "NoFlow",
    "RunFile",
    "RunLabels",
    "RunResult",
    "Topology",
    "analyse_run",
    "failed_run",
    "load_run_json",
    "write_run_json",
]
