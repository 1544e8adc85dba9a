"""Who is here and where their cursors are, in Python string indices.

Owns the user's view of presence; how positions move is in peers.py. Knows nothing of frames.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from weakref import WeakSet

import anyio.lowlevel
import msgspec

from collab.errors import InvalidOperation
from collab_client.connection import Connection
from collab_client.core import Replica
from collab_client.feeds import NewestFeed
from collab_client.peers import Selection

PeersT = TypeVar("PeersT")


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody who is here. `selection` is (anchor, head) in string indices of our text now, or
    None if they told none, or one that cannot be placed in it."""

    author: str
    user: str | None
    state: Any
    selection: tuple[int, int] | None


class Followed(ABC, Generic[PeersT]):
    """The peers, and who is to be told when they change."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._ended = False
        self._feeds: WeakSet[NewestFeed[PeersT]] = WeakSet()

    @property
    @abstractmethod
    def peers(self) -> PeersT:
        """The others. Nobody is known to be here offline."""

    def updates(self) -> NewestFeed[PeersT]:
        """The peers after each change from now on; who reads late gets only the newest."""
        feed: NewestFeed[PeersT] = NewestFeed()
        if self._ended:
            feed.end(self._connection.failure)
        self._feeds.add(feed)
        return feed

    def tell(self) -> None:
        """The peers have changed."""
        if self._feeds:
            peers = self.peers
            for feed in self._feeds:
                feed.put(peers)

    def end(self, failure: Exception | None) -> None:
        """There will be no more news."""
        self._ended = True
        for feed in self._feeds:
            feed.end(failure)


class Presence(Followed[Mapping[str, Peer]]):
    """What we show of ourselves, and what the others show. Nobody is known to be here offline."""

    def __init__(self, replica: Replica, connection: Connection[str]) -> None:
        super().__init__(connection)
        self._replica = replica

    @property
    def peers(self) -> dict[str, Peer]:
        """The others, by author."""
        return {
            author: Peer(author, entry.user, entry.state, self._selection_of(author))
            for author, entry in self._replica.company.peers.items()
        }

    async def set(
        self, state: dict[str, Any], selection: int | tuple[int, int] | None = None
    ) -> None:
        """Show `state`, a JSON object, until told otherwise, after reconnects too.

        `selection` is a cursor or an (anchor, head) in string indices; it is sent under the key
        `selection` and moves with the text. Raises IndexError outside the document, TypeError for
        what JSON cannot say, ValueError for more of it than the server takes.
        """
        encoded = msgspec.json.encode(state)
        limits = self._replica.limits
        if limits is not None and len(encoded) > limits.presence_bytes:
            raise ValueError(f"a presence may have {limits.presence_bytes} bytes")
        self._replica.company.present(msgspec.json.decode(encoded), self._units(selection))
        self._connection.wake()
        await anyio.lowlevel.checkpoint()

    async def clear(self) -> None:
        """Show nothing."""
        self._replica.company.present(None)
        self._connection.wake()
        await anyio.lowlevel.checkpoint()

    def _selection_of(self, author: str) -> tuple[int, int] | None:
        selection = self._replica.selection_of(author)
        if selection is None:
            return None
        try:
            local = self._replica.local
            return local.points_at(selection.anchor), local.points_at(selection.head)
        except InvalidOperation:
            return None  # a peer may claim any position

    def _units(self, selection: int | tuple[int, int] | None) -> Selection | None:
        if selection is None:
            return None
        anchor, head = (selection, selection) if isinstance(selection, int) else selection
        local = self._replica.local
        if not (0 <= anchor <= local.points and 0 <= head <= local.points):
            raise IndexError(f"{selection} is not within a document of {local.points}")
        return Selection(local.units_at(anchor), local.units_at(head))
