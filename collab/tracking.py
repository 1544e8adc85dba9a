"""What was inserted and deleted between two versions of a document, and by whom.

Owns going through the log between them, forwards for what came and backwards for what went. Knows
nothing of HTTP or rights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from collab.aside import aside
from collab.contents import Contents
from collab.differences import Pair
from collab.errors import (
    BelowFloor,
    DocumentBroken,
    InvalidOperation,
    Malformed,
    UnknownFormat,
    VersionUnavailable,
)
from collab.ledger import Attribution, Ledger
from collab.loading import replay
from collab.ot import blame
from collab.ot.delta import Embed
from collab.ot.rope import Rope
from collab.ot.tracked import Kind, Marked, tracked
from collab.types.yjs import YJS
from collab.types.yjs_origins import Origins, Removals
from collab.types.yjs_tracked import came_and_went
from collab.words import Commit

# The log between the two versions, all of which is in memory meanwhile.
MAX_COMMITS = 100_000
_MAX_BYTES = 64 * 1024 * 1024
_PAGE_COMMITS = 2000


class Change(msgspec.Struct, frozen=True):
    """A part of the older or the newer content; `by` is who inserted or deleted it, as far as that
    is known."""

    kind: Kind
    content: str | Embed
    by: Attribution | None

    @property
    def tag(self) -> Literal["ins", "del"] | None:
        """Html's name for what happened; None: nothing."""
        return _TAGS.get(self.kind)


_TAGS: Final[dict[Kind, Literal["ins", "del"]]] = {Kind.INSERTED: "ins", Kind.DELETED: "del"}


class Tracking:
    """Goes through the logs that `contents` reads."""

    def __init__(self, contents: Contents, *, max_commits: int = MAX_COMMITS) -> None:
        self._contents = contents
        self._max_commits = max_commits

    async def changes(self, pair: Pair) -> list[Change]:
        """All of both contents in order: what stayed, what came and what went.

        Raises Malformed (the second version is the earlier one), UnknownFormat (a map or an array),
        VersionUnavailable (too much lies between them, or it is not kept), InvalidContent.
        """
        start, end = pair.old.head.version, pair.new.head.version
        if start > end:
            raise Malformed("changes are told from an earlier version to a later one")
        if pair.root is not None and pair.root[1] in {"map", "array"}:
            raise UnknownFormat("maps and arrays are compared as text only")
        commits = await self._between(pair, start, end)
        ledger = Ledger(start)
        for commit in commits:
            ledger.note(commit)
        if pair.type is YJS:
            return await self._of_yjs(pair, commits, ledger)
        return await self._of_delta(pair, commits, ledger)

    async def _of_delta(
        self, pair: Pair, commits: Sequence[Commit], ledger: Ledger
    ) -> list[Change]:
        before = forwards = blame.unmarked(pair.old.state)

        def forth(commit: Commit) -> None:
            nonlocal forwards
            try:
                operation = pair.type.decode(commit.operation)
                forwards = blame.marked(forwards, operation, commit.version)
            except InvalidOperation as error:
                raise DocumentBroken(f"commit {commit.version} does not apply") from error

        await replay(forth, commits)
        backwards = blame.unmarked(forwards)

        def back(commit: Commit) -> None:
            nonlocal backwards
            operation = pair.type.decode(commit.operation)
            backwards = blame.unwound(backwards, operation, commit.version)

        await replay(back, commits[::-1])
        return await aside(pair.size, _told, before, forwards, backwards, ledger)

    async def _of_yjs(self, pair: Pair, commits: Sequence[Commit], ledger: Ledger) -> list[Change]:
        origins, removals = Origins(), Removals()
        old, new = YJS.still(pair.old.state), YJS.still(pair.new.state)
        owners = dict(old.owners)

        def note(commit: Commit) -> None:
            change = YJS.decode(commit.operation)
            update = YJS.parse(change.update)
            origins.note(commit.version, update)
            removals.note(commit.version, update.deletes.items())
            for client, user in change.owners.items():
                owners.setdefault(client, user)

        await replay(note, commits)
        if pair.root is None:
            return []
        olds, news = await aside(pair.size, came_and_went, old, new, pair.root, origins, removals)
        changes = []
        for kind, content, mark in tracked(olds, news):
            by = None
            if mark is not None and mark[0] is not None:
                by = ledger.attribution(mark[0], mark[1], owners)
            changes.append(Change(kind, content, by))
        return changes

    async def _between(self, pair: Pair, start: int, end: int) -> list[Commit]:
        if end - start > self._max_commits:
            raise VersionUnavailable(
                f"{end - start} commits lie between the two versions, "
                f"{self._max_commits} are gone through at most"
            )
        commits: list[Commit] = []
        size = 0
        try:
            while start < end:
                limit = min(_PAGE_COMMITS, end - start)
                page = await self._contents.edits(pair.id, start, limit, pair.new.head.epoch)
                if not page.commits:
                    raise DocumentBroken(f"the log ends at {start}, before {end}")
                commits += page.commits
                start = page.commits[-1].version
                size += sum(len(commit.operation) for commit in page.commits)
                if size > _MAX_BYTES:
                    raise VersionUnavailable("too much was written between the two versions")
        except BelowFloor:
            raise VersionUnavailable("the log between the two versions is not kept") from None
        return commits


def _told(before: Rope, forwards: Rope, backwards: Rope, ledger: Ledger) -> list[Change]:
    olds: Iterator[Marked] = blame.taken(before, backwards)
    return [
        Change(kind, content, None if version is None else ledger.attribution(version))
        for kind, content, version in tracked(olds, blame.parts(forwards))
    ]
