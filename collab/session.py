"""The coroutine that orders the edits of one open document on this node.

Owns the write path - inbox, stage, append, conflict, adopt, answer, wake - and hands out committed
state only. Knows nothing of sockets, of frames' formats or of operations' formats.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import anyio

from collab.authority import Authority, HistoryNeeded, Older, Outcome, Placed, Request, Staged
from collab.committer import Committer
from collab.errors import (
    BaseAboveHead,
    BelowFloor,
    CollabError,
    DocumentBroken,
    Restarting,
    StoreFailure,
    Unavailable,
)
from collab.fanout import Fanout, Follower
from collab.heard import Heard
from collab.history import History
from collab.inbox import Inbox, Submission
from collab.loading import replay
from collab.messages import MessageBoard
from collab.metrics import BATCH_EDITS, COMMIT_SECONDS, COMMITS, CONFLICTS, reject
from collab.presence import PresenceBoard
from collab.recent import Recent
from collab.storage import Append, AppendResult
from collab.turns import Turns
from collab.types import DocumentType
from collab.wakeup import Wakeup
from collab.words import Commit, Edit, Snapshot

# Others are asked for a turn when they were faster so many times in a row: once is nothing, and
# where a few write each of many documents, asking would cost more than trying again.
_LOST_IN_A_ROW = 2
# What is asked for: when others hear of it, the next attempt may be on its way, and too late.
_ATTEMPTS = 2
# What a client may be behind and get as commits; beyond it the contents are the shorter way.
_RESUME_BYTES = 1024 * 1024


class Session:
    """One open document. `run` is its task; everything else is called on the same loop."""

    def __init__(
        self,
        id: str,
        epoch: str,
        authority: Authority,
        *,
        snapshot_version: int,
        history: History,
        committer: Committer,
        inbox_edits: int,
        now: Callable[[], int],
        progressed: Callable[[Session], None],
        committed: Callable[[Session, Sequence[Commit]], None] = lambda session, commits: None,
        outrun: Callable[[Session, float], None] = lambda session, seconds: None,
    ) -> None:
        self.id = id
        self.epoch = epoch
        self.presence = PresenceBoard(now)
        self.messages = MessageBoard()
        self.fanout = Fanout(authority, self.presence, self.messages)
        self.turns = Turns()
        self.told_too_large: dict[str | None, float] = {}  # which user, when
        self.opened_version = authority.version
        self.snapshot_version = snapshot_version
        self.recent = Recent()
        self.ended: CollabError | None = None
        self._authority = authority
        self._history = history
        self._committer = committer
        self._now = now
        self._progressed = progressed
        self._committed = committed
        self._outrun = outrun
        self._heard = Heard()
        self._inbox = Inbox(inbox_edits)
        self._known_head = authority.version
        self._refreshing: list[anyio.Event] = []
        self._closing = False
        self._wakeup = Wakeup()
        self._loop = asyncio.get_running_loop()
        self.last_progress = self._loop.time()
        self._contents: tuple[int, bytes] | None = None

    # What everyone reads: committed state ---------------------------------------------------------

    @property
    def type(self) -> DocumentType:
        """How the document's content behaves."""
        return self._authority.type

    @property
    def version(self) -> int:
        """The newest durable version."""
        return self._authority.version

    @property
    def floor(self) -> int:
        """The oldest version that can still be resumed from."""
        return self._authority.floor

    @property
    def state(self) -> Any:
        """The state at `version`."""
        return self._authority.state

    @property
    def held_bytes(self) -> int:
        """What the content and the newest commits take, about."""
        return self.type.size(self.state) + self._authority.tail.held_bytes

    def behind_since(self, version: int) -> int | None:
        """Since when `version` is not the newest, in ms since 1970, as far back as commits are
        kept; None if it is."""
        tail = self._authority.tail
        newer = tail.slice_after(max(version, tail.oldest), max_commits=1, max_bytes=0)
        return newer[0].time if newer else None

    def contents(self) -> bytes:
        """The state as the type's JSON value, encoded once per version."""
        if self._contents is None or self._contents[0] != self.version:
            self._contents = (self.version, self.type.contents(self.state))
        return self._contents[1]

    def snapshot(self) -> Snapshot:
        """The state and the names at `version`, for the store."""
        content = self.type.dump(self.state)
        time = max(self._now(), self._authority.time)
        return Snapshot(self.version, time, content, self._authority.names.dump())

    def committed_by(self, author: str) -> tuple[int, int] | None:
        """`(seq, version)` of the author's newest commit."""
        known = self._authority.names.get(author)
        return None if known is None else (known.seq, known.version)

    @property
    def forgotten(self) -> int:
        """Of an author that `committed_by` does not know, no commit is above this version."""
        return self._authority.names.forgotten

    async def commits_after(self, version: int, limit: int) -> list[Commit] | None:
        """The commits from after `version` to what is this session's head at the call.

        From memory or from the store. None if there are more than `limit`, if they are too long or
        have been trimmed. Raises StoreFailure.
        """
        if self.version - version > limit:
            return None
        kept = self._authority.tail.commits_after(version)
        if kept is not None:
            fits = sum(len(commit.operation) for commit in kept) <= _RESUME_BYTES
            return list(kept) if fits else None
        try:
            # The head may move meanwhile; whoever asks goes on from where this ends.
            return await self._history.between(version, self.version, _RESUME_BYTES)
        except BelowFloor:
            return None

    # Followers ------------------------------------------------------------------------------------

    def follow(self, follower: Follower) -> None:
        """Wake `follower` at every change from now on; raises what ended the session."""
        if self.ended is not None:
            raise self.ended
        self.fanout.follow(follower)

    # The write path -------------------------------------------------------------------------------

    def submit(self, submission: Submission) -> None:
        """Take an edit; wait for `room` before taking the next one from the same client."""
        if self._closing or self.ended is not None:
            submission.answer(self.ended or Restarting(retry_after=1))
            return
        self._inbox.put(submission)
        self._wakeup.set()

    @property
    def waiting(self) -> int:
        """How many edits have been submitted and not taken."""
        return len(self._inbox)

    @property
    def full(self) -> bool:
        """Whether to wait for `room`."""
        return self._inbox.full

    async def room(self) -> None:
        """Return when the inbox is below its bound, or nobody will read it any more."""
        await self._inbox.room()

    async def edit(self, edit: Edit, permitted: Callable[[], bool]) -> Placed:
        """Submit and wait until it is durable; raises what it was refused with."""
        await self.room()
        answered = anyio.Event()
        outcomes: list[Outcome] = []

        def answer(outcome: Outcome) -> None:
            outcomes.append(outcome)
            answered.set()

        self.submit(Submission(edit, permitted, answer))
        await answered.wait()
        if isinstance(outcomes[0], CollabError):
            raise outcomes[0]
        return outcomes[0]

    def hear(self, head: int, commits: Sequence[Commit] = ()) -> None:
        """News that the log has reached `head`. Never changes state by itself.

        `commits` are the newest up to there, durable, if the news brought them: they save reading
        them when they are just what is missing here and nothing of ours is on its way.
        """
        self._heard.offer(commits, self.version)
        if head > self._known_head:
            self._known_head = head
            self._wakeup.set()

    async def refresh(self) -> None:
        """Return when everything that was in the log at the call has been seen here.

        At once where no other node writes. Raises what ended the session: then nothing is known.
        """
        if self.ended is not None:
            raise self.ended
        if not self._history.shared:
            return
        seen = anyio.Event()
        self._refreshing.append(seen)
        self._wakeup.set()
        await seen.wait()
        if self.ended is not None:
            raise self.ended

    def raise_floor(self, floor: int) -> None:
        """The store has trimmed the log up to `floor`."""
        self._authority.floor = max(floor, self._authority.floor)

    def close(self) -> None:
        """Take nothing more; `run` returns when everything accepted is durable."""
        self._closing = True
        self._wakeup.set()

    def end(self, error: CollabError) -> None:
        """Stop at once, telling everybody why: what is not durable yet will be sent again."""
        if self.ended is not None:
            return
        self.ended = error
        self._inbox.refuse(error)
        for seen in self._refreshing:
            seen.set()
        for follower in self.fanout.followers():
            follower.end(error)
        self._wakeup.set()

    async def run(self) -> None:
        """Order edits until closed or ended; raises what broke it."""
        while self.ended is None and not (self._closing and not self._inbox):
            behind = self._is_behind()
            if behind:
                await self._take_heard()
                if self._is_behind():
                    await self._catch_up()
            # However often there is something to catch up with, edits have their turn too.
            others_first = self._others_first()
            if self._inbox and not others_first:
                await self._gather()
                if self._inbox:  # nobody has ended the session meanwhile
                    await self._commit(self._inbox.take())
            elif not behind:
                await self._something_new(others_first)

    def _is_behind(self) -> bool:
        """Whether somebody waits for what the log has, or news tells of more than is here."""
        return bool(self._refreshing) or self._known_head > self.version

    def _others_first(self) -> float:
        """For how many seconds what waits here lets other nodes go first."""
        if not self._inbox or self._closing:
            return 0.0
        return self.turns.wait(self._loop.time())

    async def _something_new(self, seconds: float) -> None:
        """Wait to be woken; for so long at most, if that is not 0."""
        if not seconds:
            await self._wakeup.wait()
            return
        with anyio.move_on_after(seconds):
            await self._wakeup.wait()

    async def _gather(self) -> None:
        """Let the batch grow for two turns of the loop: one sends what is new to the followers, in
        the other those who have waited for it send their next edits. Fewer batches cost all less.
        """
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _commit(self, submissions: list[Submission]) -> None:
        """Give a batch its place in the log, however often others are faster."""
        unknown = StoreFailure("whether the edit was stored is not known, send it again")
        outcomes: Sequence[Outcome | None] = [unknown] * len(submissions)
        started = perf_counter()
        try:
            lost, began = 0, self._loop.time()
            staged = await self._stage(submissions)
            while staged.commits and not await self._append(staged):
                CONFLICTS.inc()
                lost += 1
                if lost >= _LOST_IN_A_ROW:
                    self._outrun(self, _ATTEMPTS * (self._loop.time() - began))
                began = self._loop.time()
                await self._see_others()
                self._bring_forward(submissions)
                staged = await self._stage(submissions)
            outcomes = staged.outcomes
        except CollabError as error:
            outcomes = [error] * len(submissions)
            raise
        finally:
            left: list[Submission] = []
            for submission, outcome in zip(submissions, outcomes, strict=True):
                if outcome is None:
                    left.append(submission)
                else:
                    submission.answer(outcome)
                if isinstance(outcome, CollabError):
                    reject("edit", outcome.code)
            self._inbox.put_back(left)
            now = perf_counter()
            BATCH_EDITS.observe(len(submissions))
            COMMIT_SECONDS.observe(now - started)
            self.recent.note(len(submissions), now - started, now)

    def _bring_forward(self, submissions: Sequence[Submission]) -> None:
        """Rebase what is staged again over what others have committed, once and for all."""
        edits = self._authority.bring_forward([each.edit for each in submissions])
        for submission, edit in zip(submissions, edits, strict=True):
            submission.edit = edit

    async def _stage(self, submissions: list[Submission]) -> Staged:
        """Stage against the newest state; reads the log first where an edit's base asks for it."""
        older: Older | None = None
        refreshed = False
        while True:
            requests = [Request(each.edit, each.permitted()) for each in submissions]
            staged = self._authority.stage(requests, self._now(), older)
            if isinstance(staged, HistoryNeeded):
                older = await self._older_operations(staged.after)
            elif not refreshed and any(isinstance(each, BaseAboveHead) for each in staged.outcomes):
                # The client has seen a commit of another node: look before refusing.
                refreshed = True
                await self._catch_up(to_head=True)
                older = None  # the tail begins elsewhere now
            else:
                return staged

    async def _append(self, staged: Staged) -> bool:
        """Make the batch durable and adopt it; False on a conflict."""
        result = await self._committer.append(
            Append(self.id, self.epoch, staged.expected_version, staged.commits)
        )
        match result:
            case AppendResult.OK:
                self._authority.adopt(staged)
                COMMITS.inc(len(staged.commits))
                self._advanced()
                self._committed(self, staged.commits)
                return True
            case AppendResult.CONFLICT:
                return False
            case AppendResult.GONE:
                raise await self._history.gone()
            case AppendResult.FAILED:
                raise StoreFailure("the store refuses this document's commits")

    async def _take_heard(self) -> None:
        """Apply the commits that news has brought, if they go on from here."""
        commits = self._heard.take(self.version)
        try:
            await replay(self._authority.apply, commits)
        except DocumentBroken as error:
            raise Unavailable("news of this document makes no sense, it loads afresh") from error
        if commits:
            self._advanced()

    async def _see_others(self) -> None:
        """Apply what was committed in our place: as far as news has brought it, or else all of it,
        as also if somebody waits for that.

        If that was not all of it, the next append conflicts too.
        """
        before = self.version
        await self._take_heard()
        if self.version == before or self._refreshing:
            await self._catch_up()

    async def _catch_up(self, *, to_head: bool = False) -> None:
        """Read and apply commits that other nodes have made: as far as news has told of them, a
        page at least; all there are at the call if somebody waits for that, or with `to_head`.

        No more than that: others may commit faster than this node reads.
        """
        refreshing, self._refreshing = self._refreshing, []
        self._heard.take(self.version)
        until = known = self._known_head
        reading = True
        try:
            if refreshing or to_head:
                until = max(until, await self._history.head(self.version))
                reading = until > self.version
            while reading:
                commits = await self._history.page(self.version)
                await replay(self._authority.apply, commits)
                if commits:
                    self._advanced()
                reading = bool(commits) and self.version < until
            if self._known_head == known:
                self._known_head = self.version
        except BelowFloor as error:
            raise Unavailable("this node fell behind what is kept, it loads afresh") from error
        finally:
            for seen in refreshing:
                seen.set()

    async def _older_operations(self, after: int) -> Older:
        """The operations from after `after` to where the tail begins, from the store."""
        try:
            commits = await self._history.between(after, self._authority.tail.oldest)
        except BelowFloor as error:
            # Trimmed meanwhile: with the higher floor these bases are refused.
            self.raise_floor(error.floor)
            return Older(self.version, ())
        return Older(after, [self.type.decode(commit.operation) for commit in commits])

    def _advanced(self) -> None:
        self.fanout.forget_frames()
        self.last_progress = self._loop.time()
        self._known_head = max(self._known_head, self.version)
        self.fanout.wake_followers()
        self._progressed(self)
