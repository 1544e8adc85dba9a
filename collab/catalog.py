"""The documents of a server: everything one can do to them without being connected to one.

Owns creating, listing, copying and deleting, metadata, and what is passed on to the people at a
document; content and log are in `contents`. Knows nothing of HTTP, tokens or rights: who may is
asked of the caller.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Literal

import anyio.to_thread
import msgspec

from collab.aside import aside
from collab.contents import Contents, Writer, check_yjs
from collab.erasure import Erasure
from collab.errors import (
    DocumentNotFound,
    DocumentTooLarge,
    MessageTooLarge,
    NotAllowed,
    TooLarge,
)
from collab.messages import Message
from collab.presence import Presence
from collab.protocols.native import check_json, checked_json
from collab.registry import Registry
from collab.settings import Settings
from collab.storage import NewDocument, Store
from collab.types import DocumentType
from collab.types.known import document_type
from collab.types.yjs import YJS
from collab.versions import Versions
from collab.words import (
    Commit,
    Credit,
    Document,
    check_document_id,
    digest_of,
)

_PAGE_DOCUMENTS = 500


class Listing(msgspec.Struct, frozen=True):
    """Documents in order of id; `next` is what to go on after, None at the end."""

    documents: Sequence[Document]
    next: str | None


def new_document_id() -> str:
    """An id that nobody guesses and nobody else has."""
    return secrets.token_hex(10)


class Catalog:
    """The documents of `store`, those that are open in `registry` included."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        settings: Settings,
        *,
        make_id: Callable[[], str] = new_document_id,
    ) -> None:
        self._store = store
        self.contents = Contents(store, registry)
        self.versions = Versions(store, self.contents, registry)
        self.erasure = Erasure(store, self.contents, registry)
        self._registry = registry
        self._settings = settings
        self.make_id = make_id
        self._metadata_lock = anyio.Lock()
        # One page at a time: whoever may read little of much asks the store for page after page.
        self._listing = anyio.Lock()

    @property
    def draining(self) -> bool:
        """Whether this node takes no new work any more."""
        return self._registry.draining

    async def check_store(self) -> None:
        """Return if the store answers; raises StoreFailure."""
        await self._store.list(limit=1)

    # Documents ------------------------------------------------------------------------------------

    async def create(
        self,
        id: str,
        type_name: str,
        writer: Writer,
        *,
        content: bytes | None = None,
        format: str = "text",
        root: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Document:
        """Make a document, of content if there is some; a deleted id may be taken again.

        `root` is where in a yjs document the content goes.

        Raises DocumentExists, InvalidDocumentId, WrongType, InvalidContent, UnknownFormat,
        DocumentTooLarge, TooLarge, NotAllowed (no longer).
        """
        type = document_type(type_name)
        if root is not None:
            check_yjs(type)
        state = None
        if content and root is not None:
            state = await aside(len(content), YJS.read_content, content, format, root)
        elif content:
            state = await aside(len(content), type.read_content, content, format)
        return await self._create(id, type, state, content or b"", writer, metadata or {})

    async def copy(
        self,
        id: str,
        new_id: str,
        writer: Writer,
        *,
        version: int | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Document:
        """A new document with the content that `id` has, or had at `version`.

        Without `metadata` it gets the source's. Raises as `create` and `content`.
        """
        source = await self.get(id)
        found = await self.contents.state(id, version)
        kept = source.metadata if metadata is None else metadata
        origin = f"{id}:{found.head.epoch}:{found.head.version}".encode()
        return await self._create(new_id, found.type, found.state, origin, writer, kept)

    async def _create(
        self,
        id: str,
        type: DocumentType,
        state: Any,
        submitted: bytes,
        writer: Writer,
        metadata: dict[str, Any],
    ) -> Document:
        check_document_id(id)
        self._check_metadata(metadata)
        now = self._registry.now()
        commits = [] if state is None else [await self._first(type, state, submitted, writer, now)]
        epoch = self._registry.make_epoch()
        new = NewDocument(id=id, type=type.name, epoch=epoch, created=now, metadata=metadata)
        if not writer.permitted():  # reading long content takes a while
            raise NotAllowed("you may not make a document of this id any more")
        return await self._store.create(new, commits, revive=True)

    async def _first(
        self, type: DocumentType, state: Any, submitted: bytes, writer: Writer, now: int
    ) -> Commit:
        """The commit that makes a new document's content `state`."""
        size = type.size(state)
        if size > self._settings.max_document_bytes:
            raise DocumentTooLarge(size, self._settings.max_document_bytes)
        operation = await aside(size, type.difference, type.empty(), state)
        encoded = await aside(size, type.encode, operation)
        digest = await aside(len(submitted), digest_of, 0, submitted)
        credit = Credit(writer.author, 1, writer.user, digest)
        return Commit(version=1, time=now, credits=(credit,), operation=encoded)

    async def get(self, id: str) -> Document:
        """The document's row; raises DocumentNotFound."""
        return await self.contents.row(id)

    async def list(
        self,
        readable: Callable[[Sequence[str]], Awaitable[Collection[str]]],
        *,
        prefix: str = "",
        type: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> Listing:
        """At most `limit` documents, in order of id, of those that `readable` picks from some.

        Ids of others are never told, not even as `next`.
        """
        found: list[Document] = []
        while len(found) <= limit:
            async with self._listing:
                page = await self._store.list(
                    prefix=prefix, type=type, after=after, limit=_PAGE_DOCUMENTS
                )
            told = await readable([document.id for document in page])
            found += [document for document in page if document.id in told]
            if len(page) < _PAGE_DOCUMENTS:
                break
            after = page[-1].id
        if len(found) <= limit:
            return Listing(found, None)
        return Listing(found[:limit], found[limit - 1].id)

    async def patch_metadata(self, id: str, patch: dict[str, Any]) -> Document:
        """Change the metadata by a JSON merge patch (RFC 7396); raises DocumentNotFound, TooLarge.

        One at a time on this node, so that no change overwrites another.
        """
        async with self._metadata_lock:
            document = await self.get(id)
            metadata = merge_patch(document.metadata, patch)
            self._check_metadata(metadata)
            return await self._store.set_metadata(id, metadata)

    async def patch_retention(
        self, id: str, changes: Mapping[str, float | Literal["forever", "never"] | None]
    ) -> Document:
        """Change what the document says of its retention, None being what the settings say; raises
        DocumentNotFound. One at a time, as above."""
        async with self._metadata_lock:
            kept = (await self.get(id)).retention
            return await self._store.set_retention(id, msgspec.structs.replace(kept, **changes))

    async def delete(self, id: str) -> None:
        """Erase the document and send everybody away from it; raises DocumentNotFound."""
        if not await self._store.delete(id):
            raise DocumentNotFound
        await self._registry.dismiss(id, DocumentNotFound("the document has been deleted"))

    def _check_metadata(self, metadata: dict[str, Any]) -> None:
        size, limit = len(msgspec.json.encode(metadata)), self._settings.max_metadata_bytes
        if size > limit:
            raise TooLarge(f"the metadata have {size} bytes, {limit} are allowed")
        check_json(metadata, self._settings.max_json_depth)

    # People ---------------------------------------------------------------------------------------

    async def presence(self, id: str) -> Sequence[Presence]:
        """Who shows something of themselves at the document now, on whatever node.

        Raises as `Registry.open`.
        """
        if self._registry.opened(id) is None and not self._registry.bus_up:
            await self.get(id)
            return []
        return await self._registry.everyone(id)

    async def post(self, id: str, writer: Writer, body: Any) -> None:
        """Send a message to those who are connected to the document.

        Raises DocumentNotFound, TooLarge, Malformed.
        """
        sent = msgspec.Raw(msgspec.json.encode(body))
        passed_on = checked_json(
            sent,
            self._settings.max_message_bytes,
            "a message",
            refusal=MessageTooLarge,
            depth=self._settings.max_json_depth,
        )
        message = Message(writer.author, writer.user, passed_on, memoryview(sent).nbytes)
        session = self._registry.opened(id)
        if session is None:
            document = await self.get(id)
            self._registry.pass_on(id, document.epoch, message)
            return
        session.messages.post(message)
        session.fanout.wake_followers()


def merge_patch(target: Any, patch: Any) -> Any:
    """The result of a JSON merge patch (RFC 7396): null removes, objects merge, the rest replaces.

    Changes neither argument.
    """
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged
