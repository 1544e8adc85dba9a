"""Whose address counts: forwarded headers are believed from named proxies only, and an address with
enough connections is refused before the upgrade."""

from __future__ import annotations

import queue
import socket
from typing import Any

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from structlog.testing import capture_logs

from collab.connection import Connection
from collab.settings import Settings
from collab.web.connections import Connections
from collab.web.transport import TransportConfig
from collab.web.wires import TextWire, converse
from tests.integration import wire

# Application --------------------------------------------------------------------------------------


def application(settings: Settings) -> Starlette:
    """Says over HTTP and over a websocket whom it takes the client for."""

    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse(whom(request.scope))

    async def endpoint(websocket: WebSocket) -> None:
        async def talk(connection: Connection) -> None:
            with websocket.app.state.connections.user(websocket.query_params.get("user")):
                line = TextWire(websocket)
                await line.send(whom(websocket.scope))
                await line.receive()

        await converse(websocket, talk)

    app = Starlette(routes=[Route("/", page), WebSocketRoute("/", endpoint)])
    app.state.settings = settings
    app.state.connections = Connections(settings)
    return app


def whom(scope: Any) -> str:
    return f"{scope['scheme']} {scope['client'][0]}"


def serving(**settings: Any) -> Any:
    chosen = Settings(**settings)
    return wire.serving(TransportConfig(application(chosen), chosen))


def dial(port: int, query: str = "", **headers: str) -> tuple[socket.socket, bytes]:
    """A socket after its handshake, and the head of the answer."""
    peer = wire.connect(port)
    extra = "".join(f"{name}: {value}\r\n" for name, value in forwarded(headers).items())
    request = wire.handshake(f"/{query}").replace(b"Host:", extra.encode() + b"Host:", 1)
    peer.sendall(request)
    return peer, wire.read_until(peer, b"\r\n\r\n")


def forwarded(headers: dict[str, str]) -> dict[str, str]:
    return {f"X-Forwarded-{name.capitalize()}": value for name, value in headers.items()}


def told_over_http(port: int, **headers: str) -> str:
    with wire.connect(port) as peer:
        extra = "".join(f"{name}: {value}\r\n" for name, value in forwarded(headers).items())
        peer.sendall(f"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{extra}\r\n".encode())
        return wire.read_to_end(peer).partition(b"\r\n\r\n")[2].decode()


def told_over_websocket(port: int, **headers: str) -> str:
    peer, _ = dial(port, **headers)
    with peer:
        return wire.read_frame(peer)[1].decode()


# Forwarded headers --------------------------------------------------------------------------------


@pytest.mark.parametrize("proxies", [(), ("192.0.2.0/24",), ("::1", "10.0.0.1")])
def test_a_header_of_somebody_untrusted_changes_nothing(proxies: tuple[str, ...]) -> None:
    with serving(trusted_proxies=proxies) as port:
        claims = {"for": "203.0.113.9", "proto": "https"}
        assert told_over_http(port, **claims) == "http 127.0.0.1"
        assert told_over_websocket(port, **claims) == "ws 127.0.0.1"


@pytest.mark.parametrize("proxies", [("127.0.0.1",), ("127.0.0.0/8",), ("*",)])
def test_a_trusted_proxy_says_who_the_client_is(proxies: tuple[str, ...]) -> None:
    with serving(trusted_proxies=proxies) as port:
        claims = {"for": "203.0.113.9", "proto": "https"}
        assert told_over_http(port, **claims) == "https 203.0.113.9"
        assert told_over_websocket(port, **claims) == "wss 203.0.113.9"
        assert told_over_http(port) == "http 127.0.0.1"


def test_the_rightmost_address_that_is_not_trusted_counts() -> None:
    """What stands left of it, the client may have written itself."""
    chain = {"for": "198.51.100.1, 203.0.113.9, 10.1.2.3, 10.9.9.9"}
    with serving(trusted_proxies=("127.0.0.1", "10.0.0.0/8")) as port:
        assert told_over_http(port, **chain) == "http 203.0.113.9"
        assert told_over_websocket(port, **chain) == "ws 203.0.113.9"


# Connections --------------------------------------------------------------------------------------


def test_an_address_with_enough_websockets_gets_429_and_a_free_place_is_given_again() -> None:
    with serving(connections_per_address=2) as port, capture_logs() as logs:
        first, _ = dial(port)
        second, _ = dial(port)
        assert wire.read_frame(first)[1] == wire.read_frame(second)[1] == b"ws 127.0.0.1"
        for _ in range(3):
            refused, head = dial(port, "?token=hidden")
            assert head.startswith(b"HTTP/1.1 429 ")
            assert b"\r\nretry-after: 10\r\n" in head.lower()
            assert b"\r\ncontent-type: application/problem+json\r\n" in head.lower()
            problem = msgspec.json.decode(wire.read_to_end(refused))
            assert (problem["code"], problem["status"]) == ("too_many_connections", 429)
        first.close()
        assert within_patience(port)
    refusals = [each for each in logs if each["event"] == "too many connections"]
    assert [each["address"] for each in refusals] == ["127.0.0.1"]
    assert "hidden" not in str(logs)


def within_patience(port: int) -> bool:
    """Whether a place becomes free soon: when the server has seen the end of another."""
    for _ in range(1000):
        peer, head = dial(port)
        if head.startswith(b"HTTP/1.1 101 "):
            return True
        peer.close()
    return False


def test_behind_a_trusted_proxy_each_client_has_a_count_of_its_own() -> None:
    with serving(connections_per_address=1, trusted_proxies=("127.0.0.1",)) as port:
        for host in ("203.0.113.1", "203.0.113.2", "2001:db8::1"):
            _, head = dial(port, **{"for": host})
            assert head.startswith(b"HTTP/1.1 101 ")
        for host in ("203.0.113.1", "203.0.113.2", "2001:db8::2"):
            _, head = dial(port, **{"for": host})
            assert head.startswith(b"HTTP/1.1 429 ")


def test_a_user_with_enough_websockets_is_closed_with_4429() -> None:
    with serving(connections_per_user=1) as port:
        first, _ = dial(port, "?user=ann")
        assert wire.read_frame(first)[0] == wire.TEXT
        second, _ = dial(port, "?user=ann")
        opcode, payload = wire.read_frame(second)
        assert (opcode, payload[:2]) == (wire.CLOSE, (4429).to_bytes(2, "big"))
        told = b"too_many_connections: this user has 1 connections open: again in 10 s"
        assert payload[2:] == told
        other, _ = dial(port, "?user=bob")
        assert wire.read_frame(other)[0] == wire.TEXT


@pytest.mark.anyio
async def test_without_the_extension_the_handshake_is_refused_all_the_same() -> None:
    settings = Settings(connections_per_address=1)
    app = application(settings)
    sent: queue.Queue[Any] = queue.Queue()

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.put(message)

    scope = {
        "type": "websocket",
        "path": "/",
        "query_string": b"",
        "headers": [],
        "client": ("192.0.2.1", 1),
        "subprotocols": [],
    }
    with app.state.connections.address("192.0.2.1"):
        await app(scope, receive, send)
    assert sent.get_nowait()["type"] == "websocket.close"
    assert sent.empty()
