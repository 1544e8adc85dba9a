"""What an update may look like: every refusal of the reader, and what it must not refuse."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pycrdt import Doc, Map, Text

from collab.errors import InvalidOperation
from collab.types.yjs_update import ANY, DELETED, GC, SKIP, STRING, XML_ELEMENT, join, read_update
from tests.fuzz.yjs_updates import (
    EMPTY,
    NULL,
    anything,
    collected,
    item,
    number,
    shared,
    skipped,
    string,
    text,
    update,
)


def refused(raw: bytes) -> str:
    with pytest.raises(InvalidOperation) as refusal:
        read_update(raw)
    return str(refusal.value)


def test_an_empty_update_has_nothing_in_it() -> None:
    read = read_update(EMPTY)
    assert (read.sections, read.deletes) == ([], {})


def test_every_struct_is_read_with_its_length_and_what_it_hangs_on() -> None:
    raw = update(
        (
            7,
            3,
            [
                text("añ😀", parent="body"),
                text("x", origin=(7, 3), right=(9, 1)),
                item(1, number(5), parent=(9, 0), key="k"),
                collected(2),
                skipped(4),
                anything(NULL, b"\x77" + string("v"), key="k"),
                shared(3, string("p"), origin=(7, 6)),
            ],
        ),
        deletes={7: [(3, 2)], 9: []},
    )
    read = read_update(raw)
    assert read.sections == [
        (
            7,
            3,
            [
                (4, STRING, None, None, "body", False, (2,)),
                (1, STRING, (7, 3), (9, 1), None, False, None),
                (5, DELETED, None, None, (9, 0), True, None),
                (2, GC, None, None, None, False, None),
                (4, SKIP, None, None, None, False, None),
                (2, ANY, None, None, "root", True, None),
                (1, XML_ELEMENT, (7, 6), None, None, False, None),
            ],
        )
    ]
    assert read.deletes == {7: [(3, 5)], 9: []}


def test_every_prefix_of_an_update_is_refused() -> None:
    raw = update(
        (5, 0, [text("naïve 😀"), shared(3, string("p")), anything(NULL)]), deletes={5: [(0, 1)]}
    )
    for end in range(len(raw)):
        refused(raw[:end])


def test_bytes_after_the_update_are_refused() -> None:
    assert "end" in refused(EMPTY + b"\x00")


@pytest.mark.parametrize(
    "raw",
    [
        number(2**40) + b"\x00",
        b"\x01" + number(2**40) + b"\x05\x00" + b"\x00" * 9,
        b"\x00" + number(2**31),
        b"\x00\x01\x05" + number(2**31),
        update((5, 0, [item(4, number(2**31) + b"abc")])),
        update((5, 0, [item(8, number(2**31) + NULL)])),
        update((5, 0, [anything(b"\x75" + number(2**50))])),
        update((5, 0, [anything(b"\x76" + number(2**50))])),
        update((5, 0, [anything(b"\x74" + number(2**50))])),
        update((5, 0, [item(3, number(2**50))])),
    ],
)
def test_a_count_above_what_follows_is_refused_at_once(raw: bytes) -> None:
    started = time.perf_counter()
    assert "larger than what follows" in refused(raw)
    assert time.perf_counter() - started < 0.1


def test_a_number_of_more_than_53_bits_is_refused() -> None:
    read_update(update((2**53 - 1, 0, [text("a")])))
    assert "53 bits" in refused(update((2**53, 0, [text("a")])))
    assert "53 bits" in refused(b"\xff" * 30)
    assert "53 bits" in refused(update((5, 0, [anything(b"\x7d" + b"\xff" * 9 + b"\x01")])))


def test_a_number_longer_than_needed_is_refused() -> None:
    assert "longer" in refused(b"\x80\x00\x00")
    assert "longer" in refused(b"\x01\x01\x85\x80\x00" + b"\x00" + text("a") + b"\x00")


def test_clocks_end_at_31_bits() -> None:
    read_update(update((5, 2**31 - 2, [collected(1)])))
    assert "clock" in refused(update((5, 2**31 - 1, [collected(1)])))
    assert "clock" in refused(update((5, 0, [collected(2**31)])))
    assert "clock" in refused(update((5, 0, [item(1, number(2**31 - 1)), collected(1)])))
    assert "clock" in refused(update(deletes={5: [(2**31 - 1, 1)]}))
    assert "clock" in refused(update((5, 1, [text("a", origin=(6, 2**31))])))


def test_invalid_utf8_and_lone_surrogates_are_refused() -> None:
    for content in (b"\xff", b"\xed\xa0\xbd", b"\xc0\x80", b"\xf5\x80\x80\x80"):
        assert "UTF-8" in refused(update((5, 0, [text(content)])))
        assert "UTF-8" in refused(update((5, 0, [anything(b"\x77" + string(content))])))
        assert "UTF-8" in refused(update((5, 0, [anything(b"\x76\x01" + string(content) + NULL)])))


@pytest.mark.parametrize("info", [0x10, 0x14, 0x20, 0x40, 0x80, 0x2A, 0x0B, 0x0F, 0x1F])
def test_an_info_byte_that_pycrdt_and_yjs_read_differently_is_refused(info: int) -> None:
    refused(b"\x01\x01\x05\x00" + bytes([info]) + b"\x01\x01a\x01h\x00")


def test_content_that_pycrdt_misreads_is_refused() -> None:
    for what in (item(2, number(1) + string("1") + string("2")), shared(5), shared(5, string("k"))):
        assert "unknown kind" in refused(update((5, 0, [what])))
    for kind in (7, 8, 9, 15, 127, 128):
        assert "unknown kind" in refused(update((5, 0, [shared(kind)])))


def test_a_parent_is_a_name_or_an_item() -> None:
    assert "neither" in refused(b"\x01\x01\x05\x00\x04\x02\x01a\x01h\x00")


def test_a_client_is_named_once_and_with_structs() -> None:
    assert "twice" in refused(update((5, 0, [text("a")]), (5, 1, [text("b")])))
    assert "twice" in refused(b"\x00\x02\x05\x00\x05\x00")
    # pycrdt panics at these two.
    assert "without a struct" in refused(update((5, 0, [])))
    assert "without a struct" in refused(update((5, 2, [item(1, number(0))])))


def test_structs_without_length_are_passed_over_or_refused() -> None:
    read = read_update(update((5, 0, [text(""), text("a"), item(1, number(0)), item(8, b"\x00")])))
    assert [struct[0] for struct in read.sections[0][2]] == [1]
    assert "no length" in refused(update((5, 0, [collected(0)])))
    assert "no length" in refused(update((5, 0, [skipped(0), text("a")])))


def nested(depth: int, opening: bytes = b"\x75\x01") -> bytes:
    return update((5, 0, [anything(opening * depth + NULL)]))


def test_any_values_nest_64_deep_and_no_deeper() -> None:
    read_update(nested(64))
    read_update(nested(64, b"\x76\x01\x01k"))
    read_update(update((5, 0, [anything(b"\x75\x01" * 63 + b"\x75\x00")])))
    assert "too deep" in refused(nested(65))
    assert "too deep" in refused(nested(65, b"\x76\x01\x01k"))
    assert "too deep" in refused(update((5, 0, [anything(b"\x75\x01" * 64 + b"\x75\x00")])))


def test_the_52_kb_bomb_of_nested_arrays_is_refused() -> None:
    bomb = nested(26_000)
    assert 52_000 < len(bomb) < 53_000
    assert "too deep" in refused(bomb)


def test_wide_values_are_not_deep() -> None:
    read_update(update((5, 0, [anything(b"\x75" + number(20_000) + b"\x75\x00" * 20_000)])))
    read_update(update((5, 0, [anything(*[b"\x76\x01\x01k\x75\x01" + NULL] * 20_000)])))


def test_every_any_value_is_walked() -> None:
    values = [
        b"\x7f", b"\x7e", b"\x79", b"\x78",
        b"\x7d\x05", b"\x7d\x45", b"\x7d\x80\x01", b"\x7d\xff\xff\xff\xff\xff\xff\xff\x0f",
        b"\x7c\x3f\x80\x00\x00", b"\x7b" + b"\x01" * 8, b"\x7a" + b"\xff" * 8,
        b"\x77" + string("é😀"), b"\x74" + string(b"\xff\x00"),
        b"\x75\x02\x7e\x75\x00", b"\x76\x02\x01a\x76\x00\x01b\x75\x01\x7e",
    ]  # fmt: skip
    read = read_update(update((5, 0, [anything(*values)])))
    assert read.sections[0][2][0][0] == len(values)
    for tag in (*range(116), *range(128, 256)):
        assert "unknown kind" in refused(update((5, 0, [anything(bytes([tag]))])))


def test_json_is_parsed_and_nests_64_deep() -> None:
    def embed(json: str) -> bytes:
        return update((5, 0, [item(5, string(json))]))

    read_update(embed('{"a": [1, null, "[[[["]}'))
    read_update(embed("[" * 64 + "]" * 64))
    read_update(embed("[" + "[]," * 100 + "1]"))
    read_update(embed('["' + "[" * 100 + '\\"' + "[" * 100 + '\\\\"]'))
    assert "too deep" in refused(embed("[" * 65 + "]" * 65))
    assert "too deep" in refused(embed('{"a":' * 65 + "1" + "}" * 65))
    assert "too deep" in refused(embed("[" * 20_000))
    for broken in ("", "{", "undefined", "NaN", "1 1", "01", '"\\ud83d"', "1e999"):
        assert "parse" in refused(embed(broken))
    assert "parse" in refused(update((5, 0, [item(6, string("bold") + string("tru"))])))


def test_a_megabyte_of_the_letter_u_passes() -> None:
    document: Doc[Text] = Doc()
    document.get("t", type=Text).insert(0, "u" * 1_000_000)
    assert read_update(document.get_update()).sections[0][2][0][0] == 1_000_000
    # As values too: 117 opens an array only where a value begins.
    read_update(update((5, 0, [anything(b"\x77" + string("u" * 1_000_000))])))


def test_a_subdocument_is_one_item() -> None:
    document: Doc[Map[object]] = Doc()
    document.get("m", type=Map)["sub"] = Doc()
    assert read_update(document.get_update()).sections[0][2][0][:2] == (1, 9)


def test_the_same_structs_with_other_deletions() -> None:
    raw = update((5, 0, [text("abc")]), deletes={5: [(0, 1)]})
    changed = read_update(raw).with_deletes({5: [(0, 2)], 2**40: [(300, 70_000)]})
    assert changed.raw == update(
        (5, 0, [text("abc")]), deletes={5: [(0, 2)], 2**40: [(300, 69_700)]}
    )
    assert read_update(changed.raw) == changed


@pytest.mark.parametrize("clients", [1, 2, 200])
def test_updates_of_different_clients_are_joined_into_one(clients: int) -> None:
    together, apart = Doc[Any](), Doc[Any]()
    updates = []
    for client in range(1, clients + 1):
        writer: Doc[Any] = Doc(client_id=client * 97)
        writer.get("text", type=Text).insert(0, f"{client} 🙂")
        updates.append(read_update(writer.get_update()))
        apart.apply_update(updates[-1].raw)
    joined = join(updates)
    together.apply_update(joined)
    assert together.get_update() == apart.get_update()
    assert {c: (at, s) for c, at, s in read_update(joined).sections} == {
        c: (at, s) for each in updates for c, at, s in each.sections
    }
