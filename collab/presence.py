"""Who is at a document and what they show of themselves.

A board that readers follow with a cursor, so that a slow reader costs nobody anything: it gets the
newest of each. Nothing here is ever stored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from collab.errors import Malformed

# Departures that readers are told one by one; who is further behind is told all there are.
_MAX_DEPARTURES = 256
_RENEW_SECONDS = 0.5
_LATE_MS = 5000


class Presence(msgspec.Struct, frozen=True):
    """What a peer shows of itself; positions in `state` are as of `version`. None: it left.

    `clocked`: the version is a clock instead, and readers ignore what does not rise.
    """

    author: str
    user: str | None
    state: Any
    version: int
    clocked: bool = False


class Shown(msgspec.Struct, frozen=True):
    """A presence and what tells which of two is newer, on whatever nodes they were shown.

    `claim` grows when an author gets another owner, `change` with every change of one owner's.
    """

    presence: Presence
    claim: int
    change: int


class _Entry(msgspec.Struct, gc=False):
    """A presence on the board, or a departure."""

    stamp: int
    shown: Shown
    owner: object
    local: bool

    @property
    def presence(self) -> Presence:
        return self.shown.presence


class PresenceBoard:
    """The newest presence per author. `stamp` counts the changes; a reader's cursor is a stamp.

    Owners are peers of this node, or stand for other nodes. Of those that there are the one with
    the newest claim to an author is shown, on every node; it alone can change what is shown, or let
    go of it. `now` (ms) makes claims of different nodes comparable; it need not be exact, for a
    claim is above all that its node knows. `renewals` counts how often readers here needed
    everybody shown anew.
    """

    def __init__(self, now: Callable[[], int] = lambda: 0) -> None:
        self.stamp = 0
        self.renewals = 0
        self.newest_change = 0
        self._now = now
        self._entries: dict[str, _Entry] = {}  # in order of stamp
        self._departures: dict[str, _Entry] = {}
        # Owners here that lost an author to another node, and what they would show.
        self._outdone: dict[str, tuple[object, Presence]] = {}
        self._told_since = 0
        self._renewed_at = -_RENEW_SECONDS

    # Owners of this node --------------------------------------------------------------------------

    def put(self, presence: Presence, owner: object) -> bool:
        """Show `presence` for its author until `owner` takes it away or another put replaces it.

        False if it is only kept in mind: another node has taken the author over from this owner,
        and it is shown when that lets go of it.
        """
        author = presence.author
        entry = self._entries.get(author)
        if entry is not None and not entry.local and self._is_outdone(author, owner):
            self._outdone[author] = (owner, presence)
            return False
        change = self._next_change()
        claim = entry.shown.claim if entry is not None and entry.owner is owner else change
        self._outdone.pop(author, None)
        self._show(Shown(presence, claim, change), owner, local=True)
        return True

    def remove(self, author: str, owner: object, *, version: int | None = None) -> bool:
        """Take the author's presence away if `owner` put it there; False if it did not.

        `version` is the departure's, by default that of what was shown.
        """
        if self._is_outdone(author, owner):
            del self._outdone[author]
        entry = self._entries.get(author)
        if entry is None or entry.owner is not owner:
            return False
        presence = entry.presence
        left = msgspec.structs.replace(
            presence, state=None, version=presence.version if version is None else version
        )
        self._depart(Shown(left, entry.shown.claim, self._next_change()), local=True)
        return True

    def renew(self, now: float) -> float:
        """Have everybody whose version is a clock shown once more, with the next one: here at once,
        by other nodes soon. At most twice a second.

        Returns 0, or in how many seconds it may be asked for again: then nothing was done.
        """
        wait = self.renew_own(now)
        if not wait:
            self.renewals += 1
        return wait

    def renew_own(self, now: float) -> float:
        """The same, of this node's owners only."""
        wait = self._renewed_at + _RENEW_SECONDS - now
        if wait > 0:
            return wait
        self._renewed_at = now
        for entry in list(self._entries.values()):
            presence = entry.presence
            if entry.local and presence.clocked:
                renewed = msgspec.structs.replace(presence, version=presence.version + 1)
                self.put(renewed, entry.owner)
        return 0

    # Other nodes ----------------------------------------------------------------------------------

    def hear(self, heard: Shown, owner: object) -> bool:
        """Take over what another node, `owner`, shows; False if something newer is known.

        A clock is raised above what readers here have seen, where it is not already.
        """
        presence = heard.presence
        author = presence.author
        self.newest_change = max(self.newest_change, heard.change)
        entry = self._entries.get(author)
        known = entry or self._departures.get(author)
        if known is not None:
            if not _is_newer(heard, known.shown, self._now()):
                return False
            presence = _above(presence, known.presence.version)
        if entry is not None and entry.local:
            if presence.state is None:
                # Somebody else came and went, and the owner here is still there.
                self._claim(_above(entry.presence, presence.version), entry.owner)
                return True
            self._outdone[author] = (entry.owner, entry.presence)
        heard = Shown(presence, heard.claim, heard.change)
        if presence.state is None:
            self._depart(heard, local=False)
        else:
            self._show(heard, owner, local=False)
        return True

    def forget(self, owner: object, keep: Collection[str] = (), until: int | None = None) -> bool:
        """Take away what another node shows, but for `keep` and what is newer than `until`.

        False if there was nothing.
        """
        gone = [
            entry.shown
            for author, entry in self._entries.items()
            if entry.owner is owner
            and author not in keep
            and (until is None or entry.shown.change <= until)
        ]
        for presence, claim, change in map(msgspec.structs.astuple, gone):
            left = msgspec.structs.replace(
                presence, state=None, version=presence.version + presence.clocked
            )
            # Without word of its leaving it is taken back as soon as it is heard of again.
            self._depart(Shown(left, claim, change - 1 if until is None else until), local=False)
        return bool(gone)

    def own(self) -> list[Shown]:
        """All that owners of this node show."""
        return [entry.shown for entry in self._entries.values() if entry.local]

    def own_changes_after(self, stamp: int) -> list[Shown]:
        """What owners of this node changed after `stamp`, departures that are remembered included,
        oldest first."""
        changed = _newest(self._entries, stamp) + _newest(self._departures, stamp)
        changed.sort(key=lambda entry: entry.stamp)
        return [entry.shown for entry in changed if entry.local]

    # Readers --------------------------------------------------------------------------------------

    def owner(self, author: str) -> object | None:
        """Who put the author's presence there, while it is shown."""
        entry = self._entries.get(author)
        return None if entry is None else entry.owner

    def shown(self, author: str) -> Presence | None:
        """The author's presence, while it is shown."""
        entry = self._entries.get(author)
        return None if entry is None else entry.presence

    def last_version(self, author: str) -> int | None:
        """The version of the author's presence, or of its departure while that is remembered."""
        entry = self._entries.get(author) or self._departures.get(author)
        return None if entry is None else entry.presence.version

    def everyone(self) -> list[Presence]:
        """All there are."""
        return [entry.presence for entry in self._entries.values()]

    def __len__(self) -> int:
        return len(self._entries)

    def changes_after(self, stamp: int) -> tuple[list[Presence], bool]:
        """What changed after `stamp`, oldest first, and whether it is all there are instead."""
        if stamp < self._told_since:
            return self.everyone(), True
        changed = _newest(self._entries, stamp) + _newest(self._departures, stamp)
        changed.sort(key=lambda entry: entry.stamp)
        return [entry.presence for entry in changed], False

    def _is_outdone(self, author: str, owner: object) -> bool:
        return author in self._outdone and self._outdone[author][0] is owner

    def _next_change(self) -> int:
        self.newest_change = max(self._now(), self.newest_change + 1)
        return self.newest_change

    def _claim(self, presence: Presence, owner: object) -> None:
        change = self._next_change()
        self._show(Shown(presence, change, change), owner, local=True)

    def _show(self, shown: Shown, owner: object, *, local: bool) -> None:
        author = shown.presence.author
        self.stamp += 1
        self._entries.pop(author, None)
        self._departures.pop(author, None)
        self._entries[author] = _Entry(self.stamp, shown, owner, local)

    def _depart(self, shown: Shown, *, local: bool) -> None:
        author = shown.presence.author
        self.stamp += 1
        self._entries.pop(author, None)
        self._departures.pop(author, None)
        self._departures[author] = _Entry(self.stamp, shown, None, local)
        if len(self._departures) > _MAX_DEPARTURES:
            oldest = next(iter(self._departures))
            self._told_since = self._departures.pop(oldest).stamp
        if author in self._outdone:
            owner, presence = self._outdone.pop(author)
            self._claim(_above(presence, shown.presence.version), owner)


