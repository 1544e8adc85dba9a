"""Opening, migrating and sharing a PostgreSQL database, by servers that write at the same time."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import asyncpg
import pytest
from alembic import command
from alembic.operations import Operations
from anyio.to_thread import run_sync

from collab.errors import CollabError, ConfigurationError, DocumentNotFound, Malformed
from collab.storage import Append, AppendResult, NewDocument, NewGrant, Store
from collab.storage.connect import migrate_store, open_store
from collab.storage.postgres import PostgresStore, open_postgres
from collab.storage.postgres_pool import Limits
from collab.storage.postgres_queries import BEGIN, MARK_DELETED
from collab.storage.postgres_url import parse_target
from collab.storage.schema import REVISIONS
from collab.words import Access, Commit, Credit
from tests.proxy import open_proxy
from tests.services.postgres import PASSWORD, PostgresServer

pytestmark = pytest.mark.anyio

OK, CONFLICT, GONE, FAILED = AppendResult
NODES = 4


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.url(postgres.create_database())


@pytest.fixture
def empty_url(postgres: PostgresServer) -> str:
    return postgres.url(postgres.create_database(migrated=False))


@pytest.fixture
async def nodes(url: str) -> AsyncIterator[list[PostgresStore]]:
    """Stores of several servers over one database."""
    async with AsyncExitStack() as stack:
        opened = [open_postgres(parse_target(url)) for _ in range(NODES)]
        yield [await stack.enter_async_context(each) for each in opened]


async def run(url: str, query: str, *values: object) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(query, *values))
    finally:
        await connection.close()


def commit(version: int, mark: str = "") -> Commit:
    credit = Credit(f"author{mark}", version, None, b"digest")
    return Commit(version, 1000 + version, (credit,), f"operation {version}{mark}".encode())


async def make(store: Store, *ids: str) -> None:
    for id in ids:
        await store.create(NewDocument(id, "text", "e1", 1))


async def refusal(url: str, start_seconds: float = 5.0) -> str:
    """Why a server does not start on `url`; never with the password."""
    with pytest.raises(ConfigurationError) as caught:
        async with open_postgres(parse_target(url), Limits(start_seconds=start_seconds)):
            pass
    said = str(caught.value)
    assert PASSWORD not in said
    assert quote(PASSWORD, safe="") not in said
    return said


# Opening -----------------------------------------------------------------------------------------


async def test_a_url_opens_the_store_that_other_servers_share(url: str) -> None:
    for scheme in ("postgres", "postgresql"):
        async with open_store(f"{scheme}://{url.partition('://')[2]}") as store:
            assert isinstance(store, PostgresStore)
            assert store.shared


async def test_a_server_is_reached_over_its_socket(postgres: PostgresServer) -> None:
    database = await run_sync(postgres.create_database)
    async with open_store(postgres.socket_url(database)) as store:
        await make(store, "a")


@pytest.mark.parametrize(
    ("parameters", "encrypted"),
    [
        ("?sslmode=disable", False),
        ("?sslmode=allow", False),
        ("?sslmode=prefer", True),
        ("", True),
        ("?sslmode=require", True),
        ("?sslmode=require&connect_timeout=5&keepalives=1&channel_binding=prefer", True),
    ],
)
async def test_sslmode_says_whether_to_encrypt(url: str, parameters: str, encrypted: bool) -> None:
    async with open_postgres(parse_target(url + parameters)) as store:
        query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        [[found]] = await store._fetch(query)
        assert found is encrypted


async def test_a_certificate_is_verified_when_that_is_asked_for(
    postgres: PostgresServer, url: str
) -> None:
    authority = quote(str(postgres.certificate.authority))
    for mode in ("verify-ca", "verify-full"):
        async with open_store(f"{url}?sslmode={mode}&sslrootcert={authority}") as store:
            await make(store, mode)
    assert "certificate" in await refusal(f"{url}?sslrootcert=system")
    assert "sslrootcert" in await refusal(f"{url}?sslmode=verify-full&sslrootcert=/nowhere/ca.pem")


async def test_what_cannot_be_used_stops_the_start(postgres: PostgresServer, url: str) -> None:
    assert "user or password" in await refusal(url.replace("postgres:", "nobody:", 1))
    assert "no database of the name" in await refusal(url.replace("/test_", "/none_"))
    nowhere = postgres.url("postgres", port=1)
    assert "cannot be reached" in await refusal(nowhere, start_seconds=0.5)


async def test_a_database_has_to_be_migrated_first(empty_url: str) -> None:
    assert "run: collab migrate" in await refusal(empty_url)
    assert await run_sync(migrate_store, empty_url) == (
        f"the database has been migrated (schema {REVISIONS[-1]})"
    )
    assert await run_sync(migrate_store, empty_url) == (
        f"the database is up to date (schema {REVISIONS[-1]})"
    )
    async with open_store(empty_url) as store:
        await make(store, "a")


async def test_an_old_schema_has_to_be_migrated_first(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = command.upgrade
    with monkeypatch.context() as patched:
        patched.setattr(command, "upgrade", lambda config, _: upgrade(config, REVISIONS[0]))
        await run_sync(migrate_store, empty_url)
    assert "schema 0001, an old one; run: collab migrate" in await refusal(empty_url)
    await run_sync(migrate_store, empty_url)
    async with open_store(empty_url) as store:
        assert (await store.poll([])).access_version == 0


async def test_a_newer_schema_and_other_applications_are_left_alone(empty_url: str) -> None:
    await run(empty_url, "CREATE TABLE theirs ()")
    assert "another application" in await refusal(empty_url)
    with pytest.raises(ConfigurationError, match="another application"):
        await run_sync(migrate_store, empty_url)
    await run(empty_url, "DROP TABLE theirs")
    await run_sync(migrate_store, empty_url)
    await run(empty_url, "UPDATE alembic_version SET version_num = '9999'")
    assert "newer version of collab" in await refusal(empty_url)
    with pytest.raises(ConfigurationError, match="newer version of collab"):
        await run_sync(migrate_store, empty_url)


async def test_of_two_migrators_at_once_one_migrates(empty_url: str) -> None:
    said: list[str] = []
    start = threading.Barrier(3)

    def migrate() -> None:
        start.wait()
        said.append(migrate_store(empty_url))

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(run_sync, migrate)
    newest = REVISIONS[-1]
    assert sorted(said) == [
        f"the database has been migrated (schema {newest})",
        *[f"the database is up to date (schema {newest})"] * 2,
    ]


async def test_a_migration_that_fails_leaves_nothing_behind(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_table = Operations.create_table

    def fail_at_snapshots(self: Operations, name: str, *rest: object, **more: object) -> object:
        if name == "snapshots":
            raise RuntimeError("the power went off")
        return create_table(self, name, *rest, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Operations, "create_table", fail_at_snapshots)
        with pytest.raises(RuntimeError, match="power"):
            await run_sync(migrate_store, empty_url)
    assert "is empty; run: collab migrate" in await refusal(empty_url)


async def test_a_user_without_rights_is_told_so(postgres: PostgresServer, empty_url: str) -> None:
    await run(empty_url, "CREATE ROLE guest LOGIN")
    try:
        guest = postgres.socket_url(empty_url.rpartition("/")[2]).replace("postgres@", "guest@")
        await run(empty_url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        with pytest.raises(ConfigurationError, match="lacks a right"):
            await run_sync(migrate_store, guest)
        await run_sync(migrate_store, empty_url)
        assert "lacks a right" in await refusal(guest)
    finally:
        await run(empty_url, "DROP ROLE guest")


async def test_a_database_that_could_not_keep_promises_is_refused(
    postgres: PostgresServer, url: str
) -> None:
    name = url.rpartition("/")[2]
    await run(url, f"ALTER DATABASE {name} SET synchronous_commit = off")
    assert "synchronous_commit" in await refusal(url)
    await run(
        url,
        f"CREATE DATABASE {name}_latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
        " LOCALE_PROVIDER libc",
    )
    assert "UTF8" in await refusal(f"{url}_latin")


async def test_nothing_stays_in_a_session_that_a_pooler_would_lose(url: str) -> None:
    async with open_postgres(parse_target(url)) as store:
        await make(store, "a")
        await store.append([Append("a", "e1", 0, (commit(1),))])
        await store.delete("a")
        for pool in (store._appends, store._others):
            [[prepared, wait, locks]] = await pool.call(
                lambda session, unknown: session.fetch(
                    "SELECT (SELECT count(*) FROM pg_prepared_statements),"
                    " current_setting('lock_timeout'),"
                    " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')"
                ),
                Limits().quick,
            )
            assert (prepared, wait, locks) == (0, "0", 0)


async def test_an_append_is_one_round_trip_and_connections_are_few(
    postgres: PostgresServer, url: str
) -> None:
    async with open_proxy(postgres.port) as proxy:
        target = parse_target(postgres.url(url.rpartition("/")[2], port=proxy.port))
        async with open_postgres(target) as store:
            ids = [f"d{n}" for n in range(20)]
            async with anyio.create_task_group() as tasks:
                for id in ids:
                    tasks.start_soon(make, store, id)
            await store.append([Append(id, "e1", 0, (commit(1),)) for id in ids])
            before = proxy.requests.passages
            group = [Append(id, "e1", 1, (commit(2),)) for id in ids]
            assert await store.append(group) == [OK] * len(ids)
            assert proxy.requests.passages == before + 1
            async with anyio.create_task_group() as tasks:
                for id in ids:
                    tasks.start_soon(store.load, id)
            assert proxy.accepted == 1 + 3  # the one that looked at the schema, and the three


# Values ------------------------------------------------------------------------------------------


async def test_text_that_no_row_can_hold_is_simply_not_there(url: str) -> None:
    async with open_store(url) as store:
        await make(store, "a", "b")
        assert await store.get("a\0") is None
        assert await store.load("\ud800") is None
        assert (await store.poll(["a\0", "b"])).heads.keys() == {"b"}
        assert await store.list(prefix="\0") == []
        assert [each.id for each in await store.list(after="a\0b")] == ["b"]
        assert await store.append(
            [Append("a\0", "e1", 0, ()), Append("b", "e1", 0, (commit(1),))]
        ) == [GONE, OK]
        with pytest.raises(DocumentNotFound):
            await store.read("a", "e\0", 0, 1)
        with pytest.raises(Malformed):
            await store.set_grants([NewGrant("a", "x\0", None)])
        [ada] = await store.set_grants([NewGrant("a", "ada", Access.READ)])
        assert await store.list_grants(after=("a\0", "zoe")) == []
        assert await store.list_grants(after=("a", "ada\0")) == []
        assert await store.list_grants(after=("A\0", "zoe")) == [ada]
        assert await store.list_grants(user="\0") == []


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 2**200, -(2**200)])
async def test_numbers_of_any_size_are_judged(url: str, number: int) -> None:
    async with open_store(url) as store, open_store("memory://") as memory:
        for each in (store, memory):
            await make(each, "a")
            await each.append([Append("a", "e1", 0, (commit(1),))])

        async def outcome(each: Store, name: str, *arguments: Any, **named: Any) -> Any:
            try:
                return await getattr(each, name)(*arguments, **named)
            except CollabError as error:
                return type(error), str(error)

        for call in (
            ("nearest", "a", number),
            ("version_at", "a", number),
            ("log_bytes", "a", "e1", number, number),
            ("read", "a", "e1", number, 5),
            ("read", "a", "e1", 0, number),
            ("trim", "a", "e1", number),
            ("grant_changes", number, 5),
            ("append", [Append("a", "e1", number, ())]),
        ):
            assert await outcome(store, *call) == await outcome(memory, *call), call
        assert await store.list(limit=number) == await memory.list(limit=number)
        late = Commit(2, number, (), b"")
        [result] = await store.append([Append("a", "e1", 1, (late,))])
        assert result is (OK if abs(number) < 2**63 else FAILED)


async def test_a_document_whose_rows_refuse_an_append_fails_alone(url: str) -> None:
    async with open_store(url) as store:
        await make(store, "a", "b", "c")
        await run(url, "INSERT INTO commits SELECT key, 2, 0, '', '' FROM documents WHERE id = 'b'")
        group = [Append(id, "e1", 0, (commit(1), commit(2))) for id in "abc"]
        assert await store.append(group) == [OK, FAILED, OK]
        assert (await store.poll(["a", "b", "c"])).heads["b"].version == 0
        assert await run(url, "SELECT count(*) FROM commits") == [(5,)]


# Several servers ---------------------------------------------------------------------------------


async def test_many_writers_of_one_document_make_one_log(nodes: list[PostgresStore]) -> None:
    await make(nodes[0], "a")
    taken: list[Commit] = []

    async def write(store: PostgresStore, mark: str, count: int) -> None:
        head = 0
        while count:
            new = commit(head + 1, f"{mark}-{count}")
            [result] = await store.append([Append("a", "e1", head, (new,))])
            if result is OK:
                taken.append(new)
                count -= 1
                head += 1
            else:
                assert result is CONFLICT
                head = (await store.poll(["a"])).heads["a"].version

    async with anyio.create_task_group() as tasks:
        for place, store in enumerate(nodes * 2):
            tasks.start_soon(write, store, f"w{place}", 25)
    loaded = await nodes[0].load("a")
    assert loaded is not None
    assert list(loaded.commits) == sorted(taken, key=lambda each: each.version)
    assert len(taken) == 25 * len(nodes) * 2


async def test_groups_in_any_order_never_wait_in_a_ring(
    url: str, nodes: list[PostgresStore]
) -> None:
    ids = [f"d{n}" for n in range(8)]
    await make(nodes[0], *ids)
    stored = 0

    async def write(store: PostgresStore, order: list[str]) -> None:
        nonlocal stored
        heads = dict.fromkeys(ids, 0)
        for _ in range(30):
            group = [Append(id, "e1", heads[id], (commit(heads[id] + 1),)) for id in order]
            for id, result in zip(order, await store.append(group), strict=True):
                assert result in (OK, CONFLICT)
                stored += result is OK
                heads[id] += 1

    async with anyio.create_task_group() as tasks:
        for place, store in enumerate(nodes):
            tasks.start_soon(write, store, ids[place:] + ids[:place][::-1])
    heads = (await nodes[0].poll(ids)).heads
    assert sum(head.version for head in heads.values()) == stored
    assert await run(url, "SELECT count(*) FROM commits") == [(stored,)]
    name = url.rpartition("/")[2]
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = $1"
    assert await run(url, deadlocks, name) == [(0,)]


async def test_nothing_outlives_a_deletion(url: str, nodes: list[PostgresStore]) -> None:
    writer, deleter, *_ = nodes
    await make(writer, "a")
    done = anyio.Event()

    async def write() -> None:
        head, epoch = 0, "e1"
        while not done.is_set():
            [result] = await writer.append([Append("a", epoch, head, (commit(head + 1),))])
            if result is OK:
                head += 1
            else:
                found = await writer.get("a")
                if found is not None:
                    head, epoch = found.version, found.epoch

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        for life in range(40):
            assert await deleter.delete("a")
            left = (
                "SELECT count(*) FROM commits JOIN documents ON documents.key = commits.document"
                " WHERE documents.deleted"
            )
            assert await run(url, left) == [(0,)]
            await deleter.create(NewDocument("a", "text", f"life{life}", 1), revive=True)
        done.set()
    assert await nodes[2].load("a") is not None


async def test_grants_of_several_servers_are_counted_in_one_row(
    nodes: list[PostgresStore],
) -> None:
    async def grant(store: PostgresStore, mark: str) -> None:
        for n in range(10):
            stored = await store.set_grants(
                [NewGrant("a", f"{mark}{n}", Access.READ), NewGrant("b", mark, Access.WRITE)]
            )
            assert stored[1].version == stored[0].version + 1

    async with anyio.create_task_group() as tasks:
        for place, store in enumerate(nodes):
            tasks.start_soon(grant, store, f"u{place}-")
    assert (await nodes[0].poll([])).access_version == 20 * NODES
    versions = [each.version for each in await nodes[0].grant_changes(0, 1000)]
    assert versions == sorted(set(versions))
    assert len(versions) == 11 * NODES


async def test_a_server_that_stands_still_while_it_deletes_blocks_nobody_for_long(
    url: str, nodes: list[PostgresStore]
) -> None:
    await make(nodes[0], "a")
    paused = await asyncpg.connect(url)
    try:
        await paused.execute(BEGIN)
        await paused.execute(MARK_DELETED.replace("$1", "'a'"))
        assert await nodes[1].append([Append("a", "e1", 0, (commit(1),))]) == [OK]
    finally:
        paused.terminate()


def test_the_driver_is_not_imported_for_other_databases(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys; from collab.storage.connect import open_store;"
        f"open_store('sqlite:///{tmp_path}/collab.db'); sys.exit('asyncpg' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
