"""Checks untrusted Yjs updates against what a replica holds, before pycrdt sees them.

Owns the judgement: gaps, what adds nothing, how deep shared types nest, what does not fit together.
It never calls pycrdt; whoever applies an update tells it so.

A batch is checked in order and held before it is applied; if that fails, a new guard is made::

    for raw in batch:
        checked = guard.check(read_update(raw))  # InvalidOperation: refuse the sender
        if checked.gap: ...  # answer with sync step 1, apply nothing
        guard.adopt(checked)
    ...  # apply every checked.update.raw in one transaction
    guard.applied(effective)  # what `observe` reported of it
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from collab.errors import DocumentBroken, InvalidOperation
from collab.types.yjs_holdings import Holdings
from collab.types.yjs_update import DELETED, Range, Section, Update, read_update
from collab.types.yjs_walk import ELEMENTS, KEYS, STRINGS, VALUES, Walk, extend
from collab.types.yjs_wire import AwarenessEntry, check_awareness, check_state_vector

__all__ = [
    "AwarenessEntry",
    "Checked",
    "Guard",
    "RootKind",
    "Update",
    "check_awareness",
    "check_state_vector",
    "read_update",
]

RootKind: TypeAlias = Literal["text", "map", "array", "xml"]

_KINDS: Final[tuple[tuple[int, RootKind], ...]] = (
    (STRINGS, "text"),
    (ELEMENTS, "xml"),
    (VALUES, "array"),
    (KEYS, "map"),
)
"""The first kind that the evidence allows; texts can hold all of these, and only they strings."""


class Checked(msgspec.Struct, frozen=True):
    """What an update would do to the replica it was checked against.

    `update`: what to apply, which is not always what was sent: a deletion of half a character (in
    JavaScript the other half stays as U+FFFD, in pycrdt all later clocks are lost at the next load)
    takes the other half too. `gap`: it needs something that the replica does not hold; nothing of
    it may be applied. `empty`: everything in it is held already.
    """

    update: Update
    gap: bool
    empty: bool
    news: Holdings

    @property
    def added(self) -> dict[int, int]:
        """The clients whose items are new, and the clock after the last of each."""
        return self.news.clocks


class Guard:
    """What one replica holds, or will hold once the batch that was adopted is applied."""

    __slots__ = ("_held", "_only_extended")

    def __init__(self) -> None:
        self._held = Holdings()
        self._only_extended = True

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
        guard.applied(None)
        return guard

    def check(self, update: Update) -> Checked:
        """Judge `update` against what is held; changes nothing, raises InvalidOperation."""
        news = Holdings(self._held)
        walk = Walk(news, update)
        return Checked(walk.update, walk.gap, not (walk.gap or news), news)

    def adopt(self, checked: Checked) -> None:
        """Hold what an update without a gap brings, the last that was checked here."""
        if checked.gap:
            raise ValueError("an update with a gap is not applied")
        self._only_extended = False
        self._held.absorb(checked.news)

    def extend(self, update: Update) -> bool:
        """Check and adopt at once an update that only types on, which most are; False, and nothing
        happens, for any other."""
        return extend(self._held, update)

    @property
    def only_extended(self) -> bool:
        """Whether what was adopted since `applied` does no more than type on, in full."""
        return self._only_extended

    def applied(self, effective: bytes | None) -> None:
        """Note what else applying what was adopted has deleted (a value that lost its key).

        `effective` is the update that pycrdt reported of the transaction, None if it reported none.
        """
        only_extended, self._only_extended = self._only_extended, True
        if effective is not None and not only_extended:
            update = read_update(effective)
            for client, ranges in (*update.deletes.items(), *_gone(update.sections)):
                self._held.delete(client, ranges)

    @property
    def clocks(self) -> Mapping[int, int]:
        """How far every client's items are held."""
        return self._held.clocks

    def clock(self, client: int) -> int:
        """How far a client's items are held: the clock of the first that is not."""
        return self._held.clock(client)

    def is_deleted(self, client: int, start: int, end: int) -> bool:
        """Whether all of the client's items from `start` up to `end` are deleted."""
        return not self._held.undeleted(client, [(start, end)])

    def roots(self) -> dict[str, RootKind | None]:
        """Every root by name, and what its items say it is: None if they say nothing.

        A text of which only attributes or shared types were ever seen looks like a map or an array.
        """
        return {name: _kind(self._held.tells.get(root, 0)) for name, root in self._held.roots()}


def _kind(tells: int) -> RootKind | None:
    return next((kind for bit, kind in _KINDS if tells & bit), None)


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
