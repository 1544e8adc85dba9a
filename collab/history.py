"""Reads one document's log from the store, page by page."""

from __future__ import annotations

from collab.errors import DocumentBroken
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
        return await self._store.read(self._id, self._epoch, after, _PAGE_COMMITS)

    async def between(self, after: int, until: int) -> list[Commit]:
        """Commits `after + 1 … until`, which must exist; raises as `Store.read`.

        The caller bounds the distance.
        """
        commits: list[Commit] = []
        while after < until:
            page = await self.page(after)
            if not page:
                raise DocumentBroken(f"the log ends at {after}, before {until}")
            commits += page
            after = page[-1].version
        excess = after - until
        return commits[: len(commits) - excess] if excess > 0 else commits
