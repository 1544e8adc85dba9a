"""Nodes over one store, with everything that can go wrong with them.

A node is the real registry and the real connection code; it can pause, crash and restart, and its
store fails by chance: before a call, or after it took effect.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any, TypeAlias, TypeVar

import anyio
import msgspec
from anyio.abc import TaskGroup

from collab.authorizer import Standing
from collab.errors import CollabError, StoreFailure
from collab.peer import Disconnected, Wire
from collab.protocols.ywebsocket import decode_client
from collab.registry import Registry, open_registry
from collab.settings import Settings
from collab.storage import (
    PAGE_BYTES,
    Append,
    AppendResult,
    Loaded,
    Mark,
    Nearest,
    NewDocument,
    NewGrant,
    Polled,
    Rewrite,
)
from collab.storage.memory import MemoryStore
from collab.web.auth import Authenticator
from collab.web.closing import close_code
from collab.web.connections import Connections
from collab.web.socket import serve
from collab.words import (
    Access,
    Commit,
    Document,
    Grant,
    Head,
    Milestone,
    NamedVersion,
    Retention,
    Snapshot,
)
from collab.yjs_peer import Heard, YjsPeer
from tests.simulation.bus import Rough, RoughBus
from tests.simulation.network import Broken, Connection, Frame, Gate

T = TypeVar("T")


Talk: TypeAlias = "Callable[[ServerWire, str, Registry], Awaitable[None]]"
"""What serves one connection of a protocol."""


async def native(wire: ServerWire, document: str, registry: Registry) -> None:
    """The native protocol, as its endpoint serves it."""
    settings = registry.settings

    async def identify(token: str | None) -> Standing:
        principal = await Authenticator(settings).authenticate(token)
        return await registry.authorizer.admit(principal, document)

    await serve(
        wire,
        document,
        registry=registry,
        settings=settings,
        connections=Connections(settings),
        identify=identify,
    )


async def ywebsocket(wire: ServerWire, document: str, registry: Registry) -> None:
    """y-websocket, as its endpoint serves it."""
    async with registry.open(document) as session:
        heard = YjsWire(wire)
        settings = registry.settings
        await YjsPeer(session, heard, user=None, access=Access.WRITE, settings=settings).run()


class Chances(msgspec.Struct, frozen=True):
    """How rough the world is: probabilities per call, seconds at most."""

    store_fails: float = 0.0
    store_seconds: float = 0.02
    deletes: float = 0.0
    fresh_starts: float = 0.0
    network_seconds: float = 0.1
    news: bool = False
    news_lost: float = 0.0
    news_repeated: float = 0.0
    news_seconds: float = 0.01


class World:
    """What the nodes share."""

    def __init__(self, random: Random, chances: Chances, settings: Settings) -> None:
        self.random = random
        self.chances = chances
        self.settings = settings
        self.store = MemoryStore(shared=True)
        self.calm = False
        self.rough: Rough | None = None
        if chances.news:
            self.rough = Rough(
                Random(random.random()),
                loses=chances.news_lost,
                repeats=chances.news_repeated,
                slowest=chances.news_seconds,
            )
        self._epochs = 0
        self._nodes = 0
        self._tokens = 0

    def make_token(self) -> str:
        """A character that is handed out once; no insert can split it."""
        self._tokens += 1
        return chr(0xE000 + self._tokens)

    def now(self) -> int:
        return 1_700_000_000_000 + int(anyio.current_time() * 1000)

    def make_epoch(self) -> str:
        self._epochs += 1
        return f"epoch{self._epochs}"

    def make_node(self) -> str:
        self._nodes += 1
        return f"node{self._nodes}"

    def calm_down(self) -> None:
        """Nothing goes wrong any more."""
        self.calm = True
        if self.rough is not None:
            self.rough.calm = True
            if self.rough.away:
                self.rough.come_back()


class NodeStore:
    """The shared store as one node sees it: slow, failing, behind the node's gate."""

    def __init__(self, world: World, gate: Gate) -> None:
        self._world = world
        self._gate = gate
        self.shared = True

    async def create(
        self, document: NewDocument, commits: Sequence[Commit] = (), *, revive: bool = False
    ) -> Document:
        return await self._call(lambda: self._world.store.create(document, commits, revive=revive))

    async def get(self, id: str) -> Document | None:
        return await self._call(lambda: self._world.store.get(id))

    async def load(self, id: str) -> Loaded | None:
        return await self._call(lambda: self._world.store.load(id))

    async def nearest(self, id: str, version: int) -> Nearest | None:
        return await self._call(lambda: self._world.store.nearest(id, version))

    async def version_at(self, id: str, time: int) -> Head:
        return await self._call(lambda: self._world.store.version_at(id, time))

    async def append(self, batches: Sequence[Append]) -> list[AppendResult]:
        return await self._call(lambda: self._world.store.append(batches))

    async def read(
        self, id: str, epoch: str, after: int, limit: int, max_bytes: int = PAGE_BYTES
    ) -> list[Commit]:
        return await self._call(lambda: self._world.store.read(id, epoch, after, limit, max_bytes))

    async def poll(self, ids: Sequence[str]) -> Polled:
        return await self._call(lambda: self._world.store.poll(ids))

    async def save_snapshot(self, id: str, epoch: str, snapshot: Snapshot) -> bool:
        return await self._call(lambda: self._world.store.save_snapshot(id, epoch, snapshot))

    async def save_milestone(self, id: str, epoch: str, milestone: Milestone) -> bool:
        return await self._call(lambda: self._world.store.save_milestone(id, epoch, milestone))

    async def milestones(self, id: str, epoch: str) -> Sequence[Mark]:
        return await self._call(lambda: self._world.store.milestones(id, epoch))

    async def log_bytes(self, id: str, epoch: str, after: int, until: int) -> int:
        return await self._call(lambda: self._world.store.log_bytes(id, epoch, after, until))

    async def name_version(
        self, id: str, epoch: str, named: NamedVersion, milestone: Milestone, most: int
    ) -> bool:
        return await self._call(
            lambda: self._world.store.name_version(id, epoch, named, milestone, most)
        )

    async def versions(
        self,
        id: str,
        epoch: str,
        *,
        before: int | None = None,
        limit: int = 100,
        automatic: bool | None = None,
    ) -> Sequence[NamedVersion]:
        return await self._call(
            lambda: self._world.store.versions(
                id, epoch, before=before, limit=limit, automatic=automatic
            )
        )

    async def rename_version(self, id: str, epoch: str, version: int, name: str) -> NamedVersion:
        return await self._call(lambda: self._world.store.rename_version(id, epoch, version, name))

    async def forget_version(self, id: str, epoch: str, version: int) -> bool:
        return await self._call(lambda: self._world.store.forget_version(id, epoch, version))

    async def set_retention(self, id: str, retention: Retention) -> Document:
        return await self._call(lambda: self._world.store.set_retention(id, retention))

    async def rewrite(self, id: str, head: Head, change: Rewrite) -> bool:
        return await self._call(lambda: self._world.store.rewrite(id, head, change))

    async def trim(self, id: str, epoch: str, before: int, *, dry: bool = False) -> int:
        return await self._call(lambda: self._world.store.trim(id, epoch, before, dry=dry))

    async def list(
        self, *, prefix: str = "", type: str | None = None, after: str = "", limit: int = 100
    ) -> list[Document]:
        store = self._world.store
        return await self._call(
            lambda: store.list(prefix=prefix, type=type, after=after, limit=limit)
        )

    async def set_metadata(self, id: str, metadata: dict[str, Any]) -> Document:
        return await self._call(lambda: self._world.store.set_metadata(id, metadata))

    async def delete(self, id: str) -> bool:
        return await self._call(lambda: self._world.store.delete(id))

    async def set_grants(self, grants: Sequence[NewGrant]) -> Sequence[Grant]:
        return await self._call(lambda: self._world.store.set_grants(grants))

    async def grants(self, documents: Sequence[str], users: Sequence[str]) -> Sequence[Grant]:
        return await self._call(lambda: self._world.store.grants(documents, users))

    async def list_grants(
        self,
        *,
        document: str | None = None,
        user: str | None = None,
        after: tuple[str, str] = ("", ""),
        limit: int = 100,
    ) -> Sequence[Grant]:
        store = self._world.store
        return await self._call(
            lambda: store.list_grants(document=document, user=user, after=after, limit=limit)
        )

    async def grant_changes(self, after: int, limit: int) -> Sequence[Grant]:
        return await self._call(lambda: self._world.store.grant_changes(after, limit))

    async def _call(self, call: Callable[[], Awaitable[T]]) -> T:
        await self._trouble()
        result = await call()
        await self._trouble()
        return result

    async def _trouble(self) -> None:
        world = self._world
        await anyio.sleep(world.random.uniform(0, world.chances.store_seconds))
        await self._gate.passage()
        if not world.calm and world.random.random() < world.chances.store_fails / 2:
            raise StoreFailure("the simulated store fails")


