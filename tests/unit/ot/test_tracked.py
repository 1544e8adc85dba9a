"""Two versions laid one beside the other."""

from __future__ import annotations

from collab.ot.tracked import Kind, tracked

KEPT, INSERTED, DELETED = Kind.KEPT, Kind.INSERTED, Kind.DELETED


def test_what_went_stands_before_what_came_in_its_place() -> None:
    old = [("the ", None), ("old", "bob"), (" text", None)]
    new = [("the ", None), ("new", "ann"), (" text", None)]
    assert list(tracked(old, new)) == [
        (KEPT, "the ", None),
        (DELETED, "old", "bob"),
        (INSERTED, "new", "ann"),
        (KEPT, " text", None),
    ]


def test_it_does_not_matter_how_what_stayed_is_divided() -> None:
    old = [("😀a", None), ("b", None), ("x", 1), ("cd", None)]
    new = [("😀", None), ("abc", None), ("y", 2), ("d", None)]
    assert list(tracked(old, new)) == [
        (KEPT, "😀ab", None),
        (DELETED, "x", 1),
        (KEPT, "c", None),
        (INSERTED, "y", 2),
        (KEPT, "d", None),
    ]


def test_embeds_stay_single() -> None:
    picture = {"image": "x"}
    old = [(picture, 1), (picture, None), (picture, None)]
    new = [(picture, None), (picture, None), (picture, 2)]
    assert [kind for kind, _, _ in tracked(old, new)] == [DELETED, KEPT, KEPT, INSERTED]


def test_from_and_to_nothing() -> None:
    assert list(tracked([], [])) == []
    assert list(tracked([("x", 1)], [])) == [(DELETED, "x", 1)]
    assert list(tracked([], [("x", 1), ("y", 1)])) == [(INSERTED, "xy", 1)]
