"""Reads one document's log from the store, page by page."""

from __future__ import annotations

from collab.errors import (
    BaseAboveHead,
    BelowFloor,
    CollabError,
    DocumentBroken,
    DocumentNotFound,
    HistoryRewritten,
    Unavailable,
)
from collab.measured import store_call
from collab.storage import Store
from collab.words import Commit, Head, is_same_document

_PAGE_COMMITS = 500


class History:
    """The stored log of one epoch of a document.

    Raises Unavailable where it ends below what it is asked to go on from: then the store has lost
    commits that everybody was told of, as a database does that fails over to a copy which lags.
    """

    def __init__(self, store: Store, id: str, epoch: str) -> None:
        self._store = store
        self._id = id
        self._epoch = epoch

    @property
    def shared(self) -> bool:
        """Whether other nodes may write to it too."""
        return self._store.shared

    async def head(self, least: int) -> int:
        """The newest version, which is `least` or above; raises DocumentNotFound, StoreFailure,
        HistoryRewritten."""
        head = await self._head()
        if head is None or head.epoch != self._epoch:
            raise ended_by(head, self._epoch)
        if head.version < least:
            raise lost_commits(least, head.version)
        return head.version

    async def _head(self) -> Head | None:
        with store_call("poll", documents=1):
            return (await self._store.poll([self._id])).heads.get(self._id)

    async def gone(self) -> CollabError:
        """Why this epoch of the document is there no more; raises StoreFailure."""
        return ended_by(await self._head(), self._epoch)

    async def page(self, after: int) -> list[Commit]:
        """The next commits after `after`, empty at the head; raises as `Store.read`."""
        return await self._read(after, _PAGE_COMMITS)

    async def between(self, after: int, until: int, max_bytes: int | None = None) -> list[Commit]:
        """Commits `after + 1 … until`, which must exist; raises as `Store.read`.

        None of them if their operations come to more than `max_bytes`: raises BelowFloor. Without
        that the caller bounds the distance.
        """
        commits: list[Commit] = []
        total, version = 0, after
        while version < until:
            page = await self._read(version, min(_PAGE_COMMITS, until - version))
            if not page:
                raise DocumentBroken(f"the log ends at {version}, before {until}")
            commits += page
            version = page[-1].version
            total += sum(len(commit.operation) for commit in page)
            if max_bytes is not None and total > max_bytes:
                raise BelowFloor(after, version)
        return commits

    async def _read(self, after: int, limit: int) -> list[Commit]:
        try:
            with store_call("read", document=self._id):
                return await self._store.read(self._id, self._epoch, after, limit)
        except BaseAboveHead as error:
            raise lost_commits(after, error.version) from error
        except DocumentNotFound:
            raise await self.gone() from None


def ended_by(head: Head | None, epoch: str) -> CollabError:
    """What ends a session of `epoch` whose document has another head, or none."""
    if head is not None and is_same_document(head.epoch, epoch):
        return HistoryRewritten()
    return DocumentNotFound("the document has been deleted")


def lost_commits(had: int, has: int) -> Unavailable:
    """What ends a session at version `had` whose log ends at `has` in the store."""
    return Unavailable(f"the store had version {had} and has {has} only, the document loads afresh")
