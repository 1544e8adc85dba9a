"""Time limits of a connection, and how its socket is set up.

Owns the timers that give up on a peer which makes no progress. Knows nothing of HTTP or websockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Final

UNSENT_BYTES: Final = 128 * 1024

_log = logging.getLogger("collab.web.transport")


class Deadline:
    """A timer that can be started again and stopped any number of times.

    Knows its action only while it runs: a connection's would lead back to the connection, and that
    circle would have to be found by the garbage collector.
    """

    __slots__ = ("_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        return self._timer is not None

    def start(self, seconds: float, action: Callable[[], None]) -> None:
        """Do the action in `seconds` from now, and no earlier."""
        self.stop()
        self._timer = self._loop.call_later(seconds, self._run, action)

    def stop(self) -> None:
        """Do nothing until started again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self, action: Callable[[], None]) -> None:
        self._timer = None
        action()


class StallWatch:
    """Aborts a transport that takes none of what is buffered for it in `seconds` (up to a quarter
    later). Costs nothing while nothing is buffered."""

    __slots__ = ("_buffered", "_deadline", "_loop", "_seconds", "_since", "_transport")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, seconds: float
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._seconds = seconds
        self._deadline = Deadline(loop)
        self._buffered = 0
        self._since = 0.0

    def start(self) -> None:
        """Something is buffered now."""
        self._buffered = self._transport.get_write_buffer_size()
        self._since = self._loop.time()
        self._deadline.start(self._seconds / 4, self._check)

    def stop(self) -> None:
        """Nothing is buffered any more, or the transport is gone."""
        self._deadline.stop()

    def _check(self) -> None:
        buffered = self._transport.get_write_buffer_size()
        if buffered < self._buffered:
            self._since = self._loop.time()
        elif self._loop.time() - self._since >= self._seconds:
            _log.info("dropped a connection that has not read for %g s", self._seconds)
            self._transport.abort()
            return
        self._buffered = buffered
        self._deadline.start(self._seconds / 4, self._check)


def tune(transport: asyncio.Transport) -> None:
    """Set a new connection up: small frames leave at once, the kernel holds little that has not
    been sent, and the protocol is paused exactly while something is buffered (which is what a
    StallWatch watches, and what bounds a peer that does not read to one frame)."""
    transport.set_write_buffer_limits(high=0)
    connection = transport.get_extra_info("socket")
    if connection is None or connection.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
