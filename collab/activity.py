"""When a document was written, by whom and how much: its log as a timeline.

Owns going through the log page by page, so much of it in one request and no more. Knows nothing of
HTTP or rights.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from collab.contents import Contents
from collab.loading import replay
from collab.sittings import Sitting, Sittings
from collab.types.counting import counted
from collab.types.known import document_type
from collab.types.yjs import YJS
from collab.words import Commit, Head

MAX_COMMITS = 50_000
"""Of one request: a second or two, in strides."""
_PAGE_COMMITS = 2000


class Timeline(msgspec.Struct, frozen=True):
    """Sittings in order, from after version `since`.

    `next` is what to go on after, None at the head. `cut`: the last one may go on there, as one
    request does not go through more.
    """

    head: Head
    since: int
    sittings: Sequence[Sitting]
    next: int | None
    cut: bool


class Activity:
    """Goes through the logs that `contents` reads."""

    def __init__(self, contents: Contents, *, max_commits: int = MAX_COMMITS) -> None:
        self._contents = contents
        self._max_commits = max_commits

    async def timeline(
        self,
        id: str,
        *,
        after: int | None = None,
        limit: int = 100,
        pause_minutes: int = 15,
        user: str | None = None,
    ) -> Timeline:
        """At most `limit` sittings after version `after`, or from where the log begins; those of
        one user, if one is given.

        Raises DocumentNotFound, BelowFloor, BaseAboveHead.
        """
        document = await self._contents.row(id)
        type = document_type(document.type)
        since = document.floor if after is None else after
        sittings = Sittings(pause_minutes * 60_000, user)
        reached, full = since, False
        head = Head(document.epoch, document.version)

        def take(commit: Commit) -> None:
            nonlocal reached, full
            full = full or (len(sittings.found) == limit and sittings.begins(commit))
            if not full:
                sittings.take(commit, counted(type, commit.operation))
                reached = commit.version

        while not full and reached - since < self._max_commits:
            most = min(_PAGE_COMMITS, self._max_commits - (reached - since))
            page = await self._contents.edits(id, reached, most, document.epoch)
            head = page.head
            if not page.commits:
                break
            if type is YJS and not sittings.owners and _shared(page.commits):
                found = await self._contents.state(id, None)
                sittings.owners.update(YJS.still(found.state).owners)
            await replay(take, page.commits)
        if reached >= head.version:
            return Timeline(head, since, sittings.found, None, False)
        return Timeline(head, since, sittings.found, reached, not full and bool(sittings.found))


def _shared(commits: Sequence[Commit]) -> bool:
    return any(len(commit.credits) > 1 for commit in commits)
