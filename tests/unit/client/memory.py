"""A network in memory: channels to the model server of room.py, which tests cut, hold and refuse.

Owns delivery alone. Frames arrive as they are sent, unless `holding`; time is the test's, virtual.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Any

import anyio
import anyio.lowlevel

from collab.protocols import native
from collab_client import ChannelClosed, LiveDocument, connect
from collab_client.feeds import Bell
from tests.unit.client.room import Line, Server

URL = "http://server"


class Longest(Random):
    """Jitter without chance: always the longest delay."""

    def uniform(self, a: float, b: float) -> float:
        return b


class MemoryChannel:
    """One connection to the model server."""

    def __init__(self, network: Network) -> None:
        self.line = Line()
        self.bell = Bell()
        self.closed: ChannelClosed | None = None
        self._network = network

    async def send(self, frame: str) -> None:
        await anyio.lowlevel.checkpoint()
        if self.closed is not None:
            raise self.closed
        self._network.frames.append(frame)
        self.line.to_server.append(frame)
        self._network.deliver()

    async def receive(self) -> str:
        while not self.line.to_client:
            if self.closed is not None:
                raise self.closed
            await self.bell.wait()
        return self.line.to_client.popleft()

    async def close(self) -> None:
        self.end(1000)

    def end(self, code: int, reason: str = "") -> None:
        """The connection is closed with `code`, by whichever side."""
        if self.closed is None:
            self.closed = ChannelClosed(code, reason)
            if self.line in self._network.server.lines:
                self._network.server.lines.remove(self.line)
        self.bell.ring()


class Network:
    """`refusals` are raised by the next openings, one each; `down` refuses all."""

    def __init__(self, text: str = "", *, type_: str = "text") -> None:
        self.server = Server(text, type_=type_)
        self.channels: list[MemoryChannel] = []
        self.frames: list[str] = []
        self.opened_at: list[float] = []
        self.refusals: list[ChannelClosed] = []
        self.down = False
        self.holding = False
        self._opened = Bell()

    async def open(self, url: str) -> MemoryChannel:
        assert url == "ws://server/v1/documents/notes/socket"
        self.opened_at.append(anyio.current_time())
        await anyio.lowlevel.checkpoint()
        self._opened.ring()
        if self.refusals:
            raise self.refusals.pop(0)
        if self.down:
            raise ChannelClosed(1006, "refused", refused=True)
        channel = MemoryChannel(self)
        self.channels.append(channel)
        return channel

    def connect(self, **options: Any) -> AbstractAsyncContextManager[LiveDocument]:
        options.setdefault("random", Longest())
        return connect(URL, "notes", open_channel=self.open, **options)

    def deliver(self) -> None:
        """Let the server handle what has arrived, unless this is held back."""
        for channel in self.channels:
            while channel.line.to_server and not self.holding and channel.closed is None:
                self.server.handle(channel.line, channel.line.to_server.popleft())
        for channel in self.channels:
            channel.bell.ring()

    def say(self, message: native.ServerMessage) -> None:
        """The server sends this on the newest connection."""
        self.channels[-1].line.answer(message)
        self.channels[-1].bell.ring()

    def close(self, code: int = 1006, reason: str = "") -> None:
        """Every connection ends."""
        for channel in self.channels:
            channel.end(code, reason)

    def commit(self, operation: Any, author: str = "f" * 16) -> None:
        """Somebody else's edit."""
        self.server.commit(author, self.server.version + 1, operation)
        self.deliver()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait, in virtual time, until something is so; fails after a virtual minute."""
        with anyio.fail_after(60):
            while not condition():  # noqa: ASYNC110 - whatever it is about, time is virtual
                await anyio.sleep(0.001)

    def hellos(self) -> list[native.Hello]:
        found = [native.decode_client(frame) for frame in self.frames]
        return [message for message in found if isinstance(message, native.Hello)]

    def edits(self) -> list[str]:
        return [frame for frame in self.frames if '"type":"edit"' in frame]
