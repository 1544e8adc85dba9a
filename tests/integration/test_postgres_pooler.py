"""Servers that share a few connections to PostgreSQL through PgBouncer, one transaction at a time.

Whatever one of them left in a session would be another's next surprise.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import anyio
import pytest
from anyio.to_thread import run_sync

from collab.storage import Append, AppendResult, NewDocument, NewGrant
from collab.storage.connect import migrate_store
from collab.storage.postgres import PostgresStore, open_postgres
from collab.storage.postgres_url import parse_target
from collab.words import Access, Commit, Credit, Snapshot
from tests.requirements import require
from tests.services.pgbouncer import pgbouncer
from tests.services.postgres import PostgresServer

pytestmark = pytest.mark.anyio

NODES = 4
ROUNDS = 25


@pytest.fixture
def pooler_port(postgres: PostgresServer) -> Iterator[int]:
    program = shutil.which("pgbouncer")
    require(program is not None, "pgbouncer is not installed")
    assert program is not None
    with pgbouncer(program, postgres) as port:
        yield port


@pytest.fixture
def url(postgres: PostgresServer, pooler_port: int) -> str:
    return postgres.url(postgres.create_database(migrated=False), port=pooler_port)


@pytest.fixture
async def nodes(url: str) -> AsyncIterator[list[PostgresStore]]:
    await run_sync(migrate_store, url)
    async with AsyncExitStack() as stack:
        opened = [open_postgres(parse_target(url)) for _ in range(NODES)]
        yield [await stack.enter_async_context(each) for each in opened]


def commit(version: int, mark: str) -> Commit:
    return Commit(version, version, (Credit(mark, version, None, b"d"),), mark.encode())


async def test_servers_behind_a_transaction_pooler_keep_one_log(nodes: list[PostgresStore]) -> None:
    await nodes[0].create(NewDocument("all", "text", "e1", 1))
    taken: list[Commit] = []

    async def work(store: PostgresStore, mark: str) -> None:
        head = 0
        own = f"own-{mark}"
        await store.create(NewDocument(own, "text", "e1", 1))
        for version in range(1, ROUNDS + 1):
            new = commit(head + 1, f"{mark}-{version}")
            shared, alone = await store.append(
                [
                    Append("all", "e1", head, (new,)),
                    Append(own, "e1", version - 1, (commit(version, mark),)),
                ]
            )
            assert alone is AppendResult.OK
            if shared is AppendResult.OK:
                taken.append(new)
            head = (await store.poll(["all", own])).heads["all"].version
            await store.save_snapshot(own, "e1", Snapshot(version, 1, b"", b""))
            await store.set_grants([NewGrant(own, mark, Access.READ)])
        assert await store.trim(own, "e1", ROUNDS) == ROUNDS - 1
        assert len(await store.read(own, "e1", ROUNDS - 1, 10)) == 1
        assert await store.delete(own)

    async with anyio.create_task_group() as tasks:
        for place, store in enumerate(nodes):
            tasks.start_soon(work, store, f"n{place}")
    loaded = await nodes[0].load("all")
    assert loaded is not None
    assert list(loaded.commits) == sorted(taken, key=lambda each: each.version)
    assert len(taken) >= ROUNDS
    assert (await nodes[0].poll([])).access_version == NODES * ROUNDS
    assert [each.id for each in await nodes[0].list()] == ["all"]
