"""The store in a PostgreSQL database, shared by any number of servers.

Puts together statements, connections and repeating. One connection is for appends alone, so that
no load of a large document delays an acknowledgement; two are for all else. Knows no SQL.

A call is repeated on a new connection when its own breaks. Most calls may happen twice; those
whose answer depends on being the first (`create`, `delete`, `append`) are told that an attempt was
lost, and take what they find then for what they did.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any, TypeVar

from anyio.to_thread import run_sync

from collab.errors import (
    BaseAboveHead,
    DocumentBroken,
    DocumentExists,
    DocumentNotFound,
    InvalidDocumentId,
    Malformed,
    StoreFailure,
    TooManyVersions,
    VersionNotFound,
)
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
from collab.storage import postgres_past as past_queries
from collab.storage import postgres_queries as queries
from collab.storage import postgres_rewriting as rewriting
from collab.storage import postgres_versions as version_queries
from collab.storage.contract import (
    check_cursor,
    check_first_commits,
    check_moment,
    check_nearest,
    check_run,
    check_start,
    decode_credits,
    encode_metadata,
    encode_retention,
    end_of_prefix,
)
from collab.storage.postgres_append import append
from collab.storage.postgres_pool import Limits, Patience, Pool, Refused, Rows, Session, open_pool
from collab.storage.postgres_queries import document_of, grants_of
from collab.storage.postgres_schema import check_database
from collab.storage.postgres_url import Target
from collab.storage.postgres_values import (
    bounded,
    bounded_time,
    pair_until_unstorable,
    storable,
    until_unstorable,
)
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

T = TypeVar("T")

APPENDING_CONNECTIONS = 1
OTHER_CONNECTIONS = 2


class PostgresStore:
    """See `collab.storage.Store`. Made by `open_postgres`."""

    def __init__(self, appends: Pool, others: Pool, limits: Limits) -> None:
        self._appends = appends
        self._others = others
        self._limits = limits

    @property
    def shared(self) -> bool:
        return True

    async def _fetch(self, query: str, *values: object, patience: Patience | None = None) -> Rows:
        """The rows of a statement that may be repeated."""

        async def work(session: Session, unknown: bool) -> Rows:
            return await session.fetch(query, *values)

        return await self._call(work, patience or self._limits.quick)

    async def _call(self, work: Callable[[Session, bool], Awaitable[T]], patience: Patience) -> T:
        try:
            return await self._others.call(work, patience)
        except Refused as error:
            raise StoreFailure(f"the database refused what it was given ({error})") from error

    async def create(
        self, document: NewDocument, commits: Sequence[Commit] = (), *, revive: bool = False
    ) -> Document:
        check_first_commits(commits)
        if not storable(document.id):
            raise InvalidDocumentId
        values = (
            document.id,
            document.type,
            document.epoch,
            len(commits),
            document.created,
            max([document.created, *(commit.time for commit in commits)]),
            encode_metadata(document.metadata),
            revive,
            *queries.columns_of(commits),
        )

        async def work(session: Session, unknown: bool) -> Document:
            while True:
                made = await session.fetch(queries.CREATE, *values)
                if made:
                    return document_of(made[0])
                there = await session.fetch(queries.IS_DELETED, document.id)
                if not there or (there[0]["deleted"] and revive):
                    continue  # it went away between the two
                if there[0]["deleted"]:
                    raise DocumentNotFound
                if unknown and there[0]["epoch"] == document.epoch:  # epochs are random: ours
                    return document_of((await session.fetch(queries.GET, document.id))[0])
                raise DocumentExists("there is a document of that id already")

        return await self._call(work, self._limits.bulky)

    async def get(self, id: str) -> Document | None:
        if not storable(id):
            return None
        rows = await self._fetch(queries.GET, id)
        return document_of(rows[0]) if rows else None

    async def load(self, id: str) -> Loaded | None:
        if not storable(id):
            return None
        rows = await self._fetch(queries.LOAD, id, patience=self._limits.bulky)
        if not rows:
            return None
        # Beside the loop, which a long log would keep from everybody else.
        document, above, snapshot, commits = await run_sync(queries.parts_of, rows)
        if above:
            raise DocumentBroken(f"the log goes on above its head, {document.version}")
        start = check_start(document, snapshot)
        check_run(commits, start, document.version)
        return Loaded(document, snapshot, commits)

    async def nearest(self, id: str, version: int) -> Nearest | None:
        rows: Rows = ()
        if storable(id):
            values = (id, bounded(version))
            rows = await self._fetch(past_queries.NEAREST, *values, patience=self._limits.bulky)
        if not rows:
            return None
        return check_nearest(document_of(rows[0]), version, past_queries.kept_of(rows[0]))

    async def version_at(self, id: str, time: int) -> Head:
        rows: Rows = ()
        if storable(id):
            rows = await self._fetch(past_queries.VERSION_AT, id, bounded_time(time))
        if not rows:
            raise DocumentNotFound
        row = rows[0]
        return check_moment(document_of(row), time, row["low"], row["floor_time"])

    async def append(self, batches: Sequence[Append]) -> list[AppendResult]:
        if not batches:
            return []

        async def work(session: Session, unknown: bool) -> list[AppendResult]:
            return await append(session, batches, unknown)

        return await self._appends.call(work, self._limits.append)

    async def read(
        self, id: str, epoch: str, after: int, limit: int, max_bytes: int = PAGE_BYTES
    ) -> list[Commit]:
        if not storable(id, epoch):
            raise DocumentNotFound
        start = bounded(after)
        values = (id, epoch, start, bounded(start + max(limit, 0)), bounded(max_bytes))
        rows = await self._fetch(queries.READ, *values, patience=self._limits.bulky)
        if not rows:
            raise DocumentNotFound
        document = document_of(rows[0])
        check_cursor(document, after)
        commits = [
            Commit(row["number"], row["time"], decode_credits(row["credits"]), row["operation"])
            for row in rows
            if row["number"] is not None
        ]
        until = min(document.version, after + max(limit, 0))
        if rows[0]["there"] != until - after:
            raise DocumentBroken(f"the log has a gap between version {after} and {until}")
        check_run(commits, after, after + len(commits))
        return commits

    async def poll(self, ids: Sequence[str]) -> Polled:
        rows = await self._fetch(queries.POLL, [id for id in ids if storable(id)])
        heads = {id: Head(epoch, version) for id, epoch, version in rows if id is not None}
        return Polled(heads, next(version for id, _, version in rows if id is None))

    async def save_snapshot(self, id: str, epoch: str, snapshot: Snapshot) -> bool:
        if not storable(id, epoch):
            return False
        row = (snapshot.version, snapshot.time, snapshot.content, snapshot.names)
        values = (id, epoch, *row, queries.SNAPSHOTS_KEPT - 1)
        patience = self._limits.bulky
        return bool(await self._fetch(queries.SAVE_SNAPSHOT, *values, patience=patience))

    async def save_milestone(self, id: str, epoch: str, milestone: Milestone) -> bool:
        if not storable(id, epoch):
            return False
        values = (id, epoch, bounded(milestone.version), milestone.time, milestone.content)
        patience = self._limits.bulky
        return bool(await self._fetch(past_queries.SAVE_MILESTONE, *values, patience=patience))

    async def milestones(self, id: str, epoch: str) -> Sequence[Mark]:
        rows = await self._fetch(past_queries.MILESTONES, id, epoch) if storable(id, epoch) else ()
        if not rows:
            raise DocumentNotFound
        return [Mark(version, size) for version, size in rows if version is not None]

    async def log_bytes(self, id: str, epoch: str, after: int, until: int) -> int:
        rows: Rows = ()
        if storable(id, epoch):
            values = (id, epoch, bounded(after), bounded(until))
            rows = await self._fetch(past_queries.LOG_BYTES, *values, patience=self._limits.bulky)
        if not rows:
            raise DocumentNotFound
        return int(rows[0]["total"])

    async def name_version(
        self, id: str, epoch: str, named: NamedVersion, milestone: Milestone, most: int
    ) -> bool:
        if not storable(id, epoch):
            raise DocumentNotFound
        if not storable(named.name, named.user or ""):
            raise Malformed("a version's name holds no NUL and no half of a pair")
        version = bounded(named.version)
        values = (id, epoch, version, named.name, named.time, named.user, named.author)
        kept = (milestone.time, milestone.content, most)

        async def work(session: Session, unknown: bool) -> bool:
            rows = await session.fetch(
                version_queries.NAME_VERSION, *values, named.automatic, *kept
            )
            if not rows:
                raise DocumentNotFound
            [row] = rows
            if named.version > row["version"]:
                raise BaseAboveHead(named.version, row["version"])
            if row["added"]:
                return True
            if row["taken"]:
                return unknown and await self._is_named(session, id, epoch, named)
            raise TooManyVersions(most)

        return await self._call(work, self._limits.bulky)

    async def _is_named(self, session: Session, id: str, epoch: str, named: NamedVersion) -> bool:
        """Whether an attempt whose answer was lost has stored it."""
        rows = await session.fetch(version_queries.VERSIONS, id, epoch, named.version + 1, 1, None)
        return any(version_queries.named_of(row) == named for row in rows)

    async def versions(
        self,
        id: str,
        epoch: str,
        *,
        before: int | None = None,
        limit: int = 100,
        automatic: bool | None = None,
    ) -> Sequence[NamedVersion]:
        rows: Rows = ()
        if storable(id, epoch):
            until = None if before is None else bounded(before)
            values = (id, epoch, until, bounded(max(limit, 0)), automatic)
            rows = await self._fetch(version_queries.VERSIONS, *values)
        if not rows:
            raise DocumentNotFound
        found = map(version_queries.named_of, rows)
        return [named for named in found if named is not None]

    async def rename_version(self, id: str, epoch: str, version: int, name: str) -> NamedVersion:
        rows: Rows = ()
        if not storable(name):
            raise Malformed("a version's name holds no NUL and no half of a pair")
        if storable(id, epoch):
            values = (id, epoch, bounded(version), name)
            rows = await self._fetch(version_queries.RENAME_VERSION, *values)
        if not rows:
            raise DocumentNotFound
        named = version_queries.named_of(rows[0])
        if named is None:
            raise VersionNotFound(version)
        return named

    async def forget_version(self, id: str, epoch: str, version: int) -> bool:
        rows: Rows = ()
        if storable(id, epoch):
            values = (id, epoch, bounded(version))
            rows = await self._fetch(version_queries.FORGET_VERSION, *values)
        if not rows:
            raise DocumentNotFound
        return bool(rows[0]["forgotten"])

    async def set_retention(self, id: str, retention: Retention) -> Document:
        column = encode_retention(retention)
        rows = await self._fetch(queries.SET_RETENTION, id, column) if storable(id) else ()
        if not rows:
            raise DocumentNotFound
        return document_of(rows[0])

    async def rewrite(self, id: str, head: Head, change: Rewrite) -> bool:
        if not storable(id, head.epoch):
            return False

        async def work(session: Session, unknown: bool) -> bool:
            await session.run(queries.BEGIN)
            written = await rewriting.rewrite(session, id, head, change)
            await session.run(queries.COMMIT)
            return written

        return await self._call(work, self._limits.bulky)

    async def trim(self, id: str, epoch: str, before: int, *, dry: bool = False) -> int:
        rows: Rows = ()
        if storable(id, epoch):
            values = (id, epoch, bounded_time(before), dry)
            rows = await self._fetch(queries.TRIM, *values, patience=self._limits.bulky)
        if not rows:
            raise DocumentNotFound
        return int(rows[0]["floor"])

    async def list(
        self, *, prefix: str = "", type: str | None = None, after: str = "", limit: int = 100
    ) -> list[Document]:
        if not storable(prefix, type or ""):
            return []
        rows = await self._fetch(
            queries.LIST,
            until_unstorable(after),
            prefix,
            end_of_prefix(prefix),
            type,
            bounded(max(limit, 0)),
        )
        return [document_of(row) for row in rows]

    async def set_metadata(self, id: str, metadata: dict[str, Any]) -> Document:
        column = encode_metadata(metadata)
        rows = await self._fetch(queries.SET_METADATA, id, column) if storable(id) else ()
        if not rows:
            raise DocumentNotFound
        return document_of(rows[0])

    async def delete(self, id: str) -> bool:
        if not storable(id):
            return False

        sure = True  # whether no attempt has come as far as to commit

        async def work(session: Session, unknown: bool) -> bool:
            nonlocal sure
            await session.run(queries.BEGIN)
            marked = await session.fetch(queries.MARK_DELETED, id)
            if marked:
                await session.fetch(queries.ERASE, marked[0]["key"])
                sure = False
            await session.run(queries.COMMIT)
            return bool(marked) or not sure

        return await self._call(work, self._limits.bulky)

    async def set_grants(self, grants: Sequence[NewGrant]) -> Sequence[Grant]:
        documents = [each.document for each in grants]
        users = [each.user for each in grants]
        if not storable(*documents, *users):
            raise Malformed("a grant's document and user hold no NUL and no half of a pair")
        accesses = [each.access for each in grants]
        return grants_of(await self._fetch(queries.SET_GRANTS, documents, users, accesses))

    async def grants(self, documents: Sequence[str], users: Sequence[str]) -> Sequence[Grant]:
        rows = await self._fetch(
            queries.GRANTS,
            [each for each in documents if storable(each)],
            [each for each in users if storable(each)],
        )
        return grants_of(rows)

    async def list_grants(
        self,
        *,
        document: str | None = None,
        user: str | None = None,
        after: tuple[str, str] = ("", ""),
        limit: int = 100,
    ) -> Sequence[Grant]:
        if not storable(document or "", user or ""):
            return []
        rows = await self._fetch(
            queries.LIST_GRANTS,
            *pair_until_unstorable(after),
            document,
            user,
            bounded(max(limit, 0)),
        )
        return grants_of(rows)

    async def grant_changes(self, after: int, limit: int) -> Sequence[Grant]:
        values = (bounded(after), bounded(max(limit, 0)))
        return grants_of(await self._fetch(queries.GRANT_CHANGES, *values))


@asynccontextmanager
async def open_postgres(
    target: Target, limits: Limits | None = None
) -> AsyncIterator[PostgresStore]:
    """The store in the database that `target` names.

    Raises ConfigurationError if it cannot be reached or used, or has to be migrated first.
    """
    limits = limits or Limits()
    random = Random()
    async with (
        open_pool(target.connect, APPENDING_CONNECTIONS, limits, random) as appends,
        open_pool(target.connect, OTHER_CONNECTIONS, limits, random) as others,
    ):
        await check_database(target, limits.start_seconds)
        yield PostgresStore(appends, others, limits)
