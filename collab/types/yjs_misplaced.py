"""Finds text that lies in an array, where no editor puts it, but an update can.

Owns that one question: pycrdt never returns from reading an array with a character of two UTF-16
units in it. Which container an item is in is told by its origins, as in an update.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right

from collab.types.yjs_guard import read_update
from collab.types.yjs_update import ARRAY, STRING, Id, Struct

# A character of two units has four bytes, and most documents have none.
_PAIRED = re.compile(rb"[\xf0-\xf4][\x80-\xbf]{3}")


def has_text_in_arrays(state: bytes) -> bool:
    """Whether a character of two UTF-16 units lies in an array of this state."""
    if not _PAIRED.search(state):
        return False
    update = read_update(state)
    clients = {client: _Items(clock, structs) for client, clock, structs in update.sections}
    kinds = {struct[1] for items in clients.values() for struct in items.structs}
    if ARRAY not in kinds:
        return False
    # Items without a parent have that of their origin; several share one way up.
    parents: dict[tuple[int, int], Id | str | None] = {}
    for client, items in clients.items():
        for index, struct in enumerate(items.structs):
            if struct[1] != STRING or not struct[6]:
                continue
            way: list[tuple[int, int]] = []
            place: tuple[int, int] | None = (client, index)
            parent: Id | str | None = None
            while place is not None and place not in parents:
                way.append(place)
                _, _, origin, right, parent, _, _ = clients[place[0]].structs[place[1]]
                beside = origin or right
                if parent is not None or beside is None or beside[0] not in clients:
                    break
                place = (beside[0], clients[beside[0]].index_at(beside[1]))
            else:
                parent = None if place is None else parents[place]
            parents.update(dict.fromkeys(way, parent))
            if isinstance(parent, tuple) and parent[0] in clients:
                holder = clients[parent[0]]
                if holder.structs[holder.index_at(parent[1])][1] == ARRAY:
                    return True
    return False


class _Items:
    """The structs of one client, to be found by their clocks."""

    def __init__(self, clock: int, structs: list[Struct]) -> None:
        self.structs = structs
        lengths = (struct[0] for struct in structs)
        self._starts = list(itertools.accumulate(lengths, initial=clock))

    def index_at(self, clock: int) -> int:
        return min(bisect_right(self._starts, clock), len(self.structs)) - 1
