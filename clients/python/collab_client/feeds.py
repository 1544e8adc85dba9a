"""What users iterate over: changes, messages and peers, each bounded when nobody reads.

Owns the waiting lines between the connection and the user's tasks, with what happens when one is
full. Knows nothing of the wire.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import anyio
import anyio.lowlevel

from collab.ot.delta import Delta, compose
from collab.ot.rope import Rope
from collab_client.indices import Step, steps
from collab_client.yjs_outbox import merged

WAITING_CHANGES = 256
WAITING_MESSAGES = 1024

T = TypeVar("T")


class Bell:
    """Wakes whoever waits at the moment it rings; look again at what you wait for."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        event, self._event = self._event, anyio.Event()
        event.set()

    async def wait(self) -> None:
        await self._event.wait()


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the document that somebody else made.

    `operation` turns `before` into the next state, in UTF-16 units; `steps()` says the same in
    string indices. `author` and `user` are None where it is not one commit of one author: a reset,
    an edit of ours that was taken back, or several changes put together. `local` is true only
    among `changes(local=True)`: an edit of our own.
    """

    operation: Delta
    author: str | None
    user: str | None
    epoch: str
    version: int
    before: Rope = field(repr=False)
    local: bool = False

    def steps(self) -> list[Step]:
        """What it does in Python string indices, each step on the text the earlier ones left."""
        return steps(self.operation, self.before)


@dataclass(frozen=True, slots=True)
class Message:
    """What a peer sent to all; never stored. Of a Yjs document's messages no `author` is known: it
    is empty, and `body` is a text."""

    author: str
    user: str | None
    body: Any


class Feed(Generic[T]):
    """An async iterator for one reader; ends when the document is left, or raises why it ended."""

    def __init__(self) -> None:
        self._waiting: deque[T] = deque()
        self._bell = Bell()
        self._ended = False
        self._failure: Exception | None = None

    def end(self, failure: Exception | None = None) -> None:
        """Let the reader have what waits, then stop."""
        self._ended, self._failure = True, failure
        self._bell.ring()

    def __aiter__(self) -> Feed[T]:
        return self

    async def __anext__(self) -> T:
        while True:
            item = self._take()
            if item is not None:
                await anyio.lowlevel.checkpoint_if_cancelled()
                return item
            if self._failure is not None:
                raise self._failure
            if self._ended:
                raise StopAsyncIteration
            await self._bell.wait()

    def _take(self) -> T | None:
        return self._waiting.popleft() if self._waiting else None


class ChangeFeed(Feed[Change]):
    """Changes in order. Without a reader, above 256 they are put together into one.

    Edits of our own that lie between two waiting changes are part of that one: then `author` is
    None, and the change as a whole still turns its `before` into the state after it.
    """

    def __init__(self, *, local: bool) -> None:
        super().__init__()
        self._local = local

    def put(self, change: Change) -> None:
        if change.local and not self._local and not self._waiting:
            return
        self._waiting.append(change)
        if len(self._waiting) > WAITING_CHANGES:
            together = self._waiting[0].operation
            for later in list(self._waiting)[1:]:
                together = compose(together, later.operation)
            before = self._waiting[0].before
            self._waiting.clear()
            self._waiting.append(Change(together, None, None, change.epoch, change.version, before))
        self._bell.ring()

    def _take(self) -> Change | None:
        while self._waiting:
            change = self._waiting.popleft()
            if self._local or not change.local:
                return change
        return None


class UpdateFeed(Feed[bytes]):
    """Yjs updates in order. Without a reader, above 256 they are merged into one."""

    def put(self, update: bytes) -> None:
        self._waiting.append(update)
        if len(self._waiting) > WAITING_CHANGES:
            together = merged(list(self._waiting))
            self._waiting.clear()
            self._waiting.append(together)
        self._bell.ring()


class MessageFeed(Feed[Message]):
    """Messages in order. Without a reader the newest 1,024 are kept; `missed` counts the others."""

    def __init__(self) -> None:
        super().__init__()
        self.missed = 0

    def put(self, message: Message) -> None:
        if len(self._waiting) == WAITING_MESSAGES:
            self._waiting.popleft()
            self.missed += 1
        self._waiting.append(message)
        self._bell.ring()


class NewestFeed(Feed[T]):
    """Only the newest value waits: whoever reads late sees what is, not what was."""

    def put(self, value: T) -> None:
        self._waiting.clear()
        self._waiting.append(value)
        self._bell.ring()
