"""The order in which the items of a yjs document follow one another, deleted ones included.

Owns Yjs' rule for items that were inserted at the same place at the same time (YATA), which pycrdt
has too but does not show the result of. Knows nothing of what items hold. Takes a whole state that
the guard has found sound.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final, TypeAlias

from collab.errors import DocumentBroken, InvalidContent
from collab.types.yjs_update import ARRAY, DELETED, FORMAT, GC, Id, Range, Struct, Update

Span: TypeAlias = tuple[int, int, int, int]
"""`(client, clock, length, content)` of items that follow one another."""

# A hostile document can make every insertion look at all others: about a second of that.
_MAX_STEPS: Final = 3_000_000


class _Item:
    """A run of items of one client. Its neighbours are those in the list that it is in."""

    __slots__ = ("client", "clock", "content", "keyed", "left", "length", "origin", "parent",
                 "right", "right_origin")  # fmt: skip

    def __init__(self, client: int, clock: int, struct: Struct) -> None:
        self.client = client
        self.clock = clock
        self.length, self.content, self.origin, self.right_origin, _, self.keyed, _ = struct
        self.parent: Id | str | None = None  # None: collected, it is nowhere
        self.left: _Item | None = None
        self.right: _Item | None = None


class Order:
    """The lists of a state: of every root by its name, of every shared type by its item's id."""

    def __init__(self, state: Update) -> None:
        self._sections = {client: structs for client, _, structs in state.sections}
        self._places = dict.fromkeys(self._sections, 0)
        self._starts: dict[int, list[int]] = {}
        self._items: dict[int, list[_Item]] = {}
        self._ends = {client: clock for client, clock, _ in state.sections}
        for client, clock, _ in state.sections:
            if clock:
                raise DocumentBroken("a state does not begin where its clients do")
            self._starts[client], self._items[client] = [], []
        self._first: dict[Id | str, _Item] = {}
        self._deleted = {client: sorted(ranges) for client, ranges in state.deletes.items()}
        self._steps = 0
        for client in self._sections:
            self._integrate_all(client)

    def visible(self, container: Id | str) -> Iterator[Span]:
        """What of a list is there to be seen, in order: formats and deleted items are not."""
        item = self._first.get(container)
        while item is not None:
            if item.content not in {DELETED, FORMAT}:
                for start, end in self._undeleted(item):
                    yield item.client, start, end - start, item.content
            item = item.right

    def _undeleted(self, item: _Item) -> Iterator[Range]:
        start, end = item.clock, item.clock + item.length
        ranges = self._deleted.get(item.client, [])
        index = max(0, bisect_right(ranges, (start, 1 << 62)) - 1)
        while index < len(ranges) and ranges[index][0] < end:
            if ranges[index][0] > start:
                yield start, ranges[index][0]
            start = max(start, ranges[index][1])
            index += 1
        if start < end:
            yield start, end

    # Making ---------------------------------------------------------------------------------------

    def _integrate_all(self, client: int) -> None:
        """Every item of a client, those first that they need."""
        waiting = [(client, 1 << 62)]
        under_way = {client}
        while waiting:
            client, until = waiting[-1]
            needed = self._advance(client, until)
            if needed is None:
                waiting.pop()
                under_way.discard(client)
            elif needed[0] in under_way or needed[0] not in self._sections:
                raise DocumentBroken("a state has a gap")
            else:
                waiting.append((needed[0], needed[1]))
                under_way.add(needed[0])

    def _advance(self, client: int, until: int) -> Id | None:
        """Integrate items of a client up to the one at `until`; returns an item that has to come
        before the next, if it is not here yet."""
        structs = self._sections[client]
        while self._places[client] < len(structs) and self._ends[client] <= until:
            struct = structs[self._places[client]]
            for reference in (struct[2], struct[3], struct[4]):
                if isinstance(reference, tuple) and reference[1] >= self._ends.get(reference[0], 0):
                    return reference
            item = _Item(client, self._ends[client], struct)
            self._place(item, struct[4])
            self._starts[client].append(item.clock)
            self._items[client].append(item)
            self._ends[client] += item.length
            self._places[client] += 1
        if self._ends[client] <= until < 1 << 62:
            raise DocumentBroken("a state has a gap")
        return None

    def _place(self, item: _Item, parent: Id | str | None) -> None:
        if item.content == GC:
            return
        left = None if item.origin is None else self._ending(item.origin)
        right = None if item.right_origin is None else self._beginning(item.right_origin)
        for neighbour in (left, right):
            if neighbour is not None and neighbour.parent is None:
                return
        if parent is None:
            beside = left or right
            assert beside is not None
            item.parent, item.keyed = beside.parent, beside.keyed
        elif isinstance(parent, str):
            item.parent = parent
        else:
            holder = self._at(parent)
            if holder.parent is None or holder.content < ARRAY:
                return
            item.parent = parent
        if not item.keyed:
            self._link(item, left, right)

    def _link(self, item: _Item, left: _Item | None, right: _Item | None) -> None:
        assert item.parent is not None
        first = self._first.get(item.parent)
        other = first if left is None else left.right
        if other is not right:
            left = self._after_conflicts(item, left, other, right)
        following = first if left is None else left.right
        item.left, item.right = left, following
        if left is None:
            self._first[item.parent] = item
        else:
            left.right = item
        if following is not None:
            following.left = item

    def _after_conflicts(
        self, item: _Item, left: _Item | None, other: _Item | None, right: _Item | None
    ) -> _Item | None:
        """The left neighbour among items that were put between the same two."""
        before: set[_Item] = set()
        conflicting: set[_Item] = set()
        while other is not None and other is not right:
            self._steps += 1
            before.add(other)
            conflicting.add(other)
            if other.origin == item.origin:
                if other.client < item.client:
                    left = other
                    conflicting.clear()
                elif other.right_origin == item.right_origin:
                    break
            elif other.origin is not None and (its := self._at(other.origin)) in before:
                if its not in conflicting:
                    left = other
                    conflicting.clear()
            else:
                break
            other = other.right
        if self._steps > _MAX_STEPS:
            raise InvalidContent("too much was inserted at the same place to tell its order")
        return left

    # Finding --------------------------------------------------------------------------------------

    def _at(self, id: Id) -> _Item:
        client, clock = id
        return self._items[client][bisect_right(self._starts[client], clock) - 1]

    def _beginning(self, id: Id) -> _Item:
        """The item that begins with this id."""
        item = self._at(id)
        return item if item.clock == id[1] else self._divide(item, id[1])

    def _ending(self, id: Id) -> _Item:
        """The item that ends with this id."""
        item = self._at(id)
        if id[1] + 1 < item.clock + item.length:
            self._divide(item, id[1] + 1)
        return item

    def _divide(self, item: _Item, clock: int) -> _Item:
        """Cut an item before `clock`; the second part."""
        length = item.clock + item.length - clock
        origin = item.client, clock - 1
        rest = _Item(
            item.client,
            clock,
            (length, item.content, origin, item.right_origin, None, item.keyed, None),
        )
        item.length -= length
        rest.parent = item.parent
        rest.left, rest.right = item, item.right
        if item.right is not None:
            item.right.left = rest
        if item.parent is not None and not item.keyed:
            item.right = rest
        index = bisect_right(self._starts[item.client], item.clock)
        self._starts[item.client].insert(index, clock)
        self._items[item.client].insert(index, rest)
        return rest
