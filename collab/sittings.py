"""The log as people remember it: who sat down when, for how long, and how much they wrote.

Owns where one sitting ends and the next begins, and who of several gets credit for what. Knows
nothing of stores or operations: it is told how much each commit did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, TypeAlias

from collab.types.counting import Count
from collab.words import Commit

MAX_PEOPLE: Final = 100
"""Who are told apart in one sitting; the others are nobody in particular."""


_Person: TypeAlias = tuple[str | None, str | None]
"""The user, or of somebody without one the author."""
_OTHERS: Final[_Person] = (None, None)


class Part:
    """What one person did in a sitting: versions and times of the first and last edit, how many
    edits, and how many units they inserted and deleted."""

    def __init__(self, user: str | None, author: str | None, commit: Commit) -> None:
        self.user, self.author = user, author
        self.first = self.last = commit.version
        self.began = self.ended = commit.time
        self.edits = self.inserted = self.deleted = 0

    def take(self, commit: Commit, edits: int, inserted: int, deleted: int) -> None:
        """Count what the person did in a commit."""
        self.last = commit.version
        self.ended = max(self.ended, commit.time)
        self.edits += edits
        self.inserted += inserted
        self.deleted += deleted


class Sitting(Part):
    """What was written without a longer pause, all in all and by whom.

    What several people deleted in one commit is told of the whole only: nothing tells whose it is.
    """

    def __init__(self, commit: Commit) -> None:
        super().__init__(None, None, commit)
        self.parts: dict[_Person, Part] = {}

    def add(
        self, commit: Commit, count: Count, owners: Mapping[int, str], only: str | None
    ) -> None:
        """Take in the next commit, or what the user `only` did in it, if one is given."""
        edits: Counter[_Person] = Counter(
            (each.user, None if each.user is not None else each.author) for each in commit.credits
        )
        alone = len(edits) == 1
        sums = [0, 0, 0]
        for person, number in edits.items():
            if only is not None and person[0] != only:
                continue
            inserted = count.inserted if alone else _inserted_by(person[0], count, owners)
            deleted = count.deleted if alone else 0
            self._part(person, commit).take(commit, number, inserted, deleted)
            sums = [sums[0] + number, sums[1] + inserted, sums[2] + deleted]
        if only is None:
            sums = [sums[0], count.inserted, count.deleted]
        self.take(commit, *sums)

    def _part(self, person: _Person, commit: Commit) -> Part:
        known = person in self.parts or len(self.parts) < MAX_PEOPLE
        person = person if known else _OTHERS
        part = self.parts.get(person)
        if part is None:
            part = self.parts[person] = Part(*person, commit)
        return part


def _inserted_by(user: str | None, count: Count, owners: Mapping[int, str]) -> int:
    """How much of it was inserted by Yjs clients of this user."""
    if user is None:
        return 0
    return sum(n for client, n in count.by_client.items() if owners.get(client) == user)


class Sittings:
    """The sittings that a log is made of, commit by commit; those of one `user`, if one is given.

    A new one begins after a pause of more than `pause_ms`.
    """

    def __init__(self, pause_ms: int, user: str | None = None) -> None:
        self.found: list[Sitting] = []
        self.owners: dict[int, str] = {}
        self._pause_ms = pause_ms
        self._user = user

    def begins(self, commit: Commit) -> bool:
        """Whether the commit is the first of another sitting."""
        return self.concerns(commit) and (
            not self.found or commit.time - self.found[-1].ended > self._pause_ms
        )

    def concerns(self, commit: Commit) -> bool:
        """Whether any of it is the user's."""
        return self._user is None or any(each.user == self._user for each in commit.credits)

    def take(self, commit: Commit, count: Count) -> None:
        """The next commit."""
        for client, user in count.owners.items():
            self.owners.setdefault(client, user)
        if not self.concerns(commit):
            return
        if self.begins(commit):
            self.found.append(Sitting(commit))
        self.found[-1].add(commit, count, self.owners, self._user)
