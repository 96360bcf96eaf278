# SPDX-License-Identifier: BSD-2-Clause
"""The resolver against answers made by hand: right ones, wrong ones, and hostile ones."""

from __future__ import annotations

import struct
import threading
import time

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import pytest
from answerer import Answerer, Handler, answering, message, record, table
from resolving import Found, resolve

NAME = "host.example.com"
NID, L64, LP, AAAA, A, CNAME = 104, 106, 107, 28, 1, 5
ILNP = {
    (NAME, "NID"): ["10 0211:22ff:fe33:4455"],
    (NAME, "L64"): ["10 2001:0db8:0001:0001"],
    (NAME, "AAAA"): ["2001:db8:1:1:211:22ff:fe33:4455"],
    (NAME, "A"): ["192.0.2.1"],
}


def ask(handler: Handler, *words: str, name: str = NAME, **how: int) -> tuple[Found, Answerer]:
    with answering(handler) as server:
        return resolve(name, server.port, *words, **how), server


def rdata(preference: int, value: int) -> bytes:
    return struct.pack("!HQ", preference, value)


def with_answers(
    changes: dict[str, list[bytes]], more: dict[str, list[bytes]] | None = None
) -> Handler:
    """Answer as ILNP says, but for some types with whole records."""
    usual = table(ILNP)

    def handle(query: dns.message.Message, tcp: bool) -> bytes | None:
        rdtype = dns.rdatatype.to_text(query.question[0].rdtype)
        if rdtype in changes:
            return message(query, changes[rdtype], more=(more or {}).get(rdtype))
        return usual(query, tcp)

    return handle


def test_all_types_are_asked_at_once_and_none_is_inferred() -> None:
    found, server = ask(table(ILNP))
    assert found.status == "found"
    assert found.nids == ["0211-22ff-fe33-4455"]
    assert found.l64s == ["2001+0db8+0001+0001"]
    assert sorted(rdtype for _, rdtype, _ in server.asked) == ["A", "AAAA", "L64", "LP", "NID"]


def test_questions_do_not_wait_for_answers() -> None:
    """No answer leaves before all five questions have come."""
    usual = table(ILNP)
    together = threading.Barrier(5, timeout=20)

    def wait_for_all(query: dns.message.Message, tcp: bool) -> bytes | None:
        together.wait()
        return usual(query, tcp)

    found, server = ask(wait_for_all, seconds=30)
    assert (found.status, len(found.peers), len(found.addresses)) == ("found", 1, 2)
    assert len(server.asked) == 5


@pytest.mark.checklist(100)
@pytest.mark.parametrize("length", [0, 1, 2, 9, 11, 64])
@pytest.mark.parametrize("kind", ["NID", "L64"])
def test_data_of_any_other_length_is_a_form_error(kind: str, length: int) -> None:
    bad = record(NAME, NID if kind == "NID" else L64, 30, bytes(length))
    good = record(NAME, NID if kind == "NID" else L64, 30, rdata(10, 0x20010DB800050005))
    found, _ = ask(with_answers({kind: [good, bad]}))
    assert found.status == "found"
    assert found.peers == []
    assert len(found.addresses) == 2


@pytest.mark.checklist(101)
@pytest.mark.checklist(107)
def test_every_nid_is_combined_with_every_locator_the_preferred_ones_first() -> None:
    records = {
        **ILNP,
        (NAME, "NID"): ["20 0000:0000:0000:0002", "10 0000:0000:0000:0001"],
        (NAME, "L64"): [
            "30 2001:0db8:0003:0003",
            "10 2001:0db8:0001:0001",
            "20 2001:0db8:0002:0002",
        ],
    }
    found, _ = ask(table(records))
    assert found.nids == ["0000-0000-0000-0001", "0000-0000-0000-0002"]
    for peer in found.peers:
        assert [(x["l64"], x["preference"]) for x in peer["locators"]] == [
            ("2001+0db8+0001+0001", 10),
            ("2001+0db8+0002+0002", 20),
            ("2001+0db8+0003+0003", 30),
        ]


def test_the_best_are_kept_where_there_are_too_many() -> None:
    records = {
        **ILNP,
        (NAME, "NID"): [f"{99 - i} 0000:0000:0000:{i + 1:04x}" for i in range(40)],
        (NAME, "L64"): [f"{99 - i} 2001:0db8:0001:{i:04x}" for i in range(40)],
    }
    found, _ = ask(table(records))
    assert found.nids == [f"0000-0000-0000-{40 - i:04x}" for i in range(8)]
    assert found.l64s == [f"2001+0db8+0001+{39 - i:04x}" for i in range(8)]


