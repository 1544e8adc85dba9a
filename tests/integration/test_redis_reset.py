"""Redis connections that somebody in between resets while nothing is on them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from collab.bus.redis import open_redis
from tests.integration.test_redis import until
from tests.requirements import require
from tests.services.redis import PROGRAM, RedisServer, redis_server

pytestmark = pytest.mark.anyio

require(PROGRAM is not None, "redis-server is not installed")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """The loop that serves: it takes a write on a connection that was reset for a mistake."""
    return "asyncio", {"use_uvloop": True}


class Between:
    """A place that all bytes to and from Redis pass, and that knows who hears and who publishes."""

    def __init__(self, redis: RedisServer) -> None:
        self._redis = redis
        self._publishing: list[asyncio.StreamWriter] = []
        self.port = 0

    def reset_publishing(self) -> None:
        """Reset the connections that publish, and no other."""
        for writer in self._publishing:
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self._publishing.clear()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_connection("127.0.0.1", self._redis.port)
        answers = asyncio.create_task(self._pass(from_redis, writer))
        try:
            await self._pass(reader, to_redis, client=writer)
        finally:
            answers.cancel()
            to_redis.close()
            writer.close()

    async def _pass(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        client: asyncio.StreamWriter | None = None,
    ) -> None:
        try:
            while data := await source.read(65536):
                if client is not None and b"PUBLISH" in data and client not in self._publishing:
                    self._publishing.append(client)
                target.write(data)
        except OSError:
            return


@asynccontextmanager
async def between(redis: RedisServer) -> AsyncIterator[Between]:
    place = Between(redis)
    server = await asyncio.start_server(place.connect, "127.0.0.1", 0)
    place.port = server.sockets[0].getsockname()[1]
    try:
        yield place
    finally:
        server.close()


async def test_a_publishing_connection_that_is_reset_while_idle_is_made_anew() -> None:
    with redis_server() as redis:
        async with between(redis) as place, open_redis(redis.url_at(place.port)) as bus:
            await until(lambda: bus.healthy, 20)
            place.reset_publishing()
            await until(lambda: not bus.healthy, 20)
            await until(lambda: bus.healthy, 20)
