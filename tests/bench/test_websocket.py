"""The generator's framing against the websockets library's server."""

from __future__ import annotations

import asyncio
from typing import cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from tests.bench.websocket import WebSocketClient


class Wire:
    """The client's transport: what it writes goes to the server's protocol."""

    def __init__(self, server: ServerProtocol) -> None:
        self.server = server

    def write(self, data: bytes) -> None:
        self.server.receive_data(data)


class Client(WebSocketClient):
    def __init__(self) -> None:
        super().__init__("bench", "/path", "collab.v1")
        self.heard: list[str] = []

    def opened(self) -> None:
        self.heard.append("opened")

    def text(self, payload: bytes) -> None:
        self.heard.append(payload.decode())

    def closed(self, why: str) -> None:
        self.heard.append(why)


def connected() -> tuple[Client, ServerProtocol]:
    server = ServerProtocol(subprotocols=[Subprotocol("collab.v1")])
    client = Client()
    client.connection_made(cast(asyncio.BaseTransport, Wire(server)))
    (request,) = server.events_received()
    server.send_response(server.accept(cast(Request, request)))
    return client, server


def answers(server: ServerProtocol) -> bytes:
    return b"".join(server.data_to_send())


def test_frames_of_every_length_arrive_however_they_are_cut() -> None:
    texts = ["", "short", "a" * 125, "b" * 126, "c" * 65535, "d" * 65536]
    for piece in (7, 1000, 1 << 20):
        client, server = connected()
        for text in texts:
            server.send_text(text.encode())
        data = answers(server)
        for start in range(0, len(data), piece):
            client.data_received(data[start : start + piece])
        assert client.heard == ["opened", *texts]


def test_the_server_understands_what_the_client_sends() -> None:
    client, server = connected()
    client.data_received(answers(server))
    texts = ["short", "a" * 126, "b" * 65536]
    for text in texts:
        client.send_text(text.encode())
    server.send_ping(b"there?")
    client.data_received(answers(server))
    frames = cast(list[Frame], server.events_received())
    assert [bytes(frame.data).decode() for frame in frames[:-1]] == texts
    assert (frames[-1].opcode, frames[-1].data) == (Opcode.PONG, b"there?")


def test_a_close_is_told_with_its_code() -> None:
    client, server = connected()
    server.send_close(CloseCode.TRY_AGAIN_LATER, "later")
    client.data_received(answers(server))
    assert client.heard == ["opened", "closed with 1013 later"]
