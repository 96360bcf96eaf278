# SPDX-License-Identifier: BSD-2-Clause
"""Talks to the agent of a FreeBSD machine (bhyve/guest/etc/agent) over its second serial line.

Each request is short and done under a lock, so that several callers can share the line; what takes
time is a job of the machine, started by one request and followed by others.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shlex
import socket
import threading
import time
import tty
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ilnptool.errors import CheckFailed, CommandFailed, CommandTimeout, EnvironmentMissing, Timeout
from ilnptool.guest.console import waits_for_typing
from ilnptool.run import Result, tail_of

JOBS = "/tmp/jobs"  # where the agent keeps them, in the machine

_POLL_SECONDS = 0.05
_LISTEN_SECONDS = 0.1
# How long a running job is left alone after it was looked at: a tenth of its age, and at most so
# long.  Each look costs the machine a dozen processes.
_LOOK_SECONDS = 1.0
_ANSWER_SECONDS = 30.0
_CHUNK = 1000  # octets of a file per request; each becomes up to four characters
_HEAD_MAX = 1 << 20  # what may be read in search of an answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request left: its exit status and all it wrote."""

    status: int
    output: bytes

    @property
    def text(self) -> str:
        return self.output.decode(errors="replace")


def _open_socket(path: Path) -> int:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(str(path))
        return sock.detach()
    except OSError:
        sock.close()
        raise


