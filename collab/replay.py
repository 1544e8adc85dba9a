"""Plays a recorded editing history through real clients against a real server.

Owns the order in which clients type, and the proof at the end. Each transaction becomes one commit.
In a sequential trace the clients take turns, each types when it has seen the edit before its own.
In a concurrent one each author has a client, and the author sees exactly what the trace says was
seen: what its client had to take in earlier - the way to an ack leads past it - is held back from
the author's screen.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from collab.errors import CollabError
from collab.ot.delta import Delta
from collab.ot.rope import Rope
from collab.ot.transform import transform
from collab.protocols import native
from collab.traces import ReplayFailed, Trace, Transaction
from collab_client.core import Replica
from collab_client.events import Changed, EditRefused, Event, Reconnect, Saved

_PATIENCE_SECONDS = 30.0


@dataclass(slots=True)
class _Arrival:
    """A message and when it came; a run of edits is taken apart."""

    time: float
    message: native.ServerMessage


@dataclass(slots=True)
class Player:
    """An author at a screen, and the client behind it.

    `screen` is what the author sees: the client's document without `held`, the changes that the
    author is not to know of yet, in order of version.
    """

    replica: Replica
    websocket: ClientConnection
    screen: Rope = field(default_factory=Rope.empty)
    held: deque[tuple[int, Delta]] = field(default_factory=deque)
    versions: list[int] = field(default_factory=lambda: [0])
    latencies: list[float] = field(default_factory=list)
    _arrived: deque[_Arrival] = field(default_factory=deque)
    _news: anyio.Event = field(default_factory=anyio.Event)
    _sent_at: float = 0.0
    _lost: bool = False

    async def listen(self) -> None:
        """Take in what the server sends, without acting on it, until the connection ends."""
        try:
            async for frame in self.websocket:
                now = perf_counter()
                message = native.decode_server(str(frame))
                parts = (
                    [native.Edits([edit]) for edit in message.edits]
                    if isinstance(message, native.Edits)
                    else [message]
                )
                self._arrived.extend(_Arrival(now, part) for part in parts)
                self._news.set()
                self._news = anyio.Event()
        except (WebSocketException, OSError):
            pass
        self._lost = True
        self._news.set()

    async def greet(self, token: str | None) -> None:
        """Join the document."""
        await self._send(self.replica.connection_opened(token=token))
        while not self.replica.live:
            await self.deliver()
        self.screen = self.replica.local
        self.versions = [self.replica.version]

    async def deliver(self) -> None:
        """Let the client act on the next message; raises ReplayFailed."""
        while not self._arrived:
            if self._lost:
                raise ReplayFailed("the server closed the connection")
            try:
                with anyio.fail_after(_PATIENCE_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                raise ReplayFailed("the server is silent") from None
        arrival = self._arrived.popleft()
        for event in self.replica.receive(arrival.message):
            self._note(event, arrival.time)
        await self._flush()

    def _note(self, event: Event, time: float) -> None:
        match event:
            case Changed(operation=operation, version=version):
                self.held.append((version, operation))
            case Saved(version=version):
                self.versions.append(version)
                self.latencies.append(time - self._sent_at)
            case (
                EditRefused(code=code, message=message)
                | native.ErrorReport(code=code, message=message)
            ):
                raise ReplayFailed(f"the server refused: {message} ({code})")
            case Reconnect(reason=reason):
                raise ReplayFailed(f"the client gave up: {reason}")
            case native.Goodbye():
                raise ReplayFailed("the server is going away")

    async def settle(self) -> None:
        """Return when what was typed is durable."""
        while not self.replica.settled:
            await self.deliver()

    async def reach(self, version: int) -> None:
        """Return when the client has seen `version`."""
        while self.replica.version < version:
            await self.deliver()

    def reveal(self, version: int) -> None:
        """Show the author what is held back, up to `version`."""
        while self.held and self.held[0][0] <= version:
            self.screen = self.screen.apply(self.held.popleft()[1])

    async def type(self, operation: Delta) -> None:
        """Do on the screen what the author did; the client does the same beneath what is held."""
        self.screen = self.screen.apply(operation)
        for place, (version, held) in enumerate(self.held):
            self.held[place] = version, transform(operation, held, False)
            operation = transform(held, operation, True)
        if not operation:
            self.versions.append(self.versions[-1])  # nothing was left of it: no commit
            return
        self.replica.edit(operation)
        self._sent_at = perf_counter()
        await self._flush()

    async def _flush(self) -> None:
        for message in self.replica.to_send():
            await self._send(message)

    async def _send(self, message: native.ClientMessage) -> None:
        try:
            await self.websocket.send(native.encode(message))
        except WebSocketException:
            raise ReplayFailed("the server closed the connection") from None


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a replay; latencies in seconds, from sending to hearing that it is durable."""

    transactions: int
    commits: int
    seconds: float
    latencies: Sequence[float]
    texts: Sequence[str]


@asynccontextmanager
async def _player(socket_url: str, token: str | None) -> AsyncIterator[Player]:
    try:
        websocket = await connect(
            socket_url,
            subprotocols=[Subprotocol(native.SUBPROTOCOL)],
            compression=None,
            max_size=None,
            proxy=None,
        )
    except (OSError, WebSocketException, TimeoutError) as error:
        raise ReplayFailed(f"no websocket at {socket_url}: {error}") from None
    async with websocket, anyio.create_task_group() as tasks:
        player = Player(Replica(secrets.token_urlsafe(24)), websocket)
        tasks.start_soon(player.listen)
        await player.greet(token)
        yield player
        tasks.cancel_scope.cancel()


async def play(
    trace: Trace, socket_url: str, token: str | None, progressed: Callable[[int], None]
) -> Report:
    """Play `trace` on the document at `socket_url`, which contains the trace's start.

    `progressed` is told the number of transactions typed. Raises ReplayFailed.
    """
    try:
        async with AsyncExitStack() as stack:
            players = [
                await stack.enter_async_context(_player(socket_url, token))
                for _ in range(trace.authors)
            ]
            return await _play(trace, players, progressed)
    except* (ReplayFailed, CollabError) as group:
        raise ReplayFailed(str(_first(group))) from None


async def _play(
    trace: Trace, players: Sequence[Player], progressed: Callable[[int], None]
) -> Report:
    first_version = players[0].versions[0]
    began = perf_counter()
    for count, transaction in enumerate(trace.transactions, 1):
        player = players[transaction.author]
        await player.settle()
        seen = await _version_seen(players, transaction)
        await player.reach(seen)
        player.reveal(seen)
        await player.type(transaction.operation)
        progressed(count)
    for player in players:
        await player.settle()
    seconds = perf_counter() - began
    newest = max(player.versions[-1] for player in players)
    for player in players:
        await player.reach(newest)
        player.reveal(newest)
        if player.screen.text() != player.replica.local.text():
            raise ReplayFailed("an author sees something else than the client has")
    return Report(
        transactions=len(trace.transactions),
        commits=newest - first_version,
        seconds=seconds,
        latencies=[each for player in players for each in player.latencies],
        texts=[player.replica.local.text() for player in players],
    )


async def _version_seen(players: Sequence[Player], transaction: Transaction) -> int:
    """The newest version by another author that the transaction's author knew."""
    version = 0
    for author, (player, count) in enumerate(zip(players, transaction.seen, strict=True)):
        if author == transaction.author:
            continue
        if len(player.versions) <= count:
            await player.settle()
        version = max(version, player.versions[count])
    return version


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
