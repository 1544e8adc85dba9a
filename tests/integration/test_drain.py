"""SIGTERM takes nothing from anybody: what was acknowledged is stored, people type on elsewhere."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import asyncpg
import httpx
import pytest
from anyio.to_thread import run_sync

from collab_client import Channel, ChannelClosed
from collab_client.channel import websocket_opener
from tests.integration.process import ServerProcess, server
from tests.integration.seats import WRITING_KINDS, EventsSeat, seat, type_for
from tests.integration.talk import Talk, dial, http, new_client, seeded_random, within
from tests.integration.typists import typists
from tests.proxy import open_proxy
from tests.services.postgres import PostgresServer

pytestmark = pytest.mark.anyio

Record = Callable[[str, object], None]

AUTHORS = 20
END_SECONDS = 10.0


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    return postgres.create_database()


def stopped(process: ServerProcess) -> tuple[int, float]:
    """SIGTERM: the exit code, and how many seconds the end took."""
    began = time.monotonic()
    return process.stop(), time.monotonic() - began


def children_of(process: ServerProcess) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def wait_for_line(process: ServerProcess, words: str) -> None:
    deadline = time.monotonic() + END_SECONDS
    while not any(words in line for line in process.log):
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Nodes:
    """A way to the first of several nodes that takes the connection, as a balancer leads it."""

    url = "http://nodes"

    def __init__(self, *nodes: ServerProcess) -> None:
        self._nodes = nodes
        self._open = websocket_opener()

    async def open(self, url: str) -> Channel:
        for node in self._nodes:
            try:
                return await self._open(url.replace("//nodes", f"//127.0.0.1:{node.port}"))
            except ChannelClosed as closed:
                refusal = closed
        raise refusal


# Typing goes on -----------------------------------------------------------------------------------


@within(120)
async def test_what_was_acknowledged_is_stored_and_typing_goes_on_after_a_restart(
    tmp_path: Path, record_property: Record
) -> None:
    with server(tmp_path) as process:
        async with (
            http(process) as api,
            typists(AUTHORS, process.url, "typing", seeded_random()) as people,
        ):
            await people.more(200)
            code, seconds = await run_sync(stopped, process)
            told = set(people.durable)
            assert code == 0
            await run_sync(process.start)
            assert told <= set(await api.content("typing"))
            await people.more(200)
            await people.check(api, "typing")
        assert process.defects() == []
    record_property("end_seconds", round(seconds, 2))
    assert seconds < END_SECONDS / 2


@within(120)
async def test_clients_go_on_at_another_node_by_themselves(
    tmp_path: Path, postgres: PostgresServer, database: str, record_property: Record
) -> None:
    url = postgres.url(database)
    with server(tmp_path, DATABASE_URL=url) as first, server(tmp_path, DATABASE_URL=url) as second:
        nodes = Nodes(first, second)
        async with (
            http(second) as api,
            typists(AUTHORS, nodes.url, "typing", seeded_random(), nodes.open) as people,
        ):
            await people.more(200)
            people.longest_wait_seconds = 0.0
            code, seconds = await run_sync(stopped, first)
            assert code == 0
            await people.more(200)
            await people.check(api, "typing")
        assert first.defects() + second.defects() == []
    record_property("end_seconds", round(seconds, 2))
    record_property("longest_wait_seconds", round(people.longest_wait_seconds, 2))
    assert seconds < END_SECONDS / 2
    assert people.longest_wait_seconds < END_SECONDS / 2


@within(120)
async def test_workers_can_be_replaced_one_after_the_other_under_people_who_type(
    tmp_path: Path, postgres: PostgresServer, database: str
) -> None:
    with server(tmp_path, DATABASE_URL=postgres.url(database), WEB_CONCURRENCY="2") as process:
        async with (
            http(process) as api,
            typists(AUTHORS, process.url, "typing", seeded_random()) as people,
        ):
            for back, worker in enumerate(children_of(process), start=1):
                await people.more(100)
                os.kill(worker, signal.SIGTERM)
                while sum("serves again" in line for line in process.log) < back:
                    await people.more(1)
            await people.more(100)
            await people.check(api, "typing")
        assert process.stop() == 0
        assert process.defects() == []


# How it ends for everybody ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WRITING_KINDS)
@within(60)
async def test_every_protocol_is_closed_as_restarting(kind: str, tmp_path: Path) -> None:
    with server(tmp_path) as process:
        async with http(process) as api:
            await api.create("open", type_for(kind))
        async with seat(process, kind, "open", None) as sitting:
            await sitting.join()
            assert await run_sync(process.stop) == 0
            assert await sitting.sent_away() == 1012


@within(200)
async def test_thousands_of_connections_end_in_time_and_do_not_come_back_all_at_once(
    tmp_path: Path, record_property: Record
) -> None:
    crowd, documents = 2000, 50
    times: list[float] = []
    codes: Counter[int] = Counter()

    async def sit(stack: AsyncExitStack, number: int) -> None:
        talk = await stack.enter_async_context(dial(process, f"room-{number % documents}"))
        await talk.hello(new_client(), create="text")
        talks.append(talk)

    async def leave(talk: Talk) -> None:
        code, heard = await talk.rest()
        codes[code] += 1
        times.extend(each["retry_after"] for each in heard if each["type"] == "goodbye")

    with server(tmp_path, COLLAB_CONNECTIONS_PER_ADDRESS="10000") as process:
        talks: list[Talk] = []
        async with AsyncExitStack() as stack:
            for begin in range(0, crowd, 100):
                async with anyio.create_task_group() as tasks:
                    for number in range(begin, begin + 100):
                        tasks.start_soon(sit, stack, number)
            async with anyio.create_task_group() as tasks:
                for talk in talks:
                    tasks.start_soon(leave, talk)
                code, seconds = await run_sync(stopped, process)
        assert code == 0
        assert process.defects() == []
    record_property("end_seconds", round(seconds, 2))
    assert seconds < END_SECONDS
    assert codes == {1012: crowd}
    assert len(times) == crowd
    tenths = Counter(int(each / max(times) * 9.999) for each in times)
    assert max(times) > 1
    assert max(tenths.values()) < crowd / 5


@within(120)
async def test_a_store_that_hangs_does_not_hold_up_the_end(
    tmp_path: Path, postgres: PostgresServer, database: str, record_property: Record
) -> None:
    async with open_proxy(postgres.port) as proxy, AsyncExitStack() as stack:
        process = ServerProcess(tmp_path, DATABASE_URL=postgres.url(database, port=proxy.port))
        await run_sync(process.start)
        stack.callback(process.kill)
        async with (
            http(process) as api,
            httpx.AsyncClient(base_url=process.url, trust_env=False) as kept,
            typists(AUTHORS, process.url, "typing", seeded_random()) as people,
        ):
            assert (await kept.get("/readyz")).status_code == 200
            await people.more(100)
            proxy.freeze()
            await proxy.requests.arrival()
            began = time.monotonic()
            os.kill(process.pid, signal.SIGTERM)
            await run_sync(wait_for_line, process, "stopping: SIGTERM")
            ready = await kept.get("/readyz")
            assert (ready.status_code, ready.json()["code"]) == (503, "restarting")
            assert await run_sync(process.wait) == 0
            seconds = time.monotonic() - began
            told = set(people.durable)
            proxy.thaw()
            await run_sync(process.start)
            assert told <= set(await api.content("typing"))
            await people.more(100)
            await people.check(api, "typing")
    record_property("end_seconds", round(seconds, 2))
    assert seconds < END_SECONDS


# Over HTTP ----------------------------------------------------------------------------------------

HALF_A_BODY = (
    b"POST /v1/documents/a/edits HTTP/1.1\r\nHost: collab\r\nContent-Type: application/json\r\n"
    b'Content-Length: 1000\r\n\r\n{"base":'
)


@asynccontextmanager
async def locked(url: str, id: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """In the block nobody can append to the document; what can be awaited returns when somebody
    tries."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    holder, watcher = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        await holder.execute("BEGIN")
        await holder.execute("SELECT FROM documents WHERE id = $1 FOR UPDATE", id)

        async def somebody_waits() -> None:
            while not await watcher.fetchval(waiting):  # noqa: ASYNC110 - in another process
                await anyio.sleep(0.01)

        yield somebody_waits
    finally:
        await holder.close()
        await watcher.close()


