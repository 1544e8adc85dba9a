"""What one replica holds: the facts about its items that an update is checked against.

Owns the state vector, where every item belongs, what is deleted and where characters of two units
stand; in layers, so that what is not applied yet can be dropped. Decides nothing.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from collab.types.yjs_known import CLOCKS, Ranges, Runs
from collab.types.yjs_update import Range


class Holdings:
    """One layer over `base`. All positions of a client are those of the whole stack.

    `clocks` is the state vector where this layer differs from its base; `tells` gathers bits of
    evidence for a root, by its number.
    """

    __slots__ = (
        "_base",
        "_deletes",
        "_pairs",
        "_roots",
        "_runs",
        "_turn",
        "_turns",
        "clocks",
        "tells",
    )

    def __init__(self, base: Holdings | None = None) -> None:
        self.clocks: dict[int, int] = {}
        self.tells: dict[int, int] = {}
        self._base = base
        self._runs: dict[int, Runs] = {}
        self._deletes: dict[int, Ranges] = {}
        self._pairs: dict[int, array[int]] = {}
        self._roots: dict[str, int] = {}
        self._turns = 0
        self._turn = 0 if base is None else base._turns

    def __bool__(self) -> bool:
        """Whether the layer adds anything to its base."""
        return bool(self.clocks or self._deletes)

    # Reading: the stack from here down ------------------------------------------------------------

    def clock(self, client: int) -> int:
        """How far a client's items are held: the clock of the first that is not."""
        layer: Holdings | None = self
        while layer is not None:
            clock = layer.clocks.get(client)
            if clock is not None:
                return clock
            layer = layer._base
        return 0

    def code(self, client: int, clock: int) -> int:
        """What was noted of an item that is held."""
        layer: Holdings | None = self
        while layer is not None:
            runs = layer._runs.get(client)
            if runs is not None and clock >= runs.starts[0]:
                return runs.at(clock)
            layer = layer._base
        raise LookupError("that item is not held")

    def splits(self, client: int, clock: int) -> bool:
        """Whether the item before `clock` and the one at it are halves of one character."""
        layer: Holdings | None = self
        while layer is not None:
            pairs = layer._pairs.get(client) if layer._pairs else None
            if pairs is not None and pairs[0] < clock:
                index = bisect_left(pairs, clock - 1)
                return index < len(pairs) and pairs[index] == clock - 1
            layer = layer._base
        return False

    def undeleted(self, client: int, ranges: list[Range]) -> list[Range]:
        """What of `ranges` is not deleted."""
        layer: Holdings | None = self
        while layer is not None and ranges:
            mine = layer._deletes.get(client)
            if mine is not None:
                ranges = [part for start, end in ranges for part in mine.missing(start, end)]
            layer = layer._base
        return ranges

    def roots(self) -> Iterator[tuple[str, int]]:
        """Name and number of every root."""
        if self._base is not None:
            yield from self._base.roots()
        yield from self._roots.items()

    # Writing: this layer alone --------------------------------------------------------------------

    def hold(self, client: int, start: int, end: int, code: int) -> None:
        """The client's items from its clock `start` up to `end`, each noted as `code`."""
        runs = self._runs.get(client)
        if runs is None:
            self._runs[client] = Runs(start, code)
        else:
            runs.append(start, code)
        self.clocks[client] = end

    def pair(self, client: int, clocks: Iterable[int]) -> None:
        """At these clocks, after all noted before, begin characters of two units."""
        self._pairs.setdefault(client, array(CLOCKS)).extend(clocks)

    def delete(self, client: int, ranges: list[Range]) -> None:
        mine = self._deletes.get(client)
        if mine is not None:
            mine.add(ranges)
        elif ranges:
            self._deletes[client] = Ranges(ranges)

    def root(self, name: str) -> int:
        """The number of a root, given when it is first named."""
        count = 0
        layer: Holdings | None = self
        while layer is not None:
            number = layer._roots.get(name)
            if number is not None:
                return number
            count += len(layer._roots)
            layer = layer._base
        self._roots[name] = count
        return count

    def absorb(self, layer: Holdings) -> None:
        """Take in the layer on top of this one; all its other layers are void then."""
        if layer._base is not self or layer._turn != self._turns:
            raise ValueError("made on another state")
        self._turns += 1
        self.clocks.update(layer.clocks)
        for client, runs in layer._runs.items():
            mine = self._runs.get(client)
            if mine is None:
                self._runs[client] = runs
            else:
                mine.extend(runs)
        for client, deleted in layer._deletes.items():
            self.delete(client, list(deleted))
        for client, pairs in layer._pairs.items():
            self.pair(client, pairs)
        self._roots.update(layer._roots)
        for number, tells in layer.tells.items():
            self.tells[number] = self.tells.get(number, 0) | tells
