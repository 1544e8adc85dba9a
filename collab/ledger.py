"""Who made each version of a document, and when: a few bytes for each, so that all fit in memory.

Owns who is credited with a part of a commit that several people share. Knows nothing of operations.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Final

import msgspec

from collab.words import Commit, Credit


class Attribution(msgspec.Struct, frozen=True):
    """Which version, who and when; the author is None where several made it and nothing tells
    which of them."""

    version: int
    author: str | None
    user: str | None
    time: int


_NOBODY: Final = -1


class Ledger:
    """The commits after version `since`, as far as they were noted, each in its turn."""

    def __init__(self, since: int) -> None:
        self.since = since
        self._times = array("q")
        self._people: list[tuple[str, str | None]] = []
        self._numbers: dict[tuple[str, str | None], int] = {}
        self._who = array("i")  # the number of the only person, or _NOBODY
        self._several: dict[int, tuple[Credit, ...]] = {}

    @property
    def version(self) -> int:
        """The newest that was noted."""
        return self.since + len(self._times)

    def note(self, commit: Commit) -> None:
        """Take in the next commit."""
        self._times.append(commit.time)
        first = commit.credits[0]
        person = first.author, first.user
        if any((each.author, each.user) != person for each in commit.credits):
            self._several[commit.version] = commit.credits
            self._who.append(_NOBODY)
            return
        number = self._numbers.get(person)
        if number is None:
            number = self._numbers[person] = len(self._people)
            self._people.append(person)
        self._who.append(number)

    def attribution(
        self, version: int, client: int | None = None, owners: Mapping[int, str] | None = None
    ) -> Attribution:
        """Who made a version that was noted, or of one that several made what is Yjs client
        `client`'s; `owners` tells whose clients those are."""
        place = version - self.since - 1
        time = self._times[place]
        number = self._who[place]
        if number != _NOBODY:
            return Attribution(version, *self._people[number], time)
        user = None if client is None or owners is None else owners.get(client)
        theirs = {
            each.author for each in self._several[version] if user is not None and each.user == user
        }
        return Attribution(version, theirs.pop() if len(theirs) == 1 else None, user, time)
