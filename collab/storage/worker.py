"""A thread that owns one SQLite connection and makes one call on it after the other.

Its queue is bounded by its callers: each waits for its answer. Logs each kind of failure of the
database once, with the name of the file, which callers are not told. Knows no queries.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

import anyio
import structlog

from collab.errors import DocumentBroken, StoreFailure

_log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")


class StoreDamaged(StoreFailure, DocumentBroken):
    """The database file itself is damaged: repeating does not help, a backup does."""

    code = DocumentBroken.code


def _wake(loop: asyncio.AbstractEventLoop, event: anyio.Event) -> None:
    """Set `event` of `loop` from another thread, which does not wait for the loop to notice."""
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(event.set)


class _Call(Generic[T]):
    """One call and, once `answered`, its outcome."""

    __slots__ = ("answered", "error", "loop", "result", "wanted", "work")

    def __init__(self, work: Callable[[sqlite3.Connection], T]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.answered = anyio.Event()
        self.wanted = True
        self.result: T
        self.error: BaseException | None = None

    def make(self, connection: sqlite3.Connection) -> None:
        """In the worker's thread: do the work, if it is still wanted."""
        if self.wanted:
            try:
                self.result = self.work(connection)
            except sqlite3.Error as error:
                self.error = _failure(error)
                self.error.__cause__ = error
            except BaseException as error:
                self.error = error


def _failure(error: sqlite3.Error) -> StoreFailure:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the low byte: what
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return StoreDamaged(f"the database is damaged ({_name(error)})")
    return StoreFailure(f"the database answered {_name(error)}")


def _name(error: BaseException) -> str:
    return str(getattr(error, "sqlite_errorname", type(error).__name__))


class Worker:
    """Made by `open_worker`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        [(_, _, file), *_] = connection.execute("PRAGMA database_list")
        self._file = Path(file).name
        self._logged: set[str] = set()
        self._calls: SimpleQueue[_Call[Any] | None] = SimpleQueue()
        self._closed = False

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `work`; sqlite3's errors become StoreFailure.

        A caller that is cancelled leaves at once, and the work is not begun if it has not been yet.
        """
        call = self._put(work)
        try:
            await call.answered.wait()
        finally:
            call.wanted = False
        return self._result(call)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same, but work that is queued is always done, and a cancelled caller waits for it.

        So a caller that goes on knows what became of its work. If its task is torn away past
        anyio's shield the work is done all the same.
        """
        call = self._put(work)
        with anyio.CancelScope(shield=True):
            await call.answered.wait()
        return self._result(call)

    def _put(self, work: Callable[[sqlite3.Connection], T]) -> _Call[T]:
        if self._closed:
            raise StoreFailure("the store is closed")
        call = _Call(work)
        self._calls.put(call)
        return call

    def _result(self, call: _Call[T]) -> T:
        if call.error is not None:
            raise call.error
        return call.result

    def run(self) -> None:
        """The thread: everything queued before `stop` is still done."""
        while (call := self._calls.get()) is not None:
            call.make(self._connection)
            if isinstance(call.error, StoreFailure):
                self._log_once(call.error)
            _wake(call.loop, call.answered)
            del call  # lets go of the result while waiting for the next
        self._connection.close()

    def _log_once(self, failure: StoreFailure) -> None:
        name = _name(failure.__cause__ or failure)
        if name not in self._logged:
            self._logged.add(name)
            _log.error("database failed", file=self._file, error=name)

    def stop(self) -> None:
        self._closed = True
        self._calls.put(None)


@asynccontextmanager
async def open_worker(name: str, connection: sqlite3.Connection) -> AsyncIterator[Worker]:
    """Run a worker for the length of the block; the connection is its own and closed with it."""
    worker = Worker(connection)
    loop = asyncio.get_running_loop()
    ended = anyio.Event()

    def run() -> None:
        try:
            worker.run()
        finally:
            _wake(loop, ended)

    # A daemon, so that a process whose loop broke down is not kept alive by an idle thread.
    Thread(target=run, name=name, daemon=True).start()
    try:
        yield worker
    finally:
        worker.stop()
        with anyio.CancelScope(shield=True):
            await ended.wait()
