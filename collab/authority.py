"""Decides the place of every edit: dedupe, rights, rebase, limits, apply.

Pure code: no I/O, no await, no clock of its own, so a whole batch is staged without anything else
happening in between. Staging changes nothing; `adopt` does, once the store has said yes. Knows
nothing of sessions, stores or sockets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from collab.errors import (
    BaseAboveHead,
    BaseBelowOwnCommit,
    BelowFloor,
    CollabError,
    DocumentBroken,
    DocumentTooLarge,
    InvalidOperation,
    NameReused,
    NotAllowed,
    StaleSequence,
)
from collab.names import Known, Names
from collab.tail import Tail
from collab.types import DocumentType
from collab.words import Commit, Credit, Edit

# What rebasing may cost, in the types' weight (about 0.2 us a unit): for one edit, before its
# author has to start afresh; for one batch, before the rest waits for the next.
_MAX_EDIT_WORK = 300_000
_MAX_BATCH_WORK = 300_000


class Request(msgspec.Struct, frozen=True):
    """An edit whose turn it is, and whether its author may write at this moment."""

    edit: Edit
    permitted: bool


class Placed(msgspec.Struct, frozen=True):
    """The edit is commit `version`; `commit` is it, or None if a resend of an older one."""

    version: int
    commit: Commit | None


Outcome = Placed | CollabError


class Older(msgspec.Struct, frozen=True):
    """Operations of commits `after + 1 …` up to where the tail begins, read from the store."""

    after: int
    operations: Sequence[Any]


class HistoryNeeded(msgspec.Struct, frozen=True):
    """A request's base lies below the tail: stage again with the commits after `after`."""

    after: int


class Staged(msgspec.Struct, frozen=True):
    """What a batch would do: outcomes in order of the requests, and the commits to append.

    There may be fewer outcomes than requests, but at least one: the rest is for the next batch.
    """

    expected_version: int
    state: Any
    commits: tuple[Commit, ...]
    operations: tuple[Any, ...]
    outcomes: tuple[Outcome, ...]


class Authority:
    """The state, the tail and the memory of names of one document at `version`."""

    def __init__(
        self,
        type: DocumentType,
        *,
        state: Any,
        version: int,
        time: int,
        floor: int,
        names: Names,
        tail: Tail,
        max_document_bytes: int,
        max_rebase_commits: int,
    ) -> None:
        self.type = type
        self.state = state
        self.version = version
        self.floor = floor
        self.names = names
        self.tail = tail
        self._time = time
        self._max_document_bytes = max_document_bytes
        self._max_rebase_commits = max_rebase_commits

    def stage(
        self, requests: Sequence[Request], now: int, older: Older | None = None
    ) -> Staged | HistoryNeeded:
        """Place the requests one after the other, as many as one batch should; `now` is in ms."""
        if older is None and (lowest := self._lowest_base(requests)) < self.tail.oldest:
            return HistoryNeeded(lowest)
        batch = _Batch(self, max(now, self._time), older)
        outcomes: list[Outcome] = []
        for request in requests:
            if outcomes and batch.work > _MAX_BATCH_WORK:
                break
            outcomes.append(batch.place(request))
        return Staged(
            self.version,
            batch.state,
            tuple(batch.commits),
            tuple(batch.operations),
            tuple(outcomes),
        )

    def adopt(self, staged: Staged) -> None:
        """Make a staged batch, now durable, the document's newest commits."""
        self.state = staged.state
        for commit, operation in zip(staged.commits, staged.operations, strict=True):
            self._remember(commit, operation)

    def apply(self, commit: Commit) -> None:
        """Take the next commit from the log; raises DocumentBroken if it does not fit."""
        if commit.version != self.version + 1:
            raise DocumentBroken(f"commit {commit.version} follows {self.version} in the log")
        try:
            operation = self.type.decode(commit.operation)
            self.state = self.type.apply(self.state, operation)
        except InvalidOperation as error:
            raise DocumentBroken(f"commit {commit.version} does not apply") from error
        self._remember(commit, operation)

    @property
    def oldest_base(self) -> int:
        """Bases below this are refused: trimmed, or more commits ago than one edit may cost."""
        return max(self.floor, self.version - self._max_rebase_commits)

    def _remember(self, commit: Commit, operation: Any) -> None:
        self.version = commit.version
        self._time = commit.time
        self.tail.append(commit, operation)
        self.names.record(commit, self.tail.oldest)

    def _lowest_base(self, requests: Sequence[Request]) -> int:
        """The lowest base that will really be rebased: those that get refused do not count."""
        lowest = self.version
        for request in requests:
            base = request.edit.base
            if base is not None and self.oldest_base <= base < lowest:
                lowest = base
        return lowest