class ServerWire(Wire[Any, Any]):
    """The node's end of a connection."""

    def __init__(self, connection: Connection, gate: Gate) -> None:
        self._connection = connection
        self._gate = gate

    async def receive(self) -> Any:
        try:
            frame = await self._connection.up.receive()
        except Broken:
            raise Disconnected from None
        await self._gate.passage()
        return frame

    async def send(self, frame: Frame) -> None:
        await self._gate.passage()
        try:
            await self._connection.down.send(frame)
        except Broken:
            raise Disconnected from None


class YjsWire(Wire[Heard, bytes]):
    """The same, with what a Yjs peer hears decoded."""

    def __init__(self, wire: ServerWire) -> None:
        self._wire = wire

    async def receive(self) -> Heard:
        return decode_client(await self._wire.receive())

    async def send(self, frame: bytes) -> None:
        await self._wire.send(frame)


class Node:
    """One server; `run` is its life."""

    def __init__(self, world: World) -> None:
        self.registry: Registry | None = None
        self._world = world
        self._gate = Gate()
        self._stop = anyio.Event()
        self._scope = anyio.CancelScope()
        self._tasks: TaskGroup | None = None

    async def run(self) -> None:
        """Serve, and start again after every stop, for ever."""
        while True:
            self._stop = anyio.Event()
            with anyio.CancelScope() as self._scope:
                async with self._serving() as self.registry:
                    await self._stop.wait()
            self.registry = self._tasks = None
            self._gate.open()
            await anyio.sleep(self._world.random.uniform(0, 1))

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[Registry]:
        store = NodeStore(self._world, self._gate)
        async with anyio.create_task_group() as self._tasks:
            async with AsyncExitStack() as stack:
                yield await self._started(store, stack)
            self._tasks.cancel_scope.cancel()

    async def _started(self, store: NodeStore, stack: AsyncExitStack) -> Registry:
        """A registry in `stack`; a server whose store fails at its start is started again."""
        world = self._world
        bus: RoughBus | None = None
        if world.rough is not None:
            bus = RoughBus(world.rough, self._gate)
            stack.callback(bus.close)
        while True:
            opening = open_registry(
                store,
                world.settings,
                now=world.now,
                make_epoch=world.make_epoch,
                bus=bus,
                make_node=world.make_node,
            )
            try:
                return await stack.enter_async_context(opening)
            except StoreFailure:
                await anyio.sleep(world.random.uniform(0, 1))

    def stop(self) -> None:
        """SIGTERM."""
        self._stop.set()

    def crash(self) -> None:
        """kill -9."""
        self._scope.cancel()

    async def pause(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT later."""
        self._gate.shut()
        await anyio.sleep(seconds)
        self._gate.open()

    def accept(self, connection: Connection, document: str, talk: Talk) -> None:
        """Serve a new connection in the protocol of `talk`; raises Broken if nobody listens."""
        if self._tasks is None or self.registry is None:
            raise Broken
        self._tasks.start_soon(self._serve, connection, document, self.registry, talk)

    async def _serve(
        self, connection: Connection, document: str, registry: Registry, talk: Talk
    ) -> None:
        try:
            await talk(ServerWire(connection, self._gate), document, registry)
        except Disconnected:
            pass
        except CollabError as error:
            connection.down.close(close_code(error))
        except BaseException:
            connection.down.snap()
            raise
        finally:
            connection.up.snap()
