"""What is in the documents, now and earlier, and edits that come one at a time.

Owns reading content and log at any version, and committing for somebody who is not connected: each
change goes through the document's session, so it is ordered, rebased and named like anybody's.
Knows nothing of HTTP, tokens or rights: who may is asked of the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from collab.aside import aside
from collab.errors import (
    BelowFloor,
    DocumentNotFound,
    InvalidContent,
    InvalidOperation,
    PreconditionFailed,
    Restarting,
    VersionUnavailable,
    WrongType,
)
from collab.loading import load_state
from collab.registry import Registry
from collab.session import Session
from collab.storage import PAGE_BYTES, Loaded, Store
from collab.types import DocumentType
from collab.types.known import document_type
from collab.types.yjs import YJS
from collab.words import Commit, Document, Edit, Head, author_of, digest_of


class Writer(msgspec.Struct, frozen=True):
    """Who submits an edit without being connected.

    `key` makes a repeated request the same edit; it holds no colon. `permitted` is asked at the
    moment the edit gets its place.
    """

    user: str | None
    key: str
    permitted: Callable[[], bool]

    @property
    def author(self) -> str:
        """The author of this one edit; a key without a user is nobody else's, whatever users are
        called: the name of somebody without one has a colon less."""
        user = "" if self.user is None else f"{self.user}:"
        return author_of(f"http:{user}{self.key}")


class Content(msgspec.Struct, frozen=True):
    """A document's content at a version, in one of its type's formats."""

    epoch: str
    version: int
    body: bytes


class Found(msgspec.Struct, frozen=True):
    """A document's state, where in its log it stands, and how it behaves."""

    head: Head
    type: DocumentType
    state: Any


class Committed(msgspec.Struct, frozen=True):
    """Where an edit stands in the log. `operation` is it as applied, encoded; None if the log no
    longer has it. `duplicate`: it had been committed before this request."""

    epoch: str
    version: int
    author: str
    operation: bytes | None
    duplicate: bool


class Page(msgspec.Struct, frozen=True):
    """A run of commits, and the document's head when they were read."""

    head: Head
    commits: Sequence[Commit]


