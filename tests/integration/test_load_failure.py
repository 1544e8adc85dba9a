"""What cannot be read is never shown empty and never saved over; what cannot be stored is never
acknowledged. Both mend as soon as the store does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

import collab_client
from collab.words import author_of
from collab_client import Status
from tests.integration.line import Eager, Line
from tests.integration.process import ServerProcess, server
from tests.integration.talk import Http, Json, dial, http, names, new_client, within

pytestmark = pytest.mark.anyio

SNAPSHOT = 5  # the version of the stored snapshot
HEAD = 10
TEXT = "".join(str(number) for number in reversed(range(HEAD)))


@dataclass(frozen=True)
class Damage:
    """A statement that damages the document with key `:key`."""

    id: str
    statement: str


NAMES = "names-noise"  # harms who edits: the content can still be read
DAMAGES = [
    Damage("head-too-low", "UPDATE documents SET version = 8 WHERE key = :key"),
    Damage("snapshot-noise", "UPDATE snapshots SET content = x'deadbeef' WHERE document = :key"),
    Damage("snapshot-empty", "UPDATE snapshots SET content = x'' WHERE document = :key"),
    Damage("snapshot-text", "UPDATE snapshots SET content = 'text' WHERE document = :key"),
    Damage(NAMES, "UPDATE snapshots SET names = x'c1' WHERE document = :key"),
    Damage(
        "operation-noise",
        "UPDATE commits SET operation = x'5b7b' WHERE document = :key AND version = 7",
    ),
    Damage(
        "operation-past-the-end",
        'UPDATE commits SET operation = CAST(\'[{"retain":999},{"insert":"x"}]\' AS BLOB)'
        " WHERE document = :key AND version = 7",
    ),
    Damage(
        "credits-noise",
        "UPDATE commits SET credits = x'00' WHERE document = :key AND version = 7",
    ),
    Damage("commit-gone", "DELETE FROM commits WHERE document = :key AND version = 7"),
    Damage("last-commit-gone", "DELETE FROM commits WHERE document = :key AND version = 10"),
    Damage("head-too-high", "UPDATE documents SET version = 11 WHERE key = :key"),
]
# Costs only the time to replay the whole log.
HARMLESS = Damage("snapshot-gone", "DELETE FROM snapshots WHERE document = :key")

Rows = dict[str, list[tuple[Any, ...]]]


class File:
    """The database of a stopped server."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self, id: str) -> Rows:
        """Everything that is stored of the document."""
        with closing(sqlite3.connect(self._path)) as sql:
            key = self._key(sql, id)
            return {
                table: sql.execute(
                    f"SELECT * FROM {table} WHERE {column} = ? ORDER BY 1, 2", (key,)
                ).fetchall()
                for table, column in (
                    ("documents", "key"),
                    ("commits", "document"),
                    ("snapshots", "document"),
                )
            }

    def execute(self, id: str, statement: str) -> None:
        with closing(sqlite3.connect(self._path)) as sql, sql:
            assert sql.execute(statement, {"key": self._key(sql, id)}).rowcount > 0

    def restore(self, rows: Rows) -> None:
        """Put rows back as they were."""
        with closing(sqlite3.connect(self._path)) as sql, sql:
            for table, values in rows.items():
                for row in values:
                    places = ", ".join("?" * len(row))
                    sql.execute(f"INSERT OR REPLACE INTO {table} VALUES ({places})", row)

    def _key(self, sql: sqlite3.Connection, id: str) -> int:
        (key,) = sql.execute("SELECT key FROM documents WHERE id = ?", (id,)).fetchone()
        return int(key)


async def write(api: Http, id: str, first: int, last: int) -> None:
    """Commits `first` to `last`, each a digit at the start."""
    for version in range(first, last + 1):
        body = {"operation": [{"insert": str(version - 1)}]}
        answer = await api.ask("POST", f"/{id}/edits", json=body)
        assert answer.json()["version"] == version


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServerProcess]:
    with server(tmp_path) as process:
        yield process
    assert process.defects() == []


async def refuse_everything(process: ServerProcess, api: Http, id: str) -> None:
    """Whatever is asked of a broken document, the answer is that it is broken."""
    requests: list[tuple[str, str, Json]] = [
        ("POST", "edits", {"json": {"operation": [{"insert": "x"}]}}),
        ("POST", "edits", {"json": {"base": 9, "operation": [{"insert": "x"}]}}),
        (
            "PUT",
            "content",
            {"content": "all new", "headers": {"If-Match": "*", "Content-Type": "text/plain"}},
        ),
    ]
    if id != NAMES:
        requests += [("GET", "content", {}), ("POST", "copy", {"json": {"id": f"copy-of-{id}"}})]
    for method, path, options in requests:
        answer = await api.ask(method, f"/{id}/{path}", **options)
        assert (answer.status_code, answer.json()["code"]) == (503, "document_broken"), (id, path)
        assert "retry-after" in answer.headers
    for fields in ({}, {"create": "text"}):
        async with dial(process, id) as peer:
            await peer.say("hello", client=new_client(), **fields)
            assert await peer.rest() == (1013, []), id


