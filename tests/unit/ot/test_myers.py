"""Myers' search: shortest scripts, and an honest None when out of budget."""

from __future__ import annotations

import pytest

from collab.ot.myers import Budget, Hunk, common_prefix, hunks

PLENTY = 1_000_000


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("", "", []),
        ("abc", "abc", []),
        ("", "ab", [Hunk(0, 0, 0, 2)]),
        ("ab", "", [Hunk(0, 2, 0, 0)]),
        ("axc", "ac", [Hunk(1, 2, 1, 1)]),
        ("abcdef", "abXdef", [Hunk(2, 3, 2, 3)]),
        ("abcdef", "XabcdeYf", [Hunk(0, 0, 0, 1), Hunk(5, 5, 6, 7)]),
    ],
)
def test_hunks(a: str, b: str, expected: list[Hunk]) -> None:
    assert hunks(a, b, 10, Budget(PLENTY)) == expected


def test_the_script_is_shortest() -> None:
    found = hunks("abcabba", "cbabac", 10, Budget(PLENTY))
    assert found is not None
    assert sum(h.a_end - h.a_start + h.b_end - h.b_start for h in found) == 5


def test_none_beyond_the_edits_allowed() -> None:
    assert hunks("abc", "xyz", 6, Budget(PLENTY)) is not None
    assert hunks("abc", "xyz", 5, Budget(PLENTY)) is None


def test_none_when_the_budget_is_used_up() -> None:
    budget = Budget(100)
    assert hunks("ab" * 100, "ba" * 50 + "x" * 100, 1000, budget) is None
    assert budget.steps <= 0


@pytest.mark.parametrize("equal", [0, 1, 7, 8, 9, 16, 17, 100, 1000, 1023, 5000])
def test_common_prefix_of_any_length(equal: int) -> None:
    a = "x" * equal
    assert common_prefix(a + "a" * 20, a + "b" * 30) == equal
    assert common_prefix(a, a) == equal
    assert common_prefix("zz" + a + "a", "y" + a + "b", 2, 1) == equal
