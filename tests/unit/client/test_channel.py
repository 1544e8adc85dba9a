"""The websocket under the client, against a real one on the loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from collab_client import ChannelClosed
from collab_client.channel import websocket_opener

pytestmark = pytest.mark.anyio

Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, status: int | None = None) -> AsyncIterator[str]:
    """A server of websockets that speak `collab.v1`; with `status` it refuses the handshake."""

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        return None if status is None else connection.respond(status, "")

    protocols = [Subprotocol("collab.v1")]
    async with serve(
        handler,
        "127.0.0.1",
        0,
        subprotocols=protocols,
        process_request=refuse,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/v1/documents/notes/socket"


async def echo(connection: ServerConnection) -> None:
    assert connection.subprotocol == "collab.v1"
    assert connection.protocol.extensions == []
    async for frame in connection:
        await connection.send(frame)


async def test_text_goes_both_ways_uncompressed() -> None:
    async with serving(echo) as url:
        channel = await websocket_opener()(url)
        for frame in ["{}", "é😀", "x" * 100_000]:
            await channel.send(frame)
            assert await channel.receive() == frame
        await channel.close()
        await channel.close()
        with pytest.raises(ChannelClosed):
            await channel.send("late")


async def test_big_frames_are_received() -> None:
    async def send_big(connection: ServerConnection) -> None:
        await connection.send("x" * (3 << 20))

    async with serving(send_big) as url:
        channel = await websocket_opener()(url)
        assert len(await channel.receive()) == 3 << 20
        await channel.close()


async def test_end_tells_what_the_server_said() -> None:
    async def end(connection: ServerConnection) -> None:
        await connection.close(4404, "no such document")

    async with serving(end) as url:
        channel = await websocket_opener()(url)
        with pytest.raises(ChannelClosed) as caught:
            await channel.receive()
        assert (caught.value.code, caught.value.reason) == (4404, "no such document")
        assert not caught.value.refused
        await channel.close()


async def test_connection_that_just_breaks_ends_abnormally() -> None:
    async def vanish(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with serving(vanish) as url:
        channel = await websocket_opener()(url)
        with pytest.raises(ChannelClosed) as caught:
            await channel.receive()
        assert caught.value.code == 1006
        await channel.close()


async def test_binary_frame_is_not_of_this_protocol() -> None:
    async def send_bytes(connection: ServerConnection) -> None:
        await connection.send(b"{}")
        await connection.wait_closed()

    async with serving(send_bytes) as url:
        channel = await websocket_opener()(url)
        with pytest.raises(ChannelClosed, match="binary"):
            await channel.receive()


@pytest.mark.parametrize(
    ("status", "code"), [(401, 4401), (403, 4403), (404, 4404), (429, 4429), (503, 1006)]
)
async def test_refused_handshake_is_told_as_a_close_code(status: int, code: int) -> None:
    async with serving(echo, status) as url:
        with pytest.raises(ChannelClosed) as caught:
            await websocket_opener()(url)
        assert (caught.value.code, caught.value.refused) == (code, True)


async def test_nobody_there_is_a_closed_channel() -> None:
    async with serving(echo) as url:
        pass
    with anyio.fail_after(5), pytest.raises(ChannelClosed) as caught:
        await websocket_opener()(url)
    assert (caught.value.code, caught.value.refused) == (1006, True)
