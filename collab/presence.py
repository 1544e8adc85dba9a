"""Who is at a document and what they show of themselves; and the messages they pass.

Both are boards that readers follow with a cursor, so that a slow reader costs nobody anything: it
gets the newest presence, and the messages that are still kept. Nothing here is ever stored.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

# Departures that readers are told one by one; who is further behind is told all there are.
_MAX_DEPARTURES = 256
_RENEW_SECONDS = 0.5


class Presence(msgspec.Struct, frozen=True):
    """What a peer shows of itself; positions in `state` are as of `version`. None: it left."""

    author: str
    user: str | None
    state: Any
    version: int


class PresenceBoard:
    """The newest presence per author. `stamp` counts the changes; a reader's cursor is a stamp."""

    def __init__(self) -> None:
        self.stamp = 0
        self._entries: dict[str, tuple[int, Presence, object]] = {}  # in order of stamp
        self._departures: dict[str, tuple[int, Presence]] = {}
        self._told_since = 0
        self._renewed_at = -_RENEW_SECONDS

    def put(self, presence: Presence, owner: object) -> None:
        """Show `presence` for its author until `owner` takes it away or another put replaces it."""
        self.stamp += 1
        self._entries.pop(presence.author, None)
        self._departures.pop(presence.author, None)
        self._entries[presence.author] = (self.stamp, presence, owner)

    def remove(self, author: str, owner: object, *, version: int | None = None) -> bool:
        """Take the author's presence away if `owner` put it there; False if it did not.

        `version` is the departure's, by default that of what was shown.
        """
        entry = self._entries.get(author)
        if entry is None or entry[2] is not owner:
            return False
        del self._entries[author]
        self.stamp += 1
        shown = entry[1]
        left = msgspec.structs.replace(
            shown, state=None, version=shown.version if version is None else version
        )
        self._departures[author] = (self.stamp, left)
        if len(self._departures) > _MAX_DEPARTURES:
            oldest = next(iter(self._departures))
            self._told_since = self._departures.pop(oldest)[0]
        return True

    def renew(self, now: float) -> float:
        """Show everybody once more, each with the next version; at most twice a second.

        Returns 0, or in how many seconds it may be asked for again: then nothing was done.
        """
        wait = self._renewed_at + _RENEW_SECONDS - now
        if wait > 0:
            return wait
        self._renewed_at = now
        for _, presence, owner in list(self._entries.values()):
            self.put(msgspec.structs.replace(presence, version=presence.version + 1), owner)
        return 0

    def owner(self, author: str) -> object | None:
        """Who put the author's presence there, while it is shown."""
        entry = self._entries.get(author)
        return None if entry is None else entry[2]

    def last_version(self, author: str) -> int | None:
        """The version of the author's presence, or of its departure while that is remembered."""
        entry = self._entries.get(author) or self._departures.get(author)
        return None if entry is None else entry[1].version

    def everyone(self) -> list[Presence]:
        """All there are."""
        return [presence for _, presence, _ in self._entries.values()]

    def changes_after(self, stamp: int) -> tuple[list[Presence], bool]:
        """What changed after `stamp`, oldest first, and whether it is all there are instead."""
        if stamp < self._told_since:
            return self.everyone(), True
        changed = [(at, presence) for at, presence, _ in _newest(self._entries, stamp)]
        changed += _newest(self._departures, stamp)
        changed.sort(key=lambda change: change[0])
        return [presence for _, presence in changed], False


def _newest(entries: dict[str, Any], stamp: int) -> list[Any]:
    """The values with a stamp above the given one, of a dict in order of stamp."""
    found = []
    for value in reversed(entries.values()):
        if value[0] <= stamp:
            break
        found.append(value)
    return found


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


def with_name(state: bytes | msgspec.Raw, name: str, within: str | None = None) -> msgspec.Raw:
    """A presence state (JSON) that calls its owner `name`, whatever it said: as its member `name`,
    or that of its member `within`. A state that has no place for a name stays as it is."""
    shown = msgspec.json.decode(state)
    place = shown if within is None or not isinstance(shown, dict) else shown.get(within)
    if not isinstance(place, dict):
        return msgspec.Raw(state)
    place["name"] = name
    return msgspec.Raw(msgspec.json.encode(shown))
