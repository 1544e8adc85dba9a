"""Frames to and from a server: the port, and its websocket.

Owns how a connection is opened and how its end is told. Knows nothing of what the frames say.
"""

from __future__ import annotations

import ssl as tls
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeAlias, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from collab.protocols.native import SUBPROTOCOL, CloseCode
from collab.words import check_document_id

MAX_MESSAGE_BYTES = 64 << 20
OPEN_SECONDS = 10.0
PING_SECONDS = 20.0
ABNORMAL = 1006

FrameT = TypeVar("FrameT", bound=str | bytes)

_CODE_OF_STATUS = {
    401: CloseCode.NOT_SIGNED_IN,
    403: CloseCode.NOT_ALLOWED,
    404: CloseCode.NOT_FOUND,
    429: CloseCode.TOO_FAST,
}


class ChannelClosed(Exception):
    """The channel has ended, or never came about (`refused`); `code` is a websocket close code."""

    def __init__(self, code: int = ABNORMAL, reason: str = "", *, refused: bool = False) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason
        self.refused = refused


class FrameChannel(Protocol[FrameT]):
    """One connection, of text frames or of binary ones.

    Every method but `close` raises ChannelClosed once it has ended.
    """

    async def send(self, frame: FrameT) -> None:
        """Hand over a frame; waits while the other side does not read."""
        ...

    async def receive(self) -> FrameT:
        """The next frame."""
        ...

    async def close(self) -> None:
        """End it in good order; nothing happens if it has ended."""
        ...


Channel: TypeAlias = FrameChannel[str]
BinaryChannel: TypeAlias = FrameChannel[bytes]
OpenChannel: TypeAlias = Callable[[str], Awaitable[Channel]]
"""Opens a channel to a socket's URL; raises ChannelClosed where that fails."""
OpenBinaryChannel: TypeAlias = Callable[[str], Awaitable[BinaryChannel]]
"""The same, where frames are binary."""


def socket_url(base: str, document: str) -> str:
    """The socket of a document on the server at `base` (http, https, ws or wss).

    Raises ValueError for another scheme, InvalidDocumentId for an id that cannot be.
    """
    check_document_id(document)
    return _below(base, f"v1/documents/{quote(document, safe=':~@')}/socket")


def hocuspocus_url(base: str) -> str:
    """The socket of all yjs documents; raises ValueError as above."""
    return _below(base, "hocuspocus")


def _below(base: str, path: str) -> str:
    parts = urlsplit(base)
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.netloc:
        raise ValueError("the url of a server begins with http://, https://, ws:// or wss://")
    return urlunsplit((scheme, parts.netloc, f"{parts.path.rstrip('/')}/{path}", "", ""))


def websocket_opener(ssl: tls.SSLContext | None = None) -> OpenChannel:
    """Opens websockets; needs asyncio as anyio's backend. `ssl` is the context for wss."""

    async def open_websocket(url: str) -> Channel:
        return WebsocketChannel(await _dial(url, ssl, SUBPROTOCOL), str)

    return open_websocket


def binary_websocket_opener(ssl: tls.SSLContext | None = None) -> OpenBinaryChannel:
    """The same, for a protocol of binary frames."""

    async def open_websocket(url: str) -> BinaryChannel:
        return WebsocketChannel(await _dial(url, ssl), bytes)

    return open_websocket


async def _dial(url: str, ssl: tls.SSLContext | None, *subprotocols: str) -> ClientConnection:
    options: dict[str, Any] = {"ssl": ssl} if ssl is not None else {}
    try:
        return await connect_websocket(
            url,
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            open_timeout=OPEN_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            **options,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        code = _CODE_OF_STATUS.get(status, ABNORMAL)
        wait = error.response.headers.get("Retry-After")
        reason = f"HTTP status {status}" + (f": again in {wait} s" if wait else "")
        raise ChannelClosed(code, reason, refused=True) from error
    except (OSError, TimeoutError, WebSocketException) as error:
        raise ChannelClosed(ABNORMAL, type(error).__name__, refused=True) from error


class WebsocketChannel(Generic[FrameT]):
    """A FrameChannel over one websocket, for frames of one kind."""

    def __init__(self, connection: ClientConnection, kind: type[FrameT]) -> None:
        self._connection = connection
        self._kind = kind

    async def send(self, frame: FrameT) -> None:
        try:
            await self._connection.send(frame)
        except ConnectionClosed as error:
            raise _closed(error) from error

    async def receive(self) -> FrameT:
        try:
            frame = await self._connection.recv()
        except ConnectionClosed as error:
            raise _closed(error) from error
        if not isinstance(frame, self._kind):
            kind = "binary" if isinstance(frame, bytes) else "text"
            await self._connection.close(CloseCode.WRONG_KIND)
            raise ChannelClosed(ABNORMAL, f"a {kind} frame")
        return frame

    async def close(self) -> None:
        await self._connection.close()


def _closed(error: ConnectionClosed) -> ChannelClosed:
    """What the server said when it closed; our own reason where it did not."""
    frame = error.rcvd or error.sent
    if frame is None:
        return ChannelClosed()
    return ChannelClosed(frame.code, frame.reason)
