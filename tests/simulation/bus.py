"""A bus between nodes that loses, repeats and delays news, each piece by itself, so that they
overtake each other; and is away from time to time."""

from __future__ import annotations

import asyncio
from random import Random

from collab.bus import Listener
from tests.simulation.network import Gate

_AGAIN_SECONDS = 0.05


class Rough:
    """What the buses of all nodes share. Once `calm` nothing is lost any more."""

    def __init__(self, random: Random, *, loses: float, repeats: float, slowest: float) -> None:
        self._random = random
        self._loses = loses
        self._repeats = repeats
        self._slowest = slowest
        self.buses: list[RoughBus] = []
        self.calm = False
        self.away = False

    def carry(self, channel: str | None, news: bytes) -> None:
        """Bring it to each node some time, perhaps, perhaps twice."""
        for bus in self.buses:
            if not self.calm and (self.away or self._random.random() < self._loses):
                continue
            for _ in range(1 + (self._random.random() < self._repeats)):
                self.later(bus, channel, news)

    def later(self, bus: RoughBus, channel: str | None, news: bytes | None) -> None:
        delay = self._random.uniform(0, self._slowest)
        asyncio.get_running_loop().call_later(delay, bus.receive, channel, news)

    def come_back(self) -> None:
        """The end of being away."""
        self.away = False
        for bus in self.buses:
            bus.tune_all()


class RoughBus:
    """See `collab.bus.Bus`; one life of one node, behind its gate."""

    def __init__(self, rough: Rough, gate: Gate) -> None:
        self._rough = rough
        self._gate = gate
        self._listener: Listener | None = None
        self._channels: set[str | None] = {None}
        self._closed = False
        rough.buses.append(self)

    @property
    def healthy(self) -> bool:
        return not self._rough.away

    def close(self) -> None:
        """The node is dead: whatever its timers still do."""
        self._closed = True
        self._rough.buses.remove(self)

    def listen(self, listener: Listener) -> None:
        self._listener = listener
        self.tune_all()

    def subscribe(self, document: str) -> None:
        self._channels.add(document)
        self._rough.later(self, document, None)

    def unsubscribe(self, document: str) -> None:
        self._channels.discard(document)

    def publish(self, channel: str | None, news: bytes) -> None:
        if self._closed:
            return
        if self._gate.is_open:
            self._rough.carry(channel, news)
        else:
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self.publish, channel, news)

    def tune_all(self) -> None:
        for channel in sorted(self._channels, key=str):
            self._rough.later(self, channel, None)

    def receive(self, channel: str | None, news: bytes | None) -> None:
        """What has arrived, or with None word that the channel is heard."""
        if self._closed or self._listener is None or channel not in self._channels:
            return
        if not self._gate.is_open:
            loop = asyncio.get_running_loop()
            loop.call_later(_AGAIN_SECONDS, self.receive, channel, news)
        elif news is None:
            self._listener.tuned(channel)
        else:
            self._listener.hear(channel, news)
