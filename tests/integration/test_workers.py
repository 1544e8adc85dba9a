"""Several workers serve as one; they are started again when they die, and end together."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.integration.process import ServerProcess, free_port, server
from tests.integration.talk import Http, Talk, dial, http, new_client, seeded_random, within
from tests.integration.typists import typists
from tests.services.postgres import PostgresServer

WORKERS = 3
PATIENCE_SECONDS = 20.0


def until(true: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it does not become true"
        time.sleep(0.02)


def workers_of(process: ServerProcess) -> list[int]:
    """The pids of the workers there are."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def said(process: ServerProcess, words: str) -> int:
    """How many lines of the log have these words."""
    return sum(words in line for line in process.log)


def is_said(process: ServerProcess, words: str, times: int) -> bool:
    return said(process, words) == times


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    return postgres.url(postgres.create_database())


@pytest.fixture
def serving(database: str, tmp_path: Path) -> Iterator[ServerProcess]:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with server(
        tmp_path,
        DATABASE_URL=database,
        WEB_CONCURRENCY=str(WORKERS),
        TMPDIR=str(temporary),
    ) as process:
        yield process


def refusal(*options: str, **variables: str) -> str:
    """What a server says that does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "collab", "serve", *options],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.getcwd(), "PORT": "0", **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


async def connections(api: Http) -> dict[str, float]:
    """The open websockets of each worker."""
    text = (await api.ask("GET", "/../../metrics")).text
    found = re.findall(r'collab_connections\{kind="websocket",node="(.*?)"\} (\S+)', text)
    return {node: float(number) for node, number in found}


# Serving as one -----------------------------------------------------------------------------------


def test_the_start_is_said_once_and_the_supervisor_does_nothing_else(
    serving: ServerProcess,
) -> None:
    until(lambda: said(serving, "development mode") > 0)
    assert said(serving, f"listening on {serving.url} with {WORKERS} workers") == 1
    assert said(serving, "listening on") == 1
    assert said(serving, "development mode") == 1
    assert len(workers_of(serving)) == WORKERS
    assert len(list(Path(f"/proc/{serving.pid}/task").iterdir())) == 1, "it has to be able to fork"


@pytest.mark.anyio
@within(60)
async def test_all_workers_take_connections_and_pass_on_what_one_of_them_commits(
    serving: ServerProcess,
) -> None:
    async with http(serving) as api, AsyncExitStack() as stack:
        await api.create("together")
        talks: list[Talk] = []
        nodes: dict[str, float] = {}
        while len(nodes) < WORKERS or min(nodes.values()) == 0:
            assert len(talks) < 200, nodes
            for _ in range(10):
                talks.append(await stack.enter_async_context(dial(serving, "together")))
                await talks[-1].hello(new_client())
            nodes = await connections(api)
        assert sum(nodes.values()) == len(talks)
        assert {int(node.rpartition("-")[2]) for node in nodes} == set(workers_of(serving))
        await talks[0].edit(1, 0, [{"insert": "for everybody"}])
        for talk in talks:
            commit = await talk.hear_commit(1)
            assert commit["operation"] == [{"insert": "for everybody"}]


async def inspected(api: Http, path: str = "", **params: str) -> dict[str, Any]:
    answer = await api.ask("GET", f"/../inspect{path}", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def seated_everywhere(
    serving: ServerProcess, api: Http, stack: AsyncExitStack, id: str
) -> list[tuple[Talk, str]]:
    """Somebody at the document on each of the workers; and their authors."""
    seats: list[tuple[Talk, str]] = []
    nodes: set[str] = set()
    while len(nodes) < WORKERS:
        assert len(seats) < 200, nodes
        talk = await stack.enter_async_context(dial(serving, id))
        seats.append((talk, (await talk.hello(new_client()))["author"]))
        nodes = {peer["node"] for peer in (await inspected(api, f"/documents/{id}"))["peers"]}
    return seats


@pytest.mark.anyio
@within(90)
async def test_whichever_worker_is_asked_tells_of_all_and_acts_for_all(
    serving: ServerProcess,
) -> None:
    async with http(serving) as api, AsyncExitStack() as stack:
        await api.create("together")
        seats = await seated_everywhere(serving, api, stack, "together")
        await seats[0][0].edit(1, 0, [{"insert": "for everybody"}])
        for talk, _ in seats:
            await talk.hear_commit(1)

        machine = await inspected(api)
        nodes = {worker["node"] for worker in machine["workers"]}
        assert {int(node.rpartition("-")[2]) for node in nodes} == set(workers_of(serving))
        assert (machine["silent"], machine["total"]) == (0, 1)
        [document] = machine["documents"]
        assert {each["node"] for each in document["workers"]} == nodes
        assert (document["version"], document["peers"]) == (1, len(seats))
        assert sum(worker["peers"] for worker in machine["workers"]) == len(seats)
        assert document["edits_per_second"] > 0

        people = await inspected(api, "/documents/together", limit="1000")
        by_author = {peer["author"]: peer for peer in people["peers"]}
        assert set(by_author) == {author for _, author in seats}
        assert {peer["lag"] for peer in people["peers"]} == {0}
        # One of each worker is sent away, by whichever worker is asked.
        first = {peer["node"]: peer for peer in people["peers"]}
        for peer in first.values():
            gone = f"/../inspect/documents/together/peers/{peer['connection']}"
            assert (await api.ask("DELETE", gone)).status_code == 204
        away = {peer["author"] for peer in first.values()}
        for talk, author in seats:
            if author in away:
                assert await talk.close_code() == 1013
        staying = [talk for talk, author in seats if author not in away]
        left = await inspected(api, "/documents/together")
        assert left["total"] == len(staying) == len(seats) - WORKERS

        since = time.perf_counter()
        shut = await api.ask("PUT", "/../inspect/documents/together/quarantine")
        assert shut.status_code == 204
        for talk in staying:
            assert await talk.close_code() == 1013
        assert time.perf_counter() - since < 20, "two seconds are promised"
        for _ in range(3 * WORKERS):
            async with dial(serving, "together") as talk:
                await talk.say("hello", client=new_client())
                assert await talk.close_code() == 1013
        assert await api.content("together") == "for everybody"


# Dying and coming back ----------------------------------------------------------------------------


@pytest.mark.anyio
@within(120)
async def test_workers_that_are_killed_cost_no_edit_and_come_back(serving: ServerProcess) -> None:
    random = seeded_random()
    kills = 6

    def kill(times: int) -> None:
        os.kill(random.choice(workers_of(serving)), signal.SIGKILL)
        until(lambda: said(serving, "was ended by SIGKILL") == times)

    async with http(serving) as api:
        async with typists(6, serving.url, "typing", random) as people:
            for times in range(1, kills + 1):
                await people.more(30)
                await anyio.to_thread.run_sync(kill, times)
            await people.more(30)
            await people.check(api, "typing")
    until(lambda: len(workers_of(serving)) == WORKERS)
    assert serving.stop() == 0
    assert serving.defects() == []


def test_a_worker_that_is_told_to_end_ends_in_order_and_is_replaced(
    serving: ServerProcess,
) -> None:
    first = workers_of(serving)[0]
    os.kill(first, signal.SIGTERM)
    os.kill(first, signal.SIGTERM)
    until(lambda: said(serving, "serves again") == 1)
    assert first not in workers_of(serving)
    assert said(serving, "worker 1 ended, starting it again") == 1


def test_a_worker_that_dies_young_again_and_again_is_started_less_and_less_often(
    serving: ServerProcess,
) -> None:
    for time_of_it, pause in enumerate(("0.2", "0.4", "0.8"), start=1):
        until(lambda: len(workers_of(serving)) == WORKERS)
        os.kill(workers_of(serving)[-1], signal.SIGKILL)
        until(partial(is_said, serving, f"was ended by SIGKILL, starting it again in {pause} s", 1))
        until(partial(is_said, serving, "serves again", time_of_it))


def test_a_worker_that_cannot_come_back_leaves_the_others_serving(
    serving: ServerProcess, postgres: PostgresServer, database: str
) -> None:
    name = database.rpartition("/")[2]
    postgres.run(name, "ALTER TABLE alembic_version RENAME TO hidden")
    os.kill(workers_of(serving)[0], signal.SIGKILL)
    until(lambda: said(serving, "worker 1 refuses to serve: the database") >= 2)
    assert len(workers_of(serving)) in (WORKERS - 1, WORKERS)
    postgres.run(name, "ALTER TABLE hidden RENAME TO alembic_version")
    until(lambda: said(serving, "worker 1 serves again") == 1)
    assert serving.stop() == 0


# The end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_processes_at_once_ends_them_in_order(
    serving: ServerProcess, number: signal.Signals
) -> None:
    """As Heroku, systemd and a terminal do it."""
    workers = workers_of(serving)
    for pid in (serving.pid, *workers, *workers):
        os.kill(pid, number)
    assert serving.wait() == 0
    assert not any(map(lives, workers))
    assert said(serving, "Finished server process") == WORKERS
    assert serving.defects() == []


def test_workers_end_by_themselves_when_their_supervisor_is_killed(
    serving: ServerProcess, tmp_path: Path
) -> None:
    workers = workers_of(serving)
    (meeting,) = (tmp_path / "temporary").iterdir()
    assert meeting.stat().st_mode & 0o777 == 0o700
    serving.kill()
    until(lambda: not any(map(lives, workers)))
    assert said(serving, "Finished server process") == WORKERS
    until(lambda: not meeting.exists())
    serving.start()
    assert serving.stop() == 0
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_second_signal_kills_workers_that_hang(serving: ServerProcess) -> None:
    workers = workers_of(serving)
    os.kill(workers[0], signal.SIGSTOP)
    os.kill(serving.pid, signal.SIGTERM)
    until(lambda: said(serving, "Finished server process") == WORKERS - 1)
    os.kill(serving.pid, signal.SIGTERM)
    assert serving.wait() == -signal.SIGTERM
    assert not any(map(lives, workers))


def test_a_worker_that_hangs_is_killed_in_the_end(database: str, tmp_path: Path) -> None:
    with server(
        tmp_path, DATABASE_URL=database, WEB_CONCURRENCY="2", COLLAB_DRAIN_SECONDS="0.1"
    ) as process:
        workers = workers_of(process)
        os.kill(workers[1], signal.SIGSTOP)
        began = time.monotonic()
        assert process.stop() == 1
        assert time.monotonic() - began < 8
        assert not any(map(lives, workers))
        assert process.log[-1] == "collab: worker 2 did not end and was killed\n"


# Refusals -----------------------------------------------------------------------------------------


def test_what_a_worker_refuses_is_said_once(postgres: PostgresServer) -> None:
    url = postgres.url(postgres.create_database(migrated=False))
    told = refusal("--workers", "4", DATABASE_URL=url)
    assert told.splitlines()[-1] == "collab: the database is empty; run: collab migrate"
    assert told.count("collab migrate") == 1
    assert "Traceback" not in told


@pytest.mark.parametrize("url", ["", "sqlite:///collab.db", "memory://"])
def test_several_workers_need_postgresql(url: str) -> None:
    advice = (
        "must be 1, as several workers need PostgreSQL: set it to 1, or DATABASE_URL to "
        "postgresql://…\n"
    )
    assert refusal(DATABASE_URL=url, WEB_CONCURRENCY="2") == f"collab: WEB_CONCURRENCY {advice}"
    assert (
        refusal("--workers", "2", DATABASE_URL=url)
        == f"collab: WEB_CONCURRENCY (--workers) {advice}"
    )


def test_a_port_in_use_is_one_clear_line(serving: ServerProcess, database: str) -> None:
    told = refusal(PORT=str(serving.port), DATABASE_URL=database, WEB_CONCURRENCY="2")
    assert told.startswith(f"collab: port {serving.port} on 127.0.0.1 is in use")
    assert len(told.splitlines()) == 1


def test_workers_that_are_killed_at_the_start_end_the_server(database: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "collab", "serve"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.getcwd(),
            "PORT": str(free_port()),
            "DATABASE_URL": database,
            "WEB_CONCURRENCY": "2",
        },
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        until(lambda: bool(children.read_text()))
        with suppress(ProcessLookupError):
            os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
        assert process.stderr is not None
        assert process.stderr.read().splitlines()[-1] == (
            "collab: worker 1 was ended by SIGKILL at the start"
        )
        assert process.wait(PATIENCE_SECONDS) == 1
