"""A websocket as a peer's wire, and how every conversation over one begins and ends.

Owns the upgrade, the kinds of frames and the close codes. Knows no protocol.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from functools import lru_cache
from typing import Any

import structlog
from starlette.routing import WebSocketRoute
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from collab.connection import Connection
from collab.errors import CollabError, TooManyConnections, WrongFrameKind
from collab.fanout import Outlet
from collab.peer import NO_OUTLET, Disconnected, Wire
from collab.settings import Settings
from collab.web import problems
from collab.web.closing import close_code, close_reason
from collab.web.connection_log import connected, refused
from collab.web.connections import Connections
from collab.web.framing import binary_frame, binary_parts, text_frame, text_parts
from collab.web.lane import EXTENSION, Lane, LaneClosed, message_of
from collab.web.origins import origin_allowed

_log = structlog.stdlib.get_logger(__name__)
_INTERNAL_ERROR = 1011

FRAMES_KEPT = 4
KEPT_BYTES = 64 * 1024
"""Of what was encoded for one reader and the next may ask for; longer frames are not kept."""
_TEXT_ONLY = "this protocol has text frames only"
_BINARY_ONLY = "this protocol has binary frames only"


class _SocketWire:
    """What both kinds of frames share: the frame lane, where the server has one."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        extension = websocket.scope.get("extensions", {}).get(EXTENSION)
        self._lane: Lane | None = None if extension is None else extension["lane"]

    @property
    def outlet(self) -> Outlet:
        lane = self._lane
        return NO_OUTLET if lane is None else lane

    @property
    def waiting_bytes(self) -> int | None:
        lane = self._lane
        transport = None if lane is None else lane.transport
        return None if transport is None else transport.get_write_buffer_size()

    def _write_parts(self, parts: Iterable[bytes]) -> None:
        """Write a long frame, without making one piece of it. Only while `outlet` takes frames."""
        assert self._lane is not None and self._lane.transport is not None
        self._lane.transport.writelines(parts)

    async def _hear(self, take: Callable[[Any], bool], kind: type, refusal: str) -> None:
        """Hand over messages of this kind, through the lane or one by one."""

        def take_checked(message: str | bytes) -> bool:
            if type(message) is not kind:
                raise WrongFrameKind(refusal)
            return take(message)

        lane = self._lane
        try:
            if lane is not None:
                await lane.hear(take_checked)
                return
            while take_checked(message_of(await _next(self._websocket))):
                pass
        except LaneClosed:
            raise Disconnected from None


class TextWire(_SocketWire, Wire[str, str]):
    """Text frames both ways."""

    async def receive(self) -> str:
        text = (await _next(self._websocket)).get("text")
        if not isinstance(text, str):
            raise WrongFrameKind(_TEXT_ONLY)
        return text

    async def hear(self, take: Callable[[str], bool]) -> None:
        await self._hear(take, str, _TEXT_ONLY)

    async def send(self, frame: str) -> None:
        write = self.outlet.write
        if write is None:
            await _send(self._websocket, {"type": "websocket.send", "text": frame})
        elif len(frame) <= KEPT_BYTES:
            write(_kept_text(frame))
        else:
            self._write_parts(text_parts(frame))

    @property
    def pack(self) -> Callable[[str], bytes]:
        return _text


class BinaryWire(_SocketWire, Wire[bytes, bytes]):
    """Binary frames both ways."""

    async def receive(self) -> bytes:
        data = (await _next(self._websocket)).get("bytes")
        if not isinstance(data, bytes):
            raise WrongFrameKind(_BINARY_ONLY)
        return data

    async def hear(self, take: Callable[[bytes], bool]) -> None:
        await self._hear(take, bytes, _BINARY_ONLY)

    async def send(self, frame: bytes) -> None:
        write = self.outlet.write
        if write is None:
            await _send(self._websocket, {"type": "websocket.send", "bytes": frame})
        elif len(frame) <= KEPT_BYTES:
            write(_kept_binary(frame))
        else:
            self._write_parts(binary_parts(frame))

    @property
    def pack(self) -> Callable[[bytes], bytes]:
        return _binary


# What is sent to many is one object, and its readers come one after the other.
_kept_text = lru_cache(FRAMES_KEPT)(text_frame)
_kept_binary = lru_cache(FRAMES_KEPT)(binary_frame)


def _text(frame: str) -> bytes:
    return _kept_text(frame) if len(frame) <= KEPT_BYTES else text_frame(frame)


def _binary(frame: bytes) -> bytes:
    return _kept_binary(frame) if len(frame) <= KEPT_BYTES else binary_frame(frame)


def route(path: str, serve: Callable[[WebSocket], Awaitable[None]], name: str) -> WebSocketRoute:
    """A bare route: `serve` takes no dependencies and lets nothing out that has to be answered, and
    each connection would keep what FastAPI and Starlette make for both."""
    return WebSocketRoute(path, _Endpoint(serve), name=name)


class _Endpoint:
    """An ASGI application; a function Starlette would wrap."""

    def __init__(self, serve: Callable[[WebSocket], Awaitable[None]]) -> None:
        self._serve = serve

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._serve(WebSocket(scope, receive, send))


async def converse(
    websocket: WebSocket,
    talk: Callable[[Connection], Awaitable[None]],
    *,
    subprotocols: Collection[str] = (),
    code_of: Callable[[CollabError], int] = close_code,
) -> None:
    """Accept the connection and let `talk`, which is told its name, use it; whatever happens ends
    in a close code.

    Of what the client offers, the first of our `subprotocols` is taken. A page of a foreign origin
    (403), and an address that has enough connections (429), are refused before the upgrade.
    """
    settings: Settings = websocket.app.state.settings
    connections: Connections = websocket.app.state.connections
    if not origin_allowed(websocket.headers, settings):
        await websocket.close()  # before the upgrade: an HTTP 403
        return
    try:
        counted = connections.address(websocket.client and websocket.client.host)
    except TooManyConnections as error:
        await _refuse(websocket, error)
        return
    with counted:
        await _converse(websocket, talk, subprotocols, code_of)


async def _refuse(websocket: WebSocket, error: CollabError) -> None:
    """Answer the handshake with the problem, or with 403 where the server can say no more."""
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(problems.of_error(error))
    else:
        await websocket.close()


async def _converse(
    websocket: WebSocket,
    talk: Callable[[Connection], Awaitable[None]],
    subprotocols: Collection[str],
    code_of: Callable[[CollabError], int],
) -> None:
    offered = websocket.scope.get("subprotocols", ())
    with connected("websocket", websocket.client and websocket.client.host) as connection:
        await websocket.accept(next((name for name in offered if name in subprotocols), None))
        try:
            await talk(connection)
        except Disconnected:
            return
        except CollabError as error:
            refused(error)
            await _close(websocket, code_of(error), close_reason(error))
            error.with_traceback(None)  # whose frames lead to the peer, which keeps the error
        except Exception:
            _log.exception("connection failed")
            await _close(websocket, _INTERNAL_ERROR, "internal: the server failed here")


async def _next(websocket: WebSocket) -> Message:
    message = await websocket.receive()
    if message["type"] != "websocket.receive":
        raise Disconnected
    return message


async def _send(websocket: WebSocket, message: Message) -> None:
    try:
        await websocket.send(message)
    except (WebSocketDisconnect, RuntimeError):
        # The server says RuntimeError when it has sent or seen a close frame already.
        raise Disconnected from None


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    if websocket.application_state is WebSocketState.DISCONNECTED:
        return
    try:
        await websocket.close(code, reason)
    except (WebSocketDisconnect, RuntimeError):
        return
