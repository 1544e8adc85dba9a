"""The bus over Redis' publish and subscribe.

Owns two connections (one hears, one publishes), their outages, and the heartbeat that proves the
way there and back. Redis keeps nothing for us: what is published while it is away is gone.
"""

from __future__ import annotations

import math
import random
import secrets
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import anyio
import structlog
from redis.asyncio import Connection, ConnectionPool
from redis.exceptions import RedisError, ResponseError

from collab.bus import Listener
from collab.errors import ConfigurationError
from collab.metrics import NEWS_DROPPED
from collab.wakeup import Wakeup

_log = structlog.stdlib.get_logger(__name__)

_HEARTBEAT_SECONDS = 1.0
_MISSED_SECONDS = 3.0
_CONNECT_SECONDS = 3.0
_LONGEST_PAUSE_SECONDS = 2.0
_SHORTEST_PAUSE_SECONDS = 0.05
_FAREWELL_SECONDS = 0.5
# What waits to be published; beyond either bound the oldest is dropped.
_MAX_WAITING = 10_000
_MAX_WAITING_BYTES = 16 * 1024 * 1024
_PIPELINED = 1000
_SUBSCRIBED_AT_ONCE = 1000


class RedisBus:
    """See `collab.bus.Bus`. Use `open_redis`."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        database = pool.connection_kwargs.get("db") or 0
        self._prefix = f"collab:{database}:"  # publishing knows no databases
        self._heart = f"{self._prefix}heart:{secrets.token_hex(8)}"
        self._listener: Listener | None = None
        self._wanted: dict[str, str | None] = {
            self._heart: None,
            self._name(None): None,
        }
        self._left: set[str] = set()
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._waiting_bytes = 0
        self._under_way = 0
        self._dropped = 0
        self._may_publish = Wakeup()
        self._channels_changed = Wakeup()
        self._connected = False
        self._beat_heard = -math.inf
        self._told: bool | None = None  # whether it was said that Redis is there, or is not

    @property
    def healthy(self) -> bool:
        return self._connected and anyio.current_time() - self._beat_heard < _MISSED_SECONDS

    def listen(self, listener: Listener) -> None:
        self._listener = listener

    def subscribe(self, document: str) -> None:
        self._wanted[self._name(document)] = document
        self._channels_changed.set()

    def unsubscribe(self, document: str) -> None:
        name = self._name(document)
        if name in self._wanted:
            del self._wanted[name]
            self._left.add(name)
            self._channels_changed.set()

    def publish(self, channel: str | None, news: bytes) -> None:
        if not self._connected:
            return
        self._waiting.append((self._name(channel), news))
        self._waiting_bytes += len(news)
        while len(self._waiting) > _MAX_WAITING or self._waiting_bytes > _MAX_WAITING_BYTES:
            self._waiting_bytes -= len(self._waiting.popleft()[1])
            self._dropped += 1
            NEWS_DROPPED.inc()
        self._may_publish.set()

    async def run(self) -> None:
        """Be connected, again after every outage, until cancelled."""
        pause = _SHORTEST_PAUSE_SECONDS
        while True:
            reason = "the connection ended"
            began = anyio.current_time()
            try:
                await self._serve()
            except (RedisError, OSError, TimeoutError) as error:
                reason = str(error) or type(error).__name__
            except BaseExceptionGroup as group:
                trouble, other = group.split((RedisError, OSError, TimeoutError))
                if other is not None:
                    raise
                reason = _first(trouble)
            self._lost()
            self._tell(False, reason)
            if anyio.current_time() - began > _LONGEST_PAUSE_SECONDS:
                pause = _SHORTEST_PAUSE_SECONDS
            await anyio.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def flush(self) -> None:
        """Return when all that waits has been published, or there is no connection."""
        while self._connected and (self._waiting or self._under_way):
            self._may_publish.set()
            await anyio.sleep(0.005)

    def connection(self) -> Connection:
        """A new one, not connected yet; raises ValueError or TypeError for a parameter that no
        connection has."""
        return self._pool.make_connection()  # type: ignore[no-untyped-call,no-any-return]

    # One connection's time ------------------------------------------------------------------------

    async def _serve(self) -> None:
        """Hear and publish over two new connections until one breaks; raises why."""
        hearing, publishing = self.connection(), self.connection()
        try:
            with anyio.fail_after(_CONNECT_SECONDS):
                await hearing.connect()  # type: ignore[no-untyped-call]
                await publishing.connect()  # type: ignore[no-untyped-call]
            self._connected = True
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._hear, hearing)
                tasks.start_soon(self._keep_subscribed, hearing)
                tasks.start_soon(self._publish_waiting, publishing)
                tasks.start_soon(self._beat)
        finally:
            self._connected = False
            with anyio.CancelScope(shield=True):
                await hearing.disconnect(nowait=True)
                await publishing.disconnect(nowait=True)

    async def _hear(self, connection: Connection) -> None:
        while True:
            match await connection.read_response(disable_decoding=True, timeout=math.inf):
                case [b"message", bytes(name), bytes(news)]:
                    self._arrived(name.decode(errors="replace"), news)
                case [b"subscribe", bytes(name), *_]:
                    self._subscribed(name.decode(errors="replace"))

    def _arrived(self, name: str, news: bytes) -> None:
        if name == self._heart:
            self._beat_heard = anyio.current_time()
            self._tell(True)
        elif name in self._wanted and self._listener is not None:
            self._listener.hear(self._wanted[name], news)

    def _subscribed(self, name: str) -> None:
        if name == self._heart:
            self._send_beat()
        elif name in self._wanted and self._listener is not None:
            self._listener.tuned(self._wanted[name])

    async def _keep_subscribed(self, connection: Connection) -> None:
        """Have Redis send what is wanted, and only that."""
        sent: set[str] = set()
        while True:
            # Also what was left and is wanted again, so that it is said that it is heard.
            left, self._left = self._left & sent, set()
            sent -= left
            new = [name for name in self._wanted if name not in sent]
            sent.update(new)
            # All of this is noted first: what changes while it is sent is for the next round.
            for command, names in (("UNSUBSCRIBE", list(left)), ("SUBSCRIBE", new)):
                for some in _portions(names, _SUBSCRIBED_AT_ONCE):
                    await _send(connection, [(command, *some)])
            await self._channels_changed.wait()

    async def _publish_waiting(self, connection: Connection) -> None:
        """Publish what waits, everything that has gathered at once."""
        while True:
            if not self._waiting:
                await self._may_publish.wait()
                continue
            count = min(len(self._waiting), _PIPELINED)
            some = [self._waiting.popleft() for _ in range(count)]
            self._under_way = count
            self._waiting_bytes -= sum(len(news) for _, news in some)
            await _send(connection, [("PUBLISH", name, news) for name, news in some])
            for _ in some:
                await connection.read_response()
            self._under_way = 0

    async def _beat(self) -> None:
        """Send a heartbeat every second, besides the one as soon as it would be heard; raises when
        none has come back for too long."""
        began = anyio.current_time()
        while True:
            await anyio.sleep(_HEARTBEAT_SECONDS)
            self._send_beat()
            if anyio.current_time() - max(self._beat_heard, began) >= _MISSED_SECONDS:
                raise TimeoutError("Redis does not answer")
            if self._dropped:
                _log.warning("news dropped, Redis is slower than they come", news=self._dropped)
                self._dropped = 0

    def _send_beat(self) -> None:
        """Before all that waits: it asks for the way, not for how much is on it."""
        self._waiting.appendleft((self._heart, b""))
        self._may_publish.set()

    def _lost(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = self._under_way = 0
        self._beat_heard = -math.inf

    def _tell(self, there: bool, reason: str = "") -> None:
        """Say once that Redis is there, or is not."""
        if self._told is there:
            return
        self._told = there
        if there:
            _log.info("redis is there, news travel fast")
        else:
            _log.warning(
                "redis is away, the store is polled more often; presence and messages stay on "
                "their node meanwhile",
                reason=reason,
            )

    def _name(self, channel: str | None) -> str:
        """A channel as Redis calls it; the braces keep a document's on one shard of a cluster."""
        return f"{self._prefix}nodes" if channel is None else f"{self._prefix}{{{channel}}}"


