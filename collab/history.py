"""Reads one document's log from the store, page by page."""

from __future__ import annotations

from collab.errors import BelowFloor, DocumentBroken
from collab.measured import store_call
from collab.storage import Store
from collab.words import Commit

_PAGE_COMMITS = 500


class History:
    """The stored log of one epoch of a document."""

    def __init__(self, store: Store, id: str, epoch: str) -> None:
        self._store = store
        self._id = id
        self._epoch = epoch

    @property
    def shared(self) -> bool:
        """Whether other nodes may write to it too."""
        return self._store.shared

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
        with store_call("read", document=self._id):
            return await self._store.read(self._id, self._epoch, after, limit)