@within(120)
async def test_requests_under_way_are_answered_and_streams_say_when_to_come_back(
    tmp_path: Path, postgres: PostgresServer, database: str
) -> None:
    """When SIGTERM comes an edit is in the database, and half of a body on its way to the server:
    the edit is stored and answered, the body is not waited for."""
    url = postgres.url(database)
    answers: list[httpx.Response] = []
    with server(tmp_path, DATABASE_URL=url) as process:
        async with http(process) as api:
            await api.create("a", content="x")
            async with seat(process, "events", "a", None) as reader:
                assert isinstance(reader, EventsSeat)
                await reader.join()
                stuck = socket.create_connection(("127.0.0.1", process.port))
                stuck.sendall(HALF_A_BODY)

                async def type_over_http() -> None:
                    edit = {"base": 1, "operation": [{"insert": "y"}]}
                    answers.append(await api.ask("POST", "/a/edits", json=edit))

                async with anyio.create_task_group() as tasks:
                    async with locked(url, "a") as somebody_waits:
                        tasks.start_soon(type_over_http)
                        await somebody_waits()
                        began = time.monotonic()
                        os.kill(process.pid, signal.SIGTERM)
                        await run_sync(wait_for_line, process, "stopping: SIGTERM")
                    while (event := await reader.hear())[0] != "goodbye":
                        pass
                    assert await run_sync(process.wait) == 0
                assert time.monotonic() - began < END_SECONDS
                stuck.close()
            assert (event[1]["code"], event[1]["retry_after"] > 0) == ("restarting", True)
            assert [(answer.status_code, answer.json()["version"]) for answer in answers] == [
                (200, 2)
            ]
            await run_sync(process.start)
            assert await api.content("a") == "yx"
        assert process.defects() == []
