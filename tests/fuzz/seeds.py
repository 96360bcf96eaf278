# SPDX-License-Identifier: BSD-2-Clause
"""Writes seeds for the fuzz targets from the golden byte vectors.

    seeds.py FOLDER

Every target gets a folder of its own, with one file per vector that suits it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

VECTORS = Path(__file__).parents[1] / "vectors"
ADDRESSES = bytes.fromhex("20010db800010001021122fffe334455" + "20010db800020002021122fffe667788")
DESTINATION_OPTIONS = 60
ICMPV6 = 58

RAW_PACKET = b"\x00"  # steps of fuzz_input.c
OPEN = b"\x05\x00\x06\x00"
SEND = b"\x04\x10\x00"
TICK = b"\x06\x0a\x0a"
ANSWER = b"\x03\x00\x00\x00"


def vectors(name: str) -> Iterator[tuple[str, bytes]]:
    """Name and octets of every vector of a file."""
    for block in (VECTORS / name).read_text(encoding="utf-8").split("\n\n"):
        fields = dict(
            line.split(": ", 1)
            for line in block.splitlines()
            if ": " in line and not line.startswith("#")
        )
        if "name" in fields:
            yield fields["name"], bytes.fromhex(fields.get("hex", ""))


def ipv6(next_header: int, payload: bytes) -> bytes:
    head = b"\x60\0\0\0" + len(payload).to_bytes(2, "big") + bytes((next_header, 64))
    return head + ADDRESSES + payload


def packets() -> Iterator[tuple[str, bytes]]:
    """Whole packets: as they are, around an options header, around an update."""
    yield from vectors("packet.vec")
    for name, data in vectors("nonce.vec"):
        yield f"nonce-{name}", ipv6(DESTINATION_OPTIONS, data + bytes(20))
    header = bytes((ICMPV6, 0, 0x8B, 4)) + bytes.fromhex("a1b2c3d4")
    for name, data in vectors("lu.vec"):
        yield f"lu-{name}", ipv6(DESTINATION_OPTIONS, header + data)


def updates() -> Iterator[tuple[str, bytes]]:
    for name, data in vectors("lu.vec"):
        for form in range(3):
            framed = bytes((form, 7, 7, min(len(data) // 4, 255))) + data
            yield f"{name}-{form}", framed


def lives() -> Iterator[tuple[str, bytes]]:
    """Short lives of a cache, each with one packet of the vectors in it."""
    begin = OPEN + SEND + TICK + ANSWER
    for name, data in packets():
        if len(data) < 256:
            step = RAW_PACKET + bytes((2, len(data))) + data
            yield f"known-{name}", begin + step + SEND + TICK
            yield f"first-{name}", step + SEND + TICK + ANSWER + step


def errors() -> Iterator[tuple[str, bytes]]:
    for proven in range(2):
        for kind in (1, 2, 3, 4):
            for shape in (0, 4 | 8 | 16, 8 | 16, 2):
                parameter = (42 if kind == 4 else 1400).to_bytes(4, "big")
                code = 2 if kind == 4 else 0
                head = bytes((proven, shape, kind, code)) + parameter
                yield f"{proven}-{kind}-{shape}", head
                yield f"{proven}-{kind}-{shape}-quote", head + ipv6(17, bytes(16))


def advertisements() -> Iterator[tuple[str, bytes]]:
    """Router Advertisements of prefixes with and without a future, of two routers."""
    for router, lifetime, valid, preferred in ((1, 60, 60, 40), (2, 0, 60, 40), (1, 9, 1, 0)):
        prefix = bytes((3, 4, 64, 0xC0)) + valid.to_bytes(4, "big") + preferred.to_bytes(4, "big")
        prefix += bytes(4) + bytes.fromhex("20010db800010001") + bytes(8)
        mtu = bytes((5, 1, 0, 0)) + (1500).to_bytes(4, "big")
        icmp = bytes((134, 0, 0, 0, 64, 0)) + lifetime.to_bytes(2, "big") + bytes(8) + mtu + prefix
        source = bytes.fromhex("fe80" + "00" * 13) + bytes((router,))
        everyone = bytes.fromhex("ff02" + "00" * 13 + "01")
        head = b"\x60\0\0\0" + len(icmp).to_bytes(2, "big") + bytes((ICMPV6, 255))
        packet = head + source + everyone + icmp
        yield f"{router}-{lifetime}", bytes((0, (len(packet) + 1) // 2)) + packet + bytes(3)


def datagrams() -> Iterator[tuple[str, bytes]]:
    """Datagrams of a few fragments, in order, backward, and with one that overlaps."""
    steps = [bytes((1, 16 * i, 32, how)) for i, how in enumerate((1, 1, 1, 0))]
    yield "order", b"".join(steps)
    yield "backward", b"".join(steps[::-1])
    yield "twice", b"".join(step * 2 for step in steps)
    yield "overlap", b"".join((*steps[:2], bytes((1, 15, 32, 1)), *steps[2:]))
    for name, data in packets():
        if len(data) < 256:
            yield f"raw-{name}", bytes((0, len(data))) + data


def texts() -> Iterator[tuple[str, bytes]]:
    """The example of a configuration in our manual's terms, and a hosts file."""
    toml = '[node]\nname = "mn"  # of the host\ninterfaces = ["if1", "if2"]\noffload = true\n'
    toml += "mtu = 1_400\n[interface.if2]\npreference = 20\ndisabled = false\n"
    yield "toml", b"\0" + toml.encode()
    hosts = "# all\n2001+db8+1+1.211-22ff-fe33-4455 mn 20 300\n"
    hosts += "0211-22ff-fe33-4466.2001+0db8+0001+0002 cn\n"
    yield "hosts", b"\1" + hosts.encode()


