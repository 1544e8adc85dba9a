"""Nodes over a real Redis that is killed, comes back, hangs, and carries somebody else's bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest
import structlog
from pydantic import SecretStr
from redis.asyncio import Redis

from collab.bus.connect import open_bus
from collab.bus.redis import RedisBus, open_redis
from collab.errors import ConfigurationError
from collab.messages import Message
from collab.presence import Presence
from collab.session import Session
from collab.storage.memory import MemoryStore
from tests.integration.certificates import make_certificate
from tests.requirements import require
from tests.services.redis import PROGRAM, RedisServer, redis_server
from tests.unit.nodes import allowed, create, edit, insert, node, text_of

pytestmark = pytest.mark.anyio

require(PROGRAM is not None, "redis-server is not installed")

BACK_SECONDS = 20.0


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(autouse=True)
def log() -> Iterator[list[dict[str, object]]]:
    with structlog.testing.capture_logs() as entries:
        yield entries  # type: ignore[misc]


class Nodes:
    """The document `doc` on two nodes."""

    def __init__(self, buses: list[RedisBus], sessions: list[Session]) -> None:
        self.buses = buses
        self.sessions = sessions

    @property
    def healthy(self) -> list[bool]:
        return [bus.healthy for bus in self.buses]

    async def write(self, at: int) -> None:
        session = self.sessions[at]
        each = edit(session, f"ada {session.version} {at}", 1, None, insert("a"))
        await session.edit(each, allowed)

    def show(self, at: int, author: str) -> None:
        session = self.sessions[at]
        session.presence.put(Presence(author, None, "here", 0), self)
        session.messages.post(Message(author, None, "hello", 5))
        session.fanout.wake_followers()

    async def flow(self, seconds: float = BACK_SECONDS) -> None:
        """Return when commits, presence and messages go both ways."""
        await until(lambda: all(self.healthy), seconds)
        for at in (0, 1):
            other = self.sessions[1 - at]
            messages, author = other.messages.count, f"author {self.sessions[at].version} {at}"
            await self.write(at)
            self.show(at, author)

            def arrived(
                here: Session = self.sessions[at],
                there: Session = other,
                author: str = author,
                messages: int = messages,
            ) -> bool:
                return (
                    there.version == here.version
                    and there.presence.shown(author) is not None
                    and there.messages.count > messages
                )

            await until(arrived, seconds)
        assert text_of(self.sessions[0]) == text_of(self.sessions[1])


async def until(true: Callable[[], bool], seconds: float) -> None:
    with anyio.fail_after(seconds):
        while not true():  # noqa: ASYNC110 - from outside there is no event for it
            await anyio.sleep(0.005)


@asynccontextmanager
async def nodes(url: str) -> AsyncIterator[Nodes]:
    store = MemoryStore(shared=True)
    await create(store)
    async with (
        open_redis(url) as first,
        open_redis(url) as second,
        node(store, first) as one,
        node(store, second) as two,
        one.open("doc") as here,
        two.open("doc") as there,
    ):
        yield Nodes([first, second], [here, there])


def told(log: list[dict[str, object]], beginning: str) -> int:
    return sum(str(entry["event"]).startswith(beginning) for entry in log)


async def test_everything_crosses(redis: RedisServer) -> None:
    async with nodes(redis.url) as both:
        await both.flow()


async def test_redis_may_be_killed_at_any_time_and_all_flows_again_when_it_is_back(
    redis: RedisServer, log: list[dict[str, object]]
) -> None:
    async with nodes(redis.url) as both:
        await both.flow()
        redis.kill()
        await until(lambda: not any(both.healthy), 5)
        await both.write(0)
        await until(lambda: both.sessions[1].version == both.sessions[0].version, 5)
        redis.start()
        await both.flow()
        assert told(log, "redis is away") == 2, "each node says it once"
        assert told(log, "redis is there") == 4


async def test_nodes_start_without_redis_and_use_it_when_it_comes(redis: RedisServer) -> None:
    redis.kill()
    async with nodes(redis.url) as both:
        await both.write(0)
        await until(lambda: both.sessions[1].version == 1, 5)
        both.show(0, "ada")
        redis.start()
        await both.flow()
        await until(lambda: both.sessions[1].presence.shown("ada") is not None, BACK_SECONDS)


async def test_a_redis_that_hangs_counts_as_down(redis: RedisServer) -> None:
    async with nodes(redis.url) as both:
        await both.flow()
        redis.suspend()
        await until(lambda: not any(both.healthy), 5)
        await both.write(0)
        await until(lambda: both.sessions[1].version == both.sessions[0].version, 5)
        redis.resume()
        await both.flow()


async def test_somebody_elses_bytes_on_our_channels_change_nothing(redis: RedisServer) -> None:
    async with nodes(redis.url) as both:
        await both.flow()
        async with Redis.from_url(redis.url) as stranger:
            channels = await stranger.pubsub_channels("collab:*")
            assert len(channels) == 4, "the document's, that of all, and a heartbeat of each"
            for channel in channels:
                for news in (b"", b"\xff\x00garbage", b"\x95\xa1c", b"x" * 1_000_000):
                    await stranger.publish(channel, news)
        version = both.sessions[0].version
        await both.flow()
        assert [session.ended for session in both.sessions] == [None, None]
        assert both.sessions[0].version == version + 2


async def test_a_wrong_password_is_told_without_the_password(
    redis: RedisServer, log: list[dict[str, object]]
) -> None:
    async with open_redis(f"redis://:wrong-one@127.0.0.1:{redis.port}/0") as bus:
        await until(lambda: told(log, "redis is away") > 0, 5)
        assert not bus.healthy
        bus.publish("doc", b"into the void")
    assert "wrong-one" not in str(log)


@pytest.mark.parametrize(
    "url",
    [
        "redis://h:port",
        "redis://h/x?no_such_parameter=1",
        "http://h",
        "rediss://h?ssl_cert_reqs=whatever",
    ],
)
async def test_a_url_that_is_none_stops_the_start(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        async with open_redis(url):
            pass
    assert url not in str(caught.value)


async def test_tls_is_checked_unless_the_url_or_the_operator_says_not_to(
    tmp_path: Path, log: list[dict[str, object]]
) -> None:
    certificate = make_certificate(tmp_path)
    with redis_server(certificate) as redis:
        for parameters in ("ssl_cert_reqs=none", f"ssl_ca_certs={certificate.authority}"):
            async with open_redis(f"{redis.url}?{parameters}") as bus:
                await until(partial(getattr, bus, "healthy"), 5)
                await until(lambda: told(log, "redis is there") > 0, 5)
            log.clear()
        async with open_redis(redis.url, verify=False) as bus:
            await until(partial(getattr, bus, "healthy"), 5)
        log.clear()
        async with open_redis(redis.url) as bus:
            await until(lambda: told(log, "redis is away") > 0, 5)
            assert "CERTIFICATE_VERIFY_FAILED" in str(log)
            assert not bus.healthy


async def test_redis_is_for_stores_that_nodes_share(log: list[dict[str, object]]) -> None:
    async with open_bus(SecretStr("redis://127.0.0.1"), shared=False) as bus:
        assert bus is None
    async with open_bus(None, shared=True) as bus:
        assert bus is None
    assert told(log, "REDIS_URL is not used") == 1
    assert told(log, "without REDIS_URL") == 1
