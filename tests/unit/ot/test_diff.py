"""diff finds small operations, and gives up in time."""

from __future__ import annotations

import time

import pytest

from collab.errors import InvalidOperation
from collab.ot.delta import Delta, compose, delete, insert, retain
from collab.ot.diff import diff

BOLD = {"bold": True}


def text(content: str) -> Delta:
    return (insert(content),) if content else ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", ()),
        ("", "abc", (insert("abc"),)),
        ("abc", "", (delete(3),)),
        ("abc", "abxc", (retain(2), insert("x"))),
        ("abc", "ac", (retain(1), delete(1))),
        ("a😀c", "a😁c", (retain(1), insert("😁"), delete(2))),
        (
            "one\ntwo\nthree\n",
            "one!\ntwo\nfour\n",
            (retain(3), insert("!"), retain(5), insert("four"), delete(5)),
        ),
    ],
)
def test_text(old: str, new: str, expected: Delta) -> None:
    difference = diff(text(old), text(new))
    assert compose(text(old), difference) == text(new)
    assert difference == expected


def test_emoji_that_share_a_surrogate_are_replaced_whole() -> None:
    # U+1F600 and U+1F601 begin with the same surrogate, U+1F600 and U+2F600 end with the same.
    for old, new in (("😀", "😁"), ("\U0001f600", "\U0002f600")):
        assert diff(text(old), text(new)) == (insert(new), delete(2))


def test_only_attributes_differ() -> None:
    old: Delta = (insert("ab", BOLD), insert("cd"))
    new: Delta = (insert("a", BOLD), insert("bc"), insert("d", {"i": 1}))
    assert diff(old, new) == (retain(1), retain(1, {"bold": None}), retain(1), retain(1, {"i": 1}))


def test_embeds_are_equal_as_json() -> None:
    one, true = insert({"rule": 1}), insert({"rule": True})
    assert diff((one,), (insert({"rule": 1}),)) == ()
    assert diff((one,), (true,)) == (true, delete(1))


def test_embeds_that_the_search_takes_for_one_another_are_still_told_apart() -> None:
    # More embeds than there are stand-ins for them, so that some must share one.
    for number in range(1, 6000):
        old, new = (insert({"n": 0}), insert("a")), (insert({"n": number}), insert("a"))
        assert diff(old, new) == (new[0], delete(1))


def test_an_operation_is_not_a_document() -> None:
    with pytest.raises(InvalidOperation, match="inserts alone"):
        diff((retain(1),), ())


def test_two_far_apart_changes_in_a_long_text_are_two() -> None:
    lines = [f"line {number}\n" for number in range(50_000)]
    old = "".join(lines)
    lines[10] = "changed here\n"
    lines[49_990] = "and there\n"
    difference = diff(text(old), text("".join(lines)))
    assert compose(text(old), difference) == text("".join(lines))
    assert sum(op.length for op in difference if op.retain is None) < 80


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ab" * 500_000, "ba" * 500_000),
        ("a" * 1_000_000, "ab" * 500_000),
        ("\n" * 500_000, "\nx\n" * 250_000),
        ("".join(map(str, range(200_000))), "".join(map(str, range(200_000, 0, -1)))),
    ],
)
def test_what_is_too_different_is_replaced_in_time(old: str, new: str) -> None:
    started = time.process_time()
    difference = diff(text(old), text(new))
    assert time.process_time() - started < 5
    assert compose(text(old), difference) == text(new)
