"""State vectors and awareness: their bounds, and what honest clients send."""

from __future__ import annotations

import pytest
from pycrdt import Doc, Text

from collab.errors import InvalidOperation
from collab.types.yjs_wire import AwarenessEntry, check_awareness, check_state_vector
from tests.fuzz.yjs_updates import number, string


def test_the_state_vector_of_five_bytes_is_refused() -> None:
    with pytest.raises(InvalidOperation):
        check_state_vector(bytes.fromhex("808080800f"))


def test_state_vectors_are_read() -> None:
    assert check_state_vector(b"\x00") == {}
    document: Doc[Text] = Doc(client_id=2**53 - 1)
    document.get("t", type=Text).insert(0, "añ😀")
    assert check_state_vector(document.get_state()) == {2**53 - 1: 4}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01",
        b"\x01\x05",
        b"\x00\x00",
        b"\x02\x05\x01\x05\x01",
        b"\x01\x05" + number(2**31),
        b"\x01" + number(2**53) + b"\x01",
        b"\x80\x00",
        b"\xff" * 20,
    ],
)
def test_other_state_vectors_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidOperation):
        check_state_vector(raw)


def awareness(*entries: tuple[int, int, str | bytes]) -> bytes:
    raw = number(len(entries))
    for client, clock, state in entries:
        raw += number(client) + number(clock) + string(state)
    return raw


def test_awareness_is_read() -> None:
    raw = awareness((5, 1, '{"name": "é😀"}'), (2**53 - 1, 2**32 - 1, "null"))
    assert check_awareness(raw) == [
        AwarenessEntry(5, 1, '{"name": "é😀"}'),
        AwarenessEntry(2**53 - 1, 2**32 - 1, None),
    ]
    assert check_awareness(b"\x00") == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xff\xff\xff\x0f",
        awareness((5, 1, "{}"))[:-1],
        awareness((5, 1, "{}")) + b"\x00",
        awareness((5, 2**32, "{}")),
        awareness((2**53, 1, "{}")),
        awareness((5, 1, "")),
        awareness((5, 1, " ")),
        awareness((5, 1, "{")),
        awareness((5, 1, "[]")),
        awareness((5, 1, "1")),
        awareness((5, 1, '"null"')),
        awareness((5, 1, '{"a":' * 65 + "1" + "}" * 65)),
        awareness((5, 1, '{"a":' + "[" * 100_000 + "}")),
        awareness((5, 1, b'{"a": "\xff"}')),
        awareness((5, 1, '{"a": "' + "x" * 65_536 + '"}')),
    ],
)
def test_other_awareness_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidOperation):
        check_awareness(raw)