def answers() -> Iterator[tuple[str, bytes]]:
    """DNS answers to a question for host.example.com, for each type that is asked for."""
    name = b"\x04host\x07example\x03com\x00"
    value = bytes.fromhex("000a0211") + bytes(6)
    target = b"\x03net\x07example\x03com\x00"
    data = {
        0: (104, value),
        1: (106, value),
        2: (107, b"\0\x0a" + target),
        3: (1, bytes(4)),
        4: (28, bytes(16)),
        5: (5, b"\x03net\xc0\x11"),
    }
    for choice, (rdtype, rdata) in data.items():
        head = bytes((0x80 | choice, 7, 7, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 1))
        kind = rdtype.to_bytes(2, "big") + b"\0\1"
        one = b"\xc0\x0c" + kind + b"\0\0\0\x1e" + len(rdata).to_bytes(2, "big") + rdata
        more = target + b"\0\x6a\0\1\0\0\0\x1e\0\x0a" + value
        alias = b"\xc0\x0c\0\5\0\1\0\0\0\x1e\0\2\xc0\x11"
        yield f"answer-{rdtype}", head + name + kind + one + one + more
        yield f"alias-{rdtype}", head + name + kind + alias + one + more


def teachings() -> Iterator[tuple[str, bytes]]:
    """Two owners who teach one NID, a name server that settles it, and what time does."""
    place = bytes((1, 10, 200))  # locator, preference, lifetime
    mine, theirs = bytes((1, 0, 0, 1)) + place, bytes((2, 0, 0, 1)) + bytes((2,)) + place[1:]
    told, answered, opened, wait, look = b"\0", b"\2", b"\4", b"\5", b"\6"
    yield "taught", b"\7" + mine + opened + mine + look + mine
    yield "doubted", b"\7" + mine + b"\7" + theirs + answered + theirs + b"\3" + mine
    yield "told", told + mine + b"\1" + b"\7" + theirs + wait + mine + b"\xff\xff" + look + mine


def main(folder: Path) -> None:
    sources = {
        "fuzz_wire": packets,
        "fuzz_lu": updates,
        "fuzz_input": lives,
        "fuzz_icmp": errors,
        "fuzz_ra": advertisements,
        "fuzz_reass": datagrams,
        "fuzz_text": texts,
        "fuzz_dns": answers,
        "fuzz_cand": teachings,
    }
    for target, source in sources.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for name, data in source():
            (folder / target / name).write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
