"""Opening once, sharing, unloading, draining; a document that does not load is left alone."""

from __future__ import annotations

from functools import partial

import anyio
import anyio.lowlevel
import pytest

from collab.errors import DocumentBroken, DocumentNotFound, Restarting, StoreFailure, WrongType
from collab.registry import open_registry
from collab.session import Session
from collab.storage import Loaded, NewDocument
from collab.storage.memory import MemoryStore
from collab.words import Snapshot
from tests.simulation import virtual
from tests.unit.nodes import TroubledStore, allowed, create, edit, insert, node, settings, text_of

pytestmark = pytest.mark.anyio


class CountingStore(MemoryStore):
    """Counts the loads, each of which takes a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.loads = 0

    async def load(self, id: str) -> Loaded | None:
        self.loads += 1
        await anyio.sleep(0.001)
        return await super().load(id)


async def test_many_openings_at_once_load_once_and_share_one_session() -> None:
    store = CountingStore()
    await create(store)
    sessions: list[Session] = []

    async with node(store) as registry:

        async def use() -> None:
            async with registry.open("doc") as session:
                sessions.append(session)
                while len(sessions) < 20:
                    await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(use)
    assert store.loads == 1
    assert len(set(map(id, sessions))) == 1


async def test_an_absent_document_is_not_found_and_not_made() -> None:
    store = MemoryStore()
    async with node(store) as registry:
        with pytest.raises(DocumentNotFound):
            async with registry.open("doc"):
                pass
    assert await store.get("doc") is None


async def test_an_absent_document_is_made_where_it_is_asked_for() -> None:
    async with node() as registry:
        async with registry.open("doc", create="text") as session:
            assert (session.version, session.type.name) == (0, "text")
        with pytest.raises(WrongType):
            async with registry.open("other", create="spreadsheet"):
                pass


async def test_of_two_openings_at_once_the_one_that_may_create_does() -> None:
    store = CountingStore()
    results: list[str] = []

    async with node(store) as registry:

        async def use(create: str | None) -> None:
            try:
                async with registry.open("doc", create=create) as session:
                    results.append(session.type.name)
            except DocumentNotFound:
                results.append("not found")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(use, None)
            tasks.start_soon(use, "text")
    assert sorted(results) == ["not found", "text"]


async def test_a_deleted_document_is_not_made_by_use() -> None:
    store = MemoryStore()
    await create(store)
    await store.delete("doc")
    async with node(store) as registry:
        with pytest.raises(DocumentNotFound):
            async with registry.open("doc", create="text"):
                pass


async def test_a_failed_load_writes_nothing_and_the_document_is_intact_afterwards() -> None:
    store = TroubledStore()
    await create(store)
    async with node(store) as registry, registry.open("doc") as session:
        await session.edit(edit(session, "ada", 1, 0, insert("precious")), allowed)
    before = await store.load("doc")
    async with node(store) as registry:
        store.failing.add("load")
        with pytest.raises(StoreFailure):
            async with registry.open("doc", create="text"):
                pass
        store.failing.clear()
        assert await store.load("doc") == before
        async with registry.open("doc") as session:
            assert text_of(session) == "precious"


async def test_a_log_that_does_not_apply_is_broken_not_empty() -> None:
    store = MemoryStore()
    await create(store, type="text")
    async with node(store) as registry, registry.open("doc") as session:
        placed = await session.edit(edit(session, "ada", 1, 0, insert("abc")), allowed)
    assert placed.commit is not None
    await store.create(
        NewDocument(id="bad", type="text", epoch="e", created=0),
        [
            type(placed.commit)(
                version=1,
                time=0,
                credits=placed.commit.credits,
                operation=b'[{"retain":5},{"insert":"x"}]',
            )
        ],
    )
    async with node(store) as registry:
        with pytest.raises(DocumentBroken):
            async with registry.open("bad"):
                pass


async def test_leaving_writes_a_snapshot_and_the_next_node_goes_on_from_it() -> None:
    store = MemoryStore()
    await create(store)
    async with node(store) as registry, registry.open("doc") as session:
        for seq in range(1, 6):
            await session.edit(edit(session, "ada", seq, seq - 1, insert("a")), allowed)
    loaded = await store.load("doc")
    assert loaded is not None
    assert loaded.snapshot is not None
    assert (loaded.snapshot.version, loaded.commits) == (5, ())
    async with node(store) as registry, registry.open("doc") as session:
        assert text_of(session) == "aaaaa"
        assert session.committed_by(edit(session, "ada", 1, 0, "[]").author) == (5, 5)


async def test_draining_answers_everything_accepted_and_refuses_the_rest() -> None:
    store = MemoryStore()
    await create(store)
    async with node(store) as registry:
        async with registry.open("doc") as session:
            async with anyio.create_task_group() as tasks:
                for client in range(10):
                    each = edit(session, f"client {client}", 1, 0, insert("x"))
                    tasks.start_soon(session.edit, each, allowed)
                await anyio.lowlevel.checkpoint()
                await registry.drain()
            with pytest.raises(Restarting):
                await session.edit(edit(session, "late", 1, 0, insert("x")), allowed)
        with pytest.raises(Restarting):
            async with registry.open("doc"):
                pass
    document = await store.get("doc")
    assert document is not None
    assert document.version == 10


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with node():
            raise ZeroDivisionError


def test_an_unused_document_is_unloaded_and_one_at_rest_gets_a_snapshot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given_back: list[float] = []
    monkeypatch.setattr(
        "collab.registry.give_back_aside", lambda: given_back.append(anyio.current_time())
    )

    async def main() -> None:
        store = MemoryStore()
        await create(store)
        async with node(store, idle_seconds=10, snapshot_every=1000) as registry:
            async with registry.open("doc") as session:
                await session.edit(edit(session, "ada", 1, 0, insert("a")), allowed)
                await anyio.sleep(20)
                assert session.snapshot_version == 1, "at rest"
                assert registry.opened("doc") is session
            await anyio.sleep(5)
            assert registry.opened("doc") is session, "not idle for long enough"
            await anyio.sleep(20)
            assert registry.opened("doc") is None
            assert len(given_back) == 1, "what it took"
            async with registry.open("doc") as again:
                assert (again is session, text_of(again)) == (False, "a")

    virtual.run(main)


def test_snapshots_follow_every_so_many_commits_and_history_is_trimmed_behind_them() -> None:
    async def main() -> None:
        store = MemoryStore()
        await create(store)
        async with node(store, snapshot_every=10, history_days=1e-9) as registry:
            async with registry.open("doc") as session:
                for seq in range(1, 26):
                    await session.edit(edit(session, "ada", seq, seq - 1, insert("a")), allowed)
                    await anyio.sleep(1)
                assert session.snapshot_version == 20
                assert session.floor == 19, "commit 20 was not older than its snapshot"
        document = await store.get("doc")
        assert document is not None
        assert (document.version, document.floor) == (25, 25)
        async with node(store) as registry, registry.open("doc") as session:
            assert text_of(session) == "a" * 25
            again = await session.edit(edit(session, "ada", 25, 24, insert("a")), allowed)
            assert again.version == 25, "names outlive the log's trimming"

    virtual.run(main)


async def test_a_strangers_bad_wish_does_not_fail_ones_own() -> None:
    store = CountingStore()
    results: list[str] = []

    async with node(store) as registry:

        async def use(create: str) -> None:
            try:
                async with registry.open("doc", create=create) as session:
                    results.append(session.type.name)
            except WrongType:
                results.append("wrong type")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(use, "spreadsheet")
            tasks.start_soon(use, "text")
    assert sorted(results) == ["text", "wrong type"]


async def test_a_snapshot_that_breaks_costs_neither_the_document_nor_the_node() -> None:
    class Defective(MemoryStore):
        async def save_snapshot(self, id: str, epoch: str, snapshot: Snapshot) -> bool:
            raise OSError

    store = Defective()
    await create(store)
    async with node(store, snapshot_every=1) as registry, registry.open("doc") as session:
        for seq in range(1, 6):
            await session.edit(edit(session, "ada", seq, seq - 1, insert("a")), allowed)
        assert text_of(session) == "aaaaa"


async def test_time_in_the_log_does_not_go_back_with_the_clock() -> None:
    store = MemoryStore()
    await create(store)
    now = 10_000_000
    for at in (now, now - 5_000_000):
        async with open_registry(store, settings(), now=partial(int, at)) as registry:
            async with registry.open("doc") as session:
                seq = session.version + 1
                await session.edit(edit(session, "ada", seq, seq - 1, insert("a")), allowed)
    times = [commit.time for commit in await store.read("doc", "e1", 0, 10)]
    assert times == [now, now]


def test_history_is_trimmed_of_documents_at_rest_too() -> None:
    async def main() -> None:
        store = MemoryStore()
        await create(store)
        async with node(store) as registry, registry.open("doc") as session:
            await session.edit(edit(session, "ada", 1, 0, insert("a")), allowed)
        async with node(store, history_days=1 / 86_400) as registry:
            await anyio.sleep(3)
            async with registry.open("doc"):
                pass
        document = await store.get("doc")
        assert document is not None
        assert document.floor == 1

    virtual.run(main)


async def test_a_late_deletion_spares_a_document_that_was_made_anew() -> None:
    store = MemoryStore()
    await create(store)
    async with node(store) as registry:
        await store.delete("doc")
        await store.create(NewDocument(id="doc", type="text", epoch="e2", created=0), revive=True)
        async with registry.open("doc") as session:
            await registry.dismiss("doc", DocumentNotFound("the document has been deleted"))
            assert session.ended is None
