"""How far a session reads after other nodes: never so far that nobody else has a turn, and never
beyond what the store has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import msgspec
import pytest

from collab.errors import BaseAboveHead, CollabError, Unavailable
from collab.session import Session
from collab.storage import PAGE_BYTES, Append, Polled
from collab.storage.memory import MemoryStore
from collab.words import Commit, Snapshot
from tests.simulation import virtual
from tests.unit.nodes import allowed, create, edit, insert, node

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Time is virtual: what takes a second here takes one on a busy machine too."""
    return virtual.BACKEND


class FarStore(MemoryStore):
    """Shared; reading takes 5 ms. `lose` drops the newest commit, as a failover may."""

    def __init__(self) -> None:
        super().__init__(shared=True)

    async def read(
        self, id: str, epoch: str, after: int, limit: int, max_bytes: int = PAGE_BYTES
    ) -> list[Commit]:
        await anyio.sleep(0.005)
        return await super().read(id, epoch, after, limit, max_bytes)

    async def poll(self, ids: Sequence[str]) -> Polled:
        polled = await super().poll(ids)
        await anyio.sleep(0.005)  # what comes meanwhile is not in the answer
        return polled

    async def write(self, text: str = "x") -> None:
        """Commit as another node does."""
        version = self._records["doc"].document.version + 1
        commit = Commit(version, 1, (), insert(text).encode())
        await self.append([Append("doc", "e1", version - 1, (commit,))])

    def lose(self) -> None:
        record = self._records["doc"]
        record.commits.pop()
        version = record.document.version - 1
        record.document = msgspec.structs.replace(record.document, version=version)


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[FarStore, Session]]:
    store = FarStore()
    await create(store)
    async with node(store) as registry, registry.open("doc") as session:
        yield store, session


async def test_others_that_commit_faster_than_one_reads_keep_nobody_waiting() -> None:
    async with opened() as (store, session), anyio.create_task_group() as tasks:

        async def write_on() -> None:
            while True:
                await store.write()
                await anyio.sleep(0.004)

        tasks.start_soon(write_on)
        await anyio.sleep(0.5)
        head = store._records["doc"].document.version
        with anyio.fail_after(0.1):
            await session.refresh()
        assert session.version >= head
        tasks.cancel_scope.cancel()


async def test_many_who_come_do_not_keep_edits_waiting() -> None:
    async with opened() as (_, session), anyio.create_task_group() as tasks:

        async def come() -> None:
            while True:
                tasks.start_soon(session.refresh)
                await anyio.sleep(0.003)

        tasks.start_soon(come)
        await anyio.sleep(0.5)
        with anyio.fail_after(0.1):
            await session.edit(edit(session, "ada", 1, 0, insert("a")), allowed)
        tasks.cancel_scope.cancel()


async def test_who_refreshes_sees_all_pages_of_what_was_there() -> None:
    async with opened() as (store, session):
        for _ in range(1200):
            await store.write()
        await session.refresh()
        assert session.version == 1200


async def test_a_base_far_above_the_head_is_refused_after_one_look() -> None:
    async with opened() as (store, session):
        await store.write()
        with pytest.raises(BaseAboveHead):
            await session.edit(edit(session, "ada", 1, 10**9, insert("a")), allowed)
        assert session.version == 1


async def test_commits_that_the_store_has_lost_end_the_session_before_it_shows_more() -> None:
    async with opened() as (store, session):
        await session.edit(edit(session, "ada", 1, 0, insert("a")), allowed)
        await session.edit(edit(session, "ada", 2, 1, insert("b")), allowed)
        store.lose()
        ended = await end_of(session)
        assert isinstance(ended, Unavailable)


@pytest.mark.parametrize("call", ["edit", "refresh"])
async def test_commits_that_the_store_has_lost_are_no_fault_of_who_comes_next(call: str) -> None:
    async with opened() as (store, session):
        await session.edit(edit(session, "ada", 1, 0, insert("a")), allowed)
        store.lose()
        with pytest.raises(Unavailable):
            if call == "edit":
                await session.edit(edit(session, "ada", 2, 1, insert("b")), allowed)
            else:
                await session.refresh()


class HurriedStore(FarStore):
    """Others are always faster than a snapshot."""

    async def save_snapshot(self, id: str, epoch: str, snapshot: Snapshot) -> bool:
        await self.write("other")
        return await super().save_snapshot(id, epoch, snapshot)


async def test_what_the_store_has_lost_does_not_come_back_as_a_snapshot() -> None:
    store = HurriedStore()
    await create(store)
    async with node(store) as registry:
        async with registry.open("doc") as session:
            await session.edit(edit(session, "ada", 1, 0, insert("a")), allowed)
            store.lose()
            await end_of(session)
        await registry.drain()
    loaded = await store.load("doc")
    assert loaded is not None
    assert loaded.snapshot is None


async def end_of(session: Session) -> CollabError:
    """What ends the session."""
    ended = anyio.Event()

    class Follower:
        def wake(self) -> None:
            pass

        def end(self, error: CollabError) -> None:
            ended.set()

    session.follow(Follower())
    with anyio.fail_after(5):
        await ended.wait()
    assert session.ended is not None
    return session.ended
