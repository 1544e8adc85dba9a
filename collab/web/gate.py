"""Open or shut, and waited at: `asyncio.Event` without the 700 bytes that each of its instances
keeps for waiters it hardly ever has."""

from __future__ import annotations

import asyncio


class Gate:
    """Has the methods of `asyncio.Event`; set means open."""

    __slots__ = ("_loop", "_open", "_waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._open = True
        self._waiters: list[asyncio.Future[None]] = []

    def is_set(self) -> bool:
        return self._open

    def clear(self) -> None:
        self._open = False

    def set(self) -> None:
        self._open = True
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self) -> None:
        """Return once the gate has been opened; at once if it is open."""
        if not self._open:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter
