"""Keeps a replica in touch with its server, one connection after the other.

Owns opening, reconnecting and when to give up. Knows nothing of what is in the document: the
replica says what to send and what a message means. Time comes from anyio and randomness is
injected, so that a simulation can own both.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeAlias

import anyio

from collab.errors import Malformed
from collab.protocols import native
from collab_client import errors
from collab_client.channel import ABNORMAL, Channel, ChannelClosed, OpenChannel
from collab_client.core import Replica
from collab_client.events import Event, Reconnect
from collab_client.feeds import Bell
from collab_client.verdicts import failure_of

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 10.0
STEADY_SECONDS = 2.0
"""A connection that lasted so long begins the delays anew when it ends."""
OPEN_SECONDS = 20.0
WELCOME_SECONDS = 20.0
CLOSE_SECONDS = 2.0

Token: TypeAlias = str | Callable[[], Awaitable[str]] | None

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


class Connection:
    """Run it once, in a task; it ends only with `failure` set. Passing trouble never ends it."""

    def __init__(
        self,
        replica: Replica,
        url: str,
        open_channel: OpenChannel,
        random: Random,
        *,
        token: Token = None,
        create: str | None = None,
        keep_trying: bool = False,
    ) -> None:
        self.failure: errors.ClientError | None = None
        self.trouble: Exception | None = None
        self.welcomed = False
        self.hear: Callable[[list[Event]], None] = lambda events: None
        self._replica = replica
        self._url = url
        self._open = open_channel
        self._backoff = Backoff(random)
        self._token = token
        self._create = create
        self._keep_trying = keep_trying
        self._channel: Channel | None = None
        self._to_send = Bell()
        self._retry_after = 0.0

    def wake(self) -> None:
        """The replica may have something to send."""
        self._to_send.ring()

    async def send(self, message: native.ClientMessage) -> None:
        """Send a message that only counts now; raises Offline without a welcomed connection."""
        if self._channel is None or not self._replica.live:
            raise errors.Offline
        try:
            await self._channel.send(native.encode(message))
        except ChannelClosed:
            raise errors.Offline from None

    async def run(self) -> None:
        """Connect, talk, and connect again, until that has no more point."""
        while self.failure is None:
            self._retry_after = 0.0
            began = anyio.current_time()
            closed, welcomed = await self._converse()
            self.trouble = closed
            failure = self._final(closed, welcomed)
            if failure is not None:
                self.failure = failure
            self.hear(self._replica.connection_lost())
            if failure is not None:
                return
            _log.info("connection ended (%s), trying again", closed)
            if welcomed and anyio.current_time() - began >= STEADY_SECONDS:
                self._backoff.restart()
            await anyio.sleep(self._retry_after + self._backoff.next_seconds())

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
        channel: Channel | None = None
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
            return await self._token()
        except Exception as error:  # the user's code: offline it may fail in any way
            raise ChannelClosed(ABNORMAL, "no token", refused=True) from error

    async def _talk(self, channel: Channel, token: str | None) -> tuple[ChannelClosed, bool]:
        hello = self._replica.connection_opened(token=token, create=self._create)
        await channel.send(native.encode(hello))
        self._channel = channel
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._write, channel)
            ended = await self._read(channel)
            tasks.cancel_scope.cancel()
        return ended

    async def _write(self, channel: Channel) -> None:
        try:
            while True:
                messages = self._replica.to_send()
                for message in messages:
                    await channel.send(native.encode(message))
                if not messages:
                    await self._to_send.wait()
        except ChannelClosed:
            return  # the reader sees the same end, and says how it was

    async def _read(self, channel: Channel) -> tuple[ChannelClosed, bool]:
        welcomed = False
        with anyio.move_on_after(WELCOME_SECONDS) as patience:
            while True:
                try:
                    message = native.decode_server(await channel.receive())
                except ChannelClosed as closed:
                    return closed, welcomed
                except Malformed as error:
                    return ChannelClosed(ABNORMAL, str(error)), welcomed
                events = self._replica.receive(message)
                if self._replica.live and not welcomed:
                    welcomed = self.welcomed = True
                    patience.deadline = math.inf
                self._note(message, events)
                self.hear(events)
                self.wake()
                for event in events:
                    if isinstance(event, Reconnect):
                        return ChannelClosed(ABNORMAL, event.reason), welcomed
        return ChannelClosed(ABNORMAL, "no welcome"), False

    def _note(self, message: native.ServerMessage, events: list[Event]) -> None:
        if isinstance(message, native.Goodbye | native.ErrorReport) and message.retry_after:
            self._retry_after = max(self._retry_after, message.retry_after)
        for event in events:
            if isinstance(event, native.ErrorReport):
                _log.warning("the server reports %s", event.code)
