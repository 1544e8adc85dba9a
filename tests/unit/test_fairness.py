"""Of nodes that write one document at once none is left out, however far from the store it is.

All of it in virtual time: a way takes what is said, and nothing else takes any.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import pytest

from collab.bus.memory import Ether, MemoryBus
from collab.bus.news import Turn, encode
from collab.session import Session
from collab.storage import PAGE_BYTES, Append, AppendResult
from collab.storage.memory import MemoryStore
from collab.words import Commit
from tests.simulation import virtual
from tests.unit.nodes import allowed, create, edit, insert, node

pytestmark = pytest.mark.anyio

NEAR_SECONDS = 0.0005


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return virtual.BACKEND


class Distant:
    """A shared store that is so far away: each way takes that long."""

    shared = True

    def __init__(self, store: MemoryStore, way_seconds: float) -> None:
        self._store = store
        self._way_seconds = way_seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, batches: Sequence[Append]) -> list[AppendResult]:
        await anyio.sleep(self._way_seconds)
        results = await self._store.append(batches)
        await anyio.sleep(self._way_seconds)
        return results

    async def read(
        self, id: str, epoch: str, after: int, limit: int, max_bytes: int = PAGE_BYTES
    ) -> list[Commit]:
        await anyio.sleep(self._way_seconds)
        commits = await self._store.read(id, epoch, after, limit, max_bytes)
        await anyio.sleep(self._way_seconds)
        return commits


class DistantBus(MemoryBus):
    """Its news take as long as its node's way to the store, and that of who hears them."""

    def __init__(self, ether: Ether, way_seconds: float) -> None:
        super().__init__(ether)
        self.way_seconds = way_seconds
        ether.buses.append(self)

    def publish(self, channel: str | None, news: bytes) -> None:
        for bus in self._ether.buses:
            assert isinstance(bus, DistantBus)
            way = self.way_seconds + bus.way_seconds
            asyncio.get_running_loop().call_later(way, bus.receive, channel, news)


class Place:
    """A node so far from the store, and the document there."""

    def __init__(self, session: Session, bus: DistantBus) -> None:
        self.session = session
        self.bus = bus
        self.longest_seconds = 0.0
        self.edits = 0

    async def write(self, writer: str, pause_seconds: float = 0.0) -> None:
        """Edit again and again, until cancelled."""
        for seq in range(1, 1_000_000):
            began = anyio.current_time()
            one = edit(self.session, writer, seq, None, insert("x"))
            await self.session.edit(one, allowed)
            self.longest_seconds = max(self.longest_seconds, anyio.current_time() - began)
            self.edits += 1
            await anyio.sleep(pause_seconds)


@asynccontextmanager
async def places(*ways: float) -> AsyncIterator[list[Place]]:
    store, ether = MemoryStore(shared=True), Ether()
    await create(store)
    async with AsyncExitStack() as stack:
        found = []
        for way in ways:
            bus = DistantBus(ether, way)
            registry = await stack.enter_async_context(node(Distant(store, way), bus))
            session = await stack.enter_async_context(registry.open("doc"))
            found.append(Place(session, bus))
        yield found


@pytest.mark.parametrize("way", [0.0005, 0.001, 0.005, 0.05], ids=lambda way: f"{way * 1000:g} ms")
async def test_a_far_node_gets_its_turn_beside_one_that_never_pauses(way: float) -> None:
    async with places(NEAR_SECONDS, way) as (near, far), anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(near.write, f"near {number}")
        tasks.start_soon(far.write, "far")
        await anyio.sleep(5)
        tasks.cancel_scope.cancel()
    round_trip = 2 * way
    assert far.edits > 10
    assert far.longest_seconds < 15 * round_trip
    assert near.longest_seconds < 15 * round_trip


async def test_several_far_nodes_get_their_turns_all_of_them() -> None:
    async with places(NEAR_SECONDS, NEAR_SECONDS, 0.02, 0.03) as found:
        async with anyio.create_task_group() as tasks:
            for number, place in enumerate(found):
                tasks.start_soon(place.write, f"writer {number}")
            await anyio.sleep(10)
            tasks.cancel_scope.cancel()
        assert [place for place in found if place.longest_seconds > 1.5] == []


async def test_people_who_type_near_the_store_keep_those_far_away_waiting_no_longer() -> None:
    async with places(NEAR_SECONDS, 0.05) as (near, far), anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(near.write, f"near {number}", 0.2 + number / 1000)
        tasks.start_soon(far.write, "far", 0.2)
        await anyio.sleep(20)
        tasks.cancel_scope.cancel()
    assert far.longest_seconds < 1
    assert near.longest_seconds < 0.5


async def test_who_asks_for_a_turn_and_dies_keeps_nobody_for_long() -> None:
    async with places(NEAR_SECONDS) as (near,):
        near.bus.receive("doc", encode(Turn("dead", "e1", 200)))
        began = anyio.current_time()
        one = edit(near.session, "ada", 1, None, insert("x"))
        await near.session.edit(one, allowed)
        assert anyio.current_time() - began == pytest.approx(0.2, abs=0.01)


async def test_the_end_of_a_node_does_not_wait_for_turns_of_others() -> None:
    async with places(NEAR_SECONDS) as (near,), anyio.create_task_group() as tasks:
        near.bus.receive("doc", encode(Turn("dead", "e1", 1000)))
        tasks.start_soon(near.write, "ada", 100.0)
        await anyio.sleep(0.01)
        assert near.edits == 0
        near.session.close()
        await anyio.sleep(0.01)
        assert near.edits == 1
        tasks.cancel_scope.cancel()
