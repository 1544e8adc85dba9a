"""Keeps a document in touch with its server, one connection after the other.

Owns opening, reconnecting and when to give up. Knows nothing of what is in the document, nor of its
protocol: a speaker says what to send and takes what comes. Time comes from anyio and randomness is
injected, so that a simulation can own both.
"""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Awaitable, Callable
from random import Random
from typing import Generic, Protocol, TypeAlias

import anyio

from collab_client import errors
from collab_client.channel import ABNORMAL, ChannelClosed, FrameChannel, FrameT
from collab_client.feeds import Bell
from collab_client.verdicts import failure_of, retry_after_of

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 10.0
STEADY_SECONDS = 2.0
"""A connection that lasted so long begins the delays anew when it ends."""
OPEN_SECONDS = 20.0
WELCOME_SECONDS = 20.0
CLOSE_SECONDS = 2.0

Token: TypeAlias = str | Callable[[], str | Awaitable[str | None] | None] | None
"""A token, or what gives one, asked at every connection; it may have to be awaited."""

_log = logging.getLogger("collab_client")


class Backoff:
    """Delays between attempts: anywhere from 0 to a bound that doubles with each."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._attempts = 0

    def restart(self) -> None:
        """The next delay is a first one."""
        self._attempts = 0

    def next_seconds(self) -> float:
        bound = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0**self._attempts)
        self._attempts = min(self._attempts + 1, 16)
        return self._random.uniform(0, bound)


class Speaker(Protocol[FrameT]):
    """Our side of a protocol, in frames."""

    @property
    def live(self) -> bool:
        """Whether the server has welcomed us on a connection that still stands."""
        ...

    def connection_opened(self, token: str | None) -> list[FrameT]:
        """The first frames of a new connection."""
        ...

    def connection_lost(self) -> float:
        """The connection has ended; for how many seconds the server asked us to stay away."""
        ...

    def to_send(self) -> list[FrameT]:
        """What is due now; each is handed out once."""
        ...

    def receive(self, frame: FrameT) -> None:
        """Take the next frame; raises ChannelClosed if this connection is of no more use."""
        ...


class Connection(Generic[FrameT]):
    """Run it once, in a task; it ends only with `failure` set. Passing trouble never ends it."""

    def __init__(
        self,
        speaker: Speaker[FrameT],
        url: str,
        open_channel: Callable[[str], Awaitable[FrameChannel[FrameT]]],
        random: Random,
        *,
        token: Token = None,
        keep_trying: bool = False,
    ) -> None:
        self.failure: errors.ClientError | None = None
        self.trouble: Exception | None = None
        self.welcomed = False
        self._speaker = speaker
        self._url = url
        self._open = open_channel
        self._backoff = Backoff(random)
        self._token = token
        self._keep_trying = keep_trying
        self._channel: FrameChannel[FrameT] | None = None
        self._to_send = Bell()

    def wake(self) -> None:
        """The speaker may have something to send."""
        self._to_send.ring()

    async def send(self, frame: FrameT) -> None:
        """Send what only counts now; raises Offline without a welcomed connection."""
        if self._channel is None or not self._speaker.live:
            raise errors.Offline
        try:
            await self._channel.send(frame)
        except ChannelClosed:
            raise errors.Offline from None

    async def run(self) -> None:
        """Connect, talk, and connect again, until that has no more point."""
        while self.failure is None:
            began = anyio.current_time()
            closed, welcomed = await self._converse()
            self.trouble = closed
            failure = self._final(closed, welcomed)
            if failure is not None:
                self.failure = failure
            said = retry_after_of(closed.code, closed.reason)
            retry_after = max(self._speaker.connection_lost(), said)
            if failure is not None:
                return
            _log.info("connection ended (%s), trying again", closed)
            if welcomed and anyio.current_time() - began >= STEADY_SECONDS:
                self._backoff.restart()
            await anyio.sleep(retry_after + self._backoff.next_seconds())

    def _final(self, closed: ChannelClosed, welcomed: bool) -> errors.ClientError | None:
        if closed.refused and self.welcomed:
            return None  # what refuses the handshake now may be a proxy whose server restarts
        failure = failure_of(closed.code, closed.reason, known=self.welcomed)
        if isinstance(failure, errors.NotFound) and self._keep_trying:
            return None
        if isinstance(failure, errors.NotSignedIn) and welcomed and callable(self._token):
            return None  # it held when we came, so a fresh one may hold again
        return failure

    async def _converse(self) -> tuple[ChannelClosed, bool]:
        """One connection from its opening to its end; how it ended, and if we were welcome."""
        channel: FrameChannel[FrameT] | None = None
        try:
            with anyio.move_on_after(OPEN_SECONDS):
                token = await self._fresh_token()
                channel = await self._open(self._url)
            if channel is None:
                return ChannelClosed(ABNORMAL, "opening took too long"), False
            return await self._talk(channel, token)
        except ChannelClosed as closed:
            return closed, False
        finally:
            self._channel = None
            if channel is not None:
                with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                    await channel.close()

    async def _fresh_token(self) -> str | None:
        if not callable(self._token):
            return self._token
        try:
            token = self._token()
            return await token if inspect.isawaitable(token) else token
        except Exception as error:  # the user's code: offline it may fail in any way
            raise ChannelClosed(ABNORMAL, "no token", refused=True) from error

    async def _talk(
        self, channel: FrameChannel[FrameT], token: str | None
    ) -> tuple[ChannelClosed, bool]:
        for frame in self._speaker.connection_opened(token):
            await channel.send(frame)
        self._channel = channel
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._write, channel)
            ended = await self._read(channel)
            tasks.cancel_scope.cancel()
        return ended

    async def _write(self, channel: FrameChannel[FrameT]) -> None:
        try:
            while True:
                frames = self._speaker.to_send()
                for frame in frames:
                    await channel.send(frame)
                if not frames:
                    await self._to_send.wait()
        except ChannelClosed:
            return  # the reader sees the same end, and says how it was

    async def _read(self, channel: FrameChannel[FrameT]) -> tuple[ChannelClosed, bool]:
        welcomed = False
        with anyio.move_on_after(WELCOME_SECONDS) as patience:
            while True:
                try:
                    self._speaker.receive(await channel.receive())
                except ChannelClosed as closed:
                    return closed, welcomed
                if self._speaker.live and not welcomed:
                    welcomed = self.welcomed = True
                    patience.deadline = math.inf
                self.wake()
        return ChannelClosed(ABNORMAL, "no welcome"), False
