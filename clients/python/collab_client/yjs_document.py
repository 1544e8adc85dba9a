"""A Yjs document that others edit at the same time: what users of this package hold in their hands.

Owns the user's view: the pycrdt document with its roots, what is saved, who is here. Knows nothing
of frames and reconnects.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakSet

import anyio
import anyio.lowlevel
import msgspec
from pycrdt import Array, Doc, Map, Text, XmlFragment

from collab.protocols import hocuspocus
from collab.words import Access
from collab_client import errors
from collab_client.connection import Connection
from collab_client.events import PeersChanged
from collab_client.feeds import Message, UpdateFeed
from collab_client.open_document import OpenDocument, Status
from collab_client.presence import Followed
from collab_client.yjs_replica import Updated, YjsEvent, YjsReplica

TICK_SECONDS = 3.0


class YjsPresence(Followed[dict[int, Any]]):
    """What we show of ourselves, and what the others show: Yjs' awareness."""

    def __init__(self, replica: YjsReplica, connection: Connection[bytes]) -> None:
        super().__init__(connection)
        self._replica = replica

    @property
    def peers(self) -> dict[int, Any]:
        """The states of the others, by Yjs client id. Nobody is known to be here offline."""
        return self._replica.awareness.peers

    async def set(self, state: dict[str, Any]) -> None:
        """Show `state`, a JSON object, until told otherwise, after reconnects too.

        Editors look for a name and a colour in `{"user": {"name": …, "color": "#rrggbb"}}`. Raises
        TypeError for what JSON cannot say.
        """
        await self._show(msgspec.json.decode(msgspec.json.encode(state)))

    async def clear(self) -> None:
        """Show nothing."""
        await self._show(None)

    async def _show(self, state: Any) -> None:
        self._replica.awareness.present(state)
        self._connection.wake()
        await anyio.lowlevel.checkpoint()


class YjsDocument(OpenDocument):
    """An open Yjs document. `connect(…, type="yjs")` makes one; use it from one event loop.

    Change `ydoc`, or the roots that it gives, as pycrdt allows: it is sent by itself, and durable
    when `flush` returns. Offline, changes go on and wait.
    """

    def __init__(
        self, document_id: str, replica: YjsReplica, connection: Connection[bytes]
    ) -> None:
        super().__init__(document_id, connection)
        self._replica = replica
        self._changes: WeakSet[UpdateFeed] = WeakSet()
        self._roots: dict[tuple[str, type[Any]], Any] = {}
        self.presence = YjsPresence(replica, connection)
        replica.edited = connection.wake

    # What is -------------------------------------------------------------------------------------

    @property
    def ydoc(self) -> Doc[Any]:
        """The pycrdt document itself."""
        return self._replica.ydoc

    def text(self, name: str) -> Text:
        """The root text of that name. Its positions are bytes of UTF-8, as everywhere in pycrdt."""
        root: Text = self._root(name, Text)
        return root

    def map(self, name: str) -> Map[Any]:
        """The root map of that name."""
        root: Map[Any] = self._root(name, Map)
        return root

    def array(self, name: str) -> Array[Any]:
        """The root array of that name."""
        root: Array[Any] = self._root(name, Array)
        return root

    def xml(self, name: str) -> XmlFragment:
        """The root XML fragment of that name, as ProseMirror and TipTap use one."""
        root: XmlFragment = self._root(name, XmlFragment)
        return root

    def _root(self, name: str, type: type[Any]) -> Any:
        # Kept, since pycrdt ends what observes a root as soon as nobody holds that very object.
        root = self._roots.get((name, type))
        if root is None:
            root = self._roots[name, type] = self.ydoc.get(name, type=type)
        return root

    @property
    def status(self) -> Status:
        """Where it stands now."""
        if self._left or self._connection.failure is not None:
            return Status.CLOSED
        if not self._replica.live:
            return Status.OFFLINE if self._connection.welcomed else Status.CONNECTING
        if self._replica.access < Access.WRITE:
            return Status.READ_ONLY
        return Status.SAVED if self._replica.settled else Status.SAVING

    async def flush(self) -> None:
        """Wait until everything changed so far is durable on the server.

        Returns at once if nothing waits. Offline it waits for the connection, however long: bound
        it with `anyio.fail_after`. Raises ReadOnly if changes wait that the server does not take,
        and the Closed that ended the connection if changes are left.
        """
        target = self._replica.outbox.made
        while self._replica.outbox.settled < target:
            self._check_open()
            if self._replica.stuck:
                raise errors.ReadOnly
            await self._progress.wait()

    # Following -----------------------------------------------------------------------------------

    def changes(self) -> UpdateFeed:
        """What others change from now on, in order, as Yjs updates, for one reader.

        Each is in `ydoc` already. Where nobody reads, more than 256 waiting ones are merged. For
        events of one root, use its `observe`.
        """
        return self._joined(UpdateFeed(), self._changes)

    async def send_message(self, body: str) -> None:
        """Send a text to all peers that are here now: a "stateless" message of Hocuspocus.

        Never stored; raises Offline.
        """
        self._check_open()
        await self._connection.send(hocuspocus.encode(self.id, hocuspocus.Stateless(body)))

    # The connection's side -----------------------------------------------------------------------

    def hear(self, events: Iterable[YjsEvent]) -> None:
        """Take what the replica made of a message."""
        for event in events:
            match event:
                case Updated(update):
                    for feed in self._changes:
                        feed.put(update)
                case hocuspocus.Stateless(payload=payload):
                    for inbox in self._messages:
                        inbox.put(Message("", None, payload))
                case PeersChanged():
                    self.presence.tell()
        if self._replica.live:
            self._learn_access(self._replica.access)
        self._moved()

    async def keep_time(self) -> None:
        """Renew our presence, and forget who does not renew theirs; for ever."""
        while True:
            await anyio.sleep(TICK_SECONDS)
            self.hear(self._replica.tick())
            self._connection.wake()

    def unsaved_error(self, seconds: float) -> errors.Unsaved:
        return errors.Unsaved((), seconds)

    def leave(self) -> None:
        super().leave()
        self._replica.stop()

    def _end(self, failure: errors.ClientError | None) -> None:
        super()._end(failure)
        for changes in self._changes:
            changes.end(failure)
        self.presence.end(failure)
