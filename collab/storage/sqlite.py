"""The store in one SQLite file, for one server process.

Two threads do the work: one writes, one reads, and reading never waits for writing. Knows neither
sessions nor queries: those are in `sqlite_queries`, `sqlite_append`,
`sqlite_past`, `sqlite_versions`, `sqlite_rewriting`
and `sqlite_grants`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from anyio.to_thread import run_sync

from collab.storage import (
    PAGE_BYTES,
    Append,
    AppendResult,
    Loaded,
    Mark,
    Nearest,
    NewDocument,
    NewGrant,
    Polled,
    Rewrite,
)
from collab.storage import sqlite_grants as grant_queries
from collab.storage import sqlite_past as past_queries
from collab.storage import sqlite_queries as queries
from collab.storage import sqlite_rewriting as rewriting
from collab.storage import sqlite_versions as version_queries
from collab.storage.sqlite_append import append, prepare_to_append
from collab.storage.sqlite_file import claimed, connect, located, prepare
from collab.storage.worker import Worker, open_worker
from collab.words import (
    Commit,
    Document,
    Grant,
    Head,
    Milestone,
    NamedVersion,
    Retention,
    Snapshot,
)


class SqliteStore:
    """See `collab.storage.Store`. Made by `open_sqlite`."""

    def __init__(self, writer: Worker, reader: Worker) -> None:
        self._writer = writer
        self._reader = reader

    @property
    def shared(self) -> bool:
        return False

    async def create(
        self, document: NewDocument, commits: Sequence[Commit] = (), *, revive: bool = False
    ) -> Document:
        return await self._writer.write(lambda sql: queries.create(sql, document, commits, revive))

    async def get(self, id: str) -> Document | None:
        return await self._reader.read(lambda sql: queries.get(sql, id))

    async def load(self, id: str) -> Loaded | None:
        return await self._reader.read(lambda sql: queries.load(sql, id))

    async def nearest(self, id: str, version: int) -> Nearest | None:
        return await self._reader.read(lambda sql: past_queries.nearest(sql, id, version))

    async def version_at(self, id: str, time: int) -> Head:
        return await self._reader.read(lambda sql: past_queries.version_at(sql, id, time))

    async def append(self, batches: Sequence[Append]) -> list[AppendResult]:
        if not batches:
            return []
        return await self._writer.write(lambda sql: append(sql, batches))

    async def read(
        self, id: str, epoch: str, after: int, limit: int, max_bytes: int = PAGE_BYTES
    ) -> list[Commit]:
        return await self._reader.read(
            lambda sql: queries.read(sql, id, epoch, after, limit, max_bytes)
        )

    async def poll(self, ids: Sequence[str]) -> Polled:
        return await self._reader.read(lambda sql: grant_queries.poll(sql, ids))

    async def save_snapshot(self, id: str, epoch: str, snapshot: Snapshot) -> bool:
        return await self._writer.write(lambda sql: queries.save_snapshot(sql, id, epoch, snapshot))

    async def save_milestone(self, id: str, epoch: str, milestone: Milestone) -> bool:
        return await self._writer.write(
            lambda sql: past_queries.save_milestone(sql, id, epoch, milestone)
        )

    async def milestones(self, id: str, epoch: str) -> Sequence[Mark]:
        return await self._reader.read(lambda sql: past_queries.milestones(sql, id, epoch))

    async def log_bytes(self, id: str, epoch: str, after: int, until: int) -> int:
        return await self._reader.read(
            lambda sql: past_queries.log_bytes(sql, id, epoch, after, until)
        )

    async def name_version(
        self, id: str, epoch: str, named: NamedVersion, milestone: Milestone, most: int
    ) -> bool:
        return await self._writer.write(
            lambda sql: version_queries.name_version(sql, id, epoch, named, milestone, most)
        )

    async def versions(
        self,
        id: str,
        epoch: str,
        *,
        before: int | None = None,
        limit: int = 100,
        automatic: bool | None = None,
    ) -> Sequence[NamedVersion]:
        return await self._reader.read(
            lambda sql: version_queries.versions(sql, id, epoch, before, limit, automatic)
        )

    async def rename_version(self, id: str, epoch: str, version: int, name: str) -> NamedVersion:
        return await self._writer.write(
            lambda sql: version_queries.rename_version(sql, id, epoch, version, name)
        )

    async def forget_version(self, id: str, epoch: str, version: int) -> bool:
        return await self._writer.write(
            lambda sql: version_queries.forget_version(sql, id, epoch, version)
        )

    async def set_retention(self, id: str, retention: Retention) -> Document:
        return await self._writer.write(lambda sql: queries.set_retention(sql, id, retention))

    async def rewrite(self, id: str, head: Head, change: Rewrite) -> bool:
        return await self._writer.write(lambda sql: rewriting.rewrite(sql, id, head, change))

    async def trim(self, id: str, epoch: str, before: int, *, dry: bool = False) -> int:
        return await self._writer.write(lambda sql: queries.trim(sql, id, epoch, before, dry))

    async def list(
        self, *, prefix: str = "", type: str | None = None, after: str = "", limit: int = 100
    ) -> list[Document]:
        return await self._reader.read(
            lambda sql: queries.list_documents(sql, prefix, type, after, limit)
        )

    async def set_metadata(self, id: str, metadata: dict[str, Any]) -> Document:
        return await self._writer.write(lambda sql: queries.set_metadata(sql, id, metadata))

    async def delete(self, id: str) -> bool:
        return await self._writer.write(lambda sql: rewriting.delete(sql, id))

    async def set_grants(self, grants: Sequence[NewGrant]) -> Sequence[Grant]:
        if not grants:
            return []
        return await self._writer.write(lambda sql: grant_queries.set_grants(sql, grants))

    async def grants(self, documents: Sequence[str], users: Sequence[str]) -> Sequence[Grant]:
        return await self._reader.read(lambda sql: grant_queries.grants(sql, documents, users))

    async def list_grants(
        self,
        *,
        document: str | None = None,
        user: str | None = None,
        after: tuple[str, str] = ("", ""),
        limit: int = 100,
    ) -> Sequence[Grant]:
        return await self._reader.read(
            lambda sql: grant_queries.list_grants(sql, document, user, after, limit)
        )

    async def grant_changes(self, after: int, limit: int) -> Sequence[Grant]:
        return await self._reader.read(lambda sql: grant_queries.grant_changes(sql, after, limit))


@asynccontextmanager
async def open_sqlite(path: str | os.PathLike[str]) -> AsyncIterator[SqliteStore]:
    """The store in the file at `path`, created or migrated as needed.

    Raises ConfigurationError, with the file left as it was, if it is damaged, not ours, newer than
    this program, not writable or open in another server.
    """
    file = await run_sync(located, path)
    with claimed(file):
        await run_sync(prepare, file)
        writing = await run_sync(connect, file)
        await run_sync(prepare_to_append, writing)
        async with open_worker("collab-sqlite-writer", writing) as writer:
            reading = await run_sync(partial(connect, file, read_only=True))
            async with open_worker("collab-sqlite-reader", reading) as reader:
                yield SqliteStore(writer, reader)
