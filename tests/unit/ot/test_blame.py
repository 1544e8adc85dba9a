"""Marks that tell which operation brought, and which took away, each part of a document."""

from __future__ import annotations

from collab.ot.blame import lengths, marked, parts, unmarked, unwound
from collab.ot.delta import Delta, delete, insert, retain
from collab.ot.rope import Rope


def document(*ops: Delta) -> Rope:
    rope = unmarked(Rope.of((insert("there", {"bold": True}),)))
    for number, op in enumerate(ops, 1):
        rope = marked(rope, op, number)
    return rope


def test_what_was_there_before_is_nobody_s() -> None:
    assert list(parts(document())) == [("there", None)]


def test_each_part_is_of_the_operation_that_inserted_it() -> None:
    rope = document((retain(2), insert("XY")), (retain(3), insert("😀"), delete(1), retain(1)))
    assert list(parts(rope)) == [("th", None), ("X", 1), ("😀", 2), ("ere", None)]


def test_formats_are_nobody_s_and_embeds_stay_single() -> None:
    picture = {"image": "x"}
    rope = document((insert(picture), insert(picture)), (retain(4, {"bold": None, "by": "x"}),))
    assert list(parts(rope)) == [(picture, 1), (picture, 1), ("there", None)]


def test_backwards_each_part_is_of_the_operation_that_deleted_it() -> None:
    operations: list[Delta] = [
        (delete(1), insert("a😀")),
        (retain(1), delete(2), retain(1), delete(2)),
    ]
    rope = document(*operations)
    back = unmarked(rope)
    for number in (2, 1):
        back = unwound(back, operations[number - 1], number)
    assert list(lengths(back)) == [(1, 1), (1, None), (2, 2), (1, None)]
