"""Checks untrusted Yjs updates against what a replica holds, before pycrdt sees them.

Owns the facts that decide it: how far every client's items are known, what is deleted, and how
deep each item lies in shared types. It never sees content and never calls pycrdt; whoever applies
an update tells it so.

A batch is checked in order on a draft, which can be dropped::

    draft = guard.draft()
    for raw in batch:
        checked = draft.check(read_update(raw))     # InvalidOperation: refuse the sender
        if checked.gap: ...                         # answer with sync step 1, apply nothing
        draft.adopt(checked)
    ...                                             # apply them in one transaction
    guard.merge(draft, effective)                   # what `observe` reported
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final, Literal, TypeAlias

from collab.errors import DocumentBroken, InvalidOperation
from collab.types.yjs_known import Ranges, Runs
from collab.types.yjs_lib0 import read_clock, read_count, read_varuint
from collab.types.yjs_update import (
    ANY,
    ARRAY,
    BINARY,
    DELETED,
    EMBED,
    FORMAT,
    GC,
    MAP,
    SKIP,
    STRING,
    SUBDOCUMENT,
    TEXT,
    XML_ELEMENT,
    XML_FRAGMENT,
    XML_TEXT,
    Id,
    Range,
    Section,
    Struct,
    Update,
    read_update,
)

__all__ = ["Checked", "Guard", "RootKind", "Update", "check_state_vector", "read_update"]

MAX_SHARED_DEPTH: Final = 256
"""How deep shared types nest below a root."""

RootKind: TypeAlias = Literal["text", "map", "array", "xml"]

# Where an item belongs is its place: twice its container, plus one under a key. The container is 1
# to MAX_SHARED_DEPTH for a shared type that deep, above that for a root. The run's code is twice
# the place, plus one if the item may itself be a parent. What was collected (GC) is nowhere: 0.
_NOWHERE: Final = 0
_FIRST_ROOT: Final = MAX_SHARED_DEPTH + 1

# What a root's items tell about it.
_STRINGS, _VALUES, _ELEMENTS, _KEYS = 1, 2, 4, 8
_TELLS: Final = {
    STRING: _STRINGS,
    FORMAT: _STRINGS,
    EMBED: _STRINGS,
    ANY: _VALUES,
    BINARY: _VALUES,
    SUBDOCUMENT: _VALUES,
    ARRAY: _VALUES,
    MAP: _VALUES,
    TEXT: _VALUES,
    XML_ELEMENT: _ELEMENTS,
    XML_FRAGMENT: _ELEMENTS,
    XML_TEXT: _ELEMENTS,
    DELETED: 0,
}


@dataclass(frozen=True, slots=True)
class Checked:
    """What an update would do to the replica it was checked against.

    `gap`: it needs something that the replica does not hold; nothing of it may be applied.
    `empty`: everything in it is held already.
    """

    update: Update
    gap: bool
    empty: bool
    news: Guard

    @property
    def added(self) -> dict[int, int]:
        """The clients whose items are new, and the clock after the last of each."""
        return self.news.clocks


class Guard:
    """What one replica holds, or (a draft) what it will hold once a batch is applied.

    `clocks` are those of this layer alone: for a guard without a base, the state vector.
    """

    __slots__ = ("_base", "_deletes", "_roots", "_runs", "_tells", "_turn", "_turns", "clocks")

    def __init__(self, base: Guard | None = None) -> None:
        self.clocks: dict[int, int] = {}
        self._base = base
        self._runs: dict[int, Runs] = {}
        self._deletes: dict[int, Ranges] = {}
        self._roots: dict[str, int] = {}
        self._tells: dict[int, int] = {}
        self._turns = 0
        self._turn = 0 if base is None else base._turns

    @classmethod
    def of(cls, state: Update) -> Guard:
        """What a replica loaded from this full state holds; raises DocumentBroken."""
        guard = cls()
        try:
            checked = guard.check(state)
        except InvalidOperation as error:
            raise DocumentBroken(f"a stored yjs document: {error}") from error
        if checked.gap:
            raise DocumentBroken("a stored yjs document has a gap")
        guard.adopt(checked)
        return guard

    def draft(self) -> Guard:
        """A layer on top of this one, for a batch; it is void as soon as this one changes."""
        return Guard(self)

    def check(self, update: Update) -> Checked:
        """Judge `update` against what is held; changes nothing, raises InvalidOperation."""
        news = Guard(self)
        gap = _Walk(news, update).gap
        return Checked(update, gap, not (gap or news.clocks or news._deletes), news)

    def adopt(self, checked: Checked) -> None:
        """Hold what an update without a gap brings, the last that was checked here."""
        if checked.gap:
            raise ValueError("an update with a gap is not applied")
        self.merge(checked.news)

    def merge(self, draft: Guard, effective: bytes | None = None) -> None:
        """Hold what `draft` holds, and what else applying it deleted (a value that lost its key).

        `effective` is the update that pycrdt reported of the transaction.
        """
        if draft._base is not self or draft._turn != self._turns:
            raise ValueError("made on another state")
        self._turns += 1
        self.clocks.update(draft.clocks)
        for client, runs in draft._runs.items():
            mine = self._runs.get(client)
            if mine is None:
                self._runs[client] = runs
            else:
                mine.extend(runs)
        for client, deleted in draft._deletes.items():
            self._delete(client, list(deleted))
        self._roots.update(draft._roots)
        for root, tells in draft._tells.items():
            self._tells[root] = self._tells.get(root, 0) | tells
        if effective is not None:
            update = read_update(effective)
            for client, ranges in _gone(update.sections):
                self._delete(client, ranges)
            for client, ranges in update.deletes.items():
                self._delete(client, ranges)

    def clock(self, client: int) -> int:
        """How far a client's items are known: the clock of the first that is not."""
        layer: Guard | None = self
        while layer is not None:
            clock = layer.clocks.get(client)
            if clock is not None:
                return clock
            layer = layer._base
        return 0

    def roots(self) -> dict[str, RootKind | None]:
        """Every root by name, and what its items say it is: None if they say nothing."""
        return {name: _kind(self._tells.get(root, 0)) for name, root in self._all_roots()}

    def is_deleted(self, client: int, start: int, end: int) -> bool:
        """Whether all of the client's clocks from `start` up to `end` are deleted."""
        return not self._undeleted(client, [(start, end)])

    def _all_roots(self) -> Iterator[tuple[str, int]]:
        if self._base is not None:
            yield from self._base._all_roots()
        yield from self._roots.items()

    def _root(self, name: str) -> int:
        count = 0
        layer: Guard | None = self
        while layer is not None:
            root = layer._roots.get(name)
            if root is not None:
                return root
            count += len(layer._roots)
            layer = layer._base
        self._roots[name] = count
        return count

    def _code(self, client: int, clock: int) -> int:
        layer: Guard | None = self
        while layer is not None:
            runs = layer._runs.get(client)
            if runs is not None and clock >= runs.starts[0]:
                return runs.at(clock)
            layer = layer._base
        raise AssertionError("only asked for what is held")

    def _delete(self, client: int, ranges: list[Range]) -> None:
        mine = self._deletes.get(client)
        if mine is None:
            if ranges:
                self._deletes[client] = Ranges(ranges)
        else:
            mine.add(ranges)

    def _undeleted(self, client: int, ranges: list[Range]) -> list[Range]:
        layer: Guard | None = self
        while layer is not None and ranges:
            mine = layer._deletes.get(client)
            if mine is not None:
                ranges = [part for start, end in ranges for part in mine.missing(start, end)]
            layer = layer._base
        return ranges


