"""A client's way to the balancer, which notes what the client is sent.

Owns what was seen of each document's log, by any number of connections.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple, cast

from collab_client import BinaryChannel, Channel
from collab_client.channel import (
    FrameChannel,
    OpenBinaryChannel,
    OpenChannel,
    WebsocketChannel,
    binary_websocket_opener,
    websocket_opener,
)


class Seen(NamedTuple):
    """A commit as a client was shown it: its name, and its operation as JSON with sorted keys."""

    author: str
    seq: int
    operation: str


class Watch:
    """Give one of its openers to `connect`. Of documents that speak the native protocol it knows
    every commit, and all contents with their version, that the client was ever shown."""

    def __init__(self) -> None:
        self.opened = 0
        self.commits: dict[int, Seen] = {}
        self.contents: list[tuple[int, Any]] = []
        self.contradictions: list[str] = []
        self._native: OpenChannel = websocket_opener()
        self._binary: OpenBinaryChannel = binary_websocket_opener()
        self._port = 0

    @property
    def port(self) -> int:
        """The client's end of its newest connection."""
        return self._port

    async def open_native(self, url: str) -> Channel:
        channel = await self._native(url)
        self._begin(channel)
        return _Noted(channel, self)

    async def open_binary(self, url: str) -> BinaryChannel:
        channel = await self._binary(url)
        self._begin(channel)
        return channel

    def _begin(self, channel: FrameChannel[Any]) -> None:
        socket = cast(WebsocketChannel[Any], channel)._connection
        self._port = int(socket.local_address[1])
        self.opened += 1

    def note(self, frame: str) -> None:
        """The client is sent this frame."""
        message = json.loads(frame)
        for edit in message.get("edits") or ():
            operation = json.dumps(edit["operation"], sort_keys=True)
            seen = Seen(edit["author"], edit["seq"], operation)
            if self.commits.setdefault(edit["version"], seen) != seen:
                self.contradictions.append(f"two commits are version {edit['version']}")
        if message["type"] in ("welcome", "reset") and message.get("contents") is not None:
            self.contents.append((message["version"], message["contents"]))


class _Noted:
    """A Channel that shows its watch what comes."""

    def __init__(self, channel: Channel, watch: Watch) -> None:
        self._channel = channel
        self._watch = watch

    async def send(self, frame: str) -> None:
        await self._channel.send(frame)

    async def receive(self) -> str:
        frame = await self._channel.receive()
        self._watch.note(frame)
        return frame

    async def close(self) -> None:
        await self._channel.close()
