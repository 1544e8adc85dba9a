"""The client's side of RFC 6455, as cheap as Python gets: a handshake and whole frames, no more.

Owns framing. Knows nothing of edits. Client frames are masked with a key of zero, which costs the
server what any other key costs and the generator nothing.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import struct
from typing import cast

TEXT = 0x81
CLOSE = 0x88
PING = 0x89
PONG = 0x8A
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MASKED = 0x80
_ZERO_KEY = b"\0\0\0\0"


def client_frame(first_byte: int, payload: bytes) -> bytes:
    """One whole masked frame; `first_byte` is FIN and the opcode."""
    size = len(payload)
    if size < 126:
        return bytes((first_byte, _MASKED | size)) + _ZERO_KEY + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first_byte, _MASKED | 126, size) + _ZERO_KEY + payload
    return struct.pack("!BBQ", first_byte, _MASKED | 127, size) + _ZERO_KEY + payload


class WebSocketClient(asyncio.Protocol):
    """A connection that offers one subprotocol; a subclass says what happens.

    `opened` is called after the handshake, `text` and `closed` with what the server sent. A server
    that fragments its messages is refused: ours does not.
    """

    transport: asyncio.WriteTransport

    def __init__(self, host: str, path: str, subprotocol: str) -> None:
        self._host = host
        self._path = path
        self._subprotocol = subprotocol
        self._key = base64.b64encode(os.urandom(16))
        self._is_open = False
        self._rest = b""

    def opened(self) -> None:
        """The server has agreed to the upgrade."""

    def text(self, payload: bytes) -> None:
        """One whole text message."""

    def closed(self, why: str) -> None:
        """The connection is over, or the server broke the protocol."""

    def send_text(self, payload: bytes) -> None:
        """Write one text message."""
        self.transport.write(client_frame(TEXT, payload))

    # asyncio.Protocol -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)
        self.transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: {self._host}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {self._key.decode()}\r\n"
            f"Sec-WebSocket-Protocol: {self._subprotocol}\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed("the connection was lost" if exc is None else f"the connection broke: {exc}")

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        if not self._is_open:
            head, complete, rest = data.partition(b"\r\n\r\n")
            if not complete:
                self._rest = data
                return
            self._shake_hands(head)
            data = rest
        at, end = 0, len(data)
        while end - at >= 2:
            size = data[at + 1]
            start = at + 2
            if size == 126:
                start = at + 4
                size = int.from_bytes(data[at + 2 : start], "big")
            elif size == 127:
                start = at + 10
                size = int.from_bytes(data[at + 2 : start], "big")
            stop = start + size
            if start > end or stop > end:
                break
            if data[at] == TEXT:
                self.text(data[start:stop])
            else:
                self._control(data[at], data[start:stop])
            at = stop
        self._rest = data[at:] if at < end else b""

    def _shake_hands(self, head: bytes) -> None:
        self._is_open = True
        accepted = base64.b64encode(hashlib.sha1(self._key + _GUID).digest())
        status, *headers = head.split(b"\r\n")
        if not status.startswith(b"HTTP/1.1 101 "):
            self.closed(f"no upgrade: {status.decode('latin-1')}")
        elif b"sec-websocket-accept: " + accepted.lower() not in map(bytes.lower, headers):
            self.closed("the handshake's answer does not fit its key")
        else:
            self.opened()

    def _control(self, first_byte: int, payload: bytes) -> None:
        if first_byte == PING:
            self.transport.write(client_frame(PONG, payload))
        elif first_byte == CLOSE:
            code = int.from_bytes(payload[:2], "big")
            self.closed(f"closed with {code} {payload[2:].decode(errors='replace')}")
        elif first_byte != PONG:
            self.closed(f"an unexpected frame: {first_byte:#x}")
