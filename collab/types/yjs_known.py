"""Compact facts about the items of one replica: where each belongs, and which are deleted.

Owns two structures, both a few bytes for each *change* of a fact along a client's clocks, not for
each item. Knows nothing of updates or of what the facts are for.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

from collab.types.yjs_update import Range

CLOCKS: Final = "I"
"""Arrays of clocks: 32 bits each."""


class Runs:
    """A number for every clock of a client, from the first on; equal neighbours are one run."""

    __slots__ = ("codes", "starts")

    def __init__(self, start: int, code: int) -> None:
        self.starts = array(CLOCKS, (start,))
        self.codes = array(CLOCKS, (code,))

    def append(self, start: int, code: int) -> None:
        """From `start` on, which is after all other starts, it is `code`."""
        if self.codes[-1] != code:
            self.starts.append(start)
            self.codes.append(code)

    def extend(self, later: Runs) -> None:
        first = 1 if later.codes[0] == self.codes[-1] else 0
        self.starts += later.starts[first:]
        self.codes += later.codes[first:]

    def at(self, clock: int) -> int:
        """The number of a clock that is not before the first."""
        if clock >= self.starts[-1]:
            return self.codes[-1]
        return self.codes[bisect_right(self.starts, clock) - 1]


class Ranges:
    """A set of clocks, as sorted ranges that neither touch nor overlap."""

    __slots__ = ("ends", "starts")

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self.starts = array(CLOCKS)
        self.ends = array(CLOCKS)
        self._rebuild(sorted(ranges))

    def __iter__(self) -> Iterator[Range]:
        return zip(self.starts, self.ends, strict=True)

    def missing(self, start: int, end: int) -> list[Range]:
        """The parts of start to end that are not in the set."""
        index = bisect_right(self.starts, start) - 1
        if index >= 0 and self.ends[index] > start:
            start = self.ends[index]
        parts = []
        while start < end:
            index += 1
            if index == len(self.starts) or self.starts[index] >= end:
                parts.append((start, end))
                break
            if self.starts[index] > start:
                parts.append((start, self.starts[index]))
            start = self.ends[index]
        return parts

    def add(self, ranges: list[Range]) -> None:
        """Take them in: one by one while that moves little memory, else all in one pass."""
        if len(ranges) > 4 and len(ranges) * 64 > len(self.starts):
            self._rebuild(sorted([*self, *ranges]))
            return
        for start, end in ranges:
            if not self.starts or start > self.ends[-1]:
                self.starts.append(start)
                self.ends.append(end)
                continue
            first = bisect_right(self.ends, start - 1)  # the first that touches or lies after
            last = bisect_right(self.starts, end)  # without this one
            if first < last:
                start = min(start, self.starts[first])
                end = max(end, self.ends[last - 1])
            self.starts[first:last] = array(CLOCKS, (start,))
            self.ends[first:last] = array(CLOCKS, (end,))

    def _rebuild(self, ranges: list[Range]) -> None:
        starts: list[int] = []
        ends: list[int] = []
        for start, end in ranges:
            if ends and start <= ends[-1]:
                if end > ends[-1]:
                    ends[-1] = end
            else:
                starts.append(start)
                ends.append(end)
        self.starts = array(CLOCKS, starts)
        self.ends = array(CLOCKS, ends)
