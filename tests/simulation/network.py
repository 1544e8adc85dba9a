"""Connections in memory: each direction in order, with delay, a bound and a sudden end.

A connection never loses or swaps frames while it lives (neither does TCP); when it breaks, what is
under way is gone and the two sides learn of it at different times. Connections overtake each other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any, TypeAlias

import anyio

from collab.wakeup import Wakeup

Frame: TypeAlias = str | bytes

# Frames under way in one direction before a sender has to wait.
_WINDOW = 16


class Gate:
    """Where a paused node's tasks wait."""

    def __init__(self) -> None:
        self._open = anyio.Event()
        self._open.set()

    async def passage(self) -> None:
        while not self._open.is_set():
            await self._open.wait()

    @property
    def is_open(self) -> bool:
        return self._open.is_set()

    def shut(self) -> None:
        if self._open.is_set():
            self._open = anyio.Event()

    def open(self) -> None:
        self._open.set()


class Broken(Exception):
    """The connection is gone; with the close code if the other side closed it."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(code)
        self.code = code


class Pipe:
    """One direction."""

    def __init__(self, delay: Callable[[], float]) -> None:
        self._delay = delay
        self._frames: deque[tuple[float, Frame | int]] = deque()
        self._last_arrival = 0.0
        self._arrived = Wakeup()
        self._taken = anyio.Event()
        self._broken = False

    async def send(self, frame: Frame) -> None:
        while len(self._frames) >= _WINDOW and not self._broken:
            await self._taken.wait()
        if self._broken:
            raise Broken
        self._put(frame)

    def close(self, code: int) -> None:
        """The last thing this direction carries."""
        if not self._broken:
            self._put(code)

    async def receive(self) -> Any:
        while True:
            if self._broken:
                raise Broken
            if not self._frames:
                await self._arrived.wait()
                continue
            wait = self._frames[0][0] - anyio.current_time()
            if wait > 0:
                with anyio.move_on_after(wait):
                    await self._arrived.wait()
                continue
            _, frame = self._frames.popleft()
            self._taken.set()
            self._taken = anyio.Event()
            if isinstance(frame, int):
                self.snap()
                raise Broken(frame)
            return frame

    def snap(self) -> None:
        """Lose everything under way; both calls fail from now on."""
        self._broken = True
        self._frames.clear()
        self._arrived.set()
        self._taken.set()

    def _put(self, frame: Frame | int) -> None:
        self._last_arrival = max(self._last_arrival, anyio.current_time() + self._delay())
        self._frames.append((self._last_arrival, frame))
        self._arrived.set()


class Connection:
    """Two pipes between a client and a node."""

    def __init__(self, random: Random, slowest: float) -> None:
        self.up = Pipe(lambda: random.uniform(0, slowest))
        self.down = Pipe(lambda: random.uniform(0, slowest))

    def break_down(self, apart: float) -> None:
        """Break both directions, the client's end `apart` seconds before the server's."""
        self.down.snap()
        asyncio.get_running_loop().call_later(apart, self.up.snap)
