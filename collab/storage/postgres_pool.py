"""A few connections to PostgreSQL, each used by one call at a time, made again when they break.

Owns time limits, repeating and which errors mean what. Keeps no state in a session, so that a
transaction pooler may stand between. Knows no queries.

No lock and no transaction waits for this process: nearly every call is one statement, which
commits by itself, and it is described to the driver once per connection, so that it costs one
round trip. Time is limited on three sides. Here, every attempt and every call has a deadline, past
which the server is asked to cancel it and its connection is given up. In the server, statements
that lock rows bound the wait themselves (see `LOCK_WAIT` in `postgres_queries`), should no such
request arrive: SET and options of the start of a session would not survive a pooler. A connection
that was idle for long is not trusted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from time import monotonic
from typing import Any, TypeAlias, TypeVar

import anyio
import asyncpg
import msgspec
import structlog

from collab.errors import CollabError, StoreFailure

_log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")
Rows: TypeAlias = Sequence[Any]

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
GIVE_UP_SECONDS = 1.0

# By SQLSTATE, its first two characters being the class.
_LOST = ("08", "57P01", "57P02", "57P03", "25006")  # this connection is of no more use
_PASSING = ("40", "53", "55P03", "57014", "55006")  # rolled back; the next time it may work
_REFUSED = ("22", "23", "54")  # the values do not fit, nor will they

_DRIVER_ERRORS = (
    OSError,
    ValueError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_NOT_SENT = (ValueError, asyncpg.PostgresError, asyncpg.InterfaceError)  # values it cannot encode


class Patience(msgspec.Struct, frozen=True):
    """How long one attempt may take, and all attempts of a call together, in seconds.

    Giving up the last connection may take a second more.
    """

    attempt: float
    call: float


class Limits(msgspec.Struct, frozen=True):
    """All that waiting depends on."""

    start_seconds: float = 10.0
    connect_seconds: float = 2.0
    idle_seconds: float = 60.0
    quick: Patience = Patience(attempt=3.0, call=5.0)
    bulky: Patience = Patience(attempt=12.0, call=15.0)
    append: Patience = Patience(attempt=4.0, call=10.0)


class Refused(Exception):
    """The values of a statement cannot be stored; nothing was."""


class Again(Exception):
    """An attempt that failed. Unless `undone`, nobody knows yet whether it took effect."""

    def __init__(self, reason: str, *, undone: bool = False) -> None:
        super().__init__(reason)
        self.undone = undone


class Session:
    """One connection, and what the driver has been told of the statements sent over it."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._statements: dict[str, Any] = {}
        self.used = monotonic()

    async def fetch(self, query: str, *values: object) -> Rows:
        """The rows of one statement. Raises Refused, Again or StoreFailure."""
        try:
            statement = self._statements.get(query)
            if statement is None:
                statement = await self._connection.prepare(query)
                self._statements[query] = statement
            return await statement.fetch(*values)  # type: ignore[no-any-return]
        except _DRIVER_ERRORS as error:
            raise self._judge(error) from error

    async def run(self, script: str) -> None:
        """Several statements without values. Raises like `fetch`."""
        try:
            await self._connection.execute(script)
        except _DRIVER_ERRORS as error:
            raise self._judge(error) from error

    @property
    def usable(self) -> bool:
        return not self._connection.is_closed() and not self._connection.is_in_transaction()

    def drop(self) -> None:
        """End the connection, whatever it is doing."""
        self._connection.terminate()

    async def close(self, seconds: float) -> None:
        """End the connection in order, after asking the server to cancel what it is doing."""
        try:
            await self._connection.close(timeout=seconds)
        except _DRIVER_ERRORS:
            self.drop()

    def _judge(self, error: Exception) -> Exception:
        """What an error of the driver means to a call."""
        state = getattr(error, "sqlstate", None) or ""
        if getattr(error, "severity", None) is None:  # the driver's own, not the server's
            broken = self._connection.is_closed() or not isinstance(error, _NOT_SENT)
            self.drop()  # a statement may have been sent in part
            if broken or state.startswith("08"):
                return Again(f"the connection broke ({type(error).__name__})")
            return Refused(type(error).__name__)
        if state.startswith(_REFUSED):
            return Refused(f"SQLSTATE {state}")
        if state.startswith(_PASSING):
            return Again(f"SQLSTATE {state}", undone=True)
        self.drop()
        if state.startswith(_LOST):
            return Again(f"the connection broke (SQLSTATE {state})")
        return StoreFailure(f"the database answered SQLSTATE {state}")


class Pool:
    """At most `size` connections. Made by `open_pool`."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        size: int,
        limits: Limits,
        random: Random,
    ) -> None:
        self._connect = connect
        self._slots = anyio.Semaphore(size)
        self._limits = limits
        self._random = random
        self._idle: list[Session] = []
        self._closed = False
        self._failing = False

    async def call(self, work: Callable[[Session, bool], Awaitable[T]], patience: Patience) -> T:
        """The result of `work`, which is repeated on a new connection while it ends with Again.

        Its second argument says whether an attempt has failed before of which nobody knows
        whether it took effect. Raises StoreFailure when `patience` is over, and what `work`
        raises.
        """
        unknown = False
        reason = "no connection to it was free"
        pauses = 0
        with anyio.move_on_after(patience.call):
            while True:
                try:
                    async with self._session() as session:
                        with anyio.fail_after(patience.attempt):
                            result = await work(session, unknown)
                    self._note(None)
                    return result
                except Again as error:
                    reason = str(error)
                    unknown = unknown or not error.undone
                except TimeoutError:
                    reason = "it did not answer in time"
                    unknown = True
                except StoreFailure as error:
                    self._note(str(error))
                    raise
                self._note(reason)
                await anyio.sleep(self._pause(pauses))
                pauses += 1
        raise StoreFailure(f"the database cannot be used: {reason}")

    def _pause(self, before: int) -> float:
        """How long to wait after so many pauses: none at first, as a connection may just be old."""
        if before == 0:
            return 0.0
        longest = min(FIRST_PAUSE_SECONDS * 2.0 ** min(before, 10), LONGEST_PAUSE_SECONDS)
        return longest * self._random.uniform(0.5, 1)

    def _note(self, reason: str | None) -> None:
        """Log when trouble begins and when it is over, not how often it is met."""
        if reason is not None and not self._failing:
            _log.warning("database fails", reason=reason)
        if reason is None and self._failing:
            _log.info("database works again")
        self._failing = reason is not None

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        """A session for the length of the block, kept for the next call if it is still good."""
        async with self._slots:
            session = self._kept() or await self._new()
            try:
                yield session
            except (Refused, CollabError):
                self._keep(session)
                raise
            except Again as error:
                self._keep(session)
                if not error.undone:
                    self._drop_idle()  # what broke one has most likely broken all
                raise
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await session.close(GIVE_UP_SECONDS)
                raise
            self._keep(session)

    def _kept(self) -> Session | None:
        """The session used last, if it can be trusted still."""
        while self._idle:
            session = self._idle.pop()
            if session.usable and monotonic() - session.used < self._limits.idle_seconds:
                return session
            session.drop()
        return None

    def _keep(self, session: Session) -> None:
        if self._closed or not session.usable:
            session.drop()
        else:
            session.used = monotonic()
            self._idle.append(session)

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().drop()

    async def _new(self) -> Session:
        """Raises Again if there is no connection to be had now, StoreFailure if it is refused."""
        if self._closed:
            raise StoreFailure("the store is closed")
        try:
            with anyio.fail_after(self._limits.connect_seconds):
                return Session(await self._connect())
        except TimeoutError as error:
            raise Again("it cannot be connected to in time", undone=True) from error
        except (OSError, asyncpg.PostgresError, asyncpg.InternalClientError) as error:
            name = getattr(error, "sqlstate", None) or type(error).__name__
            raise Again(f"it cannot be connected to ({name})", undone=True) from error
        except (asyncpg.InterfaceError, ValueError) as error:
            raise StoreFailure("the parameters of DATABASE_URL cannot be used") from error

    async def close(self) -> None:
        """End the connections that are not in use now, and the others when they are given back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close(GIVE_UP_SECONDS)


@asynccontextmanager
async def open_pool(
    connect: Callable[[], Awaitable[asyncpg.Connection]],
    size: int,
    limits: Limits,
    random: Random,
) -> AsyncIterator[Pool]:
    """A pool for the length of the block; it connects when it is used."""
    pool = Pool(connect, size, limits, random)
    try:
        yield pool
    finally:
        with anyio.CancelScope(shield=True):
            await pool.close()
