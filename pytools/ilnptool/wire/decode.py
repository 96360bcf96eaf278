# SPDX-License-Identifier: BSD-2-Clause
"""Capture files as records that JSON can hold: what `ilnptool decode` prints.

Each record has `number` (of the frame, from 1), `time` (seconds since 1970), `link`, `octets` on
the wire and `captured`.  A frame with IPv6 has the fields of `describe` besides; one with something
else has `skipped`.  Faults stand in `fault` and `error`.  A file that ends early ends with a record
that has only these two.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ilnptool.wire import link
from ilnptool.wire.capture import CaptureReader, Frame
from ilnptool.wire.fault import Fault, WireError
from ilnptool.wire.lu import RFC_MODE, LocatorUpdate, LuMode
from ilnptool.wire.packet import (
    FRAGMENT,
    ICMPV6,
    NO_NEXT_HEADER,
    TCP,
    UDP,
    PacketView,
    parse_packet,
)

_PROTOCOLS = {
    TCP: "tcp",
    UDP: "udp",
    ICMPV6: "icmpv6",
    FRAGMENT: "fragment",
    NO_NEXT_HEADER: "none",
}
_TCP_FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")


def decode_file(path: Path, mode: LuMode = RFC_MODE) -> Iterator[dict[str, object]]:
    """Yields one record per frame.  Raises WireError only for a file that is no capture."""
    reader = CaptureReader(path)
    for number, frame in enumerate(reader, start=1):
        yield {"number": number} | decode_frame(frame, mode)
    if reader.damage is not None:
        yield {"fault": str(Fault.CAPTURE), "error": f"{path}: {reader.damage}"}


def decode_frame(frame: Frame, mode: LuMode = RFC_MODE) -> dict[str, object]:
    """The record of one frame, without its number."""
    record: dict[str, object] = {
        "time": frame.time_ns / 1e9,
        "link": link.name_of(frame.link_type),
        "octets": frame.original_octets,
        "captured": len(frame.data),
    }
    start = link.ipv6_offset(frame.link_type, frame.data)
    if start is None:
        known = link.is_known(frame.link_type)
        return record | {"skipped": "not IPv6" if known else "link type not supported"}
    try:
        return record | describe(parse_packet(frame.data[start:], mode))
    except WireError as err:
        return record | _fault(err)


def describe(view: PacketView) -> dict[str, object]:
    """The fields of a packet; absent ones are left out."""
    record: dict[str, object] = {
        "source": str(view.source.address),
        "destination": str(view.destination.address),
        "source_ilv": str(view.source),
        "destination_ilv": str(view.destination),
        "hop_limit": view.hop_limit,
        "payload_octets": view.payload_octets,
        "complete": view.is_complete,
    }
    if view.nonce is not None:
        record["nonce"] = str(view.nonce)
    if view.protocol is not None:
        record["protocol"] = _PROTOCOLS.get(view.protocol, view.protocol)
    if view.fragment is not None:
        record["fragment"] = view.fragment._asdict()
    if view.source_port is not None and view.destination_port is not None:
        record["source_port"] = view.source_port
        record["destination_port"] = view.destination_port
    if view.tcp is not None:
        flags = [name for bit, name in enumerate(_TCP_FLAGS) if view.tcp.flags >> bit & 1]
        record["tcp"] = view.tcp._asdict() | {"flags": flags}
    if view.icmp is not None:
        record["icmp"] = view.icmp._asdict()
    if view.locator_update is not None:
        record["locator_update"] = describe_update(view.locator_update)
    if view.quoted is not None:
        record["quoted"] = describe(view.quoted)
    if view.checksum is not None:
        record["checksum"] = str(view.checksum)
    if view.error is not None:
        record |= _fault(view.error)
    return record


def describe_update(update: LocatorUpdate) -> dict[str, object]:
    """The fields of a Locator Update."""
    return {
        "operation": "ack" if update.is_ack else "advertisement",
        "code": update.code,
        "record_octets": int(update.form),
        "locators": [
            {
                "l64": str(record.l64),
                "preference": record.preference,
                "lifetime": record.lifetime,
            }
            for record in update.records
        ],
    }


def _fault(err: WireError) -> dict[str, object]:
    return {"fault": str(err.fault), "error": err.detail}
