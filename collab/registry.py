"""The open documents of this node: opened once, shared by all, unloaded when nobody needs them.

Owns the sessions' tasks and the node-wide ones (committer, snapshotter, archivist, trimmer, poller,
relay …).
An entry stands in the map before the first await of its opening, so a document is never opened
twice.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import structlog

from collab.archivist import Archivist
from collab.authorizer import Authorizer
from collab.automatic import Automatic
from collab.bus import Bus
from collab.committer import Committer
from collab.errors import CollabError, DocumentExists, DocumentNotFound, Restarting, Unavailable
from collab.heap import give_back_aside
from collab.history import History
from collab.loading import load_authority
from collab.loop_watch import LoopWatch
from collab.measured import store_call
from collab.messages import Message
from collab.metrics import OPEN_SECONDS
from collab.poller import Poller
from collab.presence import Presence
from collab.relay import Relay
from collab.session import Session
from collab.settings import Settings
from collab.snapshotter import Snapshotter
from collab.storage import NewDocument, Store
from collab.tracing import span
from collab.trimmer import Trimmer
from collab.types.known import document_type

_log = structlog.stdlib.get_logger(__name__)

# How fast those who are sent away come back to other nodes, or to the next start of this one.
_RETURNS_PER_SECOND = 500.0
_LONGEST_AWAY_SECONDS = 2.0


class _Entry:
    """One document between the start of its opening and the end of its closing."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.session: Session | None = None
        self.failure: CollabError | None = None
        self.settled = anyio.Event()  # opened, or failed
        self.closed = anyio.Event()
        self.closing = False
        self.holders = 0
        self.idle_since = 0.0


def new_epoch() -> str:
    """A fresh epoch or name: random, as long as nobody would ever guess or repeat it."""
    return secrets.token_hex(8)


def wall_clock_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


