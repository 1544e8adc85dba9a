"""Measures how long the event loop was kept from everybody.

Owns one number, the longest stall of the last minutes, and a line in the log for every bad one.
"""

from __future__ import annotations

from collections import deque

import anyio
import structlog

from collab.metrics import STALL_SECONDS

_log = structlog.stdlib.get_logger(__name__)

_EVERY_SECONDS = 0.1
_TELL_SECONDS = 0.25
# The longest stall is told for the last so many windows of a minute.
_WINDOW_SECONDS = 60
_WINDOWS = 10


class LoopWatch:
    """`run` sleeps short times and looks how much longer they took."""

    def __init__(self) -> None:
        self._windows: deque[float] = deque([0.0], maxlen=_WINDOWS)

    @property
    def longest_seconds(self) -> float:
        """The longest stall of the last ten minutes."""
        return max(self._windows)

    def note(self, stall_seconds: float) -> None:
        """One more measurement."""
        STALL_SECONDS.observe(stall_seconds)
        self._windows[-1] = max(self._windows[-1], stall_seconds)
        if stall_seconds >= _TELL_SECONDS:
            _log.warning("the loop stalled", milliseconds=round(stall_seconds * 1000))

    async def run(self) -> None:
        """Measure until cancelled."""
        window_ends = anyio.current_time() + _WINDOW_SECONDS
        while True:
            due = anyio.current_time() + _EVERY_SECONDS
            await anyio.sleep(_EVERY_SECONDS)
            now = anyio.current_time()
            self.note(max(now - due, 0))
            if now >= window_ends:
                window_ends = now + _WINDOW_SECONDS
                self._windows.append(0.0)
