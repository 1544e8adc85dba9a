"""Attribute maps combine as quill-delta's AttributeMap does."""

from __future__ import annotations

from typing import Any

import pytest

from collab.ot import attributes as maps

BOLD = {"bold": True}
RED = {"color": "red"}


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (BOLD, {"bold": True}, True),
        (BOLD, {"bold": 1}, False),
        ({"size": 1}, {"size": 1.0}, True),
        ({"ids": [1, {"x": True}]}, {"ids": [1, {"x": True}]}, True),
        ({"ids": [1, {"x": True}]}, {"ids": [1, {"x": 1}]}, False),
        (None, None, True),
        (None, BOLD, False),
        ({"bold": None}, {}, False),
    ],
)
def test_equality_is_that_of_json(a: Any, b: Any, equal: bool) -> None:
    assert maps.same(a, b) is equal


def test_the_later_value_wins() -> None:
    assert maps.compose({"color": "red", "bold": True}, {"color": "blue"}, False) == {
        "color": "blue",
        "bold": True,
    }


def test_a_null_removes_from_content() -> None:
    assert maps.compose(BOLD, {"bold": None}, keep_null=False) is None


def test_a_null_stays_in_a_change() -> None:
    assert maps.compose(BOLD, {"bold": None}, keep_null=True) == {"bold": None}


def test_with_priority_the_first_wins_where_both_set_a_key() -> None:
    assert maps.transform({"bold": None}, {"bold": True, "color": "red"}, True) == RED
    assert maps.transform(BOLD, {"bold": False}, True) is None


def test_without_priority_the_second_overwrites() -> None:
    assert maps.transform(BOLD, {"bold": False}, False) == {"bold": False}


def test_the_inverse_restores_and_removes() -> None:
    assert maps.invert({"color": "blue", "bold": True}, RED) == {"color": "red", "bold": None}


def test_the_inverse_of_no_change_is_none() -> None:
    assert maps.invert(RED, dict(RED)) is None
    assert maps.invert(None, RED) is None


def test_diff_says_what_to_change() -> None:
    assert maps.diff({"bold": True, "size": 1}, {"size": True, "color": "red"}) == {
        "bold": None,
        "size": True,
        "color": "red",
    }
    assert maps.diff(BOLD, dict(BOLD)) is None


def test_keys_that_mean_something_to_javascript_are_plain_data() -> None:
    odd = {"__proto__": {"x": 1}, "constructor": "y"}
    assert maps.compose(BOLD, odd, True) == {**BOLD, **odd}
    assert maps.invert(odd, None) == {"__proto__": None, "constructor": None}


def test_nothing_changes_its_arguments() -> None:
    a, b = dict(BOLD), {"bold": None, "color": "red"}
    maps.compose(a, b, False)
    maps.transform(a, b, True)
    maps.invert(b, a)
    maps.diff(a, RED)
    assert (a, b) == (BOLD, {"bold": None, "color": "red"})
