"""What becomes of calls whose connection to PostgreSQL is slow, cut, frozen or half-open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import asyncpg
import pytest
from anyio.to_thread import run_sync

from collab.errors import StoreFailure
from collab.storage import Append, AppendResult, NewDocument, NewGrant
from collab.storage.postgres import PostgresStore, open_postgres
from collab.storage.postgres_pool import Limits, Patience
from collab.storage.postgres_url import parse_target
from collab.words import Access, Commit, Credit, Snapshot
from tests.integration.talk import seeded_random, within
from tests.proxy import Proxy, open_proxy
from tests.services.postgres import PostgresServer

pytestmark = pytest.mark.anyio

OK, CONFLICT, GONE, FAILED = AppendResult
SHORT = Limits(
    connect_seconds=0.5,
    quick=Patience(attempt=0.5, call=1.5),
    bulky=Patience(attempt=0.5, call=1.5),
    append=Patience(attempt=0.5, call=1.5),
)
LONG = Limits(append=Patience(attempt=20, call=30))


@dataclass
class Line:
    """A store behind a proxy, and another one that is not."""

    proxy: Proxy
    store: PostgresStore
    other: PostgresStore
    url: str

    async def run(self, query: str, *values: object) -> list[Any]:
        connection = await asyncpg.connect(self.url)
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()

    async def log(self) -> list[Commit]:
        return await self.other.read("a", "e1", 0, 10_000)


@asynccontextmanager
async def line(postgres: PostgresServer, limits: Limits) -> AsyncIterator[Line]:
    """With a document `a` of one commit, and warm connections."""
    name = await run_sync(postgres.create_database)
    async with open_proxy(postgres.port) as proxy:
        near = parse_target(postgres.url(name, port=proxy.port) + "?sslmode=disable")
        url = postgres.url(name)
        async with (
            open_postgres(near, limits) as store,
            open_postgres(parse_target(url)) as other,
        ):
            await store.create(NewDocument("a", "text", "e1", 1))
            assert await store.append([Append("a", "e1", 0, (commit(1),))]) == [OK]
            yield Line(proxy, store, other, url)


def commit(version: int, mark: str = "") -> Commit:
    credit = Credit(f"author{mark}", version, None, b"digest")
    return Commit(version, 1000 + version, (credit,), f"operation {version}{mark}".encode())


def append_of(version: int, mark: str = "") -> Append:
    return Append("a", "e1", version - 1, (commit(version, mark),))


async def until(true: Callable[[], Awaitable[object]]) -> None:
    """Ask again until it is so, or the test's own time is over."""
    while not await true():  # noqa: ASYNC110  # it happens in another process
        await anyio.sleep(0.01)


async def result_of(
    call: Callable[[], Awaitable[Any]], meanwhile: Callable[[], Awaitable[None]]
) -> Any:
    """What `call` returns while `meanwhile` is done."""
    found: list[Any] = []

    async def keep() -> None:
        found.append(await call())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keep)
        await meanwhile()
    return found[0]


# An append of which nobody hears -----------------------------------------------------------------


@within(30)
async def test_an_append_that_was_stored_before_the_cut_is_ok(postgres: PostgresServer) -> None:
    async with line(postgres, LONG) as bench:
        bench.proxy.answers.shut()

        async def meanwhile() -> None:
            await bench.proxy.answers.arrival()
            assert (await bench.other.poll(["a"])).heads["a"].version == 2
            bench.proxy.cut()
            bench.proxy.thaw()

        assert await result_of(lambda: bench.store.append([append_of(2)]), meanwhile) == [OK]
        assert await bench.log() == [commit(1), commit(2)]


@within(30)
async def test_an_append_that_never_arrived_is_made_again(postgres: PostgresServer) -> None:
    async with line(postgres, LONG) as bench:
        bench.proxy.requests.shut()

        async def meanwhile() -> None:
            await bench.proxy.requests.arrival()
            bench.proxy.cut()
            bench.proxy.thaw()

        assert await result_of(lambda: bench.store.append([append_of(2)]), meanwhile) == [OK]
        assert await bench.log() == [commit(1), commit(2)]


@within(30)
async def test_an_append_that_was_lost_gives_way_to_another(postgres: PostgresServer) -> None:
    async with line(postgres, LONG) as bench:
        bench.proxy.requests.shut()

        async def meanwhile() -> None:
            await bench.proxy.requests.arrival()
            assert await bench.other.append([append_of(2, "other")]) == [OK]
            bench.proxy.cut()
            bench.proxy.thaw()

        assert await result_of(lambda: bench.store.append([append_of(2)]), meanwhile) == [CONFLICT]
        assert await bench.log() == [commit(1), commit(2, "other")]


