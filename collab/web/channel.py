"""One document's part of a socket that many documents share, as the wire of its peer.

Owns what has come for the document and its peer has not taken, and the bounds on it. Knows nothing
of who may open what.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import lru_cache

from starlette.datastructures import State

from collab.authorizer import Standing
from collab.fanout import Outlet
from collab.hocuspocus_peer import HocuspocusPeer
from collab.peer import Disconnected, Wire
from collab.protocols import hocuspocus
from collab.wakeup import Wakeup
from collab.web.framing import binary_frame
from collab.web.trials import is_tried, tried
from collab.web.wires import FRAMES_KEPT, KEPT_BYTES, BinaryWire
from collab.yjs_peer import Heard

# What waits for its documents before the socket is no longer read: messages of one, bytes of all.
_WAITING_MESSAGES = 64
_WAITING_BYTES = 1024 * 1024
# Addresses whose peers share what is packed for them.
_PACKERS_KEPT = 4096


class Backlog:
    """The bytes that wait on one socket, whichever documents they are for. One task reads it."""

    def __init__(self) -> None:
        self.size = 0
        self.room = Wakeup()


class Channel(Wire[Heard, bytes]):
    """One document's part of the socket, as its peer's wire."""

    def __init__(self, address: str, wire: BinaryWire, backlog: Backlog, state: State) -> None:
        self.address = address
        self.peer: HocuspocusPeer | None = None
        self.standing: Standing | None = None
        self._wire = wire
        self._pack = _packer(address)
        self._backlog = backlog
        self._state = state
        self._waiting: deque[tuple[Heard, int]] = deque()
        self._news = Wakeup()
        self._take: Callable[[Heard], bool] | None = None  # of the peer, while it hears
        self._failure: Exception | None = None
        self._closed = False

    def offer(self, message: Heard) -> bool:
        """Hand a message over at once; False if it has to be `put`."""
        take = self._take
        if take is None or self._waiting or is_tried(message):
            return False
        try:
            more = take(message)
        except Exception as failure:
            # It ends this document, not the others on the socket.
            self._failure = failure
            more = False
        if not more:
            self._take = None
            self._news.set()
        return True

    async def put(self, message: Heard, size: int) -> None:
        """Hand over a message of so many bytes; waits while too much waits."""
        while not self._closed and self._is_full():
            await self._backlog.room.wait()
        if not self._closed:
            self._waiting.append((message, size))
            self._backlog.size += size
            self._news.set()

    def _is_full(self) -> bool:
        return len(self._waiting) >= _WAITING_MESSAGES or self._backlog.size >= _WAITING_BYTES

    def close(self) -> None:
        """The client has left the document, or the document the client."""
        self._closed = True
        self._news.set()
        self._backlog.room.set()

    def drop(self) -> None:
        """Close, with nobody to receive what still waits."""
        self._backlog.size -= sum(size for _, size in self._waiting)
        self._waiting.clear()
        self.close()

    async def hear(self, take: Callable[[Heard], bool]) -> None:
        while self._waiting:
            if not take(await self.receive()):
                return
        if self._closed:
            raise Disconnected
        self._take = take
        try:
            await self._news.wait()
        finally:
            self._take = None
        if self._failure is not None:
            raise self._failure

    async def receive(self) -> Heard:
        while not self._waiting:
            if self._closed:
                raise Disconnected
            await self._news.wait()
        message, size = self._waiting.popleft()
        self._backlog.size -= size
        self._backlog.room.set()
        return await tried(message, self._state)

    async def send(self, frame: bytes) -> None:
        await self._wire.send(_under(self.address, frame))

    @property
    def pack(self) -> Callable[[bytes], bytes]:
        return self._pack

    @property
    def outlet(self) -> Outlet:
        return self._wire.outlet

    @property
    def waiting_bytes(self) -> int | None:
        return self._wire.waiting_bytes


@lru_cache(_PACKERS_KEPT)
def _packer(address: str) -> Callable[[bytes], bytes]:
    """What packs frames for a document; its peers mostly have one address."""

    def pack(frame: bytes) -> bytes:
        return binary_frame(_under(address, frame))

    return pack


_kept_under = lru_cache(FRAMES_KEPT)(hocuspocus.under)


def _under(address: str, frame: bytes) -> bytes:
    under = _kept_under if len(frame) <= KEPT_BYTES else hocuspocus.under
    return under(address, frame)