def _open_tty(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    return fd


def _copy_line(path: Path, log: Path, over: threading.Event) -> None:
    """Append what comes over a line to a file; whoever hangs up may come again."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        if os.isatty(fd):
            tty.setraw(fd)  # it would echo what a machine says as if somebody typed it
        with log.open("ab", buffering=0) as file:
            while not over.is_set():
                if select.select([fd], [], [], _LISTEN_SECONDS)[0]:
                    octets = os.read(fd, 65536)
                    if not octets:
                        return
                    file.write(octets)
    finally:
        os.close(fd)


@contextlib.contextmanager
def listening(path: Path, log: Path) -> Iterator[None]:
    """Keep in a file, for the time of a block, what a machine says on a line that nobody reads."""
    log.write_bytes(b"")
    over = threading.Event()

    def listen() -> None:
        while not over.wait(_LISTEN_SECONDS):
            with contextlib.suppress(OSError):
                _copy_line(path, log, over)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Line:
    """The open line: a Unix socket as QEMU makes it, or a terminal as nmdm(4) does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._buffer = b""
        try:
            self._fd = _open_tty(path) if path.is_char_device() else _open_socket(path)
        except OSError as err:
            raise EnvironmentMissing(f"{path}: no machine there ({err.strerror})") from err

    def close(self) -> None:
        os.close(self._fd)

    def send(self, octets: bytes) -> None:
        try:
            while octets:
                octets = octets[os.write(self._fd, octets) :]
        except OSError as err:
            raise EnvironmentMissing(f"{self._path}: the machine has ended") from err

    def _more(self, deadline: float) -> None:
        left = max(deadline - time.monotonic(), 0)
        if not select.select([self._fd], [], [], left)[0]:
            raise Timeout(f"{self._path}: the machine does not answer")
        try:
            chunk = os.read(self._fd, 65536)
        except OSError as err:
            raise EnvironmentMissing(f"{self._path}: {err.strerror}") from err
        if not chunk:
            raise EnvironmentMissing(f"{self._path}: the machine has ended")
        self._buffer += chunk

    def until(self, mark: bytes, deadline: float) -> bytes:
        """Return what comes before `mark`, which is taken as well."""
        while mark not in self._buffer:
            if len(self._buffer) > _HEAD_MAX:
                raise CheckFailed(f"{self._path}: this is no answer: {self._buffer[:80]!r}")
            self._more(deadline)
        head, _, self._buffer = self._buffer.partition(mark)
        return head

    def exactly(self, count: int, deadline: float) -> bytes:
        while len(self._buffer) < count:
            self._more(deadline)
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken


def _end_of(said: str) -> str:
    return f"the end of its console:\n{tail_of(said)}"


class Agent:
    """The agent of one machine, by the socket of its line; `console` is told of in errors."""

    def __init__(self, path: Path, console: Path) -> None:
        self.path = path
        self.console = console

    @contextlib.contextmanager
    def _line(self, deadline: float) -> Iterator[Line]:
        with self.console.with_suffix(".lock").open("w") as lock:
            while True:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                if time.monotonic() >= deadline:
                    raise Timeout(f"{self.path}: another process talks to the machine")
                time.sleep(0.01)
            with contextlib.closing(Line(self.path)) as line:
                yield line

    def ask(self, text: str, *, timeout: float = _ANSWER_SECONDS, check: bool = True) -> Answer:
        """Have shell text carried out; with `check`, a status other than 0 is CommandFailed."""
        text = text.strip()
        if "\n" in text or not text.isascii():
            raise ValueError(text)
        word = uuid.uuid4().hex[:8]
        deadline = time.monotonic() + timeout
        with self._line(deadline) as line:
            # The first line break ends what a killed caller has left unfinished.
            line.send(f"\n{word} {len(text)} {text}\n".encode())
            line.until(f"\1{word} ".encode(), deadline)
            status, size = line.until(b"\n", deadline).split()
            answer = Answer(int(status), line.exactly(int(size), deadline))
        if check and answer.status != 0:
            raise CommandFailed([text], answer.status, tail_of(answer.text))
        return answer

    def _said(self) -> str:
        return self.console.read_text(errors="replace") if self.console.exists() else ""

    def wait_ready(self, seconds: float, lives: Callable[[], object]) -> None:
        """Wait until the machine has started; whatever is raised shows the end of its console.

        Timeout if it has not, CheckFailed if it will not: `lives` raises what is wrong with a
        machine that has ended, and one that waits for somebody to type does not go on.
        """
        deadline = time.monotonic() + seconds
        # Each time longer: a machine that is slow answers what it was asked before, one by one.
        patience = 1.0
        before = ""
        while True:
            patience = min(2 * patience, seconds)
            try:
                self.ask("true", timeout=patience)
                return
            except (Timeout, EnvironmentMissing) as err:
                try:
                    lives()
                except CheckFailed as end:
                    raise CheckFailed(f"{end}\n{_end_of(self._said())}") from end
                said = self._said()
                if said == before and waits_for_typing(said):
                    raise CheckFailed(
                        f"the machine waits for somebody to type; {_end_of(said)}"
                    ) from err
                before = said
                if time.monotonic() >= deadline:
                    raise Timeout(
                        f"the machine has not started within {seconds:g} s ({err}); {_end_of(said)}"
                    ) from err
            time.sleep(0.2)

    def write(self, path: str, content: bytes) -> None:
        """Write a file in the machine, with its folders."""
        target = shlex.quote(path)
        self.ask(f"mkdir -p {shlex.quote(os.path.dirname(path))}; : >{target}")  # noqa: PTH120
        for begin in range(0, len(content), _CHUNK):
            octets = "".join(_escaped(x) for x in content[begin : begin + _CHUNK])
            self.ask(f"printf '{octets}' >>{target}")

    def start(self, argv: Sequence[str], stdin: bytes = b"") -> str:
        """Start a job and return its name."""
        name = uuid.uuid4().hex[:12]
        self.write(f"{JOBS}/{name}/in", stdin)
        self.write(f"{JOBS}/{name}/run", f"exec {shlex.join(argv)}\n".encode())
        self.ask(f"job {name}")
        return name

    def news(self, name: str, out: int, err: int) -> tuple[int | None, bytes, bytes]:
        """Return a job's status, None while it runs, and what it wrote after these offsets."""
        octets = self.ask(f"news {name} {out} {err}").output
        head, _, rest = octets.partition(b"\n")
        status, out_size, err_size = head.split()
        if len(rest) != int(out_size) + int(err_size):
            raise CheckFailed(f"{self.path}: news of {len(rest)} octets where {head!r} announces")
        done = None if status == b"-" else int(status)
        return done, rest[: int(out_size)], rest[int(out_size) :]

    def end(self, name: str, signal_name: str = "TERM") -> None:
        self.ask(f"end {name} {signal_name}")

    def forget(self, name: str) -> None:
        """Remove what a job has left."""
        self.ask(f"rm -rf {JOBS}/{name}")


def _escaped(octet: int) -> str:
    """Return an octet for a printf(1) format inside single quotes."""
    char = chr(octet)
    return char if char.isascii() and (char.isalnum() or char in " .,:;/=_+-") else f"\\{octet:03o}"


class Job:
    """A command that runs in a machine; ilnptool.lab.protocol.Running says the abilities.

    What it writes is brought here whenever it is looked at.
    """

    def __init__(
        self, agent: Agent, argv: Sequence[str], *, log: Path, stdout: Path | None, stdin: bytes
    ) -> None:
        self.argv = tuple(argv)
        self.log = log
        self._agent = agent
        self._stdout = stdout if stdout is not None else log
        self._out = self._err = 0
        self._status: int | None = None
        if stdout is not None:
            stdout.write_bytes(b"")
        self.name = agent.start(argv, stdin)
        self._started = self._looked = time.monotonic()

    @property
    def pid(self) -> int:
        """Its process id in the machine."""
        return int(self._agent.ask(f"cat {JOBS}/{self.name}/pid").text)

    def poll(self) -> int | None:
        now = time.monotonic()
        if now - self._looked < min((now - self._started) / 10, _LOOK_SECONDS):
            return self._status
        self._looked = now
        return self._look()

    def _look(self) -> int | None:
        while self._status is None:
            status, out, err = self._agent.news(self.name, self._out, self._err)
            self._out += len(out)
            self._err += len(err)
            self.keep(out, err)
            # An ended job may have more to tell than fits into one answer.
            if status is None or not (out or err):
                if status is not None:
                    self._agent.forget(self.name)
                self._status = status
                break
        return self._status

    def keep(self, out: bytes, err: bytes) -> None:
        """Put what it wrote where it belongs."""
        for path, octets in ((self._stdout, out), (self.log, err)):
            if octets:
                with path.open("ab") as file:
                    file.write(octets)

    def wait(self, timeout: float) -> int:
        """Wait for its own end; at the deadline it is left running and CommandTimeout raised."""
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() >= deadline:
                raise CommandTimeout(self.argv, timeout, self.tail())
            time.sleep(_POLL_SECONDS)
        return status

    def check(self) -> None:
        status = self.poll()
        if status:
            raise CommandFailed(self.argv, status, self.tail())

    def stop(self, seconds: float = 5.0) -> int:
        """End it: ask, wait up to `seconds`, then kill; return its status."""
        if self.poll() is None:
            self._agent.end(self.name)
            try:
                return self.wait(seconds)
            except CommandTimeout:
                self._agent.end(self.name, "KILL")
        return self.wait(seconds)

    def tail(self) -> str:
        return tail_of(self.log.read_text(errors="replace")) if self.log.exists() else ""


def run_in(
    agent: Agent, argv: Sequence[str], folder: Path, *, timeout: float, stdin: str, check: bool
) -> Result:
    """Run a command in a machine to its end; `folder` is for what it writes."""
    began = time.monotonic()
    out, err = folder / "out", folder / "err"
    err.write_bytes(b"")
    job = Job(agent, argv, log=err, stdout=out, stdin=stdin.encode())
    try:
        status = job.wait(timeout)
    except BaseException:
        job.stop()
        raise
    texts = out.read_text(errors="replace"), err.read_text(errors="replace")
    if check and status != 0:
        raise CommandFailed(argv, status, tail_of(texts[1], texts[0]))
    return Result(tuple(argv), status, *texts, time.monotonic() - began)
