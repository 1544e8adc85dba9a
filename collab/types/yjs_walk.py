"""One pass over an update in the order in which its structs can be integrated.

Owns the rules by which an update fits what is held. Notes what it brings in a layer of its own,
which the caller keeps or drops.

Where an item belongs is its place: twice its container, plus one under a key. The container is 1 to
MAX_SHARED_DEPTH for a shared type that deep, above that for a root. What is noted of an item is
twice its place, plus one if it may itself be a parent. What was collected (GC) is nowhere: 0.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final

from collab.errors import InvalidOperation
from collab.types.yjs_holdings import Holdings
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
    Struct,
    Update,
)

MAX_SHARED_DEPTH: Final = 256
"""How deep shared types nest below a root."""

_NOWHERE: Final = 0
_FIRST_ROOT: Final = MAX_SHARED_DEPTH + 1

STRINGS, VALUES, ELEMENTS, KEYS = 1, 2, 4, 8
"""What a root's items tell about it."""

_TELLS: Final = {
    DELETED: 0,
    STRING: STRINGS,
    FORMAT: STRINGS,
    EMBED: STRINGS,
    ANY: VALUES,
    BINARY: VALUES,
    SUBDOCUMENT: VALUES,
    ARRAY: VALUES,
    MAP: VALUES,
    TEXT: VALUES,
    XML_ELEMENT: ELEMENTS,
    XML_FRAGMENT: ELEMENTS,
    XML_TEXT: ELEMENTS,
}


def extend(held: Holdings, update: Update) -> bool:
    """Hold an update that only types on: one string after an item of a root that is held.

    What nearly every update is, without a walk. False, and nothing is held, for any other. One that
    is held so makes pycrdt delete nothing.
    """
    if update.deletes or len(update.sections) != 1:
        return False
    client, at, structs = update.sections[0]
    if len(structs) != 1:
        return False
    length, content, origin, right, _, _, pairs = structs[0]
    if content != STRING or origin is None or right is not None or pairs is not None:
        return False
    neighbour, clock = origin
    if at != held.clock(client) or clock >= (at if neighbour == client else held.clock(neighbour)):
        return False
    place = held.code(neighbour, clock) >> 1
    root = (place >> 1) - _FIRST_ROOT
    if root < 0 or place & 1 or held.splits(neighbour, clock + 1):
        return False
    held.tells[root] = held.tells.get(root, 0) | STRINGS
    held.hold(client, at, at + length, place * 2)
    return True


