# SPDX-License-Identifier: BSD-2-Clause
"""The places where variables live: a kernel in a machine of a lab, ilnpd, this machine's kernel."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilnptool.errors import CommandFailed, UsageError
from ilnptool.lab.agent import Agent
from ilnptool.lab.control import ask_node
from ilnptool.sysctl.variables import (
    STATS,
    TREE,
    find_variable,
    known_variables,
    refused,
    short_name,
)

_BATCH = 20  # names per request to a machine


class MemoryBackend:
    """Variables in memory, for tests and dry runs."""

    def __init__(self, values: Mapping[str, str], where: str = "memory") -> None:
        self.values = dict(values)
        self.where = where

    def get(self, name: str) -> str:
        if name not in self.values:
            raise UsageError(f"{self.where} has no variable {name}")
        return self.values[name]

    def set(self, name: str, value: str) -> None:
        self.get(name)
        self.values[name] = value

    def read_all(self) -> dict[str, str]:
        return {name: self.values[name] for name in known_variables() if name in self.values}


class MachineBackend:
    """The kernel of a machine of a lab, by sysctl(8) there."""

    def __init__(self, agent: Agent, where: str) -> None:
        self._agent = agent
        self.where = where

    def get(self, name: str) -> str:
        try:
            return self._agent.ask(f"sysctl -n {TREE}.{name}").text.rstrip("\n")
        except CommandFailed as err:
            raise UsageError(f"{self.where}: {name}: {err.tail}") from err

    def set(self, name: str, value: str) -> None:
        try:
            self._agent.ask(f"sysctl {TREE}.{name}={shlex.quote(value)}")
        except CommandFailed as err:
            raise refused(self.where, name, value, err.tail.rpartition(": ")[2]) from err

    def read_all(self) -> dict[str, str]:
        names = list(known_variables())
        lines: list[str] = []
        for begin in range(0, len(names), _BATCH):
            words = " ".join(f"{TREE}.{name}" for name in names[begin : begin + _BATCH])
            lines += self._agent.ask(f"sysctl -i {words}", check=False).text.splitlines()
        found: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            found[short_name(name)] = value.strip()
        return {name: found[name] for name in names if name in found}


class NodeBackend:
    """ilnpd, by its control socket."""

    def __init__(self, socket: Path, where: str) -> None:
        self._socket = socket
        self.where = where

    def _ask(self, command: str, **fields: Any) -> dict[str, Any]:
        answer = ask_node(self._socket, {"cmd": command, **fields})
        if not answer.get("ok"):
            allowed = f"; allowed: {answer['allowed']}" if "allowed" in answer else ""
            raise UsageError(f"{self.where}: {answer.get('error', answer)}{allowed}")
        return answer

    def read_all(self) -> dict[str, str]:
        status = self._ask("status")
        knobs = self._ask("knobs")["knobs"]
        counters = self._ask("counters")["counters"]
        found = {
            "enable": "1",
            "algorithm": str(status["algorithm"]),
            "nids": " ".join(status["nids"]),
            "disabled": " ".join(x["name"] for x in status["interfaces"] if x["disabled"]),
            "preferences": " ".join(
                f"{x['name']},{x['preference']},{x['weight']}"
                for x in status["interfaces"]
                if (x["preference"], x["weight"]) != (10, 1)
            ),
            **{name: str(knob["value"]) for name, knob in knobs.items()},
            **{f"{STATS}{name}": str(count) for name, count in counters.items()},
        }
        return {name: found[name] for name in known_variables() if name in found}

    def _disable(self, wanted: list[str]) -> None:
        known = [x["name"] for x in self._ask("status")["interfaces"]]
        for name in wanted:
            if name not in known:
                raise UsageError(f"{self.where}: no interface {name}; allowed: {', '.join(known)}")
        for name in known:
            self._ask("disable" if name in wanted else "enable", interface=name)

    def _refuse_kernels(self, name: str) -> None:
        if find_variable(name).kernel_only:
            raise UsageError(f"{self.where}: {name}: only FreeBSD's kernel has it, ilnpd does not")

    def get(self, name: str) -> str:
        self._refuse_kernels(name)
        found = self.read_all()
        if name not in found:
            raise UsageError(f"{self.where} has no variable {name}")
        return found[name]

    def set(self, name: str, value: str) -> None:
        self._refuse_kernels(name)
        if name == "algorithm":
            self._ask("algorithm", name=value)
        elif name == "disabled":
            self._disable(value.split())
        elif name in ("enable", "nids", "preferences"):
            raise UsageError(f"{self.where}: {name} stands in the configuration of ilnpd")
        else:
            self._ask("set", name=name, value=int(value))
