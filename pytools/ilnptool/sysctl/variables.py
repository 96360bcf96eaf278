# SPDX-License-Identifier: BSD-2-Clause
"""The variables below net.inet6.ilnp6: knobs and counters from the C tables, and a few more.

A value is text here, as sysctl(8) prints it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Protocol

from ilnptool.config import PROJECT
from ilnptool.errors import UsageError
from ilnptool.lab.model import ALGORITHMS
from ilnptool.tables import read_counters, read_knobs

TREE = "net.inet6.ilnp6"
STATS = "stats."


@dataclass(frozen=True, slots=True)
class Variable:
    """What is known of one variable; a range is inclusive, and there is one for knobs only."""

    name: str
    text: str
    default: str | None = None  # None: it says how the node is, not how it was configured
    lowest: int = 0
    highest: int = 0
    unit: str = ""
    writable: bool = False
    kernel_only: bool = False  # ilnpd has nothing like it
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """Return what a value may be, in words."""
        if self.choices:
            return ", ".join(self.choices)
        if self.highest:
            return f"{self.lowest} to {self.highest} {self.unit}".strip()
        return self.text


_OTHERS = (
    Variable("enable", "0 or 1: whether ILNP is spoken", "0", 0, 1, writable=True),
    Variable(
        "algorithm",
        "how new sessions choose among paths",
        "rr",
        writable=True,
        choices=ALGORITHMS,
    ),
    Variable(
        "hooked",
        "kernel: 1: ILNP is part of it; 0: a module in reduced mode",
        highest=1,
        kernel_only=True,
    ),
    Variable("nids", "NIDs of the node, as 0211-22ff-fe33-4455", writable=True),
    Variable("disabled", "interfaces whose locators are not used", "", writable=True),
    Variable(
        "preferences",
        "INTERFACE,preference,weight ... of their locators; others have 10 and 1",
        "",
        writable=True,
    ),
    Variable(
        "ephemeral",
        "kernel: NIDs kept ready for connections that have one of their own; 0: there are none",
        "0",
        0,
        256,
        writable=True,
        kernel_only=True,
    ),
    Variable(
        "ephemeral_fallback",
        "kernel: where none is ready, 0: connect fails; 1: it uses ours",
        "0",
        0,
        1,
        writable=True,
        kernel_only=True,
    ),
    Variable(
        "ephemeral_ready",
        "kernel: ephemeral NIDs that are ready now",
        highest=256,
        kernel_only=True,
    ),
)
# Below the same tree, but nothing that has a value.
_LISTINGS = ("locators", "sessions", "hints")
_WRITTEN = ("teach", "candidate", "answer")


@cache
def known_variables(tree: Path = PROJECT) -> Mapping[str, Variable]:
    """Return all variables by name, knobs first, as the sources at `tree` define them."""
    knobs = [
        Variable(x.name, x.text, str(x.default), x.lowest, x.highest, x.unit, writable=True)
        for x in read_knobs(tree)
    ]
    counters = [Variable(f"{STATS}{x.name}", x.text) for x in read_counters(tree)]
    return {variable.name: variable for variable in (*_OTHERS, *knobs, *counters)}


def short_name(text: str) -> str:
    """Return a name without the tree in front of it."""
    return text.removeprefix(f"{TREE}.")


def find_variable(text: str) -> Variable:
    """Return the variable that a person names, with or without the tree."""
    known = known_variables()
    name = short_name(text)
    if name in _LISTINGS:
        raise UsageError(f"{text} is a listing, not a variable; `ilnptool status' shows it")
    if name in _WRITTEN:
        raise UsageError(f"{text} is only written, by sysctl(8) of the machine; see ilnp(4)")
    if name not in known:
        near = [x for x in known if name in x] or get_close_matches(name, known)
        hint = f"; did you mean {', '.join(near[:5])}?" if near else ""
        raise UsageError(f"no variable {text}{hint}; `ilnptool sysctl list' has them all")
    return known[name]


def check_value(variable: Variable, value: str) -> None:
    """Raise UsageError unless a variable may be set to a value."""
    if not variable.writable:
        raise UsageError(f"{variable.name}: can only be read")
    if variable.choices:
        good = value in variable.choices
    elif variable.highest:
        good = value.isdecimal() and variable.lowest <= int(value) <= variable.highest
    else:
        good = True
    if not good:
        raise UsageError(f"{variable.name}: bad value {value!r}; allowed: {variable.allowed}")


def refused(where: str, name: str, value: str, reason: str) -> UsageError:
    """Return the error of a kernel, which says in a word or two what is wrong, but not why."""
    variable = find_variable(name)
    allowed = variable.allowed
    hint = allowed if allowed == variable.text else f"{allowed}; {variable.text}"
    return UsageError(f"{where}: {name}: bad value {value!r}: {reason}; allowed: {hint}")


class Backend(Protocol):
    """Where variables are read and written."""

    @property
    def where(self) -> str:
        """Return which node that is, for messages."""

    def get(self, name: str) -> str:
        """Return a value; UsageError if the node has no such variable."""

    def set(self, name: str, value: str) -> None:
        """Change a value, which has been checked; raises what the node answers."""

    def read_all(self) -> dict[str, str]:
        """Return all known variables that the node has, in their order."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A variable that is not as expected; None where there is none."""

    name: str
    expected: str | None
    found: str | None


def differences(found: Mapping[str, str], expected: Mapping[str, str]) -> list[Difference]:
    """Return where two nodes differ in what was configured; not in what only kernels have."""
    return [
        Difference(name, expected.get(name), found.get(name))
        for name, variable in known_variables().items()
        if variable.default is not None
        and found.get(name) != expected.get(name)
        and not (variable.kernel_only and (name not in found or name not in expected))
    ]


def defaults() -> dict[str, str]:
    """Return what a node has that nobody configured."""
    return {x.name: x.default for x in known_variables().values() if x.default is not None}