@within(60)
async def test_a_damaged_document_is_left_alone_until_it_is_repaired(
    process: ServerProcess,
) -> None:
    """Each in another way, all at once; the one that is whole does not notice."""
    broken = [damage.id for damage in DAMAGES]
    ids = ["whole", HARMLESS.id, *broken]
    file = File(process.database)
    async with http(process) as api:
        for id in ids:
            await api.create(id)
            await write(api, id, 1, SNAPSHOT)
        assert await anyio.to_thread.run_sync(process.stop) == 0  # writes the snapshots
        await anyio.to_thread.run_sync(process.start)
        for id in ids:
            await write(api, id, SNAPSHOT + 1, HEAD)
        await anyio.to_thread.run_sync(process.kill)

        intact = {id: file.rows(id) for id in ids}
        for damage in (*DAMAGES, HARMLESS):
            file.execute(damage.id, damage.statement)
        damaged = {id: file.rows(id) for id in broken}

        await anyio.to_thread.run_sync(process.start)
        async with collab_client.connect(process.url, "whole") as whole:
            for id in broken:
                await refuse_everything(process, api, id)
            await whole.insert(0, "still here: ")
            await whole.flush()
            assert await api.content(HARMLESS.id) == TEXT
        assert await anyio.to_thread.run_sync(process.stop) == 0
        assert {id: file.rows(id) for id in broken} == damaged

        for id in broken:
            file.restore(intact[id])
        await anyio.to_thread.run_sync(process.start)
        for id in broken:
            assert await api.content(id) == TEXT
            assert len(await api.log(id)) == HEAD
            await write(api, id, HEAD + 1, HEAD + 1)
        assert await api.content("whole") == "still here: " + TEXT


@within(60)
async def test_a_gap_below_the_snapshot_is_told_to_who_reads_there(
    process: ServerProcess,
) -> None:
    """The document opens and goes on; only its early history is broken."""
    async with http(process) as api:
        epoch = await api.create("early")
        await write(api, "early", 1, HEAD)
        assert await anyio.to_thread.run_sync(process.stop) == 0
        file = File(process.database)
        file.execute("early", "DELETE FROM commits WHERE document = :key AND version = 3")
        await anyio.to_thread.run_sync(process.start)
        assert await api.content("early") == TEXT
        for path in ("/early/edits", "/early/content?version=4"):
            answer = await api.ask("GET", path)
            assert (answer.status_code, answer.json()["code"]) == (503, "document_broken")
        async with dial(process, "early") as peer:
            await peer.say("hello", client=new_client(), epoch=epoch, version=2)
            assert await peer.rest() == (1013, [])
        await write(api, "early", HEAD + 1, HEAD + 1)


# A store that cannot write ------------------------------------------------------------------------


def fill_disk(process: ServerProcess) -> None:
    """From now on nothing can be added to the log."""
    size = process.database.with_name("collab.db-wal").stat().st_size
    process.limit_file_size(size)


@within(60)
async def test_what_cannot_be_stored_is_not_acknowledged(process: ServerProcess) -> None:
    """Neither to its author nor to the others; sent again after the recovery it is there once."""
    client, reader = new_client(), new_client()
    async with http(process) as api:
        epoch = await api.create("full")
        await write(api, "full", 1, 1)
        async with dial(process, "full") as peer, dial(process, "full") as other:
            await peer.hello(client)
            await other.hello(reader)
            fill_disk(process)
            await peer.edit(1, 1, [{"insert": "found "}])
            code, heard = await peer.rest()
            assert code == 1013
            assert [message["type"] for message in heard if message["type"] != "error"] == []
            assert {message["code"] for message in heard} <= {"store_failure"}
            assert await other.rest() == (1013, [])
        answer = await api.ask("POST", "/full/edits", json={"operation": [{"insert": "x"}]})
        assert (answer.status_code, answer.json()["code"]) == (503, "store_failure")
        assert await api.content("full") == "0"
        process.limit_file_size(None)
        async with dial(process, "full") as peer:
            welcome = await peer.hello(client, epoch=epoch, version=1)
            assert "committed" not in welcome
            await peer.edit(1, 1, [{"insert": "found "}])
            assert (await peer.hear_commit(2))["seq"] == 1
        assert await api.content("full") == "found 0"
        assert names(await api.log("full"))[1:] == [(author_of(client), 1)]


@within(60)
async def test_a_client_saves_when_the_store_can_again(process: ServerProcess) -> None:
    """It keeps its text meanwhile, and so it is after a kill."""
    line = Line()
    async with http(process) as api:
        await api.create("client")
        async with collab_client.connect(
            process.url, "client", open_channel=line.open, random=Eager()
        ) as document:
            await document.insert(0, "one ")
            await document.flush()
            fill_disk(process)
            await document.insert(4, "two ")
            await document.insert(8, "three")
            for _ in range(3):
                await line.knock()  # sent away each time, and here again
            assert document.status in {Status.OFFLINE, Status.SAVING}
            assert document.text == "one two three"
            assert await api.content("client") == "one "
            process.limit_file_size(None)
            await document.flush()
        await anyio.to_thread.run_sync(process.kill)
        await anyio.to_thread.run_sync(process.start)
        assert await api.content("client") == "one two three"
        await api.log("client")
