# SPDX-License-Identifier: BSD-2-Clause
"""A node with ILNP in FreeBSD's kernel, asked as ilnpd is: the same requests, the same answers.

The kernel tells of itself in listings, which are read here.  What it does not know, like the age of
a session, is null.
"""

from __future__ import annotations

import os
import re
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ilnptool.errors import CheckFailed, CommandFailed, UsageError
from ilnptool.lab.addressing import nids_of
from ilnptool.lab.agent import Agent
from ilnptool.lab.ident import format_nid
from ilnptool.lab.model import Node, Topology
from ilnptool.run import run
from ilnptool.sysctl.backends import MachineBackend
from ilnptool.sysctl.kernel import KernelBackend
from ilnptool.sysctl.variables import (
    STATS,
    TREE,
    Backend,
    check_value,
    find_variable,
    known_variables,
)

_Answer = dict[str, Any]
_BOOT = re.compile(r"sec = (\d+)")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a listing: words, some of them KEY=VALUE or a flag."""

    words: tuple[str, ...]
    values: Mapping[str, str]

    def flag(self, name: str) -> bool:
        return name in self.words

    def number(self, key: str) -> int:
        return int(self.values[key])

    def pair(self, key: str) -> tuple[int, int]:
        """Return packets and octets, written as PACKETS/OCTETS."""
        packets, octets = self.values[key].split("/")
        return int(packets), int(octets)


def _rows(text: str) -> Iterator[Row]:
    for line in text.splitlines():
        words = line.split()
        if words:
            plain = tuple(word for word in words if "=" not in word)
            yield Row(plain, dict(word.split("=", 1) for word in words if "=" in word))


def _traffic(row: Row) -> dict[str, int]:
    sent, received = row.pair("tx"), row.pair("rx")
    return {
        "tx_packets": sent[0],
        "tx_bytes": sent[1],
        "rx_packets": received[0],
        "rx_bytes": received[1],
    }


def parse_sessions(
    text: str, names: Mapping[str, str], interfaces: Mapping[str, str]
) -> list[_Answer]:
    """Return the sessions of a listing; `names` are by NID, `interfaces` by L64."""
    sessions: list[_Answer] = []
    for row in _rows(text):
        match row.words:
            case ("session", number, local, remote, state, *_):
                sessions.append(
                    {
                        "id": int(number),
                        "local_nid": local,
                        "remote_nid": remote,
                        "name": names.get(remote),
                        "state": state,
                        "reason": None,
                        "initiator": row.flag("initiator"),
                        "confirmed": row.flag("confirmed"),
                        "lu_pending": row.flag("lu-pending"),
                        "cksum": row.values["cksum"],
                        "algorithm": row.values["algorithm"],
                        **_traffic(row),
                        "age": None,
                        "idle": None,
                        "locators": [],
                        "paths": [],
                    }
                )
            case ("remote", l64, state, *_):
                sessions[-1]["locators"].append(
                    {
                        "l64": l64,
                        "state": state,
                        "preference": row.number("pref"),
                        "withdrawn": row.flag("withdrawn"),
                        "learnt": row.flag("learnt"),
                    }
                )
            case ("path", local, remote, state):
                sessions[-1]["paths"].append(
                    {
                        "session": sessions[-1]["id"],
                        "remote_nid": sessions[-1]["remote_nid"],
                        "local_l64": local,
                        "remote_l64": remote,
                        "interface": interfaces.get(local, ""),
                        "state": state,
                        "srtt_us": row.number("rtt"),
                        "mtu": row.number("mtu"),
                        **_traffic(row),
                    }
                )
            case _:
                raise CheckFailed(f"sessions of the kernel: unknown line {row}")
    return sessions


def parse_locators(text: str, disabled: set[str]) -> list[_Answer]:
    """Return the locators of a listing; `disabled` are the interfaces that are not to be used."""
    found: list[_Answer] = []
    for row in _rows(text):
        if len(row.words) < 3 or row.words[0] != "locator":
            raise CheckFailed(f"locators of the kernel: unknown line {row}")
        interface, router = row.values.get("interface", ""), row.values.get("router", "::")
        withdrawn = row.flag("withdrawn")
        state = "disabled" if withdrawn else "no_router" if router == "::" else "used"
        found.append(
            {
                "l64": row.words[1],
                "interface": interface,
                "state": state,
                "core": row.words[2],
                "preference": row.number("pref"),
                "weight": int(row.values.get("weight", 1)),
                "deprecated": withdrawn and interface not in disabled,
                "router": None if router == "::" else router,
                "lifetime": row.number("left") if "left" in row.values else None,
            }
        )
    return found


class KernelNode(ABC):
    """ILNP in a kernel of FreeBSD's; see usr.sbin/ilnpd/cmd.c for the requests."""

    def __init__(self, name: str, backend: Backend) -> None:
        self._name = name
        self._backend = backend
        self._commands: dict[str, Callable[[Mapping[str, Any]], _Answer]] = {
            "status": self._status,
            "sessions": lambda _: {"sessions": self._sessions(), "next": None},
            "paths": lambda _: {
                "paths": [path for x in self._sessions() for path in x["paths"]],
                "next": None,
            },
            "locators": lambda _: {"locators": self._locators()},
            "counters": lambda _: {"counters": self._counters()},
            "knobs": lambda _: {"knobs": self._knobs()},
            "hosts": lambda _: {"hosts": self._hosts()},
            "set": self._set,
            "algorithm": self._algorithm,
            "disable": lambda request: self._use(request, use=False),
            "enable": lambda request: self._use(request, use=True),
            "teach": self._teach,
        }

    def request(self, request: Mapping[str, Any]) -> _Answer:
        """Carry a request out; like ilnpd's, an answer has `ok`, or `error` and `allowed`."""
        name = request.get("cmd")
        if name not in self._commands:
            error = f"no such command of a kernel: {name}"
            return {"ok": False, "error": error, "allowed": ", ".join(self._commands)}
        try:
            return {"ok": True, **self._commands[name](request)}
        except (UsageError, CommandFailed) as err:
            return {"ok": False, "error": str(err)}

    @abstractmethod
    def _read(self, *names: str) -> str:
        """Return variables, each with a line's end."""

    @abstractmethod
    def _names(self) -> Mapping[str, str]:
        """Return the names of correspondents by NID."""

    @abstractmethod
    def _counters(self) -> dict[str, int]:
        """Return all counters."""

    @abstractmethod
    def _interfaces(self, disabled: set[str]) -> list[_Answer]:
        """Return the interfaces, of which some are not to be used."""

    @abstractmethod
    def _about(self) -> tuple[str, float | None]:
        """Return the system's version, and for how many seconds it runs."""

    def _locators(self) -> list[_Answer]:
        disabled, _, listing = self._read("disabled", "locators").partition("\n")
        return parse_locators(listing, set(disabled.split()))

    def _sessions(self) -> list[_Answer]:
        interfaces = {x["l64"]: x["interface"] for x in self._locators()}
        return parse_sessions(self._read("sessions"), self._names(), interfaces)

    def _knobs(self) -> dict[str, _Answer]:
        values = self._backend.read_all()
        return {
            name: {
                "value": int(values[name]),
                "default": int(x.default),
                "min": x.lowest,
                "max": x.highest,
                "unit": x.unit,
                "text": x.text,
            }
            for name, x in known_variables().items()
            if x.highest and x.default is not None and name in values and name != "enable"
        }

    def _hosts(self) -> list[_Answer]:
        known, found = self._names(), []
        for row in _rows(self._read("hints")):
            _, nid, *records = row.words
            fields = [record.split(",") for record in records if "," in record]
            locators = [
                {"l64": l64, "preference": int(preference), "lifetime": int(lifetime)}
                for l64, preference, lifetime in fields
            ]
            name = known.get(nid, row.values.get("name", ""))
            found.append({"name": name, "nid": nid, "taught": True, "locators": locators})
        return found

    def _status(self, _request: Mapping[str, Any]) -> _Answer:
        version, uptime = self._about()
        nids, algorithm, disabled = self._read("nids", "algorithm", "disabled").split("\n")[:3]
        sessions = self._sessions()
        plain = [x for x in sessions if x["state"] == "ipv6"]
        return {
            "version": version,
            "name": self._name,
            "uptime": uptime,
            "nids": nids.split(),
            "identities": [],
            "algorithm": algorithm,
            "sessions": len(sessions),
            "locators": self._locators(),
            "interfaces": self._interfaces(set(disabled.split())),
            "plain": [
                {"nid": x["remote_nid"], "session": x["id"], "reason": "unknown"} for x in plain
            ],
        }

    def _set(self, request: Mapping[str, Any]) -> _Answer:
        variable = find_variable(str(request.get("name")))
        value = str(request.get("value"))
        check_value(variable, value)
        self._backend.set(variable.name, value)
        return {}

    def _algorithm(self, request: Mapping[str, Any]) -> _Answer:
        if "session" in request:
            raise UsageError("a kernel has one algorithm for all new sessions")
        if "name" in request:
            self._backend.set("algorithm", str(request["name"]))
            return {}
        return {"algorithm": self._backend.get("algorithm")}

    def _use(self, request: Mapping[str, Any], *, use: bool) -> _Answer:
        own = [x["name"] for x in self._interfaces(set())]
        name = request.get("interface")
        if name not in own:
            raise UsageError(f"no such interface: {name}; allowed: {', '.join(own)}")
        disabled = [x for x in self._read("disabled").split() if x != name]
        self._backend.set("disabled", " ".join(disabled if use else [*disabled, str(name)]))
        return {}

    def _teach(self, request: Mapping[str, Any]) -> _Answer:
        words = [str(request.get("nid"))]
        for record in request.get("locators", []):
            if isinstance(record, str):
                words.append(record)
            else:
                fields = record["l64"], record.get("preference", 10), record.get("lifetime", 0)
                words.append(",".join(str(field) for field in fields))
        self._backend.set("teach", " ".join(words))
        return {}