class Contents:
    """Content and log of the documents of `store`, those that are open in `registry` included."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    async def row(self, id: str) -> Document:
        """The document's row; raises DocumentNotFound."""
        document = await self._store.get(id)
        if document is None:
            raise DocumentNotFound
        return document

    async def head(self, id: str) -> Head:
        """Where the document's log stands; raises DocumentNotFound."""
        session = await self._fresh(id)
        if session is not None:
            return Head(session.epoch, session.version)
        document = await self.row(id)
        return Head(document.epoch, document.version)

    async def content(
        self,
        id: str,
        format: str = "text",
        version: int | None = None,
        *,
        root: str | None = None,
    ) -> Content:
        """The content at the head or at `version`; of a yjs document perhaps one root only.

        Raises DocumentNotFound, UnknownFormat, BaseAboveHead, VersionUnavailable, DocumentBroken,
        Unavailable (milestones are still being written), WrongType (a root of another type).
        """
        found = await self.state(id, version)
        size = found.type.size(found.state)
        if root is None:
            body = await aside(size, found.type.render, found.state, format)
        else:
            check_yjs(found.type)
            body = await aside(size, YJS.render, found.state, format, root)
        return Content(found.head.epoch, found.head.version, body)

    async def replace(
        self, id: str, match: Head | None, content: bytes, format: str, writer: Writer
    ) -> Committed:
        """Make the content what is given, as an edit of the version that `match` names.

        What others have written since stays: the difference is rebased over it. Without `match` it
        is taken against the head. Raises PreconditionFailed (`match` is no state of this document),
        InvalidContent, UnknownFormat, BelowFloor, VersionUnavailable, NameReused and what an edit
        is refused with.
        """
        async with self._registry.open(id) as session:
            if session.type is YJS:
                raise InvalidContent(
                    "a yjs document is not replaced as a whole, as that would undo what others "
                    "type: post edits of its text, or updates"
                )
            if match is not None:
                check_epoch(session, match.epoch)
            base = match.version if match else None
            digest = await aside(len(content), _content_digest, base, format, content)
            type = session.type
            # Read first of all, so that a resend of something impossible is refused as the first.
            new = await aside(len(content), type.read_content, content, format)
            if session.committed_by(writer.author) is not None:
                # A resend is told by its digest; the state it was made on may be long gone.
                version, old = session.version, new
            else:
                version, old = await self.base_state(session, base)
            operation = await aside(len(content) + type.size(old), type.difference, old, new)
            return await self.submit(session, version, operation, digest, writer)

    async def base_state(self, session: Session, version: int | None) -> tuple[int, Any]:
        """The version and the state that a change is made on: the head's, or those that the caller
        names as what it has seen. Raises PreconditionFailed, VersionUnavailable."""
        if version is None or version == session.version:
            return session.version, session.state
        if version > session.version:
            await session.refresh()
        if version > session.version:
            raise PreconditionFailed(
                f"there is no version {version}, the newest is {session.version}"
            )
        past = await self._past(session.id, version)
        if past.head.epoch != session.epoch:
            raise DocumentNotFound
        return version, past.state

    async def state(self, id: str, version: int | None) -> Found:
        """The state at the head or at `version`, to be read in any thread; raises as `content`."""
        session = await self._fresh(id)
        if session is not None and version in {None, session.version}:
            # A replica goes on changing.
            state = YJS.still(session.state) if session.type is YJS else session.state
            return Found(Head(session.epoch, session.version), session.type, state)
        if version is not None:
            return await self._past(id, version)
        loaded = await self._load(id)
        document = loaded.document
        type = document_type(document.type)
        head = Head(document.epoch, document.version)
        return Found(head, type, await load_state(loaded, type))

    async def version_at(self, id: str, time: int) -> Head:
        """The newest version that was there at `time` (ms since 1970).

        Raises DocumentNotFound, VersionUnavailable (before the document, or dropped since).
        """
        return await self._store.version_at(id, time)

    async def _past(self, id: str, version: int) -> Found:
        """The state at `version` from what is stored, read a page at a time."""
        past = await self._registry.archivist.recall(id, version)
        return Found(Head(past.document.epoch, version), past.type, await past.still())

    async def earliest(self, id: str, version: int) -> Found:
        """The state at `version`, or at the oldest after it that can still be built."""
        try:
            return await self._past(id, version)
        except VersionUnavailable:
            loaded = await self._load(id)
            document, snapshot = loaded.document, loaded.snapshot
            if snapshot is None or snapshot.version < version:
                raise
            type = document_type(document.type)
            head = Head(document.epoch, snapshot.version)
            return Found(head, type, type.load(snapshot.content))

    async def _load(self, id: str) -> Loaded:
        loaded = await self._store.load(id)
        if loaded is None:
            raise DocumentNotFound
        return loaded

    async def _fresh(self, id: str) -> Session | None:
        """The session if the document is open here, having seen what other nodes have written."""
        session = self._registry.opened(id)
        if session is not None and self._store.shared:
            try:
                await session.refresh()
            except Restarting:
                return None  # unloaded meanwhile: the store has all of it
        return session

    async def edit(
        self,
        id: str,
        operation: bytes,
        writer: Writer,
        *,
        base: int | None = None,
        epoch: str | None = None,
    ) -> Committed:
        """Commit an operation that was made on version `base`, or else is meant for the head.

        Raises PreconditionFailed (another epoch), InvalidOperation, BaseAboveHead, BelowFloor,
        NameReused, NotAllowed, DocumentTooLarge, Unavailable.
        """
        async with self._registry.open(id) as session:
            if epoch is not None:
                check_epoch(session, epoch)
            if session.type is YJS:
                raise InvalidOperation("an edit of a yjs document has a root and operations")
            parsed = await aside(len(operation), session.type.parse, operation)
            return await self.submit(session, base, parsed, digest_of(base, operation), writer)

    async def edits(self, id: str, after: int, limit: int, epoch: str | None = None) -> Page:
        """At most `limit` commits that follow version `after`, of 1 MiB together or one at least.

        Raises DocumentNotFound, PreconditionFailed (another epoch), BelowFloor, BaseAboveHead.
        """
        document = await self.row(id)
        if epoch is not None and epoch != document.epoch:
            raise PreconditionFailed(_OTHER_EPOCH)
        commits = await self._store.read(id, document.epoch, after, limit, max_bytes=PAGE_BYTES)
        reached = max(document.version, commits[-1].version if commits else 0)
        return Page(Head(document.epoch, reached), commits)

    async def submit(
        self, session: Session, base: int | None, operation: Any, digest: bytes, writer: Writer
    ) -> Committed:
        """Commit a parsed operation; `digest` tells a repeated request from another one."""
        author = writer.author
        edit = Edit(author, 1, base, operation, digest, writer.user)
        placed = await session.edit(edit, writer.permitted)
        duplicate = placed.commit is None
        commit = placed.commit or await self._commit_at(session, placed.version)
        applied = None if commit is None else commit.operation
        return Committed(session.epoch, placed.version, author, applied, duplicate)

    async def _commit_at(self, session: Session, version: int) -> Commit | None:
        try:
            found = await self._store.read(session.id, session.epoch, version - 1, 1)
        except BelowFloor:
            return None
        return found[0] if found else None


_OTHER_EPOCH = "the document was deleted and made again since, its epoch is another one"


def check_yjs(type: DocumentType) -> None:
    """Raises WrongType for what only yjs documents have."""
    if type is not YJS:
        raise WrongType(f"a {type.name} document has no roots, state vectors or updates")


def check_epoch(session: Session, epoch: str) -> None:
    """Raises PreconditionFailed if the document was made anew since."""
    if epoch != session.epoch:
        raise PreconditionFailed(_OTHER_EPOCH)


def _content_digest(base: int | None, format: str, content: bytes) -> bytes:
    return digest_of(base, b"content:%s:%s" % (format.encode(), content))
