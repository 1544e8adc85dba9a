"""Decides the place of every edit: dedupe, rights, rebase, limits, apply.

Pure code: no I/O, no await, no clock of its own, so a whole batch is staged without anything else
happening in between. Staging changes nothing; `adopt` does, once the store has said yes. Knows
nothing of sessions, stores or sockets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from collab.errors import (
    BaseAboveHead,
    BaseBelowOwnCommit,
    BelowFloor,
    CollabError,
    DocumentBroken,
    InvalidOperation,
    NameReused,
    NotAllowed,
    StaleSequence,
)
from collab.names import Known, Names
from collab.tail import Tail
from collab.types import Candidate, DocumentType
from collab.words import Commit, Credit, Edit

# What placing may cost, in the types' weight (about 0.2 us a unit to rebase, thirty times that to
# apply): for rebasing one edit, before its author has to start afresh; for one batch, before the
# rest waits for the next.
_MAX_REBASE_WORK = 300_000
_MAX_BATCH_WORK = 300_000
_APPLY_WORK = 30


class Request(msgspec.Struct, frozen=True):
    """An edit whose turn it is, and whether its author may write at this moment."""

    edit: Edit
    permitted: bool


class Placed(msgspec.Struct, frozen=True):
    """The edit is in commit `version`; `commit` is it, or None if it was there before: a resend, or
    an edit that adds nothing."""

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
    """What a batch would do: an outcome for each request, and the commits to append.

    None is no outcome: that request is for the next batch. The first always has one.
    """

    expected_version: int
    state: Any
    commits: tuple[Commit, ...]
    operations: tuple[Any, ...]
    outcomes: tuple[Outcome | None, ...]


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
        self.time = time
        self._max_document_bytes = max_document_bytes
        self._max_rebase_commits = max_rebase_commits

    def stage(
        self, requests: Sequence[Request], now: int, older: Older | None = None
    ) -> Staged | HistoryNeeded:
        """Place the requests one after the other, as many as one batch should; `now` is in ms."""
        if older is None and (lowest := self._lowest_base(requests)) < self.tail.oldest:
            return HistoryNeeded(lowest)
        batch = _Batch(self, older)
        for request in requests:
            batch.take(request)
        return batch.place(max(now, self.time))

    def bring_forward(self, edits: Sequence[Edit]) -> list[Edit]:
        """The same edits on what is the head now, as far as that costs no more than one batch may.

        So whoever stages again, because others were faster, rebases over their commits only, and
        an edit that was young enough when it came does not grow too old. What would be refused, or
        answered without a place, is left as it is.
        """
        reader = _Batch(self, None)
        forward = list(edits)
        work = 0
        for place, edit in enumerate(edits):
            try:
                unseen = reader.unseen_of(edit)
                if not unseen:
                    continue
                work += reader.work_of(edit.operation, unseen)
                if work > _MAX_BATCH_WORK:
                    break
                operation = self.type.rebase(edit.operation, unseen)
            except CollabError:
                continue
            forward[place] = msgspec.structs.replace(edit, base=self.version, operation=operation)
        return forward

    def adopt(self, staged: Staged) -> None:
        """Make a staged batch, now durable, the document's newest commits."""
        self.state = self.type.settle(staged.state)
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
        self.time = commit.time
        self.tail.append(commit, operation)
        self.names.record(commit, self.tail.oldest)

    def _lowest_base(self, requests: Sequence[Request]) -> int:
        """The lowest base that will really be rebased: those that get refused do not count."""
        lowest = self.version
        for request in requests:
            base, known = request.edit.base, self.names.get(request.edit.author)
            if base is None or base >= lowest or not request.permitted:
                continue
            if known is not None and (request.edit.seq <= known.seq or base < known.version):
                continue
            if base >= self._oldest_base_of(known):
                lowest = base
        return lowest

    def _oldest_base_of(self, known: Known | None) -> int:
        """The oldest base that an author may have of whom that is known."""
        return self.oldest_base if known else max(self.oldest_base, self.names.forgotten)


