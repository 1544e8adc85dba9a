"""One connected reader and writer of a document, with its cursor: what every protocol shares.

Owns the two loops, the bounded outbox, and the order of an ending. What frames mean is a protocol's
(`native_peer`, `yjs_peer`). Knows neither sockets (a `Wire` carries the frames) nor tokens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

import anyio

from collab.errors import CollabError
from collab.session import Session
from collab.settings import Settings
from collab.wakeup import Wakeup
from collab.words import Access

F = TypeVar("F", str, bytes)

# Answers that wait for a slow reader before its own frames are no longer read.
_OUTBOX_FRAMES = 64
_FINAL_WRITE_SECONDS = 2


class Disconnected(Exception):
    """The other side of the wire is gone."""


class Wire(Protocol[F]):
    """Carries frames; both calls raise Disconnected, `receive` also CollabError for a frame of the
    wrong kind."""

    async def receive(self) -> F: ...

    async def send(self, frame: F) -> None: ...


class Peer(ABC, Generic[F]):
    """A connection that may read the document. `run` serves it."""

    def __init__(
        self,
        session: Session,
        wire: Wire[F],
        *,
        author: str,
        user: str | None,
        access: Access,
        settings: Settings,
    ) -> None:
        self.author = author
        self.user = user
        self.access = access
        self.cursor = session.version
        self._session = session
        self._settings = settings
        self._presence_cursor = session.presence.stamp
        self._message_cursor = session.messages.count
        self._wire: Wire[F] = wire
        self._outbox: list[F] = []
        self._outbox_sent = Wakeup()
        self._listening = True
        self._ending: CollabError | None = None
        self._wakeup = Wakeup()
        self._scope = anyio.CancelScope()

    async def run(self) -> None:
        """Serve the connection until the client leaves; raises why it has to be closed."""
        self._session.follow(self)
        try:
            for frame in await self._greet():
                await self._wire.send(frame)
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._write)
                    await self._read()
        except Disconnected:
            return
        finally:
            self._session.unfollow(self)
            self._leave()
        if self._ending is not None:
            raise self._ending

    # What a protocol adds -------------------------------------------------------------------------

    @abstractmethod
    async def _greet(self) -> list[F]:
        """The first frames, with the cursors where they leave off."""

    @abstractmethod
    def _receive(self, frame: F) -> None:
        """Take one frame of the client; raises what the connection has to be closed for."""

    @abstractmethod
    def _news(self) -> list[F]:
        """Frames for what is new since the cursors, which move over it; none if nothing is."""

    def _farewell(self, reason: CollabError) -> list[F]:
        """The last frames before the connection is closed for `reason`."""
        return []

    @abstractmethod
    def _leave(self) -> None:
        """The connection is over: take back what it has shown of itself."""

    # Follower -------------------------------------------------------------------------------------

    def wake(self) -> None:
        self._wakeup.set()

    def end(self, error: CollabError) -> None:
        """Close the connection for this reason, after what is ready to be sent."""
        if self._ending is None:
            self._ending = error
            self._wakeup.set()
            if not self._listening:
                self._scope.cancel()

    # For the protocols ----------------------------------------------------------------------------

    def _put(self, frame: F) -> None:
        """Send this frame next, before what is new."""
        if self._listening:
            self._outbox.append(frame)
            self._wakeup.set()

    def _may_write(self) -> bool:
        return self.access >= Access.WRITE

    # The two loops --------------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            while True:
                await self._session.room()
                while len(self._outbox) >= _OUTBOX_FRAMES:
                    await self._outbox_sent.wait()
                self._receive(await self._wire.receive())
        except Disconnected:
            self._scope.cancel()
        except CollabError as error:
            self.end(error)

    async def _write(self) -> None:
        try:
            while self._ending is None:
                if not await self._send_ready():
                    await self._wakeup.wait()
            with anyio.move_on_after(_FINAL_WRITE_SECONDS):
                while await self._send_ready():
                    pass
                for frame in self._farewell(self._ending):
                    await self._wire.send(frame)
        except Disconnected:
            # What it sent before it left is still to be read; nobody waits for the answers.
            self._listening = False
            self._take_outbox()
        else:
            self._scope.cancel()

    async def _send_ready(self) -> bool:
        """Send one round of what there is; False if there was nothing."""
        frames = self._take_outbox()
        frames += self._news()
        for frame in frames:
            await self._wire.send(frame)
        return bool(frames)

    def _take_outbox(self) -> list[F]:
        if not self._outbox:
            return []
        frames, self._outbox = self._outbox, []
        self._outbox_sent.set()
        return frames