class _Batch:
    """One staging: the state and names as they would be after the edits placed so far."""

    def __init__(self, authority: Authority, now: int, older: Older | None) -> None:
        self._authority = authority
        self._now = now
        self._older = older
        self._names: dict[str, Known] = {}
        self.work = 0
        self.state = authority.state
        self.commits: list[Commit] = []
        self.operations: list[Any] = []

    def place(self, request: Request) -> Outcome:
        try:
            return self._place(request)
        except CollabError as refusal:
            return refusal

    def _place(self, request: Request) -> Placed:
        authority, edit = self._authority, request.edit
        known = self._names.get(edit.author) or authority.names.get(edit.author)
        if known is not None and edit.seq <= known.seq:
            return _answer_known(edit, known)
        if not request.permitted:
            raise NotAllowed("you may read this document, not write to it")
        operation = self._rebase(edit, known)
        state = authority.type.apply(self.state, operation)
        size = authority.type.size(state)
        if size > authority._max_document_bytes and size > authority.type.size(self.state):
            raise DocumentTooLarge(size, authority._max_document_bytes)
        commit = Commit(
            version=authority.version + len(self.commits) + 1,
            time=self._now,
            credits=(Credit(edit.author, edit.seq, edit.user, edit.digest),),
            operation=authority.type.encode(operation),
        )
        self.state = state
        self.commits.append(commit)
        self.operations.append(operation)
        self._names[edit.author] = Known(edit.seq, commit.version, edit.digest, self._now)
        return Placed(commit.version, commit)

    def _rebase(self, edit: Edit, known: Known | None) -> Any:
        """The operation as it has to be after everything that its author had not seen.

        Over each commit in turn, never over a composition of them: the two differ.
        """
        authority, base = self._authority, edit.base
        if base is None:
            return edit.operation
        if base > authority.version:
            raise BaseAboveHead(base, authority.version)
        if known is not None and base < known.version:
            raise BaseBelowOwnCommit(base, known.seq, known.version)
        oldest = authority.oldest_base
        if known is None:
            oldest = max(oldest, authority.names.forgotten)
        if base < oldest:
            raise BelowFloor(base, oldest)
        over = [*self._operations_after(base), *self.operations]
        weight, rebase = authority.type.weight, authority.type.rebase
        work = len(over) * weight(edit.operation) + sum(map(weight, over))
        if work > _MAX_EDIT_WORK:
            raise BelowFloor(base, authority.version)
        self.work += work
        operation = edit.operation
        for committed in over:
            operation = rebase(operation, committed)
        return operation

    def _operations_after(self, base: int) -> Sequence[Any]:
        tail = self._authority.tail
        operations = tail.operations_after(base)
        if operations is not None:
            return operations
        older = self._older
        if older is None or base < older.after:
            raise BelowFloor(base, tail.oldest)
        kept = tail.operations_after(tail.oldest)
        between = tail.oldest - base
        start = base - older.after
        return [*older.operations[start : start + between], *(kept or ())]


def _answer_known(edit: Edit, known: Known) -> Placed:
    if edit.seq < known.seq:
        raise StaleSequence(edit.seq, known.seq, known.version)
    if edit.digest != known.digest:
        raise NameReused(edit.seq, known.version)
    return Placed(known.version, None)
