"""The contract of `collab.bus.Bus`, the same for every adapter.

A new adapter joins by a branch in the `nodes` fixture.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeAlias

import anyio
import pytest

from collab.bus import Bus
from collab.bus.memory import Ether, open_memory
from collab.bus.redis import open_redis
from tests.requirements import require
from tests.services.redis import PROGRAM, RedisServer, redis_server

pytestmark = pytest.mark.anyio

SECONDS = 10


class Ear:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str | None, bytes]] = []
        self.tunings: list[str | None] = []

    def hear(self, channel: str | None, news: bytes) -> None:
        self.heard.append((channel, news))

    def tuned(self, channel: str | None) -> None:
        self.tunings.append(channel)


class Node:
    """One bus and who listens to it."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.ear = Ear()
        bus.listen(self.ear)

    async def hears(self, document: str) -> None:
        """Subscribe, and wait until it counts."""
        before = self.ear.tunings.count(document)
        self.bus.subscribe(document)
        await until(lambda: self.ear.tunings.count(document) > before)


Nodes: TypeAlias = tuple[Node, Node]
Join: TypeAlias = Callable[[], AbstractAsyncContextManager[Node]]


async def until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(SECONDS):
        while not true():  # noqa: ASYNC110 - adapters have no event for it
            await anyio.sleep(0.002)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    require(PROGRAM is not None, "redis-server is not installed")
    with redis_server() as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
def join(request: pytest.FixtureRequest) -> Join:
    """Opens one more node's bus each time."""
    ether = Ether()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Node]:
        async with AsyncExitStack() as stack:
            if request.param == "memory":
                bus: Bus = await stack.enter_async_context(open_memory(ether))
            else:
                url = request.getfixturevalue("redis").url
                bus = await stack.enter_async_context(open_redis(url))
            node = Node(bus)
            await until(lambda: bus.healthy and None in node.ear.tunings)
            yield node

    return opened


@pytest.fixture
async def nodes(join: Join) -> AsyncIterator[Nodes]:
    async with join() as one, join() as two:
        yield one, two


async def test_what_one_publishes_another_hears_on_that_channel_only(nodes: Nodes) -> None:
    one, two = nodes
    await two.hears("doc")
    one.bus.publish("other", b"not this")
    one.bus.publish("doc", b"\x00\xff news")
    one.bus.publish("doc", b"more")
    await until(lambda: len(two.ear.heard) == 2)
    assert two.ear.heard == [("doc", b"\x00\xff news"), ("doc", b"more")]
    assert one.ear.heard == [], "it is not subscribed itself"


async def test_the_channel_of_all_nodes_needs_no_subscription(nodes: Nodes) -> None:
    one, two = nodes
    one.bus.publish(None, b"news")
    await until(lambda: bool(two.ear.heard and one.ear.heard))
    assert two.ear.heard == [(None, b"news")]


async def test_nothing_is_heard_within_the_call_that_publishes(nodes: Nodes) -> None:
    one, _ = nodes
    await one.hears("doc")
    one.bus.publish("doc", b"news")
    assert one.ear.heard == []
    await until(lambda: one.ear.heard == [("doc", b"news")])


async def test_what_is_unsubscribed_is_heard_no_more_until_it_is_again(nodes: Nodes) -> None:
    one, two = nodes
    await two.hears("doc")
    two.bus.unsubscribe("doc")
    one.bus.publish("doc", b"missed")
    one.bus.publish(None, b"after it")
    await until(lambda: bool(two.ear.heard))
    await two.hears("doc")
    one.bus.publish("doc", b"news")
    await until(lambda: len(two.ear.heard) == 2)
    assert two.ear.heard == [(None, b"after it"), ("doc", b"news")]


async def test_who_leaves_and_returns_at_once_is_told_that_it_is_heard(nodes: Nodes) -> None:
    _, two = nodes
    await two.hears("doc")
    two.bus.unsubscribe("doc")
    await two.hears("doc")
    assert two.ear.tunings.count("doc") == 2


async def test_ids_of_any_form_are_channels(nodes: Nodes) -> None:
    one, two = nodes
    ids = ["nodes", "heart", "a:b", "A", "a", "x" * 200]
    for id in ids:
        await two.hears(id)
    for id in ids:
        one.bus.publish(id, id.encode())
    await until(lambda: len(two.ear.heard) == len(ids))
    assert two.ear.heard == [(id, id.encode()) for id in ids]


async def test_a_flood_is_bounded_and_its_end_arrives(nodes: Nodes) -> None:
    one, two = nodes
    await two.hears("doc")
    for number in range(30_000):
        one.bus.publish("doc", b"%d" % number)
    await until(lambda: ("doc", b"29999") in two.ear.heard[-1:])
    numbers = [int(news) for _, news in two.ear.heard]
    assert numbers == sorted(numbers)


async def test_what_is_published_on_leaving_is_carried(nodes: Nodes, join: Join) -> None:
    _, two = nodes
    await two.hears("doc")
    async with join() as three:
        three.bus.publish("doc", b"bye")
    await until(lambda: two.ear.heard == [("doc", b"bye")])
