"""A TLS transport that hides nothing which has not been sent.

Owns the pace of writing. The loop's own TLS transport takes a long answer whole, shows an empty
buffer while megabytes wait below it, and gives up what waits a while after it is closed. On top of
it this one hands over little at a time, so that the protocol is paused, and a StallWatch sees
progress, as without TLS, and closing waits for what is written. Below it some 200 KB may wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final, cast

PIECE_BYTES: Final = 16 * 1024


class PacedTransport(asyncio.Transport, asyncio.Protocol):
    """The protocol of the loop's TLS transport, and the transport of `protocol`, which is paused
    exactly while something waits here."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._protocol = protocol
        self._below: asyncio.Transport
        self._waiting: deque[memoryview] = deque()
        self._waiting_bytes = 0
        self._blocked = False  # the transport below takes no more
        self._paused = False  # and the protocol has been told
        self._closing = False

    # What the transport below tells -----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._below = cast(asyncio.Transport, transport)
        self._below.set_write_buffer_limits(high=1)
        self._protocol.connection_made(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._forget()
        self._protocol.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        self._hand_over()

    # What the protocol wants ------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._closing or not data:
            return
        view = memoryview(bytes(data))
        self._waiting.append(view)
        self._waiting_bytes += len(view)
        self._hand_over()

    def get_write_buffer_size(self) -> int:
        return self._waiting_bytes + self._below.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """They are fixed."""

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        """Close when everything is written."""
        self._closing = True
        if not self._waiting:
            self._below.close()

    def abort(self) -> None:
        self._closing = True
        self._forget()
        self._below.abort()

    def is_closing(self) -> bool:
        return self._closing or self._below.is_closing()

    def pause_reading(self) -> None:
        self._below.pause_reading()

    def resume_reading(self) -> None:
        self._below.resume_reading()

    def is_reading(self) -> bool:
        return self._below.is_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._below.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast(asyncio.Protocol, protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    # Handing over -----------------------------------------------------------------------------

    def _hand_over(self) -> None:
        while self._waiting and not self._blocked:
            piece = self._waiting[0][:PIECE_BYTES]
            if len(piece) == len(self._waiting[0]):
                self._waiting.popleft()
            else:
                self._waiting[0] = self._waiting[0][PIECE_BYTES:]
            self._waiting_bytes -= len(piece)
            self._below.write(piece)
        if self._waiting and not self._paused:
            self._paused = True
            self._protocol.pause_writing()
        elif self._paused and not self._waiting:
            self._paused = False
            self._protocol.resume_writing()
        if self._closing and not self._waiting:
            self._below.close()

    def _forget(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0
