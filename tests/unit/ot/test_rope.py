"""The rope: what applies, what is refused, and that old values stay."""

from __future__ import annotations

import pytest

from collab.errors import InvalidOperation
from collab.ot.delta import Delta, Op, compose, delete, insert, retain
from collab.ot.rope import Rope

BOLD = {"bold": True}
IMAGE = {"image": "a.png"}
LONG = "The quick brown 😀 jumps over the lazy dog.\n" * 3000


def test_the_empty_rope() -> None:
    rope = Rope.empty()
    assert (rope.length, rope.points, rope.size) == (0, 0, 0)
    assert rope.to_delta() == ()
    assert rope.text() == ""
    assert rope.slice(0, 0) == ()
    assert (rope.units_at(0), rope.points_at(0)) == (0, 0)
    assert rope.apply(()) == rope


def test_measures() -> None:
    rope = Rope.of((insert("é😀"), insert(IMAGE, BOLD)))
    assert rope.length == 4
    assert rope.points == 3
    assert rope.size == 6 + len('{"image":"a.png"}') + len('{"bold":true}')


def test_text_leaves_embeds_out() -> None:
    assert Rope.of((insert("a"), insert(IMAGE), insert("b"))).text() == "ab"


def test_an_edit_leaves_the_old_value_alone() -> None:
    old = Rope.of((insert("Hello"),))
    new = old.apply((retain(5), insert(" world")))
    assert (old.text(), new.text()) == ("Hello", "Hello world")


def test_formatting_composes_attributes_and_removes_nulls() -> None:
    rope = Rope.of((insert("ab", BOLD), insert("cd")))
    rope = rope.apply((retain(1), retain(2, {"i": 1}), retain(1, {"i": None})))
    assert rope.to_delta() == (
        insert("a", BOLD),
        insert("b", {"bold": True, "i": 1}),
        insert("c", {"i": 1}),
        insert("d"),
    )
    assert rope.apply((retain(4, {"bold": None, "i": None}),)).to_delta() == (insert("abcd"),)


def test_equal_contents_are_equal_however_they_came_to_be() -> None:
    typed = Rope.empty()
    for place, character in enumerate("abc"):
        typed = typed.apply((retain(place), insert(character)) if place else (insert(character),))
    assert typed == Rope.of((insert("abc"),))
    assert typed != Rope.of((insert("abd"),))
    assert Rope.of((insert("a", {"x": 1}),)) != Rope.of((insert("a", {"x": True}),))


def test_nulls_and_empty_attributes_say_nothing_on_an_insert() -> None:
    rope = Rope.empty().apply((Op("a", attributes={"bold": None}), Op("b", attributes={})))
    assert rope.to_delta() == (insert("ab"),)


@pytest.mark.parametrize(
    "operation",
    [
        (retain(4), insert("x")),
        (delete(4),),
        (retain(4, BOLD),),
        (retain(2), delete(2)),
        (retain(4),),
    ],
)
def test_past_the_end_is_refused(operation: Delta) -> None:
    with pytest.raises(InvalidOperation, match="past the end"):
        Rope.of((insert("abc"),)).apply(operation)
    with pytest.raises(InvalidOperation, match="past the end"):
        Rope.of((insert("abc"),)).invert(operation)


@pytest.mark.parametrize(
    "operation",
    [
        (retain(2), insert("x")),
        (retain(1), delete(1)),
        (retain(2), delete(2)),
        (retain(2, BOLD),),
        (retain(2), retain(1, BOLD)),
    ],
)
@pytest.mark.parametrize("after", ["", "x" * 10_000])
def test_inside_an_emoji_is_refused(operation: Delta, after: str) -> None:
    with pytest.raises(InvalidOperation, match="inside a character"):
        Rope.of((insert("a😀b" + after),)).apply(operation)


def test_a_document_has_only_inserts() -> None:
    with pytest.raises(InvalidOperation, match="inserts alone"):
        Rope.of((retain(1),))


def test_half_a_pair_never_gets_in() -> None:
    with pytest.raises(InvalidOperation, match="half a surrogate pair"):
        Rope.empty().apply((insert("\ud83d"),))


def test_a_long_document_is_edited_anywhere() -> None:
    rope = Rope.of((insert(LONG),))
    middle = rope.units_at(len(LONG) // 2)
    edited = rope.apply((retain(middle), insert("HERE"), delete(10_000)))
    assert edited.text() == LONG[: len(LONG) // 2] + "HERE" + edited.text()[len(LONG) // 2 + 4 :]
    assert edited.length == rope.length + 4 - 10_000
    assert edited.apply(rope.invert((retain(middle), insert("HERE"), delete(10_000)))) == rope


def test_positions_in_a_long_document() -> None:
    rope = Rope.of((insert(LONG),))
    for point in (0, 1, 17, 18, len(LONG) // 2, len(LONG)):
        assert rope.points_at(rope.units_at(point)) == point
    assert rope.units_at(len(LONG)) == rope.length
    emoji = LONG.index("😀")
    with pytest.raises(InvalidOperation, match="inside a character"):
        rope.points_at(rope.units_at(emoji) + 1)


@pytest.mark.parametrize("position", [-1, 4])
def test_positions_outside_are_refused(position: int) -> None:
    rope = Rope.of((insert("abc"),))
    for ask in (rope.units_at, rope.points_at, lambda end: rope.slice(0, end)):
        with pytest.raises(InvalidOperation, match="outside"):
            ask(position)


def test_a_slice_keeps_attributes_and_embeds() -> None:
    rope = Rope.of((insert("ab", BOLD), insert(IMAGE), insert("cd")))
    assert rope.slice(1, 4) == (insert("b", BOLD), insert(IMAGE), insert("c"))
    with pytest.raises(InvalidOperation, match="inside a character"):
        Rope.of((insert("😀"),)).slice(0, 1)


def test_many_edits_at_once_are_the_same_as_one_by_one() -> None:
    document: Delta = (insert("ab" * 2000),)
    operation = tuple(op for _ in range(2000) for op in (retain(1), insert("x", BOLD), delete(1)))
    assert Rope.of(document).apply(operation).to_delta() == compose(document, operation)


def test_the_size_does_not_depend_on_where_leaves_divide_a_run() -> None:
    text = "x" * 20_000
    built = Rope.of((insert(text, BOLD),))
    typed = Rope.empty()
    for start in range(0, 20_000, 1000):
        piece = insert(text[start : start + 1000], BOLD)
        typed = typed.apply((retain(start), piece) if start else (piece,))
    assert built.size == typed.size == 20_000 + len('{"bold":true}')
