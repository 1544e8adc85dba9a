"""Bringing back what a document contained earlier, as an edit like any other.

Owns the operation that does it, and the one that takes it back. The difference is taken against the
state that was read and is then rebased (a Yjs update merges), so nothing is lost that anybody types
meanwhile or later. Knows nothing of HTTP, tokens or rights.
"""

from __future__ import annotations

from typing import Any

import msgspec

from collab.aside import aside
from collab.contents import Committed, Contents, Writer, check_epoch
from collab.errors import BelowFloor, DocumentNotFound, VersionUnavailable
from collab.registry import Registry
from collab.session import Session
from collab.types import DocumentType
from collab.types.yjs import YJS
from collab.types.yjs_content import Still
from collab.words import Head, digest_of

_NOTHING = b"\0\0"


class Restored(msgspec.Struct, frozen=True):
    """Where a restoring edit stands in the log, and the operation that takes it back, encoded: a
    Delta made on that version, or a Yjs update. None if what it needs is no longer kept."""

    committed: Committed
    type: DocumentType
    undo: bytes | None


class Preview(msgspec.Struct, frozen=True):
    """What would restore a version: a Delta made on `head`, encoded, or a Yjs update."""

    head: Head
    type: DocumentType
    operation: bytes


class Restores:
    """Restores the documents that `contents` reads and `registry` opens."""

    def __init__(self, contents: Contents, registry: Registry) -> None:
        self._contents = contents
        self._registry = registry

    async def preview(self, id: str, version: int) -> Preview:
        """What somebody can apply to a document as it is now, as a change of their own.

        Raises InvalidContent (of yjs: something that cannot be made again), and what reading
        content does.
        """
        now = await self._contents.state(id, None)
        then = await self._contents.state(id, version)
        if now.head.epoch != then.head.epoch:
            raise DocumentNotFound
        operation = await _operation(now.type, now.state, then.state)
        encoded = operation if now.type is YJS else now.type.encode(operation)
        return Preview(now.head, now.type, encoded)

    async def restore(self, id: str, version: int, match: Head | None, writer: Writer) -> Restored:
        """Make the content what it was at `version`, as an edit of what `match` names, or the head.

        Raises PreconditionFailed (`match` is no state of this document), InvalidContent as
        `preview`, BaseAboveHead, VersionUnavailable, and what an edit is refused with.
        """
        async with self._registry.open(id) as session:
            if match is not None:
                check_epoch(session, match.epoch)
            base = match.version if match else None
            digest = digest_of(base, b"restore:%d" % version)
            if session.committed_by(writer.author) is not None:
                return await self._again(session, digest, writer)
            then = await self._contents.state(id, version)
            if then.head.epoch != session.epoch:
                raise DocumentNotFound
            read, now = await self._contents.base_state(session, base)
            if session.type is YJS:
                return await self._restore_yjs(session, YJS.still(now), then.state, digest, writer)
            operation = await _operation(session.type, now, then.state)
            committed = await self._contents.submit(session, read, operation, digest, writer)
            if committed.version == read + 1 and committed.operation is not None:
                undo = await _inverse(session.type, now, committed.operation)
                return Restored(committed, session.type, undo)
            return Restored(committed, session.type, await self._undo(session, committed))

    async def _restore_yjs(
        self, session: Session, now: Still, then: Any, digest: bytes, writer: Writer
    ) -> Restored:
        """Both updates are made on what was read: each touches only what is in it."""
        update = await _operation(YJS, now, then)
        undo = await aside(now.size, _undo_of_update, now, update)
        parsed = await aside(len(update), YJS.parse, update)
        committed = await self._contents.submit(session, None, parsed, digest, writer)
        return Restored(committed, session.type, undo)

    async def _again(self, session: Session, digest: bytes, writer: Writer) -> Restored:
        """A repeated request is told by its digest; what it was made on may be long gone."""
        nothing = YJS.parse(_NOTHING) if session.type is YJS else ()
        committed = await self._contents.submit(session, None, nothing, digest, writer)
        return Restored(committed, session.type, await self._undo(session, committed))

    async def _undo(self, session: Session, committed: Committed) -> bytes | None:
        """What takes a commit back, from the states around it; of yjs only if it is nobody else's
        too."""
        type, version = session.type, committed.version
        if committed.operation is None:
            return None
        try:
            before = (await self._contents.state(session.id, version - 1)).state
            if type is not YJS:
                return await _inverse(type, before, committed.operation)
            page = await self._contents.edits(session.id, version - 1, 1, session.epoch)
            if len(page.commits[0].credits) > 1:
                return None
            after = (await self._contents.state(session.id, version)).state
            return bytes(await _operation(YJS, after, before))
        except (VersionUnavailable, BelowFloor):
            return None


async def _operation(type: DocumentType, now: Any, then: Any) -> Any:
    """What turns the one state into the other: a Delta, or the bytes of an update."""
    size = type.size(now) + type.size(then)
    if type is YJS:
        return await aside(size, _update, YJS.still(now), YJS.still(then))
    return await aside(size, type.difference, now, then)


def _update(now: Still, then: Still) -> bytes:
    return YJS.turning(now, then, YJS.unused_client(now))


def _undo_of_update(now: Still, update: bytes) -> bytes:
    return _update(YJS.after(now, update), now)


async def _inverse(type: DocumentType, before: Any, applied: bytes) -> bytes:
    """The Delta that takes back one that was applied to `before`."""
    return await aside(type.size(before), lambda: type.encode(before.invert(type.decode(applied))))
