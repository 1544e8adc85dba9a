"""A level-triggered wakeup for one waiting task.

Made of a bare future of the running loop: every peer waits once per frame, and an `anyio.Event`
costs ten times as much to make (docs/decisions/0002).
"""

from __future__ import annotations

import asyncio


class Wakeup:
    """`set` from anywhere on the loop; one task waits. A set before the wait is not lost, and
    several sets before it are one."""

    __slots__ = ("_future", "_loop", "_set")

    def __init__(self) -> None:
        self._set = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._future: asyncio.Future[None] | None = None

    def set(self) -> None:
        self._set = True
        future = self._future
        if future is not None and not future.done():
            future.set_result(None)

    async def wait(self) -> None:
        """Return once it has been set since the last return."""
        if not self._set:
            if self._loop is None:
                # Kept: asking for it costs a system call in Python 3.11.
                self._loop = asyncio.get_running_loop()
            self._future = self._loop.create_future()
            try:
                await self._future
            finally:
                self._future = None
        self._set = False
