"""The frame lane: messages are handed over as they arrive, frames are written as they are.

An ASGI extension of our transport: `scope["extensions"]["collab.frames"]["lane"]`. Without
it every message is an event in a queue and a task that wakes up, and every reader's frame is made
anew. What is not heard through the lane is received as ASGI events, in the same order. Owns what
has arrived and nobody has taken. Knows nothing of what messages say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent

EXTENSION: Final = "collab.frames"


class LaneClosed(Exception):
    """There is nothing more to hear: the next ASGI event says why."""


class Lane:
    """One connection's. To uvicorn it is the queue of events to be received.

    `taken` is called whenever something that waited has been taken.
    """

    __slots__ = (
        "_heard",
        "_loop",
        "_paused",
        "_take",
        "_taken",
        "_waiter",
        "_waiting",
        "transport",
        "write",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, taken: Callable[[], None]) -> None:
        self.transport: asyncio.Transport | None = None
        """What frames are written to, from the handshake's end to the connection's."""
        self.write: Callable[[bytes], object] | None = None
        """What sends whole frames; None unless nothing written before waits for the other side."""
        self._paused = False
        self._loop = loop
        self._taken: Callable[[], None] | None = taken
        self._waiting: list[Any] = []  # short, and a deque takes 700 bytes
        self._waiter: asyncio.Future[None] | None = None  # of `get`
        self._take: Callable[[str | bytes], bool] | None = None
        self._heard: asyncio.Future[None] | None = None  # of `hear`

    def lost(self) -> None:
        """The connection is over; what has arrived can still be taken."""
        self.shut()
        self._taken = None

    # Writing --------------------------------------------------------------------------------------

    def open(self, transport: asyncio.Transport) -> None:
        """From now on frames may be written."""
        self.transport = transport
        self.pause(self._paused)

    def shut(self) -> None:
        """No frames may be written any more."""
        self.transport = self.write = None

    def pause(self, paused: bool) -> None:
        """What has been written waits for the other side, or does so no more."""
        self._paused = paused
        self.write = None if paused or self.transport is None else self.transport.write

    # Hearing --------------------------------------------------------------------------------------

    async def hear(self, take: Callable[[str | bytes], bool]) -> None:
        """Call `take` with one message after the other until it returns False, each within the
        turn of the loop in which it arrives. Raises what `take` raises, and LaneClosed."""
        waiting = self._waiting
        while waiting:
            if waiting[0]["type"] != "websocket.receive":
                raise LaneClosed
            event = waiting.pop(0)
            if not take(message_of(event)):
                self._tell_taken()
                return
        self._take = take
        self._heard = heard = self._loop.create_future()
        self._tell_taken()
        try:
            await heard
        finally:
            self._take = self._heard = None
            if heard.done() and not heard.cancelled():
                heard.exception()  # cancelled meanwhile, nobody else would look at it
            del heard  # its exception leads back here

    def offer(self, message: str | bytes) -> bool:
        """Hand a message over that has just arrived; False if nobody hears."""
        take = self._take
        if take is None:
            return False
        try:
            more = take(message)
        except Exception as error:
            self._stop_hearing(error)
        else:
            if not more:
                self._stop_hearing(None)
        return True

    def _stop_hearing(self, error: Exception | None) -> None:
        self._take = None
        heard = self._heard
        if heard is not None and not heard.done():
            if error is None:
                heard.set_result(None)
            else:
                heard.set_exception(error)

    def _tell_taken(self) -> None:
        if self._taken is not None:
            self._taken()

    # The queue ------------------------------------------------------------------------------------

    def put_nowait(self, event: ASGIReceiveEvent) -> None:
        self._waiting.append(event)
        if self._take is not None:
            self._stop_hearing(LaneClosed())
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> ASGIReceiveEvent:
        while not self._waiting:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        event: ASGIReceiveEvent = self._waiting.pop(0)
        self._tell_taken()
        return event

    def empty(self) -> bool:
        return not self._waiting

    def qsize(self) -> int:
        return len(self._waiting)


def message_of(event: Any) -> str | bytes:
    """What a receive event carries."""
    text = event.get("text")
    message: str | bytes = event["bytes"] if text is None else text
    return message
