"""The store: the durable log, its snapshots and the documents' rows, behind one small port.

Every adapter passes `tests/contracts/test_store.py`. An adapter knows nothing of types, sessions
or editors: operations and snapshots are bytes to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Protocol

import msgspec

from collab.words import (
    Access,
    Commit,
    Document,
    Grant,
    Head,
    Milestone,
    NamedVersion,
    Retention,
    Snapshot,
)

PAGE_BYTES = 1 << 20
"""What a caller of `Store.read` gets at a time unless it asks for another bound."""


class NewDocument(msgspec.Struct, frozen=True):
    """What a create call names; `created` in ms."""

    id: str
    type: str
    epoch: str
    created: int
    metadata: dict[str, Any] = {}


class Append(msgspec.Struct, frozen=True):
    """Commits `expected_version + 1 …` for one document, to be taken only if its head is there."""

    id: str
    epoch: str
    expected_version: int
    commits: tuple[Commit, ...]


class AppendResult(Enum):
    """What became of one `Append` of a group."""

    OK = "ok"  # durable
    CONFLICT = "conflict"  # the head is elsewhere; nothing was written
    GONE = "gone"  # no such document, or another epoch; nothing was written
    FAILED = "failed"  # this document's rows refuse it; nothing was written


class Loaded(msgspec.Struct, frozen=True):
    """One consistent view: a snapshot (None: start from empty) and the commits after it."""

    document: Document
    snapshot: Snapshot | None
    commits: tuple[Commit, ...]


class Nearest(msgspec.Struct, frozen=True):
    """What a past version is built from: the newest state kept at or below it (None: empty)."""

    document: Document
    kept: Snapshot | Milestone | None

    @property
    def version(self) -> int:
        """Where replaying starts."""
        return 0 if self.kept is None else self.kept.version


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """That there is a milestone at `version`, and the bytes it takes."""

    version: int
    size: int


class Rewrite(msgspec.Struct, frozen=True):
    """A history written anew, under another `epoch`.

    `commits` take the place of those of their versions; those up to `floor` are dropped, with the
    named versions below it. `snapshots` and `milestones` take the place of all that are kept, or
    leave them as they are (None). `user`: whose name is taken off the named versions.
    """

    epoch: str
    floor: int
    commits: Sequence[Commit] = ()
    snapshots: Sequence[Snapshot] | None = None
    milestones: Sequence[Milestone] | None = None
    user: str | None = None


class Polled(msgspec.Struct, frozen=True):
    """Where the logs of some documents stand, and how many changes of grants there have been."""

    heads: dict[str, Head]
    access_version: int


class NewGrant(msgspec.Struct, frozen=True):
    """A grant to be stored; `access` None takes back what was stored for the two."""

    document: str
    user: str
    access: Access | None


class Store(Protocol):
    """The port. Any method raises StoreFailure when the store cannot be reached or used.

    Adapters are opened by an async context manager of their module and closed by leaving it.
    `shared` says whether other processes may write to it, so that heads have to be polled.
    """

    @property
    def shared(self) -> bool: ...

    async def create(
        self, document: NewDocument, commits: Sequence[Commit] = (), *, revive: bool = False
    ) -> Document:
        """Insert if absent, together with its first commits (versions 1 …).

        A deleted id counts as absent only with `revive`.
        Raises DocumentExists, or DocumentNotFound for a deleted id without `revive`.
        """
        ...

    async def get(self, id: str) -> Document | None:
        """The document's row; None if there is none or it was deleted."""
        ...

    async def load(self, id: str) -> Loaded | None:
        """What is needed to build the state at the head: the newest snapshot and the commits after.

        None if the document is absent. Raises DocumentBroken on a gap or undecodable row.
        """
        ...

    async def nearest(self, id: str, version: int) -> Nearest | None:
        """What is needed to build the state at `version`, but for the commits: `read` tells those.

        The newest snapshot or milestone at or below it. None if the document is absent. Raises
        BaseAboveHead, and VersionUnavailable when what would have to be replayed was trimmed.
        """
        ...

    async def version_at(self, id: str, time: int) -> Head:
        """The newest version that was there at `time` (ms), going by the times of the commits,
        which never decrease in a log that sessions wrote.

        Raises DocumentNotFound, and VersionUnavailable for a time before the document or in
        trimmed history.
        """
        ...

    async def append(self, batches: Sequence[Append]) -> list[AppendResult]:
        """Compare-and-append for many documents in one transaction, one result each, in order.

        When it returns, everything reported OK is durable. One document's conflict or failure
        never fails the others. When it raises StoreFailure the outcome of all is unknown. The same
        document appears at most once in `batches`. A document's `updated` is the latest time among
        its commits, even if a later commit bears an earlier one.
        """
        ...

    async def read(
        self, id: str, epoch: str, after: int, limit: int, max_bytes: int = PAGE_BYTES
    ) -> list[Commit]:
        """At most `limit` commits that follow version `after`, in order, without a gap.

        Their operations come to at most `max_bytes`, but one commit at least is read.

        Empty at the head. Raises BelowFloor if `after` is below the floor, BaseAboveHead if it is
        above the head, DocumentNotFound if the document is gone or has another epoch,
        DocumentBroken on a gap.
        """
        ...

    async def poll(self, ids: Sequence[str]) -> Polled:
        """Epoch and head of each of `ids` that exists, and the access version."""
        ...

    async def save_snapshot(self, id: str, epoch: str, snapshot: Snapshot) -> bool:
        """Keep `snapshot`; False (and nothing written) if a newer or equal one is kept already,
        the document is gone or has another epoch, or its head is below the snapshot."""
        ...

    async def save_milestone(self, id: str, epoch: str, milestone: Milestone) -> bool:
        """Keep `milestone`; False (and nothing written) if there is one at its version, the
        document is gone or has another epoch, or the version is above its head or below its floor.
        """
        ...

    async def milestones(self, id: str, epoch: str) -> Sequence[Mark]:
        """Which milestones there are, in order; raises DocumentNotFound if the document is gone or
        has another epoch."""
        ...

    async def log_bytes(self, id: str, epoch: str, after: int, until: int) -> int:
        """Bytes that the commits after + 1 … until take in the log, credits included; raises
        DocumentNotFound if the document is gone or has another epoch."""
        ...

    async def name_version(
        self, id: str, epoch: str, named: NamedVersion, milestone: Milestone, most: int
    ) -> bool:
        """Store `named`, and keep the milestone, which is of its version, as long as it has a name.

        False if the version has a name already; an automatic one gives way to one that is not.
        Raises DocumentNotFound (gone, or another epoch), BaseAboveHead, and TooManyVersions for
        one more than `most` that are not automatic.
        """
        ...

    async def versions(
        self,
        id: str,
        epoch: str,
        *,
        before: int | None = None,
        limit: int = 100,
        automatic: bool | None = None,
    ) -> Sequence[NamedVersion]:
        """Named versions below `before`, the newest first; only those that are automatic, or only
        the others, if asked for. Raises DocumentNotFound."""
        ...

    async def rename_version(self, id: str, epoch: str, version: int, name: str) -> NamedVersion:
        """Give a named version another name, with which it is automatic no longer; raises
        DocumentNotFound, VersionNotFound."""
        ...

    async def forget_version(self, id: str, epoch: str, version: int) -> bool:
        """Take a version's name away, and below the floor its milestone; False if it has none.
        Raises DocumentNotFound."""
        ...

    async def set_retention(self, id: str, retention: Retention) -> Document:
        """Replace what the document says of its retention; raises DocumentNotFound."""
        ...

    async def rewrite(self, id: str, head: Head, change: Rewrite) -> bool:
        """Write the document's history anew, in one transaction; False, and nothing was written, if
        its head is another one, or it is gone.

        What was there is overwritten as far as the database does that: see `delete`. The same call
        again is no harm.
        """
        ...

    async def trim(self, id: str, epoch: str, before: int, *, dry: bool = False) -> int:
        """Drop commits older than `before` (ms), only at or below the newest snapshot, and with
        them the snapshots and milestones below the floor, except milestones of named versions.

        Always a prefix of the log, in one transaction. Returns the floor afterwards, which with
        `dry` is only what it would be; raises
        DocumentNotFound if the document is gone or has another epoch.
        """
        ...

    async def list(
        self, *, prefix: str = "", type: str | None = None, after: str = "", limit: int = 100
    ) -> list[Document]:
        """Documents in order of id (by code point), those with `prefix`, ids above `after`."""
        ...

    async def set_metadata(self, id: str, metadata: dict[str, Any]) -> Document:
        """Replace the metadata; raises DocumentNotFound."""
        ...

    async def delete(self, id: str) -> bool:
        """Erase log, snapshots, milestones, named versions and metadata; the id stays known as
        deleted. False if absent.

        SQLite overwrites what it drops, also in its write-ahead log; what PostgreSQL does not show
        any more stays in its files until they are vacuumed. Grants stay: like tokens they speak of
        an id, whether or not there is such a document.
        """
        ...

    async def set_grants(self, grants: Sequence[NewGrant]) -> Sequence[Grant]:
        """Store all of them, or none, each in place of what was stored for its document and user.

        Returns them as stored. Each gets an access version of its own, in order: one more than the
        newest that anybody can have read before. What is seen of access versions has no holes.
        """
        ...

    async def grants(self, documents: Sequence[str], users: Sequence[str]) -> Sequence[Grant]:
        """The grants that are for one of `documents` and one of `users` (ANY only if listed),
        without those that were taken back."""
        ...

    async def list_grants(
        self,
        *,
        document: str | None = None,
        user: str | None = None,
        after: tuple[str, str] = ("", ""),
        limit: int = 100,
    ) -> Sequence[Grant]:
        """Grants in order of document and user (by code point), those of `document` or `user` if
        given (ANY means the word itself), above the pair `after`; none that were taken back."""
        ...

    async def grant_changes(self, after: int, limit: int) -> Sequence[Grant]:
        """At most `limit` grants whose access version is above `after`, in its order, those that
        were taken back included: what a node has to hear that knew version `after`."""
        ...