@asynccontextmanager
async def open_redis(url: str, *, verify: bool = True) -> AsyncIterator[RedisBus]:
    """A bus over the Redis at `url` for the length of the block, whether or not it can be reached.

    Over TLS its certificate has to hold with `verify`, if `url` says nothing else.

    Raises ConfigurationError if `url` is none; never repeats it, it may hold a password.
    """
    options: dict[str, object] = {}
    if not verify and url.startswith("rediss://"):
        options = {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
    try:
        pool = ConnectionPool.from_url(
            url, protocol=2, socket_connect_timeout=_CONNECT_SECONDS, **options
        )
        bus = RedisBus(pool)
        bus.connection()
    except (ValueError, TypeError, RedisError, ResponseError):
        raise ConfigurationError(
            "REDIS_URL must be redis://HOST:PORT/DB, rediss://… or unix://PATH, with parameters "
            "that are known"
        ) from None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bus.run)
        try:
            yield bus
            with anyio.move_on_after(_FAREWELL_SECONDS):
                await bus.flush()
        finally:
            tasks.cancel_scope.cancel()


async def _send(connection: Connection, commands: Iterable[tuple[str | bytes, ...]]) -> None:
    """Send commands; raises OSError or RedisError when they cannot be."""
    packed = connection.pack_commands(commands)
    try:
        await connection.send_packed_command(packed)
    except RuntimeError as error:  # uvloop's word for a connection that was reset while idle
        raise ConnectionResetError("the connection was reset") from error


def _portions(names: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (names[start : start + size] for start in range(0, len(names), size))


def _first(group: BaseExceptionGroup[BaseException] | None) -> str:
    """What the first of a group's troubles says."""
    error: BaseException | None = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
