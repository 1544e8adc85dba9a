"""A Python client's way to its server, in the hands of a test: cut, mended, and watched."""

from __future__ import annotations

from random import Random

import anyio

from collab_client import Channel, ChannelClosed
from collab_client.channel import websocket_opener


class Eager(Random):
    """Jitter of clients that come back soon, so that a test need not wait for them."""

    def uniform(self, a: float, b: float) -> float:
        return super().uniform(a, min(b, 0.2))


class Line:
    """Give its `open` to `connect`. `frames` counts what the client has handed over."""

    def __init__(self) -> None:
        self._open = websocket_opener()
        self._cut = False
        self._channel: Channel | None = None
        self._knocked = anyio.Event()
        self._sent = anyio.Event()
        self.frames = 0

    async def open(self, url: str) -> Channel:
        self._knocked.set()
        if self._cut:
            raise ChannelClosed(refused=True)
        self._channel = _Watched(await self._open(url), self)
        return self._channel

    async def cut(self) -> None:
        """Close the connection, let no other through, and wait until the client has noticed."""
        self._cut = True
        if self._channel is not None:
            await self._channel.close()
        await self.knock()

    def mend(self) -> None:
        """Let the client's next attempt through."""
        self._cut = False

    async def knock(self) -> None:
        """Wait for the client's next attempt to connect."""
        self._knocked = anyio.Event()
        await self._knocked.wait()

    async def sent(self, frames: int) -> None:
        """Wait until the client has handed over so many frames in all."""
        while self.frames < frames:
            await self._sent.wait()

    def count(self) -> None:
        """One more frame."""
        self.frames += 1
        self._sent.set()
        self._sent = anyio.Event()


class _Watched:
    """A Channel that tells its line of what it sends."""

    def __init__(self, channel: Channel, line: Line) -> None:
        self._channel = channel
        self._line = line

    async def send(self, frame: str) -> None:
        await self._channel.send(frame)
        self._line.count()

    async def receive(self) -> str:
        return await self._channel.receive()

    async def close(self) -> None:
        await self._channel.close()
