"""Two nodes of one process over one store and one bus."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio

from collab.bus.memory import Ether, MemoryBus, open_memory
from collab.bus.news import News, encode
from collab.registry import Registry
from collab.session import Session
from collab.storage import PAGE_BYTES, Polled
from collab.storage.memory import MemoryStore
from collab.words import Commit
from tests.unit.nodes import allowed, create, edit, insert, node

SECONDS = 5


class CountingStore(MemoryStore):
    """Shared; writes down what was read and for what it was polled."""

    def __init__(self) -> None:
        super().__init__(shared=True)
        self.reads = 0
        self.polls: list[tuple[str, ...]] = []

    async def read(
        self, id: str, epoch: str, after: int, limit: int, max_bytes: int = PAGE_BYTES
    ) -> list[Commit]:
        self.reads += 1
        return await super().read(id, epoch, after, limit, max_bytes)

    async def poll(self, ids: Sequence[str]) -> Polled:
        self.polls.append(tuple(ids))
        return await super().poll(ids)


class Nodes:
    """Two nodes, and the document `doc` on both."""

    def __init__(self, store: CountingStore, ether: Ether, registries: list[Registry]) -> None:
        self.store = store
        self.ether = ether
        self.registries = registries
        self.sessions: list[Session] = []

    @property
    def buses(self) -> list[MemoryBus]:
        return self.ether.buses

    def spread(self, news: News | bytes, channel: str | None = "doc") -> None:
        """Publish as some third node, or somebody who is none."""
        self.ether.carry(channel, news if isinstance(news, bytes) else encode(news))

    async def write(self, at: int, text: str) -> None:
        session = self.sessions[at]
        each = edit(session, f"ada {session.version} {at}", 1, None, insert(text))
        await session.edit(each, allowed)


async def until(true: Callable[[], bool], seconds: float = SECONDS) -> None:
    with anyio.fail_after(seconds):
        while not true():  # noqa: ASYNC110 - whatever it takes, within the time
            await anyio.sleep(0.001)


@asynccontextmanager
async def two_nodes(type: str = "text", **changes: object) -> AsyncIterator[Nodes]:
    store, ether = CountingStore(), Ether()
    await create(store, type=type)
    async with (
        open_memory(ether) as first,
        open_memory(ether) as second,
        node(store, first, **changes) as one,
        node(store, second, **changes) as two,
        one.open("doc") as here,
        two.open("doc") as there,
    ):
        nodes = Nodes(store, ether, [one, two])
        nodes.sessions = [here, there]
        await until(lambda: ("doc",) in store.polls)
        await settled()
        yield nodes


async def settled() -> None:
    """What was published has arrived."""
    for _ in range(100):
        await anyio.lowlevel.checkpoint()
