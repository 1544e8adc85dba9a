"""A server in a thread and a client made of raw bytes, for tests of what happens on the wire."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio

from collab.serve import listen
from collab.web.transport import TransportConfig, TransportServer

App = Callable[[Any, Any, Any], Awaitable[None]]

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
PATIENCE_SECONDS = 10.0

_peers: list[socket.socket] = []


@contextlib.contextmanager
def serving(config: TransportConfig, *, leave_peers: bool = False) -> Iterator[int]:
    """The port of a server that runs until the block ends, which must then end in order.

    All peers are closed first, or last with `leave_peers`.
    """
    listeners = listen("127.0.0.1", 0)
    server = TransportServer(config)

    async def run() -> None:
        await server.serve(sockets=listeners)

    thread = threading.Thread(
        target=anyio.run, args=(run,), kwargs={"backend_options": {"use_uvloop": True}}
    )
    thread.start()
    try:
        yield listeners[0].getsockname()[1]
    finally:
        if not leave_peers:
            close_peers()
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def close_peers() -> None:
    """Close every socket that `connect` has made."""
    while _peers:
        _peers.pop().close()


def connect(port: int, receive_buffer: int | None = None) -> socket.socket:
    """A connected socket that gives up after PATIENCE_SECONDS."""
    peer = socket.socket()
    _peers.append(peer)
    if receive_buffer is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    peer.settimeout(PATIENCE_SECONDS)
    peer.connect(("127.0.0.1", port))
    return peer


def handshake(path: str) -> bytes:
    """The request that opens a websocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def open_websocket(port: int, path: str, receive_buffer: int | None = None) -> socket.socket:
    """A socket on which the websocket handshake is done."""
    peer = connect(port, receive_buffer)
    peer.sendall(handshake(path))
    head = read_until(peer, b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    return peer


def frame(
    opcode: int,
    payload: bytes,
    *,
    last: bool = True,
    compressed: bool = False,
    mask: bytes = b"\0" * 4,
) -> bytes:
    """A client's frame; the mask is zero, so that the payload stays as it is."""
    first = (0x80 if last else 0) | (0x40 if compressed else 0) | opcode
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + mask + payload


def read_frame(peer: socket.socket) -> tuple[int, bytes]:
    """The next frame of the server: opcode and payload."""
    first, size = read_exactly(peer, 2)
    if size == 126:
        (size,) = struct.unpack("!H", read_exactly(peer, 2))
    elif size == 127:
        (size,) = struct.unpack("!Q", read_exactly(peer, 8))
    return first & 0xF, read_exactly(peer, size)


def read_close(peer: socket.socket) -> int:
    """Read to the close frame, and return its code."""
    while True:
        opcode, payload = read_frame(peer)
        if opcode == CLOSE:
            (code,) = struct.unpack("!H", payload[:2])
            return int(code)


def read_exactly(peer: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes; EOFError if the connection ends first."""
    received = bytearray()
    while len(received) < size:
        piece = peer.recv(min(size - len(received), 1 << 16))
        if not piece:
            raise EOFError
        received += piece
    return bytes(received)


def read_until(peer: socket.socket, end: bytes) -> bytes:
    """Everything up to and including `end`, read byte by byte."""
    received = bytearray()
    while not received.endswith(end):
        received += read_exactly(peer, 1)
    return bytes(received)


def read_to_end(peer: socket.socket) -> bytes:
    """Everything until the connection ends, whether in order or with a reset."""
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while piece := peer.recv(1 << 16):
            received += piece
    return bytes(received)
