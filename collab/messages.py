"""The messages that people at a document pass to each other.

A board that readers follow with a cursor, so that a slow reader costs nobody anything: it gets
those that are still kept. Nothing here is ever stored.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec


class Message(msgspec.Struct, frozen=True):
    """A short-lived broadcast to a document's peers; `size` in bytes."""

    author: str
    user: str | None
    body: Any
    size: int


class MessageBoard:
    """The newest messages, bounded by count and bytes: a reader that falls behind misses the
    oldest. `count` is the number ever posted; a reader's cursor is such a number."""

    def __init__(self, *, max_messages: int = 64, max_bytes: int = 256 * 1024) -> None:
        self.count = 0
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._max_messages = max_messages
        self._max_bytes = max_bytes

    def post(self, message: Message) -> None:
        """Add a message, dropping the oldest beyond the bounds (never this one)."""
        self.count += 1
        self._messages.append(message)
        self._bytes += message.size
        while len(self._messages) > 1 and (
            len(self._messages) > self._max_messages or self._bytes > self._max_bytes
        ):
            self._bytes -= self._messages.popleft().size

    def after(self, count: int) -> Sequence[Message]:
        """The messages after the first `count` that are still kept, oldest first."""
        missed = min(self.count - count, len(self._messages))
        return list(self._messages)[len(self._messages) - missed :]