class Walk:
    """The result: `gap`, and the `update` with deletions widened to whole characters.

    A section stops where a struct needs what is not held; it waits for that, in a heap for each
    client, and goes on when that client's section has come far enough. Whoever still waits at the
    end has a gap. Raises InvalidOperation.
    """

    def __init__(self, news: Holdings, update: Update) -> None:
        self.update = update
        self._news = news
        self._sections = update.sections
        self._places = [0] * len(update.sections)  # index of the next struct of each, and its clock
        self._at = [clock for _, clock, _ in update.sections]
        self._merged: list[tuple[int, int, int]] = []  # values under one key, in one struct
        self.gap = self._structs() or self._deletes()

    def _structs(self) -> bool:
        if len(self._sections) == 1:
            return self._advance(0) is not None
        ready = list(range(len(self._sections) - 1, -1, -1))
        waiting: dict[int, list[tuple[int, int]]] = {}
        waiting_count = 0
        while ready:
            index = ready.pop()
            client = self._sections[index][0]
            need = self._advance(index)
            if need is not None:
                if need[0] == client:
                    return True
                heappush(waiting.setdefault(need[0], []), (need[1], index))
                waiting_count += 1
            queue = waiting.get(client)
            if queue:
                clock = self._news.clock(client)
                while queue and queue[0][0] < clock:
                    ready.append(heappop(queue)[1])
                    waiting_count -= 1
        return waiting_count > 0

    def _advance(self, index: int) -> Id | None:
        """Take structs of a section until one needs an item that is not held: return that."""
        client, _, structs = self._sections[index]
        at = self._at[index]
        held = self._news.clock(client)
        for place in range(self._places[index], len(structs)):
            struct = structs[place]
            length, content, origin, right, parent, _, _ = struct
            need = None
            if origin is not None:
                need = self._missing(origin, client, at)
            if right is not None:
                need = need or self._missing(right, client, at)
            if parent is not None and not isinstance(parent, str):
                need = self._missing(parent, client, at)
            if content != SKIP:
                if at > held:
                    need = need or (client, held)
                elif need is None and at + length > held:
                    self._hold(client, at, held, struct)
                    held = at + length
            if need is not None:
                self._places[index] = place
                self._at[index] = at
                return need
            at += length
        return None

    def _missing(self, reference: Id, client: int, at: int) -> Id | None:
        """An item that one of `client` at `at` refers to, if it is not held yet."""
        if reference[0] == client:
            if reference[1] >= at:
                raise InvalidOperation("an item refers to one that comes after it")
            return None
        return None if reference[1] < self._news.clock(reference[0]) else reference

    def _hold(self, client: int, at: int, held: int, struct: Struct) -> None:
        """Note an item, or what of it is after `held`."""
        length, content, origin, right, parent, keyed, pairs = struct
        news = self._news
        end = at + length
        if content == GC:
            place = _NOWHERE
        elif parent is None:
            place = self._beside(origin, right)
        elif isinstance(parent, str):
            place = (_FIRST_ROOT + news.root(parent)) * 2 + keyed
        else:
            place = self._inside(parent, keyed)
        if pairs is not None:
            if held - at - 1 in pairs:
                raise InvalidOperation("half of a character is held already")
            pairs = tuple(at + unit for unit in pairs if at + unit >= held)
        if at < held:
            if content != GC:
                before = news.code(client, held - 1) >> 1
                if before and place and before != place:
                    raise InvalidOperation("an item continues one of another type")
                place = before or place
            at = held
        if place & 1:
            if right is not None:
                raise InvalidOperation("a value under a key has a right neighbour")
            if end - at > 1 and content != DELETED:
                self._merged.append((client, at, end))
        code = _NOWHERE
        if place:
            code = place * 2
            container = place >> 1
            if content >= ARRAY:
                if container == MAX_SHARED_DEPTH:
                    raise InvalidOperation("shared types nest too deep")
                code += 1
            elif content == DELETED:
                code += 1
            if container >= _FIRST_ROOT:
                root = container - _FIRST_ROOT
                tells = KEYS if place & 1 else _TELLS[content]
                news.tells[root] = news.tells.get(root, 0) | tells
        news.hold(client, at, end, code)
        if pairs:
            news.pair(client, pairs)
        if content <= DELETED:
            news.delete(client, news.undeleted(client, [(at, end)]))

    def _beside(self, origin: Id | None, right: Id | None) -> int:
        """The place between two neighbours, or of the only one."""
        news = self._news
        place = other = _NOWHERE
        if origin is not None:
            client, clock = origin
            place = news.code(client, clock) >> 1
            if news.splits(client, clock + 1):
                raise InvalidOperation("an item stands inside a character")
        if right is not None:
            client, clock = right
            other = news.code(client, clock) >> 1
            if news.splits(client, clock):
                raise InvalidOperation("an item stands inside a character")
        if place and other and place != other:
            raise InvalidOperation("an item's neighbours belong to different types")
        return place or other

    def _inside(self, parent: Id, keyed: bool) -> int:
        """The place in a shared type, which may be deleted."""
        code = self._news.code(*parent)
        if not code:
            return _NOWHERE
        if not code & 1:
            raise InvalidOperation("an item's parent is not a shared type")
        container = code >> 2
        return (1 if container >= _FIRST_ROOT else container + 1) * 2 + keyed

    def _deletes(self) -> bool:
        news = self._news
        widened = False
        deletes: dict[int, list[Range]] = {}
        for client, ranges in self.update.deletes.items():
            if ranges and max(end for _, end in ranges) > news.clock(client):
                return True
            deletes[client] = whole = [
                (start - news.splits(client, start), end + news.splits(client, end))
                for start, end in ranges
            ]
            widened = widened or whole != ranges
            news.delete(client, news.undeleted(client, whole))
        for client, start, end in self._merged:
            # What replaced each other under a key may be merged once all of it is deleted. Of live
            # ones pycrdt would forget all but one, and keep them when their parent is freed.
            if news.undeleted(client, [(start, end)]):
                raise InvalidOperation("a key has several values")
        if widened:
            self.update = self.update.with_deletes(deletes)
        return False
