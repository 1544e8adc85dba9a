"""Deltas: normal form, compose and invert, by example."""

from __future__ import annotations

import pytest

from collab.errors import InvalidOperation
from collab.ot.delta import (
    Delta,
    Op,
    base_length,
    compose,
    delete,
    document_length,
    insert,
    invert,
    length_change,
    normalize,
    retain,
)

BOLD = {"bold": True}
IMAGE = {"image": "a.png"}


# Normal form -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ops", "normal"),
    [
        ([insert("a"), insert("b")], (insert("ab"),)),
        ([insert("a", BOLD), insert("b", BOLD)], (insert("ab", BOLD),)),
        ([insert("a", BOLD), insert("b")], (insert("a", BOLD), insert("b"))),
        ([insert("a", {"x": 1}), insert("b", {"x": True})], None),
        ([insert(IMAGE), insert(IMAGE)], None),
        ([delete(1), delete(2)], (delete(3),)),
        ([retain(1), retain(2), insert("a")], (retain(3), insert("a"))),
        ([retain(1), retain(2, BOLD)], None),
        ([delete(2), insert("a")], (insert("a"), delete(2))),
        ([insert("a"), delete(2), insert("b")], (insert("ab"), delete(2))),
        ([insert("a"), retain(4)], (insert("a"),)),
        ([insert("a"), retain(4, BOLD)], None),
        ([insert(""), retain(0), delete(0)], ()),
        ([Op(insert="a", attributes={})], (insert("a"),)),
    ],
)
def test_normal_form(ops: list[Op], normal: Delta | None) -> None:
    assert normalize(ops) == (tuple(ops) if normal is None else normal)


def test_true_and_one_are_different_attributes() -> None:
    assert len(normalize([insert("a", {"x": 1}), insert("b", {"x": True})])) == 2


# Lengths -----------------------------------------------------------------------------------------


def test_lengths_are_in_utf16_units() -> None:
    operation = (retain(3), insert("😀"), insert(IMAGE), delete(4))
    assert [op.length for op in operation] == [3, 2, 1, 4]
    assert base_length(operation) == 7
    assert length_change(operation) == -1
    assert document_length((insert("a😀"), insert(IMAGE))) == 4


# compose -----------------------------------------------------------------------------------------


def test_typing_becomes_one_insert() -> None:
    assert compose((retain(5), insert("a")), (retain(6), insert("b"))) == (retain(5), insert("ab"))


def test_what_is_inserted_then_deleted_leaves_nothing() -> None:
    assert compose((retain(5), insert("ab")), (retain(5), delete(2))) == ()


def test_formatting_part_of_an_insert_divides_it() -> None:
    assert compose((insert("abc"),), (retain(1), retain(1, BOLD))) == (
        insert("a"),
        insert("b", BOLD),
        insert("c"),
    )


def test_deletes_of_both_are_of_the_first_document() -> None:
    assert compose((retain(1), delete(2)), (delete(2),)) == (delete(4),)


def test_nulls_stay_in_a_change_and_go_from_content() -> None:
    clear = {"bold": None}
    assert compose((retain(2, BOLD),), (retain(2, clear),)) == (retain(2, clear),)
    assert compose((insert("ab", BOLD),), (retain(2, clear),)) == (insert("ab"),)


def test_the_second_may_end_inside_what_the_first_inserts() -> None:
    assert compose((insert("abcd"), delete(1)), (retain(1), delete(1))) == (
        insert("acd"),
        delete(1),
    )


@pytest.mark.parametrize("second", [(retain(1), insert("x")), (delete(1),), (retain(1, BOLD),)])
def test_an_emoji_is_never_divided(second: Delta) -> None:
    if second[0].insert is None and len(second) == 2:
        # An insert in between: what comes before it must end between characters.
        second = (*second, delete(1))
    with pytest.raises(InvalidOperation, match="inside a character"):
        compose((insert("😀"),), second)


# invert ------------------------------------------------------------------------------------------

DOCUMENT: Delta = (insert("Hello "), insert("😀world", BOLD), insert(IMAGE))


@pytest.mark.parametrize(
    ("operation", "inverse"),
    [
        ((retain(6), insert("new ")), (retain(6), delete(4))),
        ((retain(4), delete(4)), (retain(4), insert("o "), insert("😀", BOLD))),
        (
            (retain(4), retain(4, {"bold": None})),
            (retain(4), retain(2, {"bold": None}), retain(2, BOLD)),
        ),
        ((retain(13), delete(1)), (retain(13), insert(IMAGE))),
        ((retain(6, {"i": 1}),), (retain(6, {"i": None}),)),
        ((), ()),
    ],
)
def test_inverse(operation: Delta, inverse: Delta) -> None:
    assert invert(operation, DOCUMENT) == inverse
    assert compose(compose(DOCUMENT, operation), inverse) == DOCUMENT


def test_what_does_not_fit_has_no_inverse() -> None:
    with pytest.raises(InvalidOperation, match="past the end"):
        invert((delete(15),), DOCUMENT)
    with pytest.raises(InvalidOperation, match="inside a character"):
        invert((delete(7),), DOCUMENT)
