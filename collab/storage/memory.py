"""The store that lives in this process and ends with it: for embedding, trying out, simulations.

Owns plain values and no thread, no clock, no file. Every call does its whole work between two
awaits, so callers of several nodes may share one instance. Knows nothing of sessions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from anyio.lowlevel import checkpoint

from collab.errors import (
    BaseAboveHead,
    DocumentExists,
    DocumentNotFound,
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
from collab.storage.contract import (
    check_cursor,
    check_first_commits,
    check_moment,
    check_nearest,
    check_run,
    check_start,
    count_fitting,
    decode_metadata,
    encode_credits,
    encode_metadata,
    is_run,
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

SNAPSHOTS_KEPT = 2


@dataclass(slots=True)
class _Record:
    """One document: `commits` are those above its floor, `snapshots` the oldest first, `milestones`
    and `versions` by version."""

    document: Document
    metadata: str
    commits: list[Commit]
    snapshots: list[Snapshot] = field(default_factory=list)
    milestones: dict[int, Milestone] = field(default_factory=dict)
    versions: dict[int, NamedVersion] = field(default_factory=dict)
    floor_time: int = 0

    def show(self) -> Document:
        """The row, with metadata that its reader may change."""
        return msgspec.structs.replace(self.document, metadata=decode_metadata(self.metadata))

    def after(self, version: int, until: int) -> tuple[Commit, ...]:
        """The commits version + 1 … until."""
        floor = self.document.floor
        return tuple(self.commits[version - floor : until - floor])

    def extend(self, commits: Sequence[Commit]) -> None:
        """Move the head over `commits`."""
        if commits:
            self.commits.extend(commits)
            self.document = msgspec.structs.replace(
                self.document,
                version=commits[-1].version,
                updated=max(self.document.updated, *(commit.time for commit in commits)),
            )


class MemoryStore:
    """See `collab.storage.Store`. `shared` makes its users poll heads as they would a database."""

    def __init__(self, shared: bool = False) -> None:
        self._shared = shared
        self._records: dict[str, _Record] = {}
        self._deleted: set[str] = set()
        self._grants: dict[tuple[str, str], Grant] = {}
        self._access_version = 0

    @property
    def shared(self) -> bool:
        return self._shared

    async def create(
        self, document: NewDocument, commits: Sequence[Commit] = (), *, revive: bool = False
    ) -> Document:
        check_first_commits(commits)
        metadata = encode_metadata(document.metadata)
        await checkpoint()
        if document.id in self._records:
            raise DocumentExists("there is a document of that id already")
        if document.id in self._deleted and not revive:
            raise DocumentNotFound
        record = _Record(
            Document(
                id=document.id,
                type=document.type,
                epoch=document.epoch,
                version=0,
                floor=0,
                created=document.created,
                updated=document.created,
                metadata={},
            ),
            metadata,
            [],
        )
        record.extend(commits)
        self._records[document.id] = record
        self._deleted.discard(document.id)
        return record.show()

    async def get(self, id: str) -> Document | None:
        await checkpoint()
        record = self._records.get(id)
        return None if record is None else record.show()

    async def load(self, id: str) -> Loaded | None:
        await checkpoint()
        record = self._records.get(id)
        if record is None:
            return None
        document = record.show()
        snapshot = record.snapshots[-1] if record.snapshots else None
        start = check_start(document, snapshot)
        commits = record.after(start, document.version)
        check_run(commits, start, document.version)
        return Loaded(document, snapshot, commits)

    async def nearest(self, id: str, version: int) -> Nearest | None:
        await checkpoint()
        record = self._records.get(id)
        if record is None:
            return None
        all: list[Snapshot | Milestone] = [*record.snapshots, *record.milestones.values()]
        below = [kept for kept in all if kept.version <= version]
        kept = max(below, key=lambda each: each.version, default=None)
        return check_nearest(record.show(), version, kept)

    async def version_at(self, id: str, time: int) -> Head:
        await checkpoint()
        record = self._records.get(id)
        if record is None:
            raise DocumentNotFound
        floor = record.document.floor
        count = bisect_right(record.commits, time, key=lambda commit: commit.time)
        return check_moment(record.document, time, floor + count, record.floor_time)

    async def append(self, batches: Sequence[Append]) -> list[AppendResult]:
        await checkpoint()
        return [self._append(batch) for batch in batches]

    def _record(self, id: str, epoch: str) -> _Record:
        """The living document `id` of `epoch`; raises DocumentNotFound."""
        record = self._records.get(id)
        if record is None or record.document.epoch != epoch:
            raise DocumentNotFound
        return record

    def _append(self, batch: Append) -> AppendResult:
        record = self._records.get(batch.id)
        if record is None or record.document.epoch != batch.epoch:
            return AppendResult.GONE
        if record.document.version != batch.expected_version:
            return AppendResult.CONFLICT
        if not is_run(batch.commits, batch.expected_version):
            return AppendResult.FAILED
        record.extend(batch.commits)
        return AppendResult.OK

    async def read(
        self, id: str, epoch: str, after: int, limit: int, max_bytes: int = PAGE_BYTES
    ) -> list[Commit]:
        await checkpoint()
        record = self._record(id, epoch)
        document = record.document
        check_cursor(document, after)
        until = min(document.version, after + max(limit, 0))
        commits = record.after(after, until)
        check_run(commits, after, until)
        return list(commits[: count_fitting((len(each.operation) for each in commits), max_bytes)])

    async def poll(self, ids: Sequence[str]) -> Polled:
        await checkpoint()
        heads = {
            id: Head(record.document.epoch, record.document.version)
            for id in ids
            if (record := self._records.get(id)) is not None
        }
        return Polled(heads, self._access_version)

    async def save_snapshot(self, id: str, epoch: str, snapshot: Snapshot) -> bool:
        await checkpoint()
        record = self._records.get(id)
        if record is None or record.document.epoch != epoch:
            return False
        if snapshot.version > record.document.version:
            return False
        if record.snapshots and record.snapshots[-1].version >= snapshot.version:
            return False
        record.snapshots = [*record.snapshots, snapshot][-SNAPSHOTS_KEPT:]
        return True

    async def save_milestone(self, id: str, epoch: str, milestone: Milestone) -> bool:
        await checkpoint()
        record = self._records.get(id)
        if (
            record is None
            or record.document.epoch != epoch
            or milestone.version in record.milestones
        ):
            return False
        if not record.document.floor <= milestone.version <= record.document.version:
            return False
        record.milestones[milestone.version] = milestone
        return True

    async def milestones(self, id: str, epoch: str) -> Sequence[Mark]:
        await checkpoint()
        kept = sorted(self._record(id, epoch).milestones.items())
        return [Mark(version, len(milestone.content)) for version, milestone in kept]

    async def log_bytes(self, id: str, epoch: str, after: int, until: int) -> int:
        await checkpoint()
        return sum(
            len(commit.operation) + len(encode_credits(commit.credits))
            for commit in self._record(id, epoch).commits
            if after < commit.version <= until
        )

    async def name_version(
        self, id: str, epoch: str, named: NamedVersion, milestone: Milestone, most: int
    ) -> bool:
        await checkpoint()
        record = self._record(id, epoch)
        version = named.version
        if version > record.document.version:
            raise BaseAboveHead(version, record.document.version)
        there = record.versions.get(version)
        if there is not None and (named.automatic or not there.automatic):
            return False
        if not named.automatic and sum(not v.automatic for v in record.versions.values()) >= most:
            raise TooManyVersions(most)
        record.versions[version] = named
        record.milestones.setdefault(version, milestone)
        return True

    async def versions(
        self,
        id: str,
        epoch: str,
        *,
        before: int | None = None,
        limit: int = 100,
        automatic: bool | None = None,
    ) -> Sequence[NamedVersion]:
        await checkpoint()
        found = [
            named
            for version, named in sorted(self._record(id, epoch).versions.items(), reverse=True)
            if (before is None or version < before) and automatic in {None, named.automatic}
        ]
        return found[: max(limit, 0)]

    async def rename_version(self, id: str, epoch: str, version: int, name: str) -> NamedVersion:
        await checkpoint()
        versions = self._record(id, epoch).versions
        if version not in versions:
            raise VersionNotFound(version)
        versions[version] = renamed = msgspec.structs.replace(
            versions[version], name=name, automatic=False
        )
        return renamed

    async def forget_version(self, id: str, epoch: str, version: int) -> bool:
        await checkpoint()
        record = self._record(id, epoch)
        if record.versions.pop(version, None) is None:
            return False
        if version < record.document.floor:
            record.milestones.pop(version, None)
        return True

    async def set_retention(self, id: str, retention: Retention) -> Document:
        await checkpoint()
        record = self._records.get(id)
        if record is None:
            raise DocumentNotFound
        record.document = msgspec.structs.replace(record.document, retention=retention)
        return record.show()

    async def rewrite(self, id: str, head: Head, change: Rewrite) -> bool:
        await checkpoint()
        record = self._records.get(id)
        if record is None:
            return False
        document = record.document
        if document.epoch == change.epoch:
            return True
        if Head(document.epoch, document.version) != head:
            return False
        new = {commit.version: commit for commit in change.commits}
        dropped = record.after(document.floor, change.floor)
        if dropped:
            record.floor_time = dropped[-1].time
        kept = record.after(max(document.floor, change.floor), document.version)
        record.commits = [new.get(commit.version, commit) for commit in kept]
        if change.snapshots is not None:
            record.snapshots = sorted(change.snapshots, key=lambda each: each.version)
        if change.milestones is not None:
            record.milestones = {each.version: each for each in change.milestones}
        record.versions = {
            version: named
            if named.user is None or named.user != change.user
            else msgspec.structs.replace(named, user=None)
            for version, named in record.versions.items()
            if version >= change.floor
        }
        floor = max(document.floor, change.floor)
        record.document = msgspec.structs.replace(document, epoch=change.epoch, floor=floor)
        return True

    async def trim(self, id: str, epoch: str, before: int, *, dry: bool = False) -> int:
        await checkpoint()
        record = self._record(id, epoch)
        document = record.document
        newest = record.snapshots[-1].version if record.snapshots else 0
        floor, floor_time = document.floor, record.floor_time
        for commit in record.commits:
            if commit.version > newest or commit.time >= before:
                break
            floor, floor_time = commit.version, commit.time
        if dry:
            return floor
        record.floor_time = floor_time
        record.commits = record.commits[floor - document.floor :]
        record.snapshots = [kept for kept in record.snapshots if kept.version >= floor]
        record.milestones = {
            version: kept
            for version, kept in record.milestones.items()
            if version >= floor or version in record.versions
        }
        record.document = msgspec.structs.replace(document, floor=floor)
        return floor

    async def list(
        self, *, prefix: str = "", type: str | None = None, after: str = "", limit: int = 100
    ) -> list[Document]:
        await checkpoint()
        matching = sorted(
            id
            for id, record in self._records.items()
            if id > after
            and id.startswith(prefix)
            and (type is None or record.document.type == type)
        )
        return [self._records[id].show() for id in matching[: max(limit, 0)]]

    async def set_metadata(self, id: str, metadata: dict[str, Any]) -> Document:
        column = encode_metadata(metadata)
        await checkpoint()
        record = self._records.get(id)
        if record is None:
            raise DocumentNotFound
        record.metadata = column
        return record.show()

    async def delete(self, id: str) -> bool:
        await checkpoint()
        if self._records.pop(id, None) is None:
            return False
        self._deleted.add(id)
        return True

    async def set_grants(self, grants: Sequence[NewGrant]) -> Sequence[Grant]:
        await checkpoint()
        stored = [
            Grant(new.document, new.user, new.access, version)
            for version, new in enumerate(grants, start=self._access_version + 1)
        ]
        self._access_version += len(stored)
        self._grants.update({(each.document, each.user): each for each in stored})
        return stored

    async def grants(self, documents: Sequence[str], users: Sequence[str]) -> Sequence[Grant]:
        await checkpoint()
        places = ((document, user) for document in set(documents) for user in set(users))
        found = (self._grants.get(place) for place in places)
        return [each for each in found if each is not None and each.access is not None]

    async def list_grants(
        self,
        *,
        document: str | None = None,
        user: str | None = None,
        after: tuple[str, str] = ("", ""),
        limit: int = 100,
    ) -> Sequence[Grant]:
        await checkpoint()
        matching = [
            each
            for place, each in sorted(self._grants.items())
            if place > after
            and each.access is not None
            and document in {None, each.document}
            and user in {None, each.user}
        ]
        return matching[: max(limit, 0)]

    async def grant_changes(self, after: int, limit: int) -> Sequence[Grant]:
        await checkpoint()
        newer = [each for each in self._grants.values() if each.version > after]
        return sorted(newer, key=lambda each: each.version)[: max(limit, 0)]


@asynccontextmanager
async def open_memory(shared: bool = False) -> AsyncIterator[MemoryStore]:
    """An empty store for the length of the block."""
    yield MemoryStore(shared=shared)
