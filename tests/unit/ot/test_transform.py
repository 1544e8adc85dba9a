"""Transformation, by example: who goes first, and what is left of overlapping deletes."""

from __future__ import annotations

import pytest

from collab.ot.delta import Delta, delete, insert, retain
from collab.ot.transform import transform, transform_any, transform_position

BOLD = {"bold": True}


@pytest.mark.parametrize(
    ("history", "operation", "expected"),
    [
        # insert over insert
        ((retain(2), insert("xx")), (retain(5), insert("y")), (retain(7), insert("y"))),
        ((retain(5), insert("xx")), (retain(2), insert("y")), (retain(2), insert("y"))),
        ((insert("😀"),), (retain(1), insert("y")), (retain(3), insert("y"))),
        # delete over insert
        ((retain(2), insert("xx")), (retain(2), delete(3)), (retain(4), delete(3))),
        (
            (retain(3), insert("xx")),
            (retain(2), delete(3)),
            (retain(2), delete(1), retain(2), delete(2)),
        ),
        ((retain(5), insert("xx")), (retain(2), delete(3)), (retain(2), delete(3))),
        # insert over delete
        ((retain(2), delete(3)), (retain(2), insert("y")), (retain(2), insert("y"))),
        ((retain(2), delete(3)), (retain(4), insert("y")), (retain(2), insert("y"))),
        ((retain(2), delete(3)), (retain(6), insert("y")), (retain(3), insert("y"))),
        ((delete(3),), (retain(3), insert("y")), (insert("y"),)),
        # delete over delete
        ((retain(2), delete(3)), (retain(2), delete(3)), ()),
        ((retain(2), delete(3)), (delete(9),), (delete(6),)),
        ((delete(9),), (retain(2), delete(3)), ()),
        ((retain(2), delete(3)), (retain(4), delete(3)), (retain(2), delete(2))),
        ((retain(4), delete(3)), (retain(2), delete(3)), (retain(2), delete(2))),
        ((delete(2),), (retain(2), delete(3)), (delete(3),)),
    ],
)
def test_simple_edits(history: Delta, operation: Delta, expected: Delta) -> None:
    assert transform(history, operation, True) == expected
    assert transform_any(history, operation, True) == expected


def test_on_a_tie_the_one_with_priority_goes_first() -> None:
    assert transform((insert("x"),), (insert("y"),), True) == (retain(1), insert("y"))
    assert transform((insert("x"),), (insert("y"),), False) == (insert("y"),)


def test_with_priority_its_formatting_stays() -> None:
    history = (retain(3, {"color": "red"}),)
    operation = (retain(5, {"color": "blue", **BOLD}),)
    assert transform(history, operation, True) == (
        retain(3, BOLD),
        retain(2, {"color": "blue", **BOLD}),
    )
    assert transform(history, operation, False) == operation


def test_what_was_deleted_is_not_formatted() -> None:
    assert transform((retain(1), delete(2)), (retain(4, BOLD),), True) == (retain(2, BOLD),)


def test_nothing_moves_nothing() -> None:
    assert transform((), (retain(1), insert("y")), True) == (retain(1), insert("y"))
    assert transform((insert("x"),), (), True) == ()


@pytest.mark.parametrize(
    ("delta", "position", "priority", "expected"),
    [
        ((retain(2), insert("xx")), 1, False, 1),
        ((retain(2), insert("xx")), 2, False, 4),
        ((retain(2), insert("xx")), 2, True, 2),
        ((retain(2), insert("😀")), 3, True, 5),
        ((retain(2), delete(2)), 3, False, 2),
        ((retain(2), delete(2)), 5, False, 3),
        ((insert({"image": "a"}), retain(2), delete(1)), 3, False, 3),
        ((), 7, False, 7),
    ],
)
def test_positions(delta: Delta, position: int, priority: bool, expected: int) -> None:
    assert transform_position(delta, position, priority) == expected
