"""The bus between nodes of one process: for embedding several of them, and for tests.

Owns an order of delivery like that of a real one: never within the call that publishes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from collab.bus import Listener


class Ether:
    """What the buses of several nodes share."""

    def __init__(self) -> None:
        self.buses: list[MemoryBus] = []

    def carry(self, channel: str | None, news: bytes) -> None:
        """Bring `news` to everybody who hears the channel when it arrives, the sender included."""
        for bus in self.buses:
            asyncio.get_running_loop().call_soon(bus.receive, channel, news)


class MemoryBus:
    """See `collab.bus.Bus`; one node's part. `away` makes it lose everything, as in an outage."""

    def __init__(self, ether: Ether) -> None:
        self._ether = ether
        self._listener: Listener | None = None
        self._channels: set[str | None] = {None}
        self._away = False

    @property
    def healthy(self) -> bool:
        return not self._away

    @property
    def away(self) -> bool:
        return self._away

    @away.setter
    def away(self, away: bool) -> None:
        returns = self._away and not away
        self._away = away
        if returns:
            for channel in self._channels:
                self._tune(channel)

    def listen(self, listener: Listener) -> None:
        self._listener = listener
        self._tune(None)

    def subscribe(self, document: str) -> None:
        if document not in self._channels:
            self._channels.add(document)
            self._tune(document)

    def unsubscribe(self, document: str) -> None:
        self._channels.discard(document)

    def publish(self, channel: str | None, news: bytes) -> None:
        if not self._away:
            self._ether.carry(channel, news)

    def receive(self, channel: str | None, news: bytes) -> None:
        """What the ether brings."""
        if not self._away and channel in self._channels and self._listener is not None:
            self._listener.hear(channel, news)

    def _tune(self, channel: str | None) -> None:
        asyncio.get_running_loop().call_soon(self._tuned, channel)

    def _tuned(self, channel: str | None) -> None:
        if not self._away and channel in self._channels and self._listener is not None:
            self._listener.tuned(channel)


@asynccontextmanager
async def open_memory(ether: Ether) -> AsyncIterator[MemoryBus]:
    """A node's bus over `ether` for the length of the block."""
    bus = MemoryBus(ether)
    ether.buses.append(bus)
    try:
        yield bus
    finally:
        ether.buses.remove(bus)
