# SPDX-License-Identifier: BSD-2-Clause
"""Has a node take a network into use, or give it up without losing what is under way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ilnptool.errors import CheckFailed
from ilnptool.experiments.clock import Clock, wait_for
from ilnptool.lab.protocol import Lab

# A Router Advertisement comes within a second of the solicitation, or with the next regular one; a
# Locator Update is repeated for some seconds; `quiet` is a second.
ENABLE_SECONDS = 15.0
DISABLE_SECONDS = 20.0


class Mover:
    """The node that moves, through its control commands and its links."""

    def __init__(self, lab: Lab, node: str, clock: Clock) -> None:
        self._lab = lab
        self._node = node
        self._clock = clock

    def interface(self, link: str) -> str:
        """Return the node's interface at a link."""
        ends = self._lab.topology.link(link).ends
        return next(end.interface for end in ends if end.node == self._node)

    def enable(self, link: str) -> None:
        """Switch a link on and use its locator; returns once all correspondents know of it."""
        interface = self.interface(link)
        self._lab.link_up(link)
        self._command("enable", interface)
        wait_for(
            self._clock,
            lambda: "used" in self._states(interface) and not self._updating(),
            ENABLE_SECONDS,
            lambda: f"{self._node}: {link} is not in use: {self._describe(interface)}",
        )

    def disable(self, link: str) -> None:
        """Give a link's locator up; switches the link off once nothing comes by it any more."""
        interface = self.interface(link)
        self._command("disable", interface)
        wait_for(
            self._clock,
            lambda: self._states(interface) <= {"quiet"},
            DISABLE_SECONDS,
            lambda: f"{self._node}: {link} does not become quiet: {self._describe(interface)}",
        )
        self._lab.link_down(link)

    def status(self) -> dict[str, Any]:
        """Return what the node says of itself, its sessions and paths."""
        return {
            "status": self._lab.control(self._node, {"cmd": "status"}),
            "sessions": self._ask("sessions"),
        }

    def _command(self, name: str, interface: str) -> None:
        answer = self._lab.control(self._node, {"cmd": name, "interface": interface})
        if not answer.get("ok"):
            raise CheckFailed(f"{self._node}: {name} {interface}: {answer.get('error', answer)}")

    def _ask(self, what: str) -> list[Mapping[str, Any]]:
        answer = self._lab.control(self._node, {"cmd": what})
        found = answer.get(what)
        if not isinstance(found, list):
            raise CheckFailed(f"{self._node}: no {what} in the answer {str(answer)[:200]}")
        return found

    def _states(self, interface: str) -> set[str]:
        """Return the states of the locators that an interface has."""
        return {x["state"] for x in self._ask("locators") if x["interface"] == interface}

    def _updating(self) -> bool:
        """Tell whether a correspondent has not yet acknowledged our present locators."""
        return any(session["lu_pending"] for session in self._ask("sessions"))

    def _describe(self, interface: str) -> str:
        states = ", ".join(sorted(self._states(interface))) or "no locator"
        return f"{states}; Locator Update {'pending' if self._updating() else 'acknowledged'}"
