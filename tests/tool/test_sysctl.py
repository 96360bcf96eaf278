# SPDX-License-Identifier: BSD-2-Clause
"""Variables of nodes: what is known of them, what may be set, and the same answers everywhere."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ilnptool.cli.sysctl import sysctl
from ilnptool.errors import CommandFailed, EnvironmentMissing, UsageError
from ilnptool.lab.agent import Agent, Answer
from ilnptool.lab.knobs import CORE
from ilnptool.run import tail_of
from ilnptool.sysctl.backends import MachineBackend, MemoryBackend, NodeBackend
from ilnptool.sysctl.kernel import KernelBackend
from ilnptool.sysctl.variables import (
    TREE,
    Backend,
    check_value,
    defaults,
    differences,
    find_variable,
    known_variables,
)

VALUES = {
    **defaults(),
    "nids": "0211-22ff-fe33-4455",
    "ephemeral_ready": "0",
    "hooked": "1",
    **{name: "0" for name in known_variables() if name.startswith("stats.")},
}
COUNTER = next(name for name in VALUES if name.startswith("stats."))


class FakeKernel(Agent):
    """Answers sysctl(8) as FreeBSD does."""

    def __init__(self) -> None:
        super().__init__(Path("/none"), Path("/none"))
        self.values = dict(VALUES)

    def ask(self, text: str, *, timeout: float = 1.0, check: bool = True) -> Answer:
        del timeout
        program, *words = text.replace("'", "").split()
        assert program == "sysctl"
        flags = [word for word in words if word.startswith("-")]
        said, status = "", 0
        for word in (word for word in words if word not in flags):
            name, equals, value = word.removeprefix(f"{TREE}.").partition("=")
            if name not in self.values:
                status = 0 if "-i" in flags else 1
                said += "" if "-i" in flags else f"sysctl: unknown oid '{word}'\n"
                continue
            before = self.values[name]
            if (name, value) == ("nonce_size", "5"):
                said += (
                    f"{TREE}.{name}: {before}\nsysctl: {TREE}.{name}={value}: Invalid argument\n"
                )
                status = 1
            elif equals:
                self.values[name] = value
                said += f"{TREE}.{name}: {before} -> {value}\n"
            else:
                said += f"{before}\n" if "-n" in flags else f"{TREE}.{name}: {before}\n"
        if check and status:
            raise CommandFailed([text], status, tail_of(said))
        return Answer(status, said.encode())


class FakeNode:
    """Answers on a control socket as ilnpd does."""

    def __init__(self, path: Path) -> None:
        self.values = dict(VALUES)
        self.unused: set[str] = set()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            with caller, caller.makefile("rw") as file:
                for line in file:
                    file.write(json.dumps(self._answer(json.loads(line))) + "\n")
                    file.flush()

    def _answer(self, request: dict[str, str]) -> dict[str, object]:
        knobs = [
            x.name
            for x in known_variables().values()
            if x.highest and x.name != "enable" and not x.kernel_only
        ]
        match request["cmd"]:
            case "status":
                return {
                    "ok": True,
                    "algorithm": self.values["algorithm"],
                    "nids": [VALUES["nids"]],
                    "interfaces": [
                        {
                            "name": name,
                            "disabled": name in self.unused,
                            "preference": preference,
                            "weight": 1,
                        }
                        for name, preference in (("if1", 10), ("if2", 20))
                    ],
                }
            case "disable":
                self.unused.add(request["interface"])
                return {"ok": True}
            case "enable":
                self.unused.discard(request["interface"])
                return {"ok": True}
            case "knobs":
                return {"ok": True, "knobs": {x: {"value": int(self.values[x])} for x in knobs}}
            case "counters":
                counts = {x[6:]: int(v) for x, v in self.values.items() if x.startswith("stats.")}
                return {"ok": True, "counters": counts}
            case "set":
                self.values[request["name"]] = str(request["value"])
                return {"ok": True}
            case "algorithm" if request["name"] in ("rr", "drr"):
                self.values["algorithm"] = request["name"]
                return {"ok": True}
        return {"ok": False, "error": "no such algorithm", "allowed": "rr, drr"}


@pytest.fixture(params=["memory", "machine", "node"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    match request.param:
        case "memory":
            yield MemoryBackend(VALUES)
        case "machine":
            yield MachineBackend(FakeKernel(), "lab/a")
        case _:
            node = FakeNode(tmp_path / "ctl")
            yield NodeBackend(tmp_path / "ctl", "lab/a")
            node.listener.close()


def test_every_backend_reads_all_that_is_known(backend: Backend) -> None:
    found = backend.read_all()
    node = isinstance(backend, NodeBackend)
    assert list(found) == [
        name for name, x in known_variables().items() if not (node and x.kernel_only)
    ]
    assert found["nids"] == "0211-22ff-fe33-4455"
    assert found["nonce_size"] == "4"
    assert found[COUNTER] == "0"


def test_every_backend_sets_what_it_then_reads(backend: Backend) -> None:
    backend.set("probe_idle", "700")
    assert backend.get("probe_idle") == "700"
    backend.set("algorithm", "drr")
    assert backend.get("algorithm") == "drr"
    backend.set("disabled", "if2")
    assert backend.get("disabled") == "if2"
    backend.set("disabled", "")
    changed = {x.name: (x.expected, x.found) for x in differences(backend.read_all(), defaults())}
    assert changed["probe_idle"] == ("1000", "700")
    assert changed["algorithm"] == ("rr", "drr")
    if isinstance(backend, NodeBackend):
        assert changed.pop("preferences") == ("", "if2,20,1")
    assert set(changed) <= {"probe_idle", "algorithm", "enable"}


def test_what_only_kernels_have_is_set_there_and_named_elsewhere(backend: Backend) -> None:
    if isinstance(backend, NodeBackend):
        for asked in (
            lambda: backend.get("ephemeral_ready"),
            lambda: backend.set("ephemeral", "8"),
        ):
            with pytest.raises(UsageError, match=r"ephemeral.*: only FreeBSD's kernel has it"):
                asked()
        assert "ephemeral" not in {x.name for x in differences(backend.read_all(), defaults())}
        return
    backend.set("ephemeral", "8")
    assert backend.get("ephemeral") == "8"
    changed = {x.name: x.found for x in differences(backend.read_all(), defaults())}
    assert changed["ephemeral"] == "8"
    assert differences(defaults(), defaults()) == []


def test_what_can_be_set_in_a_kernel_is_known() -> None:
    texts = [path.read_text() for path in (CORE / "kern").glob("*.c")]
    found = re.findall(
        r"SYSCTL_PROC\(_net_inet6_ilnp6, OID_AUTO, (\w+),([^;]*?_RW)\b", "".join(texts)
    )
    names = {name for name, _ in found} - {"name"}  # the macro of the knobs
    assert "ephemeral" in names
    assert names <= {name for name, x in known_variables().items() if x.writable}
    most = re.search(r"#define\s+READY_MAX\s+(\d+)", "".join(texts))
    assert most is not None
    assert int(most[1]) == find_variable("ephemeral").highest


def test_every_backend_names_what_it_does_not_have(backend: Backend) -> None:
    with pytest.raises(UsageError, match="nonsense"):
        backend.get("nonsense")


def test_refusal_of_a_node_is_told(tmp_path: Path) -> None:
    node = FakeNode(tmp_path / "ctl")
    backend = NodeBackend(tmp_path / "ctl", "lab/a")
    with pytest.raises(UsageError, match="no such algorithm; allowed: rr, drr"):
        backend.set("algorithm", "best")
    with pytest.raises(UsageError, match="stands in the configuration"):
        backend.set("nids", "x")
    node.listener.close()


def test_refusal_of_a_kernel_is_told_with_what_it_takes() -> None:
    backend = MachineBackend(FakeKernel(), "lab/a")
    said = r"lab/a: nonce_size: bad value '5': Invalid argument; allowed: 4 to 12 octets; .*4 or 12"
    with pytest.raises(UsageError, match=said):
        backend.set("nonce_size", "5")


def test_own_kernel_is_asked_on_freebsd_only() -> None:
    with pytest.raises(EnvironmentMissing, match="name a node"):
        KernelBackend()


@pytest.mark.parametrize("name", ["nonce_size", f"{TREE}.nonce_size"])
def test_variables_are_named_with_or_without_the_tree(name: str) -> None:
    assert find_variable(name).allowed == "4 to 12 octets"
    with pytest.raises(UsageError, match="no variable nonce_siz; did you mean nonce_size"):
        find_variable("nonce_siz")
    with pytest.raises(UsageError, match="no variable noncesize; did you mean nonce_size"):
        find_variable("noncesize")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("nonce_size", "3", "bad value '3'; allowed: 4 to 12 octets"),
        ("nonce_size", "x", "bad value 'x'"),
        ("nonce_size", "-4", "bad value '-4'"),
        (COUNTER, "0", "can only be read"),
        ("ephemeral", "257", "bad value '257'; allowed: 0 to 256"),
        ("ephemeral_ready", "4", "can only be read"),
        ("hooked", "0", "can only be read"),
        ("algorithm", "best", "bad value 'best'; allowed: rr, drr, drr_paper, pref, weighted"),
        ("sessions", "", "is a listing, not a variable; `ilnptool status'"),
        ("teach", "x", "is only written"),
    ],
)
def test_values_that_cannot_be_are_refused_before_anybody_is_asked(
    name: str, value: str, said: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        check_value(find_variable(name), value)
    result = CliRunner().invoke(sysctl, ["set", "--socket", "/none", f"{name}={value}"])
    assert said in str(result.exception)


def test_list_without_a_node_shows_what_there_is_to_set() -> None:
    text = CliRunner().invoke(sysctl, ["list"]).output
    assert "nonce_size" in text
    assert "ephemeral_fallback" in text
    assert "value" not in text.splitlines()[0]
    assert "no node was asked" in text
    found = json.loads(CliRunner().invoke(sysctl, ["list", "--json"]).output)
    assert (found["node"], found["defaults"]) == (None, defaults())
    assert "values" not in found


def test_commands_read_and_set_a_node(tmp_path: Path) -> None:
    node = FakeNode(tmp_path / "ctl")
    where = ["--socket", str(tmp_path / "ctl")]
    runner = CliRunner()
    assert runner.invoke(sysctl, ["get", *where, "probe_idle"]).output == "1000\n"
    assert runner.invoke(sysctl, ["set", *where, "probe_idle=700"]).exit_code == 0
    found = json.loads(runner.invoke(sysctl, ["diff", *where, "--json"]).output)
    assert {"name": "probe_idle", "expected": "1000", "found": "700"} in found["differences"]
    refused = runner.invoke(sysctl, ["set", *where, "probe_idle=800", "algorithm=pref"])
    assert "no such algorithm" in str(refused.exception)
    both = runner.invoke(sysctl, ["get", *where, "probe_idle", "algorithm"]).output
    assert both == "probe_idle: 700\nalgorithm: rr\n"
    node.listener.close()
