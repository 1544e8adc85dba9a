"""What a node finds in a shared store by itself."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest

from collab.errors import CollabError, StoreFailure
from collab.registry import open_registry
from collab.storage import Append, NewGrant
from collab.storage.memory import MemoryStore
from collab.words import Access, Commit, Grant
from tests.unit.nodes import create, settings

pytestmark = pytest.mark.anyio


class Damaged(MemoryStore):
    """A shared store whose grants cannot be read."""

    def __init__(self) -> None:
        super().__init__(shared=True)

    async def grant_changes(self, after: int, limit: int) -> Sequence[Grant]:
        raise StoreFailure("a damaged grant")


class Follower:
    """Says when there was something new."""

    def __init__(self, woken: anyio.Event) -> None:
        self._woken = woken

    def wake(self) -> None:
        self._woken.set()

    def end(self, error: CollabError) -> None:
        raise AssertionError(error)


async def test_commits_are_heard_of_though_grants_cannot_be_read() -> None:
    store = Damaged()
    await create(store)
    async with open_registry(store, settings()) as registry, registry.open("doc") as session:
        await store.set_grants([NewGrant("doc", "ann", Access.READ)])
        commit = Commit(1, 1, (), b'[{"insert":"x"}]')
        await store.append([Append("doc", "e1", 0, (commit,))])
        arrived = anyio.Event()
        session.follow(Follower(arrived))
        with anyio.fail_after(10):
            await arrived.wait()
        assert session.version == 1
