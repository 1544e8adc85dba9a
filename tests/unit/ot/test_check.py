"""What may enter: every refusal has its example."""

from __future__ import annotations

import pytest

from collab.errors import InvalidOperation
from collab.ot.check import MAX_OPS, parse, parse_document
from collab.ot.delta import Delta, Op, delete, insert, retain
from collab.types import OperationLimits

LIMITS = OperationLimits(max_depth=3, max_attributes_bytes=60, max_embed_bytes=100)
BOLD = {"bold": True}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("[]", ()),
        ('[{"retain":3}]', ()),
        ('[{"insert":"a"},{"insert":"b"},{"retain":2}]', (insert("ab"),)),
        ('[{"delete":1},{"insert":"a"}]', (insert("a"), delete(1))),
        ('[{"insert":"a","attributes":{}}]', (insert("a"),)),
        ('[{"insert":"a","attributes":{"bold":null}}]', (insert("a"),)),
        ('[{"insert":"a","attributes":{"bold":true,"i":null}}]', (insert("a", BOLD),)),
        ('[{"retain":1,"attributes":{"bold":null}}]', (retain(1, {"bold": None}),)),
        ('[{"insert":{"image":"x"}}]', (insert({"image": "x"}),)),
        ('[{"insert":"\\ud83d\\ude00"}]', (insert("😀"),)),
        ('[{"insert":"\\u0000"}]', (insert("\0"),)),
        ('[{"retain":9007199254740991},{"insert":"a"}]', (retain(2**53 - 1), insert("a"))),
        (
            '[{"insert":{"__proto__":{"a":1},"constructor":2}}]',
            (insert({"__proto__": {"a": 1}, "constructor": 2}),),
        ),
        (
            '[{"retain":1,"attributes":{"__proto__":"x"}}]',
            (retain(1, {"__proto__": "x"}),),
        ),
    ],
)
def test_allowed(raw: str, expected: Delta) -> None:
    assert parse(raw.encode(), LIMITS) == expected


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "not a JSON array of ops"),
        ("{", "not a JSON array of ops"),
        ("null", "not a JSON array of ops"),
        ('{"ops":[]}', "not a JSON array of ops"),
        ("[3]", "not a JSON array of ops"),
        ("[[]]", "not a JSON array of ops"),
        ('[{"insert":"a","other":1}]', "no fields but"),
        ('[{"__proto__":1}]', "no fields but"),
        ("[{}]", "op 0: exactly one"),
        ('[{"attributes":{"bold":true}}]', "exactly one"),
        ('[{"insert":null}]', "exactly one"),
        ('[{"insert":"a"},{"insert":"a","retain":1}]', "op 1: exactly one"),
        ('[{"delete":1,"retain":1}]', "exactly one"),
        ('[{"insert":""}]', "empty insert"),
        ('[{"insert":7}]', "not a JSON array of ops"),
        ('[{"insert":["a"]}]', "not a JSON array of ops"),
        ('[{"retain":0}]', "a length"),
        ('[{"delete":0}]', "a length"),
        ('[{"retain":-1}]', "a length"),
        ('[{"delete":-1}]', "a length"),
        ('[{"retain":true}]', "got `bool`"),
        ('[{"delete":false}]', "got `bool`"),
        ('[{"retain":1.5}]', "got `float`"),
        ('[{"retain":"1"}]', "got `str`"),
        ('[{"retain":{"image":1}}]', "got `object`"),
        ('[{"retain":9007199254740992}]', "a length"),
        ('[{"retain":1e400}]', "not a JSON array of ops"),
        ('[{"retain":9007199254740991},{"delete":1}]', "a length"),
        ('[{"delete":1,"attributes":{"bold":true}}]', "a delete has no attributes"),
        ('[{"retain":1,"attributes":[]}]', "not a JSON array of ops"),
        ('[{"retain":1,"attributes":{"a":NaN}}]', "not a JSON array of ops"),
        ('[{"retain":1,"attributes":{"a":1e400}}]', "not a JSON array of ops"),
        ('[{"retain":1,"attributes":{"a":9007199254740992}}]', "a number beyond"),
        ('[{"retain":1,"attributes":{"a":-1e300}}]', "a number beyond"),
        ('[{"retain":1,"attributes":{"a":{"b":{"c":{}}}}}]', "nested too deep"),
        ('[{"insert":{"a":[[[1]]]}}]', "nested too deep"),
        ('[{"insert":"a","attributes":{"a":"' + "x" * 60 + '"}}]', "attributes over 60 bytes"),
        ('[{"insert":{}}]', "an embed needs a key"),
        ('[{"insert":{"a":"' + "x" * 100 + '"}}]', "an embed over 100 bytes"),
        ('[{"insert":"\\ud83d"}]', "not a JSON array of ops"),
        ('[{"insert":"\\ude00a"}]', "not a JSON array of ops"),
        ('[{"insert":{"\\ud800":1}}]', "not a JSON array of ops"),
        ("[" * 100_000, "not a JSON array of ops"),
        ('[{"insert":' + '{"a":' * 100_000, "nested too deep"),
    ],
)
def test_refused(raw: str, reason: str) -> None:
    with pytest.raises(InvalidOperation, match=reason):
        parse(raw.encode(), LIMITS)


@pytest.mark.parametrize("raw", [b'[{"insert":"\xff"}]', b'[{"insert":"\xed\xa0\x80"}]', b"\xff"])
def test_bytes_that_are_not_utf8_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidOperation):
        parse(raw, LIMITS)


def test_the_number_of_ops_is_bounded() -> None:
    raw = b"[" + b",".join([b'{"insert":"a"}'] * (MAX_OPS + 1)) + b"]"
    with pytest.raises(InvalidOperation, match="ops"):
        parse(raw, LIMITS)
    assert parse_document(raw, LIMITS) == (insert("a" * (MAX_OPS + 1)),)


def test_plain_text_has_neither_attributes_nor_embeds() -> None:
    assert parse(b'[{"insert":"a","attributes":{}}]', LIMITS, rich=False) == (insert("a"),)
    for raw in (b'[{"insert":{"image":1}}]', b'[{"retain":1,"attributes":{"bold":null}}]'):
        with pytest.raises(InvalidOperation, match="plain text has no"):
            parse(raw, LIMITS, rich=False)


def test_a_document_is_made_of_inserts() -> None:
    with pytest.raises(InvalidOperation, match="inserts alone"):
        parse_document(b'[{"insert":"a"},{"retain":1}]', LIMITS)


def test_messages_repeat_nothing_of_the_content() -> None:
    with pytest.raises(InvalidOperation) as refused:
        parse(b'[{"insert":"a","secret":"word"}]', LIMITS)
    assert "secret" not in str(refused.value)


def test_an_op_is_written_as_quill_writes_it() -> None:
    assert Op(insert="a").insert == "a"
    assert parse(b'[{"attributes":{"bold":true},"retain":2}]', LIMITS) == (retain(2, BOLD),)