class Registry:
    """Opens documents and looks after them. Use `open_registry`."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        now: Callable[[], int] = wall_clock_ms,
        make_epoch: Callable[[], str] = new_epoch,
        bus: Bus | None = None,
        make_node: Callable[[], str] = new_epoch,
    ) -> None:
        self.store = store
        self.settings = settings
        self.now = now
        self.make_epoch = make_epoch
        self._committer = Committer(store)
        self.archivist = Archivist(store)
        self.trimmer = Trimmer(
            store, self.archivist, self._raise_floor, days=settings.history_days, now=now
        )
        self._snapshotter = Snapshotter(
            store, self.archivist, self.trimmer, every_commits=settings.snapshot_every
        )
        self._automatic = Automatic(
            store,
            self.archivist,
            self.sessions,
            minutes=settings.version_minutes,
            most=settings.automatic_versions,
            now=now,
        )
        self.loop_watch = LoopWatch()
        self.authorizer = Authorizer(store, now)
        self._poller = Poller(store, self.authorizer, self.sessions, self._hears_news)
        self._relay: Relay | None = None
        if bus is not None:
            self._relay = Relay(bus, make_node(), settings, now, self._poller.look)
            self.authorizer.announce = self._relay.access_changed
        self._entries: dict[str, _Entry] = {}
        self._tasks = anyio.create_task_group()
        self._draining = False
        self._away_seconds = 1.0

    @property
    def bus_up(self) -> bool | None:
        """Whether news from other nodes is likely to come; None: there is no bus."""
        return None if self._relay is None else self._relay.healthy

    @property
    def draining(self) -> bool:
        """Whether new work is refused, because the node is going away."""
        return self._draining

    # Using documents ------------------------------------------------------------------------------

    @asynccontextmanager
    async def open(self, id: str, *, create: str | None = None) -> AsyncIterator[Session]:
        """The document's session, kept open while in the block.

        With `create`, an absent document is made with that type; a deleted one is not. Raises
        DocumentNotFound, WrongType, Restarting, DocumentBroken, StoreFailure.
        """
        if create is not None:
            document_type(create)
        entry = await self._hold(id, create)
        try:
            yield _opened(entry)
        finally:
            entry.holders -= 1
            entry.idle_since = anyio.current_time()

    def opened(self, id: str) -> Session | None:
        """The session, if the document is open here."""
        entry = self._entries.get(id)
        return None if entry is None or entry.closing else entry.session

    def sessions(self) -> list[Session]:
        """All open sessions."""
        return [entry.session for entry in self._entries.values() if entry.session is not None]

    async def dismiss(self, id: str, error: CollabError) -> None:
        """End the deleted document's session, here at once, on other nodes soon; wait until it is
        gone here.

        Not if the store has its epoch still: then it is another one that was deleted, before this
        was made anew.
        """
        if self._relay is not None:
            self._relay.deleted(id)
        entry = self._entries.get(id)
        if entry is None:
            return
        await entry.settled.wait()
        session = entry.session
        if session is not None:
            head = (await self.store.poll([id])).heads.get(id)
            if head is not None and head.epoch == session.epoch:
                return
            session.end(error)
        await entry.closed.wait()

    async def everyone(self, id: str) -> list[Presence]:
        """Who shows something at the document, on whatever node; raises as `open`."""
        async with self.open(id) as session:
            if self._relay is not None:
                await self._relay.acquaint(session)
            return session.presence.everyone()

    def pass_on(self, id: str, epoch: str, message: Message) -> None:
        """Send a message to those who are at the document on other nodes, when it is not open
        here; when it is, its session's board takes messages."""
        if self._relay is not None:
            self._relay.say(id, epoch, message)

    async def drain(self) -> None:
        """Refuse new work, make everything accepted durable, tell everybody, write snapshots.

        Where many are connected their documents end one after the other, and they are asked to come
        back at different times, so that those who take them over can.
        """
        self._draining = True
        entries = list(self._entries.values())
        holders = sum(entry.holders for entry in entries)
        self._away_seconds = min(holders / _RETURNS_PER_SECOND, _LONGEST_AWAY_SECONDS)
        spread = min(self._away_seconds, self.settings.drain_seconds / 4)
        for entry in entries:
            if entry.session is not None:
                entry.session.close()
                await anyio.sleep(spread / len(entries))
        for entry in entries:
            await entry.closed.wait()

    # Opening and closing --------------------------------------------------------------------------

    async def _hold(self, id: str, create: str | None) -> _Entry:
        while True:
            if self._draining:
                raise Restarting(retry_after=1)
            entry = self._entries.get(id)
            if entry is None:
                entry = self._entries[id] = _Entry(id)
                self._tasks.start_soon(self._tend, entry, create)
            if entry.closing:
                await entry.closed.wait()
                continue
            entry.holders += 1
            try:
                await entry.settled.wait()
                if entry.failure is None:
                    return entry
            except BaseException:
                entry.holders -= 1
                raise
            entry.holders -= 1
            if create is None or not isinstance(entry.failure, DocumentNotFound):
                raise entry.failure
            # The opening that we waited for was not asked to create it.
            await self._create(id, create)
            create = None

    async def _tend(self, entry: _Entry, create: str | None) -> None:
        """One document's life: load, run, save, forget. Nothing that breaks it goes further."""
        try:
            structlog.contextvars.clear_contextvars()  # it is not the opener's alone
            with span("open", document=entry.id), OPEN_SECONDS.time():
                session = await self._load(entry.id, create)
            entry.session = session
            if self._relay is not None:
                self._relay.opened(session)
            if self._draining:
                session.close()
            entry.idle_since = anyio.current_time()
            entry.settled.set()
            await session.run()
            entry.closing = True
            if session.ended is None:  # otherwise what it has may not be what is stored
                session.end(Restarting(self._away_seconds))
                await self._snapshotter.save(session, hurried=self._draining)
        except CollabError as error:
            self._broken(entry, error)
        except Exception:
            _log.exception("document failed", document=entry.id)
            self._broken(entry, Unavailable("the document failed here, try again"))
        finally:
            if self._relay is not None and entry.session is not None:
                self._relay.closed(entry.session)
            del self._entries[entry.id]
            entry.closing = True
            entry.settled.set()
            entry.closed.set()

    def _broken(self, entry: _Entry, error: CollabError) -> None:
        if not isinstance(error, DocumentNotFound):
            _log.warning("document unavailable", document=entry.id, reason=str(error))
        entry.failure = error
        if entry.session is not None:
            entry.session.end(error)

    async def _load(self, id: str, create: str | None) -> Session:
        with store_call("load", document=id):
            loaded = await self.store.load(id)
        if loaded is None and create is not None:
            await self._create(id, create)
            loaded = await self.store.load(id)
        if loaded is None:
            raise DocumentNotFound
        type = document_type(loaded.document.type)
        tell: dict[str, Any] = {}
        if self._relay is not None:
            tell = {"committed": self._relay.committed, "outrun": self._relay.outrun}
        return Session(
            id,
            loaded.document.epoch,
            await load_authority(loaded, type, self.settings),
            snapshot_version=loaded.snapshot.version if loaded.snapshot else 0,
            history=History(self.store, id, loaded.document.epoch),
            committer=self._committer,
            inbox_edits=self.settings.inbox_edits,
            now=self.now,
            progressed=self._snapshotter.consider,
            **tell,
        )

    async def _create(self, id: str, type: str) -> None:
        new = NewDocument(id=id, type=type, epoch=self.make_epoch(), created=self.now())
        try:
            await self.store.create(new)
        except DocumentExists:
            return  # somebody else was faster

    def _raise_floor(self, id: str, epoch: str, floor: int) -> None:
        session = self.opened(id)
        if session is not None and session.epoch == epoch:
            session.raise_floor(floor)

    def _hears_news(self) -> bool:
        return self.bus_up is True

    # Looking after them ---------------------------------------------------------------------------

    async def _unload_idle(self) -> None:
        """Close documents that nobody holds, snapshot those that have come to rest; give the memory
        of the closed back when they are gone."""
        idle_seconds = self.settings.idle_seconds
        closed = False
        while True:
            await anyio.sleep(idle_seconds / 4)
            if closed:
                give_back_aside()
            closed = False
            deadline = anyio.current_time() - idle_seconds
            for entry in list(self._entries.values()):
                session = entry.session
                if session is None or entry.closing or session.last_progress > deadline:
                    continue
                if entry.holders == 0 and entry.idle_since <= deadline:
                    entry.closing = closed = True
                    session.close()
                elif session.version > session.snapshot_version:
                    self._snapshotter.request(session)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the node's tasks during the block; drain at its end.

        What the block raises comes out as it is, not in an exception group.
        """
        failure: Exception | None = None
        await self.authorizer.start()
        async with self._tasks:
            self._tasks.start_soon(self.loop_watch.run)
            self._tasks.start_soon(self._committer.run)
            self._tasks.start_soon(self._snapshotter.run)
            self._tasks.start_soon(self.archivist.run)
            self._tasks.start_soon(self._automatic.run)
            self._tasks.start_soon(self.trimmer.run)
            self._tasks.start_soon(self._unload_idle)
            self._tasks.start_soon(self.authorizer.run)
            if self.store.shared:
                self._tasks.start_soon(self._poller.run)
            if self._relay is not None:
                self._tasks.start_soon(self._relay.run)
            try:
                yield
                if not self._draining:
                    with anyio.move_on_after(self.settings.drain_seconds):
                        await self.drain()
            except Exception as error:
                failure = error
            finally:
                self._tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure


@asynccontextmanager
async def open_registry(
    store: Store,
    settings: Settings,
    *,
    now: Callable[[], int] = wall_clock_ms,
    make_epoch: Callable[[], str] = new_epoch,
    bus: Bus | None = None,
    make_node: Callable[[], str] = new_epoch,
) -> AsyncIterator[Registry]:
    """A registry over `store`, with news over `bus`; leaving the block drains it.

    `make_node` names this start of this node: nothing else ever had that name.
    """
    registry = Registry(
        store, settings, now=now, make_epoch=make_epoch, bus=bus, make_node=make_node
    )
    async with registry.running():
        yield registry


def _opened(entry: _Entry) -> Session:
    if entry.session is None:
        raise entry.failure or Unavailable("the document did not open")
    return entry.session
