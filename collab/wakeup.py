"""A level-triggered wakeup for one waiting task."""

from __future__ import annotations

import anyio


class Wakeup:
    """`set` from anywhere on the loop; one task waits. A set before the wait is not lost, and
    several sets before it are one."""

    __slots__ = ("_event", "_set")

    def __init__(self) -> None:
        self._set = False
        self._event: anyio.Event | None = None

    def set(self) -> None:
        self._set = True
        if self._event is not None:
            self._event.set()

    async def wait(self) -> None:
        """Return once it has been set since the last return."""
        if not self._set:
            self._event = anyio.Event()
            try:
                await self._event.wait()
            finally:
                self._event = None
        self._set = False
