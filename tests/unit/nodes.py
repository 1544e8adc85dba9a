"""A registry over a memory store, and a store that fails when it is told to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio

from collab.bus import Bus
from collab.errors import StoreFailure
from collab.registry import Registry, open_registry
from collab.session import Session
from collab.settings import Settings
from collab.storage import PAGE_BYTES, Append, AppendResult, Loaded, NewDocument, Store
from collab.storage.memory import MemoryStore
from collab.words import Commit, Edit, author_of, digest_of


class TroubledStore(MemoryStore):
    """Fails the calls that are named in `failing`, holds an append back, counts the appends."""

    def __init__(self, *, shared: bool = False) -> None:
        super().__init__(shared=shared)
        self.failing: set[str] = set()
        self.appends = 0
        self.held = anyio.Event()
        self._released = anyio.Event()
        self._released.set()

    def hold(self) -> None:
        """Let the next append wait; `held` says when it does."""
        self._released = anyio.Event()

    def release(self) -> None:
        self._released.set()

    async def load(self, id: str) -> Loaded | None:
        self._check("load")
        return await super().load(id)

    async def append(self, batches: Sequence[Append]) -> list[AppendResult]:
        self._check("append")
        self.appends += 1
        if not self._released.is_set():
            self.held.set()
            await self._released.wait()
        results = await super().append(batches)
        self._check("append afterwards")
        return results

    async def read(
        self, id: str, epoch: str, after: int, limit: int, max_bytes: int = PAGE_BYTES
    ) -> list[Commit]:
        self._check("read")
        return await super().read(id, epoch, after, limit, max_bytes)

    def _check(self, call: str) -> None:
        if call in self.failing:
            raise StoreFailure(f"{call} fails as told")


def settings(**changes: Any) -> Settings:
    return Settings(database_url="memory://", **changes)


@asynccontextmanager
async def node(
    store: Store | None = None, bus: Bus | None = None, /, **changes: Any
) -> AsyncIterator[Registry]:
    """On the loop's own clock, so that virtual time moves it."""
    async with open_registry(
        store or MemoryStore(),
        settings(**changes),
        now=lambda: int(anyio.current_time() * 1000),
        bus=bus,
    ) as registry:
        yield registry


async def create(store: Store, id: str = "doc", type: str = "text", epoch: str = "e1") -> None:
    await store.create(NewDocument(id=id, type=type, epoch=epoch, created=0))


def edit(session: Session, client: str, seq: int, base: int | None, operation: str) -> Edit:
    raw = operation.encode()
    return Edit(
        author=author_of(client),
        seq=seq,
        base=base,
        operation=session.type.parse(raw),
        digest=digest_of(base, raw),
    )


def insert(text: str, at: int = 0) -> str:
    return f'[{{"retain":{at}}},{{"insert":"{text}"}}]' if at else f'[{{"insert":"{text}"}}]'


def text_of(session: Session) -> str:
    return session.type.render(session.state, "text").decode()


def allowed() -> bool:
    return True
