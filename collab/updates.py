"""Changes of yjs documents by somebody who is not connected.

Owns updates, edits of texts at positions, and seeding. Each is an edit of the document's session as
anybody's, so it merges with what is typed meanwhile. Knows nothing of HTTP, tokens or rights.
"""

from __future__ import annotations

import msgspec

from collab.aside import aside
from collab.contents import Committed, Content, Contents, Writer, check_epoch, check_yjs
from collab.errors import DocumentNotFound, InvalidOperation
from collab.registry import Registry
from collab.types.yjs import YJS
from collab.types.yjs_edits import TextEdit
from collab.words import digest_of

_NOTHING = b"\0\0"


class Seeded(msgspec.Struct, frozen=True):
    """Where a seed stands in the log, and whether it became the document's content."""

    committed: Committed
    seeded: bool


class Updates:
    """What one can do to the yjs documents that `contents` reads and `registry` opens."""

    def __init__(self, contents: Contents, registry: Registry) -> None:
        self._contents = contents
        self._registry = registry

    async def missing(self, id: str, vector: bytes, version: int | None = None) -> Content:
        """What a replica with that state vector lacks of the content, as an update.

        Raises InvalidOperation (no state vector), WrongType, and what reading content does.
        """
        found = await self._contents.state(id, version)
        check_yjs(found.type)
        still = YJS.still(found.state)
        update = await aside(still.size, YJS.missing, still, vector)
        return Content(found.head.epoch, found.head.version, update)

    async def vector(self, id: str) -> bytes:
        """The state vector of the document; raises WrongType and what reading content does."""
        found = await self._contents.state(id, None)
        check_yjs(found.type)
        still = YJS.still(found.state)
        return await aside(still.size, YJS.vector_of, still)

    async def update(
        self, id: str, update: bytes, writer: Writer, *, epoch: str | None = None
    ) -> Committed:
        """Commit an update. Raises UpdateGap (it builds on something that is not here; nothing of
        it is applied), WrongType, and what an edit is refused with."""
        async with self._registry.open(id) as session:
            check_yjs(session.type)
            if epoch is not None:
                check_epoch(session, epoch)
            digest = await aside(len(update), digest_of, None, update)
            parsed = await aside(len(update), YJS.parse, update)
            return await self._contents.submit(session, None, parsed, digest, writer)

    async def edit_text(
        self,
        id: str,
        edit: TextEdit,
        writer: Writer,
        *,
        base: int | None = None,
        epoch: str | None = None,
    ) -> Committed:
        """Change a text, as it is or as it was at version `base`.

        Raises InvalidOperation (also for a document that is no yjs document), BaseAboveHead,
        VersionUnavailable, PreconditionFailed, and what an edit is refused with.
        """
        async with self._registry.open(id) as session:
            if session.type is not YJS:
                raise InvalidOperation(f"an edit of a {session.type.name} document is an operation")
            if epoch is not None:
                check_epoch(session, epoch)
            digest = digest_of(base, b"text:%s" % msgspec.json.encode(edit))
            if session.committed_by(writer.author) is not None:
                # A resend is told by its digest; by now its positions may mean something else.
                operation = YJS.parse(_NOTHING)
            else:
                found = await self._contents.state(id, base)
                if found.head.epoch != session.epoch:
                    raise DocumentNotFound
                still = YJS.still(found.state)
                client = YJS.new_client(session.state)
                operation = await aside(still.size, YJS.text_edit, still, edit, client)
            return await self._contents.submit(session, None, operation, digest, writer)

    async def seed(
        self, id: str, content: bytes, format: str, root: str | None, writer: Writer
    ) -> Seeded:
        """Make this the content if nothing was ever written to the document: its log decides.

        Raises InvalidContent, UnknownFormat, WrongType, and what an edit is refused with.
        """
        async with self._registry.open(id) as session:
            check_yjs(session.type)
            submitted = b"seed:%s:%s:%s" % (format.encode(), (root or "").encode(), content)
            digest = await aside(len(content), digest_of, None, submitted)
            # The same for a repeated request, so that it finds itself in the log.
            client = int(writer.author[-8:], 16)
            seed = await aside(len(content), YJS.seed, content, format, root, client)
            committed = await self._contents.submit(session, None, seed, digest, writer)
            if committed.operation is None:
                return Seeded(committed, not YJS.lacks(session.state, seed))
            return Seeded(committed, YJS.holds_seed(committed.operation, seed))
