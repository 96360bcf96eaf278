# SPDX-License-Identifier: BSD-2-Clause
"""The traffic of one run: iperf3 at both ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ilnptool.errors import CheckFailed
from ilnptool.experiments.catalogue import Experiment
from ilnptool.experiments.clock import Clock, wait_for
from ilnptool.experiments.plan import Condition, Direction
from ilnptool.lab.protocol import Lab, Running

PORT = 5201
READY_SECONDS = 20.0
END_SECONDS = 30.0  # what may be under way after the time is up, and the exchange of results

# What iperf3 writes at once.  By default it is 128 KB, which at 10 Mb/s is a burst every 100 ms.
TCP_WRITE = "8K"

_DIRECTION_WORDS = {Direction.UP: [], Direction.DOWN: ["--reverse"], Direction.BOTH: ["--bidir"]}


def server_command() -> list[str]:
    """Return the command of the peer's end."""
    return ["iperf3", "--server", "--one-off", "--port", str(PORT), "--json", "--forceflush"]


def client_command(experiment: Experiment, condition: Condition, seconds: float) -> list[str]:
    """Return the command of the mover's end."""
    words = ["iperf3", "--client", experiment.peer, "--port", str(PORT), "--json"]
    words += ["--time", f"{seconds:g}", "--bitrate", experiment.rates[condition.transport]]
    words += ["--udp"] if condition.transport == "udp" else ["--length", TCP_WRITE]
    return words + _DIRECTION_WORDS[condition.direction]


@dataclass(frozen=True, slots=True)
class Traffic:
    """The two running ends of iperf3."""

    client: Running
    server: Running
    client_json: Path

    def check(self) -> None:
        """Raise CheckFailed if an end is gone before its time."""
        status = self.client.poll()
        if status == 0:
            raise CheckFailed("the flow ended before the last move: the run is too short for them")
        if status is not None:
            raise CheckFailed(f"iperf3 ended too early: {self._complaint(status)}")

    def finish(self) -> None:
        """Wait for the end of both; CheckFailed if one complains."""
        status = self.client.wait(END_SECONDS)
        if status != 0:
            raise CheckFailed(f"iperf3 failed: {self._complaint(status)}")
        self.server.wait(END_SECONDS)

    def _complaint(self, status: int) -> str:
        """Return what the client said: with --json it says it in its report."""
        try:
            said = json.loads(self.client_json.read_text()).get("error")
        except (OSError, json.JSONDecodeError, AttributeError):
            said = None
        return str(said or self.client.tail() or f"exit status {status}")


@contextmanager
def traffic(
    lab: Lab,
    experiment: Experiment,
    condition: Condition,
    *,
    seconds: float,
    folder: Path,
    clock: Clock,
) -> Iterator[Traffic]:
    """Have iperf3 run for the time of a block; both ends are gone after it whatever happens."""
    server = lab.popen(
        experiment.peer,
        server_command(),
        log=folder / "iperf3-server.log",
        stdout=folder / "iperf3-server.json",
    )
    try:
        wait_for(
            clock,
            lambda: lab.listens(experiment.peer, PORT),
            READY_SECONDS,
            lambda: f"iperf3 does not listen: {server.tail()}",
        )
        client_json = folder / "iperf3-client.json"
        client = lab.popen(
            experiment.mover,
            client_command(experiment, condition, seconds),
            log=folder / "iperf3-client.log",
            stdout=client_json,
        )
        try:
            yield Traffic(client, server, client_json)
        finally:
            client.stop()
    finally:
        server.stop()
