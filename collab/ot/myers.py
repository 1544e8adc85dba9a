"""A shortest edit script between two sequences, with bounded work.

Owns the search: Myers' greedy algorithm, over strings or lists alike. Knows nothing of what the
sequences mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_SINGLE_STEPS = 8  # equal items compared one by one before whole slices are
_ITEMS_PER_STEP = 32  # what a slice comparison does in the time of one step


class Hunk(NamedTuple):
    """`a[a_start:a_end]` gave way to `b[b_start:b_end]`; what is between hunks is equal."""

    a_start: int
    a_end: int
    b_start: int
    b_end: int


class Budget:
    """Steps that searches may still take together; a step is about a microsecond."""

    __slots__ = ("steps",)

    def __init__(self, steps: int) -> None:
        self.steps = steps


def hunks(
    a: Sequence[object], b: Sequence[object], max_edits: int, budget: Budget
) -> list[Hunk] | None:
    """The hunks of a shortest script, in order; None if it needs more than `max_edits` deletions
    and insertions or the budget is used up."""
    a_length, b_length = len(a), len(b)
    furthest = {1: 0}  # by diagonal (x - y): how far in `a` a path of so many edits gets
    trail: list[dict[int, int]] = []
    for edits in range(min(max_edits, a_length + b_length) + 1):
        reached: dict[int, int] = {}
        steps = edits + 1
        for diagonal in range(-edits, edits + 1, 2):
            x = _entry(furthest, diagonal)
            y = x - diagonal
            if x < 0 or x > a_length or y > b_length:
                continue
            if x < a_length and y < b_length and a[x] == b[y]:
                run = common_prefix(a, b, x, y)
                steps += run // _ITEMS_PER_STEP
                x += run
                y += run
            reached[diagonal] = x
            if x == a_length and y == b_length:
                return _walk_back(trail, x, y)
        trail.append(reached)
        furthest = reached
        budget.steps -= steps
        if budget.steps <= 0:
            return None
    return None


def common_prefix(a: Sequence[object], b: Sequence[object], x: int = 0, y: int = 0) -> int:
    """How many items from `a[x]` and `b[y]` on are equal."""
    start = x
    longest = min(len(a) - x, len(b) - y)
    for _ in range(min(longest, _SINGLE_STEPS)):
        if a[x] != b[y]:
            return x - start
        x += 1
        y += 1
    end = start + longest
    size = _SINGLE_STEPS * 2
    while x < end:
        size = min(size, end - x)
        if a[x : x + size] == b[y : y + size]:
            x += size
            y += size
            size *= 2
        elif size == 1:
            break
        else:
            size = size // 4 or 1  # doubled again after the half that is equal
    return x - start


def _entry(furthest: dict[int, int], diagonal: int) -> int:
    """How far in `a` one more edit gets on a diagonal; negative if there is no way to it."""
    deleting = furthest.get(diagonal - 1, -2) + 1
    inserting = furthest.get(diagonal + 1, -1)
    return max(deleting, inserting)


def _walk_back(trail: list[dict[int, int]], x: int, y: int) -> list[Hunk]:
    """The hunks of the path that reached (x, y) after len(trail) edits."""
    found: list[Hunk] = []
    for furthest in reversed(trail):
        diagonal = x - y
        entered = _entry(furthest, diagonal)
        inserted = furthest.get(diagonal + 1, -1) == entered
        x = entered if inserted else entered - 1
        y = entered - diagonal - 1 if inserted else entered - diagonal
        end_x, end_y = entered, entered - diagonal
        if found and found[-1].a_start == end_x and found[-1].b_start == end_y:
            found[-1] = Hunk(x, found[-1].a_end, y, found[-1].b_end)
        else:
            found.append(Hunk(x, end_x, y, end_y))
    found.reverse()
    return found
