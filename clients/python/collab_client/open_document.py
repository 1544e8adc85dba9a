"""What every open document has, whatever its type: messages between peers, an opening and an end.

Owns the waiting and the end of everything that is iterated over. Knows neither content nor frames.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Any, TypeVar
from weakref import WeakSet

from collab.words import Access
from collab_client import errors
from collab_client.connection import Connection
from collab_client.feeds import Bell, Feed, MessageFeed, NewestFeed

FeedT = TypeVar("FeedT", bound=Feed[Any])


class Status(StrEnum):
    """Where a document stands, for people to see."""

    CONNECTING = "connecting"
    SAVING = "saving"
    SAVED = "saved"
    OFFLINE = "offline"
    READ_ONLY = "read-only"
    CLOSED = "closed"


class OpenDocument(ABC):
    """The part that all documents which `connect` opens share."""

    def __init__(self, document_id: str, connection: Connection[Any]) -> None:
        self.id = document_id
        self._connection: Connection[Any] = connection
        self._progress = Bell()
        self._messages: WeakSet[MessageFeed] = WeakSet()
        self._access = Access.NONE
        self._access_changes: WeakSet[NewestFeed[str]] = WeakSet()
        self._left = False

    @abstractmethod
    async def flush(self) -> None:
        """Wait until everything changed so far is durable on the server."""

    @abstractmethod
    def unsaved_error(self, seconds: float) -> errors.Unsaved:
        """What to raise when that took longer."""

    @property
    def access(self) -> str:
        """What the server last said that we may do: "read", "write", or more ("none" before it has
        said anything)."""
        return self._access.name.lower()

    def access_changes(self) -> NewestFeed[str]:
        """`access` after each change from now on; who reads late gets only the newest."""
        return self._joined(NewestFeed(), self._access_changes)

    def messages(self) -> MessageFeed:
        """What peers send from now on; where nobody reads, the newest 1,024 wait."""
        return self._joined(MessageFeed(), self._messages)

    async def opened(self) -> None:
        """Wait for the first welcome; raises the Closed that came in its place."""
        while not self._connection.welcomed:
            if self._connection.failure is not None:
                raise self._connection.failure
            await self._progress.wait()

    @property
    def trouble(self) -> Exception | None:
        """How the last connection ended."""
        return self._connection.trouble

    def leave(self) -> None:
        """The context is over."""
        self._left = True
        self._end(None)

    def _end(self, failure: errors.ClientError | None) -> None:
        for messages in self._messages:
            messages.end(failure)
        for changes in self._access_changes:
            changes.end(failure)

    def _learn_access(self, access: Access) -> None:
        """The server has said that this is our right."""
        if access is self._access:
            return
        self._access = access
        for changes in self._access_changes:
            changes.put(self.access)

    def _moved(self) -> None:
        """Something has been heard: whoever waits is to look again."""
        if self._connection.failure is not None:
            self._end(self._connection.failure)
        self._progress.ring()

    def _joined(self, feed: FeedT, feeds: WeakSet[FeedT]) -> FeedT:
        if self._left or self._connection.failure is not None:
            feed.end(self._connection.failure)
        feeds.add(feed)
        return feed

    def _check_open(self) -> None:
        if self._connection.failure is not None:
            raise self._connection.failure
        if self._left:
            raise errors.Closed("the document has been left")
