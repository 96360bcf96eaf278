# SPDX-License-Identifier: BSD-2-Clause
"""The only door to other processes: argument lists, deadlines, and errors that can be read."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ilnptool.errors import CommandFailed, CommandTimeout, EnvironmentMissing

TAIL_LINES = 20
STOP_SECONDS = 5.0

# Debian packages of the programs we start, for the error that names what is missing.
PACKAGES = {
    "cc": "gcc",
    "ethtool": "ethtool",
    "ip": "iproute2",
    "iperf3": "iperf3",
    "make": "make",
    "named": "bind9",
    "nft": "nftables",
    "ping": "iputils-ping",
    "radvd": "radvd",
    "sysctl": "procps",
    "tc": "iproute2",
    "tcpdump": "tcpdump",
    "tshark": "tshark",
}

# Runs inside the mount namespace that `ip netns exec` makes for this one command, so the files of
# the machine stay as they are.  A fixed text: what is run arrives as arguments, never as shell
# words.
_OVERLAY = (
    'while [ "$1" != -- ]; do mount --bind -- "$1" "$2" || exit 125; shift 2; done; '
    'shift; exec "$@"'
)


@dataclass(frozen=True, slots=True)
class Space:
    """Where a command runs: a named network namespace, with files of its own in /etc if given."""

    netns: str
    hosts: Path | None = None
    resolv: Path | None = None  # in the place of resolv.conf
    nsswitch: Path | None = None  # in the place of nsswitch.conf

    def wrap(self, argv: Sequence[str]) -> list[str]:
        """Return the command that runs `argv` in this place."""
        enter = ["ip", "netns", "exec", self.netns]
        files = {
            "/etc/hosts": self.hosts,
            "/etc/resolv.conf": self.resolv,
            "/etc/nsswitch.conf": self.nsswitch,
        }
        mounts = [x for at, file in files.items() if file is not None for x in (str(file), at)]
        if not mounts:
            return [*enter, *argv]
        return [*enter, "/bin/sh", "-c", _OVERLAY, "sh", *mounts, "--", *argv]


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished command left."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str
    seconds: float


def tail_of(*texts: str) -> str:
    """Return the last lines of the first of `texts` that says anything."""
    for text in texts:
        if text.strip():
            return "\n".join(text.rstrip().splitlines()[-TAIL_LINES:])
    return ""


def _environment(env: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if env is None else {**os.environ, **env}


def _missing(program: str) -> EnvironmentMissing:
    name = Path(program).name
    package = PACKAGES.get(name)
    advice = f"apt-get install {package}" if package else "install it or correct the path"
    return EnvironmentMissing(f"{program}: no such program; {advice}")


def _kill_group(child: subprocess.Popen[str], sig: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, sig)


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    space: Space | None = None,
    stdin: str = "",
    check: bool = True,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    inherit: Sequence[int] = (),
) -> Result:
    """Run a command to its end and return what it wrote.

    The command and all it started are killed at the deadline or when we are interrupted.
    `env` is added to the environment, `inherit` are descriptors that stay open in the command.
    With `check`, a status other than 0 raises CommandFailed.
    """
    full = list(argv) if space is None else space.wrap(argv)
    began = time.monotonic()
    try:
        child = subprocess.Popen(
            full,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd=cwd,
            env=_environment(env),
            pass_fds=inherit,
            start_new_session=True,
        )
    except FileNotFoundError as err:
        raise _missing(str(err.filename or full[0])) from err
    try:
        out, err_text = child.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired as err:
        _kill_group(child, signal.SIGKILL)
        out, err_text = child.communicate()
        raise CommandTimeout(argv, timeout, tail_of(err_text, out)) from err
    except BaseException:
        _kill_group(child, signal.SIGKILL)
        child.communicate()
        raise
    if check and child.returncode != 0:
        raise CommandFailed(argv, child.returncode, tail_of(err_text, out))
    return Result(tuple(argv), child.returncode, out, err_text, time.monotonic() - began)


def attach(
    argv: Sequence[str], *, space: Space | None = None, env: Mapping[str, str] | None = None
) -> int:
    """Run a command on our own terminal and return its status; who sits there is its deadline."""
    full = list(argv) if space is None else space.wrap(argv)
    # Ctrl-C is for the command, which may want to say something or to go on; a handler of ours,
    # unlike SIG_IGN, is not inherited by it.
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        return subprocess.call(full, env=_environment(env))
    except FileNotFoundError as err:
        raise _missing(str(err.filename or full[0])) from err
    finally:
        signal.signal(signal.SIGINT, before)


class Process:
    """A long-lived process that we started, in a process group of its own."""

    def __init__(self, child: subprocess.Popen[str], argv: Sequence[str], log: Path) -> None:
        self._child = child
        self.argv = tuple(argv)
        self.log = log

    @property
    def pid(self) -> int:
        return self._child.pid

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self._child.poll()

    def wait(self, timeout: float) -> int:
        """Wait for its own end; at the deadline it is left running and CommandTimeout raised."""
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired as err:
            raise CommandTimeout(self.argv, timeout, self.tail()) from err

    def check(self) -> None:
        """Raise CommandFailed if it has ended with a status other than 0."""
        status = self.poll()
        if status:
            raise CommandFailed(self.argv, status, self.tail())

    def signal(self, sig: signal.Signals) -> None:
        """Send a signal to the process alone, nothing if it has ended."""
        self._child.send_signal(sig)

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """End it and what it started: ask, wait up to `seconds`, then kill; return its status."""
        if self._child.poll() is None:
            _kill_group(self._child, signal.SIGTERM)
            try:
                return self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                _kill_group(self._child, signal.SIGKILL)
        return self._child.wait()

    def tail(self) -> str:
        """Return the last lines of its log."""
        return tail_of(self.log.read_text(errors="replace")) if self.log.exists() else ""

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def popen(
    argv: Sequence[str],
    *,
    log: Path,
    stdout: Path | None = None,
    space: Space | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    inherit: Sequence[int] = (),
) -> Process:
    """Start a process that outlives this call.

    What it writes is appended to `log`, or its standard output to `stdout` where that is given.
    `inherit` are descriptors that stay open in it.
    """
    full = list(argv) if space is None else space.wrap(argv)
    with contextlib.ExitStack() as files:
        log_file = files.enter_context(log.open("a"))
        out_file = log_file if stdout is None else files.enter_context(stdout.open("w"))
        try:
            child = subprocess.Popen(
                full,
                stdin=subprocess.DEVNULL,
                stdout=out_file,
                stderr=log_file,
                text=True,
                cwd=cwd,
                env=_environment(env),
                pass_fds=inherit,
                start_new_session=True,
            )
        except FileNotFoundError as err:
            raise _missing(str(err.filename or full[0])) from err
    return Process(child, argv, log)
