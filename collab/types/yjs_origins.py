"""Which version brought each item of a yjs document, and which took it away.

Owns that memory: a few bytes for each run of items that one version brought of one client.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

from collab.types.yjs_known import CLOCKS
from collab.types.yjs_update import Range, Update

_VERSIONS: Final = "q"


class Origins:
    """What the updates of some versions brought. They are noted in order, and never twice."""

    def __init__(self) -> None:
        self._starts: dict[int, array[int]] = {}
        self._ends: dict[int, array[int]] = {}
        self._versions: dict[int, array[int]] = {}

    def note(self, version: int, update: Update) -> None:
        """Take in the effective update of a version."""
        for client, clock, structs in update.sections:
            end = clock + sum([struct[0] for struct in structs])
            if client not in self._starts:
                self._starts[client], self._ends[client] = array(CLOCKS), array(CLOCKS)
                self._versions[client] = array(_VERSIONS)
            ends = self._ends[client]
            start = max(clock, ends[-1]) if ends else clock
            if start < end:
                self._starts[client].append(start)
                ends.append(end)
                self._versions[client].append(version)

    def of(self, client: int, start: int, end: int) -> Iterator[tuple[int, int | None]]:
        """How many of a client's items from `start` up to `end` came with which version, in order;
        None for those that were there before."""
        starts = self._starts.get(client, array(CLOCKS))
        index = max(0, bisect_right(starts, start) - 1)
        while start < end:
            if index == len(starts):
                yield end - start, None
                return
            first, last = starts[index], self._ends[client][index]
            if start < first:
                yield min(end, first) - start, None
                start = min(end, first)
            elif start < last:
                yield min(end, last) - start, self._versions[client][index]
                start = min(end, last)
            index += 1


class Removals:
    """Which version deleted which items. Noted in order; the first that says so counts."""

    def __init__(self) -> None:
        self._noted: dict[int, list[tuple[int, int, int]]] = {}
        self._sorted = True

    def note(self, version: int, deletes: Iterable[tuple[int, Iterable[Range]]]) -> None:
        """Take in the deletions of a version."""
        for client, ranges in deletes:
            self._noted.setdefault(client, []).extend((a, b, version) for a, b in ranges)
        self._sorted = False

    def of(self, client: int, clock: int) -> int | None:
        """The version that deleted an item, if one did."""
        if not self._sorted:
            for noted in self._noted.values():
                noted.sort()
            self._sorted = True
        noted = self._noted.get(client, [])
        index = bisect_right(noted, (clock, 1 << 62, 0)) - 1
        if index >= 0 and noted[index][0] <= clock < noted[index][1]:
            return noted[index][2]
        return None