@within(30)
async def test_an_append_that_was_stored_and_built_upon_is_ok(postgres: PostgresServer) -> None:
    async with line(postgres, LONG) as bench:
        bench.proxy.answers.shut()

        async def meanwhile() -> None:
            await bench.proxy.answers.arrival()
            assert await bench.other.append([append_of(3, "other")]) == [OK]
            bench.proxy.cut()
            bench.proxy.thaw()

        assert await result_of(lambda: bench.store.append([append_of(2)]), meanwhile) == [OK]
        assert await bench.log() == [commit(1), commit(2), commit(3, "other")]


@within(30)
async def test_what_was_stored_and_trimmed_since_stays_unknown(postgres: PostgresServer) -> None:
    async with line(postgres, LONG) as bench:
        bench.proxy.answers.shut()

        async def meanwhile() -> None:
            await bench.proxy.answers.arrival()
            await bench.other.save_snapshot("a", "e1", Snapshot(2, 1, b"", b""))
            assert await bench.other.trim("a", "e1", 9999) == 2
            bench.proxy.cut()
            bench.proxy.thaw()

        async def call() -> None:
            with pytest.raises(StoreFailure, match="trimmed"):
                await bench.store.append([append_of(2)])

        await result_of(call, meanwhile)


@pytest.mark.parametrize("how", ["cut", "terminate"])
@within(30)
async def test_a_lost_append_may_still_be_done_and_is_then_known(
    postgres: PostgresServer, how: str
) -> None:
    """The first attempt waits in the server for a lock when its connection breaks."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    async with line(postgres, LONG) as bench:
        outsider = await asyncpg.connect(bench.url)
        holding = outsider.transaction()
        await holding.start()
        await outsider.execute("SELECT FROM documents WHERE id = 'a' FOR UPDATE")

        async def waits(*before: int) -> Any:
            found = [pid for (pid,) in await bench.run(waiting) if pid not in before]
            return found[0] if found else None

        async def meanwhile() -> None:
            await until(waits)
            first = await waits()
            if how == "cut":
                bench.proxy.cut()
            else:
                await bench.run("SELECT pg_terminate_backend($1)", first)
            await until(lambda: waits(first))
            await holding.rollback()

        assert await result_of(lambda: bench.store.append([append_of(2)]), meanwhile) == [OK]
        await outsider.close()
        assert await bench.log() == [commit(1), commit(2)]


@within(30)
async def test_a_half_open_connection_is_noticed(postgres: PostgresServer) -> None:
    limits = Limits(append=Patience(attempt=0.5, call=20))
    async with line(postgres, limits) as bench:
        bench.proxy.answers.shut()
        before = bench.proxy.accepted

        async def reconnected() -> bool:
            return bench.proxy.accepted > before

        async def meanwhile() -> None:
            await until(reconnected)
            bench.proxy.thaw()

        assert await result_of(lambda: bench.store.append([append_of(2)]), meanwhile) == [OK]
        assert await bench.log() == [commit(1), commit(2)]


@within(30)
async def test_one_lost_group_has_a_result_for_each_document(postgres: PostgresServer) -> None:
    async with line(postgres, LONG) as bench:
        for id in "bcd":
            await bench.store.create(NewDocument(id, "text", "e1", 1))
        await bench.other.append([Append("c", "e1", 0, (commit(1, "other"),))])
        bench.proxy.answers.shut()

        async def meanwhile() -> None:
            await bench.proxy.answers.arrival()
            await bench.other.delete("d")
            bench.proxy.cut()
            bench.proxy.thaw()

        group = [append_of(2), *(Append(id, "e1", 0, (commit(1),)) for id in "bcd")]
        results = await result_of(lambda: bench.store.append(group), meanwhile)
        assert results == [OK, OK, CONFLICT, GONE]


# Other calls -------------------------------------------------------------------------------------


@within(30)
async def test_a_create_that_was_lost_finds_its_own_document(postgres: PostgresServer) -> None:
    async with line(postgres, LONG) as bench:
        bench.proxy.answers.shut()

        async def meanwhile() -> None:
            await bench.proxy.answers.arrival()
            bench.proxy.cut()
            bench.proxy.thaw()

        new = NewDocument("b", "text", "e7", 1)
        made = await result_of(lambda: bench.store.create(new, [commit(1)]), meanwhile)
        assert made == await bench.other.get("b")


@within(30)
async def test_a_delete_that_was_lost_is_told_as_done(postgres: PostgresServer) -> None:
    async with line(postgres, LONG) as bench:
        assert await bench.store.delete("absent") is False
        await bench.store.create(NewDocument("b", "text", "e1", 1))
        assert await bench.store.delete("b") is True
        bench.proxy.answers.shut(after=3)  # all but the answer to COMMIT

        async def meanwhile() -> None:
            await bench.proxy.answers.arrival()
            assert await bench.other.get("a") is None
            bench.proxy.cut()
            bench.proxy.thaw()

        assert await result_of(lambda: bench.store.delete("a"), meanwhile) is True
        assert await bench.store.delete("a") is False


@within(30)
async def test_a_delete_that_was_lost_halfway_is_told_as_it_is(postgres: PostgresServer) -> None:
    async with line(postgres, LONG) as bench:
        bench.proxy.answers.shut()

        async def meanwhile() -> None:
            await bench.proxy.answers.arrival()
            bench.proxy.cut()
            bench.proxy.thaw()

        assert await result_of(lambda: bench.store.delete("absent"), meanwhile) is False


@within(30)
async def test_a_broken_group_that_is_lost_halfway_is_settled(postgres: PostgresServer) -> None:
    """Its second document refuses; the third waits for a lock in vain, the first is stored."""
    limits = Limits(append=Patience(attempt=20, call=30))
    async with line(postgres, limits) as bench:
        for id in "bc":
            await bench.store.create(NewDocument(id, "text", "e1", 1))
        await bench.run(
            "INSERT INTO commits SELECT key, 1, 0, '', '' FROM documents WHERE id = 'b'"
        )
        bench.proxy.answers.shut(after=2)  # the group's, and the first document's

        async def meanwhile() -> None:
            await bench.proxy.answers.arrival()
            outsider = await asyncpg.connect(bench.url)
            await outsider.execute("BEGIN; SELECT FROM documents WHERE id = 'c' FOR UPDATE")
            bench.proxy.answers.open()

            async def waits(*before: object) -> Any:
                rows = await bench.run(
                    "SELECT query_start FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                )
                found = [start for (start,) in rows if start not in before]
                return found[0] if found else None

            await until(waits)
            first = await waits()
            await until(lambda: waits(first))  # it has given up, and begins again
            await outsider.close()

        group = [append_of(2), *(Append(id, "e1", 0, (commit(1),)) for id in "bc")]
        results = await result_of(lambda: bench.store.append(group), meanwhile)
        assert results == [OK, FAILED, OK]


@within(60)
async def test_every_call_survives_a_cut_before_it(postgres: PostgresServer) -> None:
    async with line(postgres, LONG) as bench:
        store = bench.store
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: store.get("a"),
            lambda: store.load("a"),
            lambda: store.read("a", "e1", 0, 10),
            lambda: store.poll(["a"]),
            lambda: store.save_snapshot("a", "e1", Snapshot(1, 1, b"", b"")),
            lambda: store.trim("a", "e1", 0),
            lambda: store.list(),
            lambda: store.set_metadata("a", {}),
            lambda: store.set_grants([NewGrant("a", "b", Access.READ)]),
            lambda: store.grants(["a"], ["b"]),
            lambda: store.list_grants(),
            lambda: store.grant_changes(0, 10),
            lambda: store.append([append_of(2)]),
            lambda: store.create(NewDocument("b", "text", "e1", 1)),
            lambda: store.delete("b"),
        ]
        for call in calls:
            bench.proxy.cut()
            await call()
        assert await bench.log() == [commit(1), commit(2)]


# A database that is away -------------------------------------------------------------------------


async def check_away(store: PostgresStore) -> None:
    """Every call fails, and in time."""
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: store.get("a"),
        lambda: store.load("a"),
        lambda: store.poll(["a"]),
        lambda: store.save_snapshot("a", "e1", Snapshot(1, 1, b"", b"")),
        lambda: store.list(),
        lambda: store.delete("a"),
        lambda: store.append([append_of(2)]),
    ]

    async def check(call: Callable[[], Awaitable[object]]) -> None:
        with pytest.raises(StoreFailure):
            await call()

    longest = max(SHORT.quick.call, SHORT.bulky.call, SHORT.append.call)
    with anyio.fail_after(longest + 1):
        async with anyio.create_task_group() as tasks:
            for call in calls:
                tasks.start_soon(check, call)


@within(60)
async def test_a_frozen_database_fails_every_call_in_time(postgres: PostgresServer) -> None:
    async with line(postgres, SHORT) as bench:
        bench.proxy.freeze()
        await check_away(bench.store)
        bench.proxy.cut()
        bench.proxy.thaw()
        assert (await bench.store.poll(["a"])).heads["a"].version == 1
        assert await bench.store.append([append_of(2)]) == [OK]


@within(60)
async def test_a_database_that_refuses_connections_is_waited_for(postgres: PostgresServer) -> None:
    async with line(postgres, SHORT) as bench:
        bench.proxy.refusing = True
        bench.proxy.cut()
        await check_away(bench.store)

        async def meanwhile() -> None:
            bench.proxy.refusing = False

        assert await result_of(lambda: bench.store.append([append_of(2)]), meanwhile) == [OK]


@within(120)
async def test_a_server_that_starts_again_is_used_again(postgres: PostgresServer) -> None:
    async with line(postgres, SHORT) as bench:
        await run_sync(postgres.stop)
        try:
            await check_away(bench.store)
        finally:
            await run_sync(postgres.start)
        assert await bench.store.append([append_of(2)]) == [OK]
        assert await bench.log() == [commit(1), commit(2)]


@pytest.mark.parametrize(
    "lock", ["LOCK documents IN SHARE MODE", "SELECT FROM documents WHERE id = 'a' FOR UPDATE"]
)
@within(30)
async def test_an_outsiders_lock_is_not_waited_for_without_end(
    postgres: PostgresServer, lock: str
) -> None:
    async with line(postgres, SHORT) as bench:
        outsider = await asyncpg.connect(bench.url)
        try:
            await outsider.execute(f"BEGIN; {lock}")
            with pytest.raises(StoreFailure):
                await bench.store.append([append_of(2)])
            waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"

            async def nobody_waits() -> bool:
                return not await bench.run(waiting)

            await until(nobody_waits)
        finally:
            await outsider.close()
        assert await bench.log() == [commit(1)]


@within(60)
async def test_an_append_that_the_database_ends_for_a_deadlock_is_made_again(
    postgres: PostgresServer,
) -> None:
    """An outsider has the second document and then wants the first one, which the group has. It
    never looks for deadlocks itself, so the group is ended."""
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    counted = "SELECT FROM pg_stat_database WHERE datname = current_database() AND deadlocks = 1"
    async with line(postgres, LONG) as bench:
        [[name]] = await bench.run("SELECT current_database()")
        await bench.run(f"ALTER DATABASE {name} SET deadlock_timeout = '2500ms'")
        await bench.store.create(NewDocument("b", "text", "e1", 1))
        bench.proxy.cut()  # new connections have the new setting
        outsider = await asyncpg.connect(bench.url)
        await outsider.execute("SET deadlock_timeout = '1h'")
        await outsider.execute("BEGIN; SELECT FROM documents WHERE id = 'b' FOR UPDATE")

        async def meanwhile() -> None:
            await until(lambda: bench.run(waiting))
            await outsider.execute("SELECT FROM documents WHERE id = 'a' FOR UPDATE")
            await outsider.close()

        group = [append_of(2), Append("b", "e1", 0, (commit(1),))]
        assert await result_of(lambda: bench.store.append(group), meanwhile) == [OK, OK]
        await until(lambda: bench.run(counted))
        assert await bench.log() == [commit(1), commit(2)]


# All of it together ------------------------------------------------------------------------------


@within(120)
async def test_whatever_breaks_every_ok_is_stored_once(postgres: PostgresServer) -> None:
    random = seeded_random()
    limits = Limits(append=Patience(attempt=1, call=20), quick=Patience(attempt=1, call=20))
    async with line(postgres, limits) as bench:
        taken: list[Commit] = []
        unsure: list[Commit] = []
        left = 150
        over = anyio.Event()

        async def write(store: PostgresStore, mark: str) -> None:
            nonlocal left
            head = 1
            while left > 0:
                new = commit(head + 1, f"{mark}-{left}")
                try:
                    [result] = await store.append([Append("a", "e1", head, (new,))])
                except StoreFailure:
                    unsure.append(new)
                    result = CONFLICT
                if result is OK:
                    taken.append(new)
                    left -= 1
                    head += 1
                else:
                    head = (await store.poll(["a"])).heads["a"].version
            over.set()

        async def disturb() -> None:
            while not over.is_set():
                with anyio.move_on_after(random.uniform(0.01, 0.1)):
                    await over.wait()
                if random.random() < 0.5:
                    bench.proxy.cut()
                    continue
                pids = await bench.run(
                    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
                    " AND datname = current_database() AND pid <> pg_backend_pid()"
                )
                if pids:
                    await bench.run("SELECT pg_terminate_backend($1)", random.choice(pids)[0])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write, bench.store, "near")
            tasks.start_soon(write, bench.other, "far")
            tasks.start_soon(disturb)
        stored = await bench.log()
        assert [each.version for each in stored] == list(range(1, len(stored) + 1))
        assert len({each.operation for each in stored}) == len(stored)
        assert {each.operation for each in taken} <= {each.operation for each in stored}
        allowed = {each.operation for each in [commit(1), *taken, *unsure]}
        assert {each.operation for each in stored} <= allowed