class _Walk:
    """One pass over an update in the order in which its structs can be integrated.

    A section stops where a struct needs what is not held; it waits for that, in a heap for each
    client, and goes on when that client's section has come far enough. Whoever still waits at the
    end has a gap.
    """

    def __init__(self, news: Guard, update: Update) -> None:
        self._news = news
        self._sections = update.sections
        self._places = [0] * len(update.sections)  # index of the next struct of each
        self._at = [clock for _, clock, _ in update.sections]
        self._waiting: dict[int, list[tuple[int, int]]] = {}
        self.gap = self._structs() or self._deletes(update)

    def _structs(self) -> bool:
        ready = list(range(len(self._sections) - 1, -1, -1))
        waiting = 0
        while ready:
            index = ready.pop()
            client = self._sections[index][0]
            need = self._advance(index)
            if need is not None:
                if need[0] == client:
                    return True
                heappush(self._waiting.setdefault(need[0], []), (need[1], index))
                waiting += 1
            queue = self._waiting.get(client)
            clock = self._news.clock(client)
            while queue and queue[0][0] < clock:
                ready.append(heappop(queue)[1])
                waiting -= 1
        return waiting > 0

    def _advance(self, index: int) -> Id | None:
        """Take structs of a section until one needs an item that is not held: return that."""
        section: Section = self._sections[index]
        client, _, structs = section
        news = self._news
        at = self._at[index]
        held = news.clock(client)
        for place in range(self._places[index], len(structs)):
            struct = structs[place]
            need = self._need(client, at, struct)
            if need is None and at > held and struct[1] != SKIP:
                need = (client, at - 1)
            if need is not None:
                self._places[index] = place
                self._at[index] = at
                return need
            end = at + struct[0]
            if end > held and struct[1] != SKIP:
                self._hold(client, at, held, struct)
                held = news.clocks[client] = end
            at = end
        return None

    def _need(self, client: int, at: int, struct: Struct) -> Id | None:
        """The first item that the struct refers to and that is not held."""
        _, _, origin, right, parent, _ = struct
        for reference in (origin, right, parent):
            if isinstance(reference, tuple):
                if reference[0] == client:
                    if reference[1] >= at:
                        raise InvalidOperation("an item refers to one that comes after it")
                elif reference[1] >= self._news.clock(reference[0]):
                    return reference
        return None

    def _hold(self, client: int, at: int, held: int, struct: Struct) -> None:
        length, content, origin, right, parent, keyed = struct
        news = self._news
        if content == GC:
            place = _NOWHERE
        elif parent is None:
            place = self._beside(origin, right)
        elif isinstance(parent, str):
            place = (_FIRST_ROOT + news._root(parent)) * 2 + keyed
        else:
            place = self._inside(parent, keyed)
        if at < held:
            before = news._code(client, held - 1) >> 1
            if before and place and before != place:
                raise InvalidOperation("an item continues one of another type")
            length -= held - at
            at = held
        code = _NOWHERE
        if place:
            container = place >> 1
            code = place * 2
            if content >= ARRAY:
                if container == MAX_SHARED_DEPTH:
                    raise InvalidOperation("shared types nest too deep")
                code += 1
            elif content == DELETED:
                code += 1
            if container >= _FIRST_ROOT:
                root = container - _FIRST_ROOT
                tells = _KEYS if place & 1 else _TELLS[content]
                news._tells[root] = news._tells.get(root, 0) | tells
        runs = news._runs.get(client)
        if runs is None:
            news._runs[client] = Runs(at, code)
        else:
            runs.append(at, code)
        if content <= DELETED:
            news._delete(client, news._undeleted(client, [(at, at + length)]))

    def _beside(self, origin: Id | None, right: Id | None) -> int:
        place = _NOWHERE if origin is None else self._news._code(*origin) >> 1
        if right is not None:
            other = self._news._code(*right) >> 1
            if place and other and place != other:
                raise InvalidOperation("an item's neighbours belong to different types")
            place = place or other
        return place

    def _inside(self, parent: Id, keyed: bool) -> int:
        code = self._news._code(*parent)
        if not code:
            return _NOWHERE
        if not code & 1:
            raise InvalidOperation("an item's parent is not a shared type")
        container = code >> 2
        return (1 if container >= _FIRST_ROOT else container + 1) * 2 + keyed

    def _deletes(self, update: Update) -> bool:
        news = self._news
        for client, ranges in update.deletes.items():
            if ranges and max(end for _, end in ranges) > news.clock(client):
                return True
            news._delete(client, news._undeleted(client, ranges))
        return False


def _gone(sections: list[Section]) -> Iterator[tuple[int, list[Range]]]:
    """What has no content left, whether or not it is listed among the deletions."""
    for client, at, structs in sections:
        ranges = []
        for struct in structs:
            end = at + struct[0]
            if struct[1] <= DELETED:
                ranges.append((at, end))
            at = end
        yield client, ranges


def _kind(tells: int) -> RootKind | None:
    if tells & _STRINGS:
        return "text"
    if tells & _ELEMENTS:
        return "xml"
    if tells & _VALUES:
        return "array"
    return "map" if tells & _KEYS else None


def check_state_vector(raw: bytes) -> dict[int, int]:
    """Read a state vector, client -> clock; raises InvalidOperation."""
    clocks: dict[int, int] = {}
    try:
        count, at = read_count(raw, 0)
        for _ in range(count):
            client, at = read_varuint(raw, at)
            clocks[client], at = read_clock(raw, at)
    except IndexError:
        raise InvalidOperation("the state vector ends too early") from None
    if at != len(raw) or len(clocks) != count:
        raise InvalidOperation("the state vector is not well formed")
    return clocks
