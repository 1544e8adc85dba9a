"""From a state that was kept to a later one, through the log, a page at a time.

Owns how the past is replayed: bounded in memory, and never keeping the loop from everybody else.
What is replayed is read, never edited.
"""

from __future__ import annotations

from typing import Any

from collab.aside import aside
from collab.errors import DocumentBroken, InvalidOperation
from collab.loading import replay
from collab.measured import store_call
from collab.milestones import Stretch, pack, unpack
from collab.storage import Nearest, Store
from collab.types import DocumentType
from collab.types.known import document_type
from collab.types.yjs import YJS
from collab.words import Commit, Document, Milestone

_PAGE_COMMITS = 500


class Past:
    """A past state of a document, which goes forward. Made by `begin`.

    `passed` is what has been replayed since the state it began with, or since `rest`.
    """

    def __init__(self, store: Store, document: Document, type: DocumentType) -> None:
        self._store = store
        self.document = document
        self.type = type
        self.state: Any = None
        self.version = 0
        self.time = document.created
        self.passed = Stretch(0, 0)

    @classmethod
    async def begin(cls, store: Store, nearest: Nearest) -> Past:
        """At the state that was found; raises DocumentBroken."""
        past = cls(store, nearest.document, document_type(nearest.document.type))
        dump = None
        if nearest.kept is not None:
            dump = await aside(len(nearest.kept.content), unpack, nearest.kept)
            past.version, past.time = nearest.kept.version, nearest.kept.time
        past.state = past.type.recall(dump)
        return past

    async def to(self, version: int) -> None:
        """Go on to `version`, which is there; raises DocumentBroken, and as `Store.read`."""
        while self.version < version:
            await self.page(version)

    async def page(self, until: int) -> None:
        """Go on by one page of the log, to `until` at most; raises as `to`."""
        document = self.document
        limit = min(_PAGE_COMMITS, until - self.version)
        with store_call("read", document=document.id):
            commits = await self._store.read(document.id, document.epoch, self.version, limit)
        if not commits:
            raise DocumentBroken(f"the log ends at {self.version}, before {until}")
        await replay(self._apply, commits)
        self.version, self.time = commits[-1].version, commits[-1].time
        self.passed = self.passed.with_more(commits)

    def rest(self) -> None:
        """Count from here on."""
        self.passed = Stretch(0, 0)

    async def milestone(self) -> Milestone:
        """The state, packed."""
        dump = self.type.dump(self.state)
        return await aside(len(dump), pack, self.version, self.time, dump)

    async def still(self) -> Any:
        """The state, to be read in any thread while this goes on."""
        if self.type is not YJS:
            return self.state
        # Encoding takes place here, the rest of it anywhere.
        return await aside(self.type.size(self.state), YJS.still, self.state)

    def _apply(self, commit: Commit) -> None:
        try:
            self.state = self.type.apply(self.state, self.type.decode(commit.operation))
        except InvalidOperation as error:
            raise DocumentBroken(f"commit {commit.version} does not apply") from error
