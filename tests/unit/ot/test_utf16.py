"""Units and points: an emoji counts two, and is never halved."""

from __future__ import annotations

import pytest

from collab.errors import InvalidOperation
from collab.ot import utf16


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("", 0),
        ("abc", 3),
        ("né", 2),
        ("e\u0301", 2),
        ("漢字", 2),
        ("😀", 2),
        ("a😀b", 4),
        ("👩‍👧", 5),
    ],
)
def test_length_is_what_javascript_says(text: str, units: int) -> None:
    assert utf16.length(text) == units


def test_positions_convert_both_ways_around_an_emoji() -> None:
    assert [utf16.to_units("a😀b", point) for point in range(4)] == [0, 1, 3, 4]
    assert [utf16.to_points("a😀b", unit) for unit in (0, 1, 3, 4)] == [0, 1, 2, 3]


def test_no_position_is_inside_an_emoji() -> None:
    with pytest.raises(InvalidOperation, match="inside a character"):
        utf16.to_points("a😀b", 2)


@pytest.mark.parametrize(("text", "unit"), [("ab", 3), ("é", 2), ("😀", 3)])
def test_no_position_is_past_the_end(text: str, unit: int) -> None:
    with pytest.raises(InvalidOperation, match="past the end"):
        utf16.to_points(text, unit)


def test_cut_counts_in_units() -> None:
    assert utf16.cut("a😀bc", 1, 4) == "😀b"


@pytest.mark.parametrize("text", ["\ud83d", "\ude00", "a\udc00b"])
def test_lone_surrogates_are_not_well_formed(text: str) -> None:
    assert not utf16.is_well_formed(text)


def test_characters_above_the_first_plane_are_well_formed() -> None:
    assert utf16.is_well_formed("漢😀")