def _is_newer(heard: Shown, known: Shown, now: int) -> bool:
    """Whether what is heard counts more than what is known, at `now`.

    A departure counts as long as older news may still be under way; after that, whoever shows the
    author is believed.
    """
    if (heard.claim, heard.change) > (known.claim, known.change):
        return True
    gone = known.presence.state is None and heard.presence.state is not None
    return gone and now - known.change > _LATE_MS


def _above(presence: Presence, version: int) -> Presence:
    """The presence with a clock above `version`, if it has one."""
    if not presence.clocked or presence.version > version:
        return presence
    return msgspec.structs.replace(presence, version=version + 1)


def _newest(entries: dict[str, _Entry], stamp: int) -> list[_Entry]:
    """The values with a stamp above the given one, of a dict in order of stamp."""
    found = []
    for entry in reversed(entries.values()):
        if entry.stamp <= stamp:
            break
        found.append(entry)
    return found


def with_name(state: bytes | msgspec.Raw, name: str, within: str | None = None) -> msgspec.Raw:
    """A presence state (JSON) that calls its owner `name`, whatever it said: as its member `name`,
    or that of its member `within`. A state that has no place for a name stays as it is.

    Raises Malformed for a number without an end (1e999).
    """
    encode: Callable[[Any], bytes] = msgspec.json.encode
    try:
        shown = msgspec.json.decode(state)
    except msgspec.MsgspecError:
        shown, encode = json.loads(bytes(state)), _encode_halves
    place = shown if within is None or not isinstance(shown, dict) else shown.get(within)
    if not isinstance(place, dict):
        return msgspec.Raw(state)
    place["name"] = name
    return msgspec.Raw(encode(shown))


def _encode_halves(value: Any) -> bytes:
    """JSON with halves of characters in it, as JavaScript writes them."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        raise Malformed("a number without an end") from None