class MachineNode(KernelNode):
    """The kernel of a machine of a lab."""

    def __init__(self, agent: Agent, topology: Topology, node: Node) -> None:
        super().__init__(node.name, MachineBackend(agent, node.name))
        self._agent = agent
        self._node = node
        self._topology = topology

    def _names(self) -> Mapping[str, str]:
        return {
            format_nid(nid).replace(":", "-"): each.name
            for each in self._topology.nodes
            for nid in nids_of(self._topology, each)
        }

    def _read(self, *names: str) -> str:
        words = " ".join(f"{TREE}.{name}" for name in names)
        return self._agent.ask(f"sysctl -n {words}").text

    def _counters(self) -> dict[str, int]:
        prefix = f"{TREE}.{STATS}"
        lines = self._agent.ask(f"sysctl {prefix.rstrip('.')}").text.splitlines()
        pairs = (line.removeprefix(prefix).split(": ") for line in lines)
        return {name: int(count) for name, count in pairs}

    def _interfaces(self, disabled: set[str]) -> list[_Answer]:
        running = self._agent.ask("ifconfig -lu").text.split()
        return [
            {
                "name": end.interface,
                "running": end.interface in running,
                "disabled": end.interface in disabled,
                "mtu": link.mtu,
            }
            for link, end in self._topology.links_of(self._node.name)
        ]

    def _about(self) -> tuple[str, float | None]:
        told = self._agent.ask("uname -sr; date +%s; sysctl -n kern.boottime").text.splitlines()
        began = _BOOT.search(told[2])
        return told[0], None if began is None else float(int(told[1]) - int(began[1]))


class OwnNode(KernelNode):
    """The kernel of this machine; EnvironmentMissing if that has no ILNP."""

    def __init__(self) -> None:
        super().__init__(os.uname().nodename, KernelBackend())

    def _names(self) -> Mapping[str, str]:
        rows = _rows(self._read("hints"))
        return {row.words[1]: row.values["name"] for row in rows if "name" in row.values}

    def _read(self, *names: str) -> str:
        return "".join(f"{self._backend.get(name)}\n" for name in names)

    def _counters(self) -> dict[str, int]:
        found = self._backend.read_all().items()
        return {k.removeprefix(STATS): int(v) for k, v in found if k.startswith(STATS)}

    def _interfaces(self, disabled: set[str]) -> list[_Answer]:
        running = run(["ifconfig", "-lu"], timeout=10).stdout.split()
        return [
            {"name": name, "running": name in running, "disabled": name in disabled, "mtu": None}
            for _, name in socket.if_nameindex()
        ]

    def _about(self) -> tuple[str, float | None]:
        system = os.uname()
        # There it counts from the start of the machine.
        return f"{system.sysname} {system.release}", time.clock_gettime(time.CLOCK_MONOTONIC)
