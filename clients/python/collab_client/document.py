"""A document that others edit at the same time: what users of this package hold in their hands.

Owns the user's view: edits at Python string indices, what changed, who is here, what is saved.
Knows nothing of frames and reconnects.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakSet

import anyio
import anyio.lowlevel

from collab.errors import InvalidOperation
from collab.ot.delta import Delta, normalize
from collab.ot.rope import Rope
from collab.protocols import native
from collab.words import Access
from collab_client import errors
from collab_client.connection import Connection
from collab_client.core import Replica
from collab_client.events import Changed, EditRefused, Event, PeersChanged
from collab_client.feeds import Change, ChangeFeed, Message
from collab_client.indices import formatting, replacing, text_of
from collab_client.open_document import OpenDocument, Status
from collab_client.presence import Presence

UNREAD_REFUSALS = 64
"""So many refusals wait for a `flush`; then the next edit raises them instead of being made."""


class LiveDocument(OpenDocument):
    """An open document. `connect` makes one; use it from the tasks of one event loop.

    Edits are applied at once, before the first await: `text` shows them when the call returns, and
    also when the call is cancelled. They are durable when `flush` returns. Offline, edits go on and
    wait. Indices are Python's: each character counts 1, each embed counts 1.
    """

    def __init__(self, document_id: str, replica: Replica, connection: Connection[str]) -> None:
        super().__init__(document_id, connection)
        self._replica = replica
        self._refusals: list[errors.Refused] = []
        self._changes: WeakSet[ChangeFeed] = WeakSet()
        self._shown: tuple[Rope, str] = (replica.local, "")
        self.presence = Presence(replica, connection)

    # What is -------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """The text as we see it now, own unsaved edits included; an embed shows as U+FFFC."""
        local = self._replica.local
        if self._shown[0] is not local:
            self._shown = (local, text_of(local))
        return self._shown[1]

    @property
    def contents(self) -> Delta:
        """The document as we see it now, as a Delta of inserts."""
        return self._replica.local.to_delta()

    @property
    def type(self) -> str:
        """`text` or `richtext`."""
        return self._replica.document_type

    @property
    def epoch(self) -> str:
        """Which log `version` counts in: another one after the document was deleted and created."""
        return self._replica.epoch or ""

    @property
    def version(self) -> int:
        """The newest commit that we have."""
        return self._replica.version

    @property
    def author(self) -> str:
        """Our public name in commits and presence."""
        return self._replica.author

    @property
    def unsaved(self) -> Delta:
        """All edits that are not durable, as one operation on the newest state of the log."""
        return self._replica.unsaved

    @property
    def status(self) -> Status:
        """Where it stands now."""
        if self._left or self._connection.failure is not None:
            return Status.CLOSED
        if self._replica.epoch is None:
            return Status.CONNECTING
        if not self._replica.live:
            return Status.OFFLINE
        if self._replica.access < Access.WRITE:
            return Status.READ_ONLY
        return Status.SAVED if self._replica.settled else Status.SAVING

    # Editing -------------------------------------------------------------------------------------

    async def insert(
        self,
        index: int,
        content: str | dict[str, Any],
        attributes: dict[str, Any] | None = None,
        **more_attributes: Any,
    ) -> None:
        """Insert a text or an embed; `insert(0, "Title", header=1)` formats it too.

        All edits raise IndexError outside the document, InvalidOperation for what the document's
        type cannot hold, ReadOnly, and Closed once the connection has ended for good.
        """
        formats = {**(attributes or {}), **more_attributes}
        await self.replace(index, 0, content, formats)

    async def delete(self, index: int, length: int) -> None:
        """Delete `length` characters."""
        await self.replace(index, length, "")

    async def replace(
        self,
        index: int,
        length: int,
        content: str | dict[str, Any],
        attributes: dict[str, Any] | None = None,
    ) -> None:
        """Put `content` in the place of `length` characters, as one edit."""
        await self.apply(replacing(self._replica.local, index, length, content, attributes))

    async def format(self, index: int, length: int, attributes: dict[str, Any]) -> None:
        """Change attributes of `length` characters; None takes one away. Only rich text has any."""
        await self.apply(formatting(self._replica.local, index, length, attributes))

    async def apply(self, operation: Delta) -> None:
        """Apply a Delta, whose positions are UTF-16 units of the current state."""
        await anyio.lowlevel.checkpoint_if_cancelled()
        self._apply(normalize(operation))
        await anyio.lowlevel.cancel_shielded_checkpoint()

    def _apply(self, operation: Delta) -> None:
        self._check_open()
        if self._replica.access < Access.WRITE:
            raise errors.ReadOnly
        if len(self._refusals) >= UNREAD_REFUSALS:
            self._raise_refusals()
        if self.type == "text" and any(
            op.attributes or isinstance(op.insert, dict) for op in operation
        ):
            raise InvalidOperation("a plain text has neither attributes nor embeds")
        if not operation:
            return
        before = self._replica.local
        self._replica.edit(operation)
        change = Change(operation, self.author, None, self.epoch, self.version, before, local=True)
        for feed in self._changes:
            feed.put(change)
        self._connection.wake()

    async def flush(self) -> None:
        """Wait until every edit made so far is durable on the server.

        Returns at once if nothing waits. Offline it waits for the connection, however long: bound
        it with `anyio.fail_after`. Raises Refused if an edit was refused since the last flush (it
        is taken back from the document and returned in the exception), ReadOnly if edits wait that
        may not be sent, and the Closed that ended the connection if edits are left.
        """
        target = self._replica.outbox.made
        while self._replica.outbox.settled < target:
            if self._connection.failure is not None:
                raise self._connection.failure
            if self._replica.stuck:
                raise errors.ReadOnly(self._replica.unsaved)
            await self._progress.wait()
        if self._refusals:
            self._raise_refusals()

    # Following -----------------------------------------------------------------------------------

    def changes(self, *, local: bool = False) -> ChangeFeed:
        """What others change from now on, in order, as an async iterator for one reader.

        With `local`, own edits too: then the operations, one after the other, always lead from the
        state at this call to the current one. Where nobody reads, more than 256 waiting changes are
        put together into one. It ends when the document is left, and raises the Closed that ended
        the connection.
        """
        return self._joined(ChangeFeed(local=local), self._changes)

    async def send_message(self, body: Any) -> None:
        """Send any JSON value to all peers that are here now. Never stored; raises Offline."""
        self._check_open()
        await self._connection.send(native.encode(native.SendMessage(body)))

    # The connection's side -----------------------------------------------------------------------

    def hear(self, events: Iterable[Event]) -> None:
        """Take what the replica made of a message."""
        for event in events:
            match event:
                case Changed(operation, author, user, epoch, version, before):
                    change = Change(operation, author, user, epoch, version, before)
                    for feed in self._changes:
                        feed.put(change)
                case EditRefused(code, message, operation):
                    self._refusals.append(errors.Refused(code, message, operation))
                case native.PeerMessage(author, user, body):
                    for inbox in self._messages:
                        inbox.put(Message(author, user, body))
                case PeersChanged():
                    self.presence.tell()
        if self._replica.live:
            self._learn_access(self._replica.access)
        self._moved()

    def unsaved_error(self, seconds: float) -> errors.Unsaved:
        return errors.Unsaved(self.unsaved, seconds)

    def _end(self, failure: errors.ClientError | None) -> None:
        super()._end(failure)
        for changes in self._changes:
            changes.end(failure)
        self.presence.end(failure)

    def _raise_refusals(self) -> None:
        first, *others = self._refusals
        self._refusals = []
        first.others = tuple(others)
        raise first
