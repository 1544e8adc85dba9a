"""One Yjs document: pycrdt's replica, our guard in front of it, and which part of it is durable.

The replica may be ahead of the log while a batch is on its way. Whatever leaves is taken from what
is committed: the last clean encoding and the commits after it. Contains what pycrdt throws: after
an error in the middle of an apply the replica is made anew from what is committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

import msgspec
import pycrdt

from collab.errors import (
    CollabError,
    DocumentBroken,
    DocumentTooLarge,
    InvalidOperation,
    UpdateGap,
)
from collab.types import Candidate, Placement
from collab.types.yjs_guard import Guard, RootKind, Update, read_update
from collab.types.yjs_update import join
from collab.types.yjs_wire import write_state_vector

Doc: TypeAlias = "pycrdt.Doc[Any]"

EMPTY_UPDATE = b"\x00\x00"
EMPTY_VECTOR = b"\x00"
# pycrdt's merge is superlinear: longer runs are merged in steps.
_MERGE_RUN = 64


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """An operation in the log: the effective update of a batch (base64 in JSON), and the user of
    every Yjs client that appears in it for the first time."""

    update: bytes
    owners: dict[int, str] = {}


class Seed(msgspec.Struct, frozen=True):
    """Initial content: has an effect only where nothing was ever written."""

    update: Update


class _ApplyFailed(Exception):
    """pycrdt did not take an update, and the replica is suspect."""


class Replica:
    """The state of a yjs document. `owners` tells which user each Yjs client belonged to first."""

    def __init__(
        self, committed: bytes = EMPTY_UPDATE, owners: dict[int, str] | None = None
    ) -> None:
        self.owners = {} if owners is None else owners
        self._clean = committed
        self._since: list[bytes] = []
        self._since_bytes = 0
        self._staged: Change | None = None
        self._contributed: dict[int, Any] = {}  # by id(), of the operations that are staged
        self._doc: Doc
        self.guard: Guard
        self._rebuild()

    # What is committed ----------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Bytes of the committed state, about: what was overwritten counts until it is encoded."""
        return len(self._clean) + self._since_bytes

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever written."""
        return not self._since and self._clean == EMPTY_UPDATE

    def committed(self) -> bytes:
        """The committed state as one update, encoded once while nothing changes."""
        if self._since:
            if self._staged is None:
                self._clean = self._doc.get_update()
            else:
                self._clean = merge([self._clean, *self._since])
            self._since = []
            self._since_bytes = 0
        return self._clean

    def roots(self) -> dict[str, RootKind | None]:
        """Every root by name, and what it is, as far as that can be told."""
        return self.guard.roots()

    def vector(self) -> bytes:
        """The state vector of what is committed."""
        if self._staged is None:
            return self._doc.get_state()
        clocks = dict(self.guard.clocks)
        clocks.update((client, at) for client, at, _ in read_update(self._staged.update).sections)
        return write_state_vector(clocks)

    def missing_at(self, vector: bytes) -> bytes:
        """What a replica with that state vector lacks of what is committed."""
        if vector == EMPTY_VECTOR:
            return self.committed()
        if self._staged is None:
            return self._doc.get_update(vector)
        return pycrdt.get_update(self.committed(), vector)

    def document(self) -> Doc:
        """A pycrdt document of what is committed. For reading: use it at once, never change it."""
        if self._staged is None:
            return self._doc
        return _load([self.committed()])

    # What gets committed --------------------------------------------------------------------------

    def place(self, candidates: Sequence[Candidate], max_bytes: int) -> Placement:
        """Apply what can be applied in one transaction; one commit for all of it.

        Staged again after a conflict, what is in the replica already is committed as it is.
        """
        operations = [candidate.operation for candidate in candidates]
        if self._staged is not None and not self._is_still_wanted(operations):
            self._rebuild()
        refused: dict[int, CollabError] = {}
        fresh = self._admit(operations, max_bytes, refused)
        try:
            effective = self._apply_batch(fresh)
        except _ApplyFailed:
            effective = self._apply_singly(fresh, refused)
        for index, _ in fresh:
            if index not in refused:
                self._contributed[id(operations[index])] = operations[index]
        self._stage(effective, candidates, [index for index, _ in fresh if index not in refused])
        members = [
            index
            for index, candidate in enumerate(candidates)
            if index not in refused
            and (candidate.named or id(candidate.operation) in self._contributed)
        ]
        if not members:
            return Placement(self, (), refused)
        return Placement(self, [(self._staged or Change(EMPTY_UPDATE), members)], refused)

    def settle(self) -> None:
        """What was placed is durable."""
        if self._staged is not None:
            self._remember(self._staged)
        self._staged = None
        self._contributed = {}

    def take(self, change: Change) -> None:
        """Apply a change from the log; raises DocumentBroken."""
        try:
            update = read_update(change.update)
            checked = self.guard.check(update)
            if checked.gap:
                raise DocumentBroken("a commit builds on something that is not in the log")
            self.guard.adopt(checked)
            self.guard.applied(self._apply([checked.update.raw]))
        except (InvalidOperation, _ApplyFailed) as error:
            raise DocumentBroken("a commit does not apply") from error
        self._remember(change)

    def _remember(self, change: Change) -> None:
        self.owners.update(change.owners)
        if change.update != EMPTY_UPDATE:
            self._since.append(change.update)
            self._since_bytes += len(change.update)

    def _is_still_wanted(self, operations: Sequence[Any]) -> bool:
        """Whether all that is staged is asked for again; a seed has to be judged anew."""
        asked_for = set(map(id, operations))
        return all(
            key in asked_for and not isinstance(operation, Seed)
            for key, operation in self._contributed.items()
        )

    def _admit(
        self, operations: Sequence[Any], max_bytes: int, refused: dict[int, CollabError]
    ) -> list[tuple[int, Update]]:
        """The operations that add something, in order; the guard holds them from now on. All others
        need nothing or are refused."""
        guard = self.guard
        admitted: list[tuple[int, Update]] = []
        size = self.size
        for index, operation in enumerate(operations):
            update: Update = operation
            if isinstance(operation, Seed):
                update = operation.update
                if admitted or not self.is_empty or self._staged is not None:
                    continue
            if size + len(update.raw) <= max_bytes and guard.extend(update):
                size += len(update.raw)
                admitted.append((index, update))
                continue
            try:
                checked = guard.check(update)
            except InvalidOperation as error:
                refused[index] = error.with_traceback(None)  # whose frames lead back here
                continue
            if checked.gap:
                refused[index] = UpdateGap("the update builds on something that is not here")
            elif not checked.empty:
                size += len(update.raw)
                if size > max_bytes:
                    refused[index] = DocumentTooLarge(size, max_bytes)
                    size -= len(update.raw)
                    continue
                guard.adopt(checked)
                # Not as it was sent: the guard may have widened a deletion to a whole character.
                admitted.append((index, checked.update))
        return admitted

    def _apply_batch(self, fresh: list[tuple[int, Update]]) -> bytes | None:
        if not fresh:
            return None
        updates = [update for _, update in fresh]
        if self.guard.only_extended and _are_of_different_clients(updates):
            # Then what they come to is what they are. To have it reported takes as long as what
            # was typed on is.
            joined = join(updates)
            self._apply_unobserved([joined])
            self.guard.applied(joined)
            return joined
        effective = self._apply([update.raw for update in updates])
        self.guard.applied(effective)
        return effective

    def _apply_singly(
        self, fresh: list[tuple[int, Update]], refused: dict[int, CollabError]
    ) -> bytes | None:
        """After a batch broke the replica: one by one on a new one, refusing what breaks it."""
        staged = self._staged
        good: list[tuple[int, Update]] = []
        self._restore(staged, good)
        for item in fresh:
            try:
                if self._apply_one(item[1]):
                    good.append(item)
                else:
                    refused[item[0]] = UpdateGap("the update builds on one that was refused")
            except (_ApplyFailed, InvalidOperation):
                refused[item[0]] = InvalidOperation("the update cannot be applied")
                self._restore(staged, good)
        if not good:
            return None
        return merge([update.raw for _, update in good])

    def _apply_one(self, update: Update) -> bool:
        """Apply one update by itself; False if it has a gap."""
        checked = self.guard.check(update)
        if checked.gap:
            return False
        self.guard.adopt(checked)
        self._apply_batch([(0, checked.update)])
        return True

    def _restore(self, staged: Change | None, good: list[tuple[int, Update]]) -> None:
        """A new replica with what was staged before and what has proved good."""
        contributed = self._contributed
        self._rebuild()
        self._contributed = contributed
        if staged is not None:
            self._apply_one(read_update(staged.update))
            self._staged = staged
        for _, update in good:
            self._apply_one(update)

    def _stage(
        self, effective: bytes | None, candidates: Sequence[Candidate], members: list[int]
    ) -> None:
        if effective is None:
            return
        owners: dict[int, str] = {}
        for index in members:
            user, operation = candidates[index].user, candidates[index].operation
            update = operation.update if isinstance(operation, Seed) else operation
            if user is not None:
                for client, _, _ in update.sections:
                    if client not in self.owners:
                        owners.setdefault(client, user)
        if self._staged is not None:
            effective = merge([self._staged.update, effective])
            owners = {**owners, **self._staged.owners}
        self._staged = Change(effective, owners)

    # pycrdt ---------------------------------------------------------------------------------------

    def _rebuild(self) -> None:
        """Make the replica anew from what is committed, without what is staged."""
        self._staged = None
        self._contributed = {}
        self._doc = _load([self._clean, *self._since])
        self.guard = Guard.of(read_update(self._doc.get_update()))

    def _apply(self, updates: Sequence[bytes]) -> bytes | None:
        """Apply in one transaction; what it came to, None if to nothing."""
        events: list[bytes] = []
        # Only for so long: a document that is observed holds its observer, which holds it, and
        # that circle is none that Python's garbage collector sees.
        subscription = self._doc.observe(partial(_note, events))
        try:
            self._apply_unobserved(updates)
        finally:
            self._doc.unobserve(subscription)
        return events[0] if events else None

    def _apply_unobserved(self, updates: Sequence[bytes]) -> None:
        """Apply in one transaction, which one update has of its own."""
        try:
            if len(updates) == 1:
                self._doc.apply_update(updates[0])
                return
            with self._doc.transaction():
                for update in updates:
                    self._doc.apply_update(update)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # pycrdt's panics are no Exceptions
            raise _ApplyFailed from error


def _note(events: list[bytes], event: pycrdt.TransactionEvent) -> None:
    events.append(event.update)


def _are_of_different_clients(updates: Sequence[Update]) -> bool:
    """Of updates of one client each. Those of one client come to less than they are."""
    return len(updates) == 1 or len({update.sections[0][0] for update in updates}) == len(updates)


def merge(updates: Sequence[bytes]) -> bytes:
    """One update for many, merged in short runs."""
    merged = [update for update in updates if update != EMPTY_UPDATE]
    while len(merged) > 1:
        merged = [
            pycrdt.merge_updates(*merged[at : at + _MERGE_RUN])
            for at in range(0, len(merged), _MERGE_RUN)
        ]
    return merged[0] if merged else EMPTY_UPDATE


def _load(updates: Sequence[bytes]) -> Doc:
    doc: Doc = pycrdt.Doc()
    try:
        with doc.transaction():
            for update in updates:
                doc.apply_update(update)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise DocumentBroken("what is stored of the document does not load") from error
    return doc