def test_a_locator_that_is_listed_twice_has_its_better_preference() -> None:
    records = {**ILNP, (NAME, "L64"): ["30 2001:0db8:0001:0001", "5 2001:0db8:0001:0001"]}
    found, _ = ask(table(records))
    assert [x["preference"] for x in found.peers[0]["locators"]] == [5]


def test_locators_that_may_not_be_used_are_left_out() -> None:
    records = {**ILNP, (NAME, "L64"): ["1 fe80:0000:0000:0000", "2 ff02:0000:0000:0001"]}
    found, _ = ask(table(records))
    assert found.peers == []
    records = {**ILNP, (NAME, "NID"): ["1 0000:0000:0000:0000"]}
    found, _ = ask(table(records))
    assert found.peers == []


def test_the_lifetime_is_the_least_of_those_involved() -> None:
    answers = {
        "NID": [record(NAME, NID, 900, rdata(10, 0x42))],
        "L64": [
            record(NAME, L64, 300, rdata(10, 0x20010DB800010001)),
            record(NAME, L64, 77, rdata(10, 0x20010DB800020002)),
        ],
    }
    found, _ = ask(with_answers(answers))
    assert found.peers[0]["lifetime"] == 77


@pytest.mark.parametrize(("ttl", "lifetime"), [(0, 0), (0x80000000, 0), (0x7FFFFFFF, 30)])
def test_a_ttl_of_zero_is_told_as_such(ttl: int, lifetime: int) -> None:
    found, _ = ask(with_answers({"L64": [record(NAME, L64, ttl, rdata(1, 0x20010DB800010001))]}))
    assert found.peers[0]["lifetime"] == lifetime


TARGET = "net.example.com"


def pointer(target: str, preference: int = 10, ttl: int = 60) -> bytes:
    return record(
        NAME, LP, ttl, struct.pack("!H", preference) + dns.name.from_text(target).to_wire()
    )


def pointing(lp: list[bytes], extra: dict[tuple[str, str], list[str | bytes]]) -> Handler:
    """Answer for a host with a NID, no L64 of its own, and LP records."""
    others = table({(NAME, "NID"): ILNP[(NAME, "NID")], **extra})

    def handle(query: dns.message.Message, tcp: bool) -> bytes | None:
        asked = query.question[0]
        name = str(asked.name).rstrip(".").lower()
        if name == NAME and asked.rdtype == LP:
            return message(query, lp)
        return others(query, tcp)

    return handle


def test_a_locator_pointer_leads_to_locators() -> None:
    found, server = ask(pointing([pointer(TARGET)], {(TARGET, "L64"): ["5 2001:0db8:0009:0009"]}))
    assert found.l64s == ["2001+0db8+0009+0009"]
    assert found.peers[0]["lifetime"] == 30
    assert found.peers[0]["locators"][0]["preference"] == 10
    assert [x for x in server.asked if x[0] == TARGET] == [(TARGET, "L64", False)]


def test_there_is_one_level_of_indirection() -> None:
    """What the target points to is not asked for."""
    end = "end.example.com"
    lp = struct.pack("!H", 10) + dns.name.from_text(end).to_wire()
    found, server = ask(
        pointing([pointer(TARGET)], {(TARGET, "LP"): [lp], (end, "L64"): ["5 2001:0db8:0009:0009"]})
    )
    assert found.peers == []
    assert not [x for x in server.asked if x[0] == end]


@pytest.mark.checklist(105)
def test_a_pointer_to_its_own_owner_is_refused() -> None:
    found, server = ask(
        pointing([pointer(NAME.upper())], {(NAME, "L64"): ["1 2001:0db8:0001:0001"]})
    )
    assert found.l64s == ["2001+0db8+0001+0001"]
    assert [x[1] for x in server.asked].count("L64") == 1


def test_a_loop_of_pointers_ends() -> None:
    back = struct.pack("!H", 10) + dns.name.from_text(NAME).to_wire()
    found, server = ask(pointing([pointer(TARGET)], {(TARGET, "LP"): [back]}))
    assert found.peers == []
    assert len(server.asked) == 6


def test_a_target_that_is_an_alias_of_its_owner_is_refused() -> None:
    handle_rest = pointing([pointer(TARGET)], {})

    def handle(query: dns.message.Message, tcp: bool) -> bytes | None:
        asked = query.question[0]
        if str(asked.name).lower() == TARGET + ".":
            alias = record(TARGET, CNAME, 30, dns.name.from_text(NAME).to_wire())
            return message(query, [alias, record(NAME, L64, 30, rdata(1, 0x20010DB800010001))])
        return handle_rest(query, tcp)

    found, _ = ask(handle)
    assert found.peers == []


