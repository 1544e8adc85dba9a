"""Takes out of a document's history what must not be there, for good.

Owns writing it anew: operations, snapshots and milestones in one transaction, under another epoch,
so that nobody goes on from what was there before. Whoever is connected is sent away and comes back
at once. Knows nothing of HTTP, tokens or rights: who may is asked of the caller. What was erased is
told to nobody, nor to the log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
import structlog

from collab.aside import aside
from collab.contents import Contents, Writer
from collab.errors import DocumentNotFound, HistoryRewritten, Unavailable, WrongType
from collab.loading import load_authority, replay
from collab.milestones import pack, unpack
from collab.redaction import Redaction
from collab.registry import Registry
from collab.storage import Loaded, Rewrite, Store
from collab.types.delta import DeltaType
from collab.types.known import document_type
from collab.types.yjs import YJS
from collab.types.yjs_edits import TextEdit
from collab.updates import Updates
from collab.words import Commit, Credit, Document, Head, Milestone, Snapshot, epoch_after

_log = structlog.stdlib.get_logger(__name__)

# How often the document may have grown meanwhile.
_ATTEMPTS = 10
_PAGE_COMMITS = 500
_ALL = 10**6


class Erased(msgspec.Struct, frozen=True):
    """Where the document stands now, and how many commits were written anew or dropped."""

    epoch: str
    version: int
    floor: int
    commits: int


class Erasure:
    """What can be taken out of the documents that `contents` reads."""

    def __init__(self, store: Store, contents: Contents, registry: Registry) -> None:
        self._store = store
        self._contents = contents
        self._registry = registry

    async def redact(self, id: str, at: int, length: int, version: int | None) -> Erased:
        """Put filler in the place of what stood there at `version` (None: the newest), in the whole
        history, wherever it stood in between; line breaks stay.

        Of text and rich text. Raises DocumentNotFound, WrongType, InvalidOperation (no such range),
        BaseAboveHead, VersionUnavailable, Unavailable (it changes all the time).
        """
        loaded = await self._load(id)
        type = document_type(loaded.document.type)
        if not isinstance(type, DeltaType):
            raise WrongType("a range of a yjs document is in a root")
        if version is None:
            version = loaded.document.version
        span = (at, at + length)
        redaction = await Redaction.begin(self._registry, loaded, type, version, span)
        return await self._write(id, redaction.reach)

    async def redact_yjs(
        self, id: str, edit: TextEdit | None, version: int | None, writer: Writer
    ) -> Erased:
        """Delete a range of a text of a yjs document, as an edit that everybody sees, then drop the
        history that holds it: all of it, with the named versions. Without `edit` only that.

        Raises DocumentNotFound, WrongType, Unavailable (it changes all the time), and what an edit
        is refused with.
        """
        if document_type((await self._contents.row(id)).type) is not YJS:
            raise WrongType("only yjs documents have roots, and are redacted without a range")
        if edit is not None:
            updates = Updates(self._contents, self._registry)
            await updates.edit_text(id, edit, writer, base=version)
        return await self._write(id, self._squashed)

    async def erase_user(self, id: str, user: str) -> Erased | None:
        """Take the user's name off the document's commits and named versions; None if it is not
        there. Authors, which are no names, and digests stay, so that a resend is still known.

        Raises DocumentNotFound, Unavailable (it changes all the time).
        """
        loaded = await self._load(id)
        change = await self._disowned(loaded, user)
        named = await self._store.versions(id, loaded.document.epoch, limit=_ALL)
        kept = [] if loaded.snapshot is None else [loaded.snapshot]
        is_there = change.commits or (change.snapshots or kept) != kept
        if not is_there and all(each.user != user for each in named):
            return None

        async def disowned(loaded: Loaded) -> Rewrite:
            return await self._disowned(loaded, user)

        return await self._write(id, disowned)

    async def _load(self, id: str) -> Loaded:
        loaded = await self._store.load(id)
        if loaded is None:
            raise DocumentNotFound
        return loaded

    async def _write(self, id: str, make: Callable[[Loaded], Awaitable[Rewrite]]) -> Erased:
        """Write what `make` makes of the document as it is; again if it has grown meanwhile."""
        for _ in range(_ATTEMPTS):
            loaded = await self._load(id)
            document = loaded.document
            change = await make(loaded)
            if await self._store.rewrite(id, Head(document.epoch, document.version), change):
                await self._registry.dismiss(id, HistoryRewritten())
                floor = max(document.floor, change.floor)
                count = len(change.commits) + floor - document.floor
                _log.info("history rewritten", document=id, epoch=change.epoch, commits=count)
                return Erased(change.epoch, document.version, floor, count)
        raise Unavailable("the document changes all the time, try again")

    def _new_epoch(self, document: Document) -> str:
        return epoch_after(document.epoch, self._registry.make_epoch())

    async def _squashed(self, loaded: Loaded) -> Rewrite:
        """Nothing but the state as it is, in which of what was deleted only its place is left."""
        authority = await load_authority(loaded, YJS, self._registry.settings)
        content = YJS.without_deleted(YJS.dump(authority.state))
        time = max(self._registry.now(), authority.time)
        snapshot = Snapshot(authority.version, time, content, authority.names.dump())
        return Rewrite(
            epoch=self._new_epoch(loaded.document),
            floor=authority.version,
            snapshots=[snapshot],
            milestones=[],
        )

    async def _disowned(self, loaded: Loaded, user: str) -> Rewrite:
        document = loaded.document
        commits = await self._commits_of(document, user)
        change = Rewrite(self._new_epoch(document), 0, commits, user=user)
        if document_type(document.type) is not YJS:
            return change
        snapshots = []
        if loaded.snapshot is not None:
            content = YJS.disowned_dump(loaded.snapshot.content, user)
            snapshots = [msgspec.structs.replace(loaded.snapshot, content=content)]
        milestones = await self._disowned_milestones(document, user)
        return msgspec.structs.replace(change, snapshots=snapshots, milestones=milestones)

    async def _disowned_milestones(self, document: Document, user: str) -> list[Milestone]:
        milestones = []
        for mark in await self._store.milestones(document.id, document.epoch):
            nearest = await self._store.nearest(document.id, mark.version)
            if nearest is not None and nearest.kept is not None:
                kept = nearest.kept
                dump = YJS.disowned_dump(await aside(mark.size, unpack, kept), user)
                milestones.append(await aside(len(dump), pack, kept.version, kept.time, dump))
        return milestones

    async def _commits_of(self, document: Document, user: str) -> list[Commit]:
        """The commits that name the user, as they are without."""
        yjs = document_type(document.type) is YJS
        found: list[Commit] = []

        def look(commit: Commit) -> None:
            credits = tuple(_anonymous(each, user) for each in commit.credits)
            operation = YJS.disowned(commit.operation, user) if yjs else commit.operation
            if credits != commit.credits or operation != commit.operation:
                found.append(Commit(commit.version, commit.time, credits, operation))

        after = document.floor
        while after < document.version:
            limit = min(_PAGE_COMMITS, document.version - after)
            page = await self._store.read(document.id, document.epoch, after, limit)
            await replay(look, page)
            after = page[-1].version
        return found


def _anonymous(credit: Credit, user: str) -> Credit:
    """The credit, but for the name, if it is the user's."""
    return credit if credit.user != user else msgspec.structs.replace(credit, user=None)