class _Batch:
    """One staging: the requests that may get a place, and what is answered without one."""

    def __init__(self, authority: Authority, older: Older | None) -> None:
        self._authority = authority
        self._older = older
        self._answers: list[Outcome | None] = []
        self._taken: list[tuple[int, Edit]] = []
        self._candidates: list[Candidate] = []
        self._authors: set[str] = set()
        self._weight = 0
        self._work = 0
        self._full = False

    def take(self, request: Request) -> None:
        """Answer the request, make it part of the batch, or leave it for the next.

        One edit per author: what the next is to its name depends on what becomes of this one.
        """
        outcome: Outcome | Candidate | None = None
        if not self._full and request.edit.author not in self._authors:
            try:
                outcome = self._consider(request)
            except CollabError as refusal:
                outcome = refusal.with_traceback(None)  # whose frames lead back here
        if isinstance(outcome, Candidate):
            if self._has_room(outcome):
                self._taken.append((len(self._answers), request.edit))
                self._candidates.append(outcome)
            outcome = None
        if request.edit.seq:
            self._authors.add(request.edit.author)
        self._answers.append(outcome)

    def place(self, now: int) -> Staged:
        """Let the type give the candidates their places."""
        authority = self._authority
        placement = authority.type.place(
            authority.state, self._candidates, max_bytes=authority._max_document_bytes
        )
        answers = self._answers
        for position, _ in self._taken:
            answers[position] = Placed(authority.version, None)
        for index, refusal in placement.refused.items():
            answers[self._taken[index][0]] = refusal
        commits: list[Commit] = []
        for operation, members in placement.commits:
            edits = [self._taken[index] for index in members]
            commit = Commit(
                version=authority.version + len(commits) + 1,
                time=now,
                credits=_credits(edit for _, edit in edits),
                operation=authority.type.encode(operation),
            )
            commits.append(commit)
            for position, _ in edits:
                answers[position] = Placed(commit.version, commit)
        return Staged(
            expected_version=authority.version,
            state=placement.state,
            commits=tuple(commits),
            operations=tuple(operation for operation, _ in placement.commits),
            outcomes=tuple(answers),
        )

    def _consider(self, request: Request) -> Outcome | Candidate:
        """The answer if there is one without a place, or what may get one."""
        authority, edit = self._authority, request.edit
        known = authority.names.get(edit.author) if edit.seq else None
        if known is not None and edit.seq <= known.seq:
            return _answer_known(edit, known)
        if not request.permitted:
            if authority.type.adds_nothing(authority.state, edit.operation):
                return Placed(authority.version, None)
            raise NotAllowed("you may read this document, not write to it")
        unseen = self._unseen(edit, known)
        return Candidate(edit.operation, unseen, edit.seq > 0, edit.user)

    def unseen_of(self, edit: Edit) -> Sequence[Any] | None:
        """The operations that it is to be rebased over; None: over none, or it is known already.
        Raises what it is refused with."""
        known = self._authority.names.get(edit.author) if edit.seq else None
        if known is not None and edit.seq <= known.seq:
            return None
        return self._unseen(edit, known)

    def work_of(self, operation: Any, unseen: Sequence[Any]) -> int:
        """What rebasing one over the other costs."""
        weigh = self._authority.type.weight
        return len(unseen) * weigh(operation) + sum(map(weigh, unseen))

    def _has_room(self, candidate: Candidate) -> bool:
        """Whether placing it too is not too much for one batch; the first always fits."""
        weigh = self._authority.type.weight
        own = weigh(candidate.operation)
        work = own * _APPLY_WORK
        if candidate.unseen is not None:
            work += (len(candidate.unseen) + len(self._candidates)) * own
            work += sum(map(weigh, candidate.unseen)) + self._weight
        if self._candidates and self._work + work > _MAX_BATCH_WORK:
            self._full = True
            return False
        self._work += work
        self._weight += own
        return True

    def _unseen(self, edit: Edit, known: Known | None) -> Sequence[Any] | None:
        """The operations of the commits after the edit's base; raises if it may not have that."""
        authority, base = self._authority, edit.base
        if base is None:
            return None
        if base > authority.version:
            raise BaseAboveHead(base, authority.version)
        if known is not None and base < known.version:
            raise BaseBelowOwnCommit(base, known.seq, known.version)
        oldest = authority._oldest_base_of(known)
        if base < oldest:
            raise BelowFloor(base, oldest)
        unseen = self._operations_after(base)
        if self.work_of(edit.operation, unseen) > _MAX_REBASE_WORK:
            raise BelowFloor(base, authority.version)
        return unseen

    def _operations_after(self, base: int) -> Sequence[Any]:
        tail, older = self._authority.tail, self._older
        operations = tail.operations_after(base)
        if operations is not None:
            return operations
        if older is None or base < older.after:
            raise BelowFloor(base, tail.oldest)
        start, end = base - older.after, tail.oldest - older.after
        if end > len(older.operations):
            # The tail has moved on since they were read.
            raise BelowFloor(base, tail.oldest)
        return [*older.operations[start:end], *(tail.operations_after(tail.oldest) or ())]


def _answer_known(edit: Edit, known: Known) -> Placed:
    if edit.seq < known.seq:
        raise StaleSequence(edit.seq, known.seq, known.version)
    if edit.digest != known.digest:
        raise NameReused(edit.seq, known.version)
    return Placed(known.version, None)


def _credits(edits: Iterable[Edit]) -> tuple[Credit, ...]:
    """A credit for every name; of an author's unnamed edits (seq 0) one is enough."""
    credits = (Credit(edit.author, edit.seq, edit.user, edit.digest) for edit in edits)
    return tuple({(credit.author, credit.seq): credit for credit in credits}.values())
