# SPDX-License-Identifier: BSD-2-Clause
"""Runs one flow between two nodes of a lab and returns what its receiver has seen."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ilnptool.bench.datagram import DatagramReport, SentReport
from ilnptool.bench.stream import StreamReport
from ilnptool.errors import CheckFailed, CommandFailed, IlnpError
from ilnptool.lab.protocol import Lab, Running
from ilnptool.lab.services import wait_for

MARGIN_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Way:
    """From where to where a flow goes; without source and device the sender's host decides."""

    sender: str
    receiver: str
    address: str
    source: str | None = None
    device: str | None = None

    def options(self) -> list[str]:
        """Return the sender's arguments for this way."""
        words = [self.address]
        if self.source is not None:
            words += ["--source", self.source]
        if self.device is not None:
            words += ["--device", self.device]
        return words


def _program(module: str) -> list[str]:
    return [sys.executable, "-m", f"ilnptool.bench.{module}"]


def _last_object(text: str, who: str) -> dict[str, Any]:
    lines = text.strip().splitlines()
    try:
        value = json.loads(lines[-1])
    except (IndexError, json.JSONDecodeError) as err:
        raise CheckFailed(f"{who} said nothing of what it has seen: {text[-200:]!r}") from err
    if not isinstance(value, dict):
        raise CheckFailed(f"{who} said {value!r} instead of what it has seen")
    return value


def _wait_listening(receiver: Running, out: Path) -> None:
    def listening() -> bool:
        status = receiver.poll()
        if status is not None:
            raise CheckFailed(f"the receiver ended with status {status}: {receiver.tail()}")
        return "listening" in out.read_text()

    wait_for(listening, MARGIN_SECONDS, lambda: f"the receiver is not ready: {receiver.tail()}")


def _exchange(
    lab: Lab, way: Way, receive: Sequence[str], send: Sequence[str], seconds: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run a receiver and a sender to their ends and return what each has printed last."""
    limit = seconds + MARGIN_SECONDS
    with tempfile.TemporaryDirectory(prefix="ilnp-bench-") as folder:
        out, log = Path(folder) / "out", Path(folder) / "log"
        receiver = lab.popen(way.receiver, receive, log=log, stdout=out)
        try:
            _wait_listening(receiver, out)
            try:
                sent = lab.exec(way.sender, send, timeout=limit)
            except CommandFailed as err:
                raise CheckFailed(
                    f"the sender failed ({err}); receiver: {receiver.tail()}"
                ) from err
            if receiver.wait(limit) != 0:
                raise CheckFailed(f"the receiver failed: {receiver.tail()}")
        except IlnpError:
            receiver.stop()
            raise
        except BaseException:
            receiver.stop(0)
            raise
        return _last_object(sent.stdout, "sender"), _last_object(out.read_text(), "receiver")


def stream(
    lab: Lab,
    way: Way,
    seconds: float,
    *,
    mptcp: bool = False,
    rate: float = 0.0,
    seed: int = 1,
) -> StreamReport:
    """Send one stream; CheckFailed unless every byte arrived in its place."""
    end = ["--mptcp"] if mptcp else []
    end += ["--timeout", str(MARGIN_SECONDS)]
    told = [*way.options(), "--seconds", str(seconds), "--rate", str(rate), "--seed", str(seed)]
    program = _program("stream")
    sent, seen = _exchange(
        lab, way, [*program, *end, "receive"], [*program, *end, "send", *told], seconds
    )
    if (sent["bytes"], sent["sha256"]) != (seen["bytes"], seen["sha256"]):
        raise CheckFailed(
            f"the stream was damaged: {sent['bytes']} bytes sent, {seen['bytes']} received, "
            f"hashes {sent['sha256'][:16]} and {seen['sha256'][:16]}"
        )
    samples = tuple((float(at), int(count)) for at, count in seen["samples"])
    return StreamReport(seen["bytes"], seen["seconds"], seen["sha256"], samples, seen["gap"])


def datagrams(
    lab: Lab, way: Way, seconds: float, *, rate: float, size: int
) -> tuple[SentReport, DatagramReport]:
    """Send one flow of datagrams at `rate` bits of payload per second."""
    told = [*way.options(), "--seconds", str(seconds), "--rate", str(rate), "--size", str(size)]
    program = _program("datagram")
    sent, seen = _exchange(lab, way, [*program, "receive"], [*program, "send", *told], seconds)
    report = DatagramReport(**seen)
    if report.received == 0:
        raise CheckFailed(f"of {sent['sent']} datagrams none arrived at {way.address}")
    return SentReport(**sent), report
