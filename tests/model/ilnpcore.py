# SPDX-License-Identifier: BSD-2-Clause
"""The C core as a Python object, through the flat functions of shim.c."""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from pathlib import Path

from ilnptool.run import run

HERE = Path(__file__).parent
OUT = HERE.parents[1] / "build"
BUILD_SECONDS = 240.0

_LOCATORS = 8
_COPIES = 4
_SESSIONS = 32
_PACKET_OCTETS = 4400


class Verdict(IntEnum):
    """enum ilnp_inverdict."""

    IPV6 = 0
    DELIVER = 1
    ERROR = 2
    CONSUMED = 3
    DROP = 4


class State(IntEnum):
    """enum ilnp_sessstate."""

    TRYING = 0
    OPEN = 1
    IPV6 = 2


class Flag(IntFlag):
    """ILNP_LOC_F_*."""

    WITHDRAWN = 1
    LEARNT = 2
    UNPROVEN = 4


class _CLocator(ctypes.Structure):
    _fields_ = (("l64", ctypes.c_uint64), ("pref", ctypes.c_uint32), ("flags", ctypes.c_uint32))


class _CSession(ctypes.Structure):
    _fields_ = (
        ("id", ctypes.c_uint64),
        ("remote_nid", ctypes.c_uint64),
        ("state", ctypes.c_uint32),
        ("confirmed", ctypes.c_uint32),
        ("provisional", ctypes.c_uint32),
        ("lu_pending", ctypes.c_uint32),
        ("initiator", ctypes.c_uint32),
        ("nin_len", ctypes.c_uint32),
        ("nout_len", ctypes.c_uint32),
        ("nin", ctypes.c_uint8 * 16),
        ("nout", ctypes.c_uint8 * 16),
        ("nlocs", ctypes.c_uint32),
        ("npaths", ctypes.c_uint32),
        ("lost", ctypes.c_uint32),
        ("loc", _CLocator * _LOCATORS),
    )


@dataclass(frozen=True, slots=True)
class Session:
    """One session of a cache as it is between two calls."""

    id: int
    peer: int
    state: State
    confirmed: bool
    provisional: bool
    lu_pending: bool
    initiator: bool
    theirs: bytes
    ours: bytes
    locators: dict[int, tuple[int, Flag]]  #: L64 to preference and flags
    paths: int
    lost: bool  #: nobody answers on any of its paths

    @property
    def proven(self) -> set[int]:
        return {l64 for l64, (_, flags) in self.locators.items() if not flags & Flag.UNPROVEN}

    @property
    def sendable(self) -> set[int]:
        return {l64 for l64, (_, flags) in self.locators.items() if not flags & Flag.WITHDRAWN}


@dataclass(frozen=True, slots=True)
class Sent:
    """How a data packet goes out: pairs of locators and the nonce."""

    pairs: tuple[tuple[int, int], ...]
    nonce: bytes


@functools.cache
def library() -> ctypes.CDLL:
    run(["make", "-s", "-j2", "-C", str(HERE), f"OUT={OUT}"], timeout=BUILD_SECONDS)
    lib = ctypes.CDLL(str(OUT / "tests/libilnpcore.so"))
    lib.shim_new.restype = ctypes.c_void_p
    lib.shim_packet.restype = ctypes.c_size_t
    for name in ("shim_tick", "shim_stat", "shim_memory"):
        getattr(lib, name).restype = ctypes.c_uint64
    return lib


def seed(value: int) -> None:
    """Makes all nonces and keys to come repeatable."""
    library().shim_seed(ctypes.c_uint64(value))


def memory() -> int:
    """Octets that all caches together have allocated."""
    return int(library().shim_memory())


def _u64(value: int) -> ctypes.c_uint64:
    return ctypes.c_uint64(value)


class Core:
    """One cache with one NID."""

    def __init__(self, nid: int) -> None:
        self._lib = library()
        self.nid = nid
        self._shim = ctypes.c_void_p(self._lib.shim_new(_u64(nid)))
        self._packet = (ctypes.c_uint8 * _PACKET_OCTETS)()
        self._sessions = (_CSession * _SESSIONS)()

    def close(self) -> None:
        self._lib.shim_free(self._shim)

    def knob(self, name: str, value: int) -> None:
        assert self._lib.shim_knob(self._shim, name.encode(), _u64(value)) == 0, name

    def put(self, l64: int, pref: int, now: int) -> None:
        assert self._lib.shim_put(self._shim, _u64(l64), pref, _u64(now)) >= 0

    def delete(self, l64: int, now: int) -> None:
        assert self._lib.shim_del(self._shim, _u64(l64), _u64(now)) == 0

    def disable(self, l64: int, disable: bool, now: int) -> None:
        assert self._lib.shim_disable(self._shim, _u64(l64), int(disable), _u64(now)) == 0

    def open(self, peer: int, l64s: list[int], now: int) -> int:
        array = (ctypes.c_uint64 * len(l64s))(*l64s)
        return int(
            self._lib.shim_open(self._shim, _u64(self.nid), _u64(peer), array, len(l64s), _u64(now))
        )

    def output(self, peer: int, octets: int, now: int) -> Sent | None:
        """None without a session; no pairs without a path."""
        pairs = (ctypes.c_uint64 * (2 * _COPIES))()
        nonce = (ctypes.c_uint8 * 12)()
        length = ctypes.c_uint32()
        count = self._lib.shim_output(
            self._shim,
            _u64(self.nid),
            _u64(peer),
            octets,
            _u64(now),
            pairs,
            nonce,
            ctypes.byref(length),
        )
        if count < 0:
            return None
        return Sent(
            tuple((pairs[2 * i], pairs[2 * i + 1]) for i in range(count)),
            bytes(nonce[: length.value]),
        )

    def _packets(self) -> list[bytes]:
        found: list[bytes] = []
        while length := self._lib.shim_packet(
            self._shim, ctypes.c_size_t(len(found)), self._packet
        ):
            found.append(bytes(self._packet[:length]))
        return found

    def input(self, packet: bytes, known: bool, now: int) -> tuple[Verdict, list[bytes]]:
        """The verdict and what the core wants sent."""
        verdict = self._lib.shim_input(
            self._shim, packet, ctypes.c_size_t(len(packet)), int(known), _u64(now)
        )
        return Verdict(verdict), self._packets()

    def tick(self, now: int) -> tuple[int, list[bytes]]:
        """When to call again, and what the core wants sent."""
        return int(self._lib.shim_tick(self._shim, _u64(now))), self._packets()

    def sessions(self) -> dict[int, Session]:
        count = self._lib.shim_sessions(self._shim, self._sessions, _SESSIONS)
        size = ctypes.sizeof(_CSession)
        octets = bytes(memoryview(self._sessions).cast("B")[: count * size])
        found = [_plain(octets[at : at + size]) for at in range(0, len(octets), size)]
        return {session.id: session for session in found}

    def stat(self, name: str) -> int:
        return int(self._lib.shim_stat(self._shim, name.encode()))


@functools.lru_cache(maxsize=1024)
def _plain(octets: bytes) -> Session:
    c = _CSession.from_buffer_copy(octets)
    return Session(
        c.id,
        c.remote_nid,
        State(c.state),
        bool(c.confirmed),
        bool(c.provisional),
        bool(c.lu_pending),
        bool(c.initiator),
        bytes(c.nin[: c.nin_len]),
        bytes(c.nout[: c.nout_len]),
        {loc.l64: (loc.pref, Flag(loc.flags)) for loc in c.loc[: c.nlocs]},
        c.npaths,
        bool(c.lost),
    )