@pytest.mark.checklist(104)
def test_a_compressed_pointer_is_a_form_error() -> None:
    lp = record(NAME, LP, 60, b"\x00\x0a\x03net\xc0\x11")
    found, _ = ask(pointing([lp], {(TARGET, "L64"): ["5 2001:0db8:0009:0009"]}))
    assert found.peers == []


@pytest.mark.checklist(106)
@pytest.mark.parametrize(
    ("target", "believed"),
    [
        (TARGET, True),
        ("deep.net.example.com", True),
        ("net.example.org", False),
        ("net.com", False),
        ("example.net", False),
    ],
)
def test_additional_data_is_used_in_bailiwick_only(target: str, believed: bool) -> None:
    along = record(target, L64, 60, rdata(1, 0x20010DB800AA00AA))
    asked_for = {(target, "L64"): ["1 2001:0db8:00bb:00bb"]}
    rest = pointing([], asked_for)

    def handle(query: dns.message.Message, tcp: bool) -> bytes | None:
        asked = query.question[0]
        if asked.rdtype == LP and str(asked.name).lower() == NAME + ".":
            return message(query, [pointer(target)], more=[along])
        return rest(query, tcp)

    found, server = ask(handle)
    assert found.l64s == ["2001+0db8+00aa+00aa" if believed else "2001+0db8+00bb+00bb"]
    assert bool([x for x in server.asked if x[0] == target]) != believed


def test_additional_records_nobody_asked_for_are_ignored() -> None:
    along = [
        record(NAME, NID, 60, rdata(1, 0x666)),
        record(NAME, L64, 60, rdata(1, 0x20010DB806660666)),
    ]
    found, _ = ask(with_answers({"AAAA": []}, {"AAAA": along, "LP": along}))
    assert found.nids == ["0211-22ff-fe33-4455"]
    assert found.l64s == ["2001+0db8+0001+0001"]


def test_records_of_another_name_are_ignored() -> None:
    stray = record("www.example.com", L64, 30, rdata(1, 0x20010DB806660666))
    good = record(NAME, L64, 30, rdata(10, 0x20010DB800010001))
    found, _ = ask(with_answers({"L64": [stray, good]}))
    assert found.l64s == ["2001+0db8+0001+0001"]


def aliases(count: int, loop: bool = False) -> list[bytes]:
    names = [NAME, *(f"a{i}.example.com" for i in range(count))]
    chain = [
        record(names[i], CNAME, max(60 - i, 1), dns.name.from_text(names[i + 1]).to_wire())
        for i in range(count)
    ]
    if loop:
        chain.append(record(names[-1], CNAME, 5, dns.name.from_text(NAME).to_wire()))
    # In an order that helps nobody.
    return [*reversed(chain), record(names[-1], L64, 99, rdata(1, 0x20010DB800070007))]


@pytest.mark.parametrize("count", [1, 5, 16])
def test_aliases_are_followed_and_shorten_the_lifetime(count: int) -> None:
    found, _ = ask(with_answers({"L64": aliases(count)}))
    assert found.l64s == ["2001+0db8+0007+0007"]
    assert found.peers[0]["lifetime"] == min(30, 60 - count + 1)


@pytest.mark.parametrize(("count", "loop"), [(17, False), (200, False), (2, True), (0, True)])
def test_endless_aliases_are_not(count: int, loop: bool) -> None:
    found, _ = ask(with_answers({"L64": aliases(count, loop)}))
    assert found.peers == []
    assert len(found.addresses) == 2


