"""Edits that wait for their session, bounded."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import msgspec

from collab.authority import Outcome
from collab.errors import CollabError
from collab.words import Edit


class Submission(msgspec.Struct):
    """An edit on its way. `permitted` is asked at every staging, `answer` told once, when the edit
    is durable or refused; it may neither block nor raise."""

    edit: Edit
    permitted: Callable[[], bool]
    answer: Callable[[Outcome], None]


class Inbox:
    """What has been submitted and not taken.

    Whoever puts something in waits for `room` before it takes the next edit from its client, so
    the bound is exceeded by at most one edit per client.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: list[Submission] = []
        self._taken: anyio.Event | None = None  # made when somebody waits for it
        self._refusal: CollabError | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, submission: Submission) -> None:
        """Add an edit at the end."""
        self._waiting.append(submission)

    @property
    def full(self) -> bool:
        """Whether there are as many as the limit, and somebody will take them."""
        return len(self._waiting) >= self._limit and self._refusal is None

    async def room(self) -> None:
        """Return when there are fewer than the limit, or nobody will take them any more."""
        while self.full:
            self._taken = self._taken or anyio.Event()
            await self._taken.wait()

    def take(self) -> list[Submission]:
        """Everything there is, as one batch."""
        batch, self._waiting = self._waiting, []
        if self._taken is not None:
            self._taken.set()
            self._taken = None
        return batch

    def put_back(self, submissions: list[Submission]) -> None:
        """Let what was taken, but not placed, go first next time; refused if that never comes."""
        self._waiting[:0] = submissions
        if self._refusal is not None:
            self.refuse(self._refusal)

    def refuse(self, error: CollabError) -> None:
        """Answer everything with `error`; nobody takes from here any more."""
        self._refusal = error
        for submission in self.take():
            submission.answer(error)
