# SPDX-License-Identifier: BSD-2-Clause
"""Synthetic captures of one flow at both ends, with answers that are known in advance."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

from ilnptool.wire import build
from ilnptool.wire.capture import write_pcap
from ilnptool.wire.cksum import ChecksumMode
from ilnptool.wire.lu import LocatorUpdate
from ilnptool.wire.values import L64, Ilv, Nid, Nonce

MN = Nid(0x021122FFFE334455)
CN = Nid(0x021122FFFE667788)
AA, BB, CC, DD = (L64(0x2001000200000000 | x << 16 | x) for x in (0xAA, 0xBB, 0xCC, 0xDD))
MN_NONCE = Nonce(bytes.fromhex("a1b2c3d4"))
CN_NONCE = Nonce(bytes.fromhex("0badcafe"))
PORT = 5201
CLIENT = 40000
START = 1_700_000_000_000_000_000
MS = 1_000_000
DELAY = 10 * MS


def iperf_payload(number: int, size: int = 1000, *, wide: bool = False) -> bytes:
    """What iperf3 sends in a datagram: two words of time, its number, filling."""
    return struct.pack(">IIQ" if wide else ">III", 1, 2, number).ljust(size, b"\xa5")


@dataclass
class Ends:
    """Frames as each end's capture has them: (time in nanoseconds, packet)."""

    mn: list[tuple[int, bytes]] = field(default_factory=list)
    cn: list[tuple[int, bytes]] = field(default_factory=list)
    nonce: Nonce | None = MN_NONCE
    mode: ChecksumMode = ChecksumMode.RFC

    def both(self, time: int, packet: bytes, *, back: bool = False) -> None:
        """A packet that left one end at `time` and arrived at the other."""
        (self.cn if back else self.mn).append((time, packet))
        (self.mn if back else self.cn).append((time + DELAY, packet))

    def datagram(
        self, number: int, l64: L64 = AA, *, wide: bool = False, size: int = 1000
    ) -> bytes:
        """One UDP datagram from MN to CN."""
        return build.udp(
            Ilv(l64, MN),
            Ilv(DD, CN),
            (CLIENT, PORT),
            iperf_payload(number, size, wide=wide),
            nonce=self.nonce,
            mode=self.mode,
        )

    def segment(
        self,
        sequence: int,
        payload: bytes,
        *,
        l64: L64 = AA,
        flags: int = 0x10,
        acknowledgement: int = 0,
        port: int = CLIENT,
    ) -> bytes:
        """One TCP segment from MN to CN."""
        return build.tcp(
            Ilv(l64, MN),
            Ilv(DD, CN),
            (port, PORT),
            payload,
            sequence=sequence,
            acknowledgement=acknowledgement,
            flags=flags,
            nonce=self.nonce,
            mode=self.mode,
        )

    def answer(self, acknowledgement: int, l64: L64 = AA, nonce: Nonce | None = CN_NONCE) -> bytes:
        """A TCP acknowledgement from CN to MN."""
        return build.tcp(
            Ilv(DD, CN),
            Ilv(l64, MN),
            (PORT, CLIENT),
            b"",
            sequence=900,
            acknowledgement=acknowledgement,
            nonce=nonce if self.nonce else None,
            mode=self.mode,
        )

    def update(self, update: LocatorUpdate, l64: L64 = AA, *, back: bool = False) -> bytes:
        """A Locator Update of MN, or with `back` one of CN."""
        ends = (Ilv(l64, MN), Ilv(DD, CN))
        source, destination = reversed(ends) if back else ends
        return build.locator_update(source, destination, update, CN_NONCE if back else MN_NONCE)

    def write(self, directory: Path, *, snap: int = 262144) -> tuple[Path, Path]:
        """Writes mn.pcap and cn.pcap, each in the order of time."""
        paths = (directory / "mn.pcap", directory / "cn.pcap")
        for path, frames in zip(paths, (self.mn, self.cn), strict=True):
            write_pcap(path, sorted(frames, key=lambda frame: frame[0]), snap=snap)
        return paths