MALFORMED = {
    "name past the end": b"\x3fabc",
    "pointer to itself": b"\xc0\x22",
    "pointer forward": b"\xc1\xff",
    "reserved label": b"\x80abc\x00",
    "no type": b"\x00\x00",
    "data past the end": b"\x00\x00\x6a\x00\x01\x00\x00\x00\x1e\x00\xff\x00\x0a",
    "nothing": b"",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_answers_are_dropped_whole(text: bytes) -> None:
    good = record(NAME, L64, 30, rdata(10, 0x20010DB800010001))
    found, _ = ask(with_answers({"L64": [good, text]}))
    assert found.peers == []
    assert len(found.addresses) == 2


def test_a_large_answer_comes_by_tcp() -> None:
    """More than 25 KB of addresses and of locators, which UDP says by its TC bit alone."""
    usual = table(ILNP)
    # Written beforehand: questions about locators are not waited for without end.
    head = b"\xc0\x0c" + struct.pack("!HHI", AAAA, 1, 30)
    addresses = [head + b"\0\x10" + i.to_bytes(16, "big") for i in range(1, 1001)]
    head = b"\xc0\x0c" + struct.pack("!HHI", L64, 1, 30)
    locators = [
        head + b"\0\x0a" + rdata(i, 0x20010DB800000001 | i << 16) for i in range(1500, 0, -1)
    ]

    def handle(query: dns.message.Message, tcp: bool) -> bytes | None:
        large = {AAAA: addresses, L64: locators}.get(query.question[0].rdtype)
        if large is None:
            return usual(query, tcp)
        return message(query, large) if tcp else message(query, [], flags=0x8380)

    found, server = ask(handle)
    assert len(found.addresses) == 1001
    assert found.l64s == [f"2001+0db8+{i:04x}+0001" for i in range(1, 9)]
    assert sorted(x[1] for x in server.asked if x[2]) == ["AAAA", "L64"]


def test_what_comes_by_tcp_is_waited_for_longer() -> None:
    """A server that has said by UDP that there is more is no box that swallows questions."""
    usual = table(ILNP)

    def handle(query: dns.message.Message, tcp: bool) -> bytes | None:
        if query.question[0].rdtype != L64:
            return usual(query, tcp)
        if not tcp:
            return message(query, [], flags=0x8380)
        time.sleep(0.8)
        return usual(query, tcp)

    found, _ = ask(handle, seconds=30)
    assert found.l64s == ["2001+0db8+0001+0001"]


def test_an_answer_of_64_kilobytes_is_read() -> None:
    def handle(query: dns.message.Message, tcp: bool) -> bytes | None:
        asked = query.question[0]
        if asked.rdtype != AAAA:
            return table(ILNP)(query, tcp)
        if not tcp:
            return message(query, [], flags=0x8380)
        one = b"\xc0\x0c" + struct.pack("!HHIH", AAAA, 1, 30, 16)
        room = 65535 - len(message(query, []))
        return message(query, [one + i.to_bytes(16, "big") for i in range(room // 28)])

    found, _ = ask(handle)
    assert len(found.addresses) == 2339 + 1
    assert found.nids == ["0211-22ff-fe33-4455"]


@pytest.mark.parametrize("rcode", [0, 3])
def test_a_server_that_does_not_keep_the_case_is_asked_by_tcp(rcode: int) -> None:
    """What it says there counts, whatever it is."""
    usual = table(ILNP)

    def handle(query: dns.message.Message, tcp: bool) -> bytes | None:
        lower = dns.name.from_text(str(query.question[0].name).lower()).to_wire()
        asked = lower + struct.pack("!HH", query.question[0].rdtype, 1)
        whole = usual(query, tcp)
        assert whole is not None
        if rcode != 0:
            return message(query, [], flags=0x8180 | rcode, question=asked)
        return whole[:12] + asked + whole[12 + len(asked) :]

    found, server = ask(handle)
    assert found.status == ("found" if rcode == 0 else "no such name")
    assert found.nids == (["0211-22ff-fe33-4455"] if rcode == 0 else [])
    assert any(tcp for _, _, tcp in server.asked)


FORGED = {
    "another number": lambda m: bytes([m[0] ^ 1]) + m[1:],
    "a query": lambda m: m[:2] + bytes([m[2] & 0x7F]) + m[3:],
    "another name": lambda m: m[:13] + b"zzzz" + m[17:],
    "another type": lambda m: m[:30] + b"\x01" + m[31:],
    "no question": lambda m: m[:4] + b"\0\0" + m[6:],
    "short": lambda m: m[:11],
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_what_does_not_answer_the_question_is_ignored(forge) -> None:  # type: ignore[no-untyped-def]
    """A forger's message comes first; the true one counts."""
    lie = table({**ILNP, (NAME, "L64"): ["0 2001:0db8:0666:0666"]})
    truth = table(ILNP)

    def handle(query: dns.message.Message, tcp: bool) -> bytes | None:
        forged = lie(query, tcp)
        assert forged is not None
        if query.question[0].rdtype == L64 and not tcp:
            sock, client = clients[-1]
            sock.sendto(forge(forged), client)
        return truth(query, tcp)

    clients: list[tuple] = []
    with answering(handle) as server:
        process = server._udp.process_request

        def note(request, client):  # type: ignore[no-untyped-def]
            clients.append((request[1], client))
            process(request, client)

        server._udp.process_request = note  # type: ignore[method-assign]
        found = resolve(NAME, server.port)
    assert found.l64s == ["2001+0db8+0001+0001"]


@pytest.mark.parametrize("rcode", [1, 4])
def test_a_server_that_does_not_know_edns_is_asked_without(rcode: int) -> None:
    usual = table(ILNP)

    def handle(query: dns.message.Message, tcp: bool) -> bytes | None:
        if query.edns >= 0:
            return struct.pack("!HHHHHH", query.id, 0x8180 | rcode, 0, 0, 0, 0)
        return usual(query, tcp)

    found, _ = ask(handle)
    assert found.nids == ["0211-22ff-fe33-4455"]


@pytest.mark.parametrize("rcode", [2, 3, 4, 5])
def test_a_server_that_does_not_know_the_types_is_not_waited_for(rcode: int) -> None:
    """Whatever it says to NID, L64 and LP, the addresses are there at once."""
    usual = table(ILNP)

    def handle(query: dns.message.Message, tcp: bool) -> bytes | None:
        if query.question[0].rdtype > 100:
            return message(query, [], flags=0x8180 | rcode)
        return usual(query, tcp)

    found, _ = ask(handle, seconds=30)
    assert (found.status, found.peers, len(found.addresses)) == ("found", [], 2)
    assert found.seconds < 15


def test_names_without_identifiers_do_not_wait_for_locators() -> None:
    """Whoever still waited would ask by TCP, as the late answer tells him to."""
    usual = table({key: value for key, value in ILNP.items() if key[1] in ("A", "AAAA")})
    answered = threading.Event()

    def handle(query: dns.message.Message, tcp: bool) -> bytes | None:
        rdtype = query.question[0].rdtype
        if rdtype == NID:
            answered.set()
        elif rdtype in (L64, LP) and not tcp:
            answered.wait(20)
            time.sleep(0.3)
            return message(query, [], flags=0x8380)
        return usual(query, tcp)

    found, server = ask(handle, seconds=30)
    assert (found.status, found.peers, len(found.addresses)) == ("found", [], 2)
    assert not any(tcp for _, _, tcp in server.asked)


def test_a_box_that_swallows_the_types_costs_little() -> None:
    usual = table(ILNP)

    def handle(query: dns.message.Message, tcp: bool) -> bytes | None:
        return None if query.question[0].rdtype > 100 else usual(query, tcp)

    found, _ = ask(handle, seconds=20)
    assert (found.status, found.peers, len(found.addresses)) == ("found", [], 2)
    assert found.seconds < 10


@pytest.mark.parametrize(
    ("rcode", "status"), [(3, "no such name"), (2, "try again"), (5, "not available")]
)
def test_failures_are_told_apart(rcode: int, status: str) -> None:
    found, _ = ask(lambda query, _tcp: message(query, [], flags=0x8180 | rcode))
    assert (found.status, found.peers, found.addresses) == (status, [], [])


def test_a_name_without_records_has_no_data() -> None:
    found, _ = ask(table({}))
    assert found.status == "no such data"


def test_a_lost_question_is_asked_again() -> None:
    usual = table(ILNP)
    seen: set[int] = set()

    def handle(query: dns.message.Message, tcp: bool) -> bytes | None:
        rdtype = query.question[0].rdtype
        first = rdtype not in seen
        seen.add(rdtype)
        return None if first and rdtype == AAAA else usual(query, tcp)

    found, _ = ask(handle, seconds=1, attempts=2)
    assert (found.status, len(found.addresses), len(found.peers)) == ("found", 2, 1)


def test_a_silent_server_is_given_up() -> None:
    found, _ = ask(lambda _query, _tcp: None, seconds=1, attempts=2)
    assert found.status == "try again"
    assert 2 <= found.seconds < 15


def test_nobody_there_is_noticed_at_once() -> None:
    with answering(table(ILNP)) as server:
        port = server.port
    found = resolve(NAME, port, seconds=20)
    assert found.status == "try again"
    assert found.seconds < 10


@pytest.mark.parametrize(
    "name", ["a..b", "-\\.x", "a" * 64 + ".x", "x." * 130, "bücher.example", " "]
)
def test_what_is_no_host_name_is_left_to_others(name: str) -> None:
    found, server = ask(table(ILNP), name=name)
    assert found.status == "not available"
    assert server.asked == []
