"""Reading of one websocket connection: what is parsed when, and handed to whom.

Owns what has been received and not taken, and the bounds on it. How a connection is written to and
ends is `websocket_transport`'s. Knows nothing of what messages say.

- frames are parsed as the application takes them, so a read full of tiny frames stays bytes;
- an application that uses the frame lane (`lane`) is handed messages at once;
- a peer that pings without reading gets the newest pong at most, and a flood ends it;
- a message is bounded in fragments too, each of which costs more than its bytes.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request
from websockets.protocol import Protocol, State
from websockets.server import ServerProtocol

from collab.errors import FrameTooLarge
from collab.web.closing import close_reason
from collab.web.framing import frame_bytes, is_close, whole_message
from collab.web.gate import Gate
from collab.web.lane import EXTENSION, Lane

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent
    from uvicorn.server import ServerState

    from collab.web.transport import TransportConfig

PARSE_BYTES: Final = 16 * 1024
MAX_FRAGMENTS: Final = 1024
MAX_SKIPPED_BYTES: Final = 16 * 1024
PONG_HEAD: Final = b"\x8a"

_log = logging.getLogger("collab.web.transport")

# At DEBUG the frame parser logs whole handshakes and frames, tokens included.
_parser_log = logging.getLogger("collab.web.transport.parser")
_parser_log.setLevel(logging.WARNING)


class _Parser(ServerProtocol):
    """The frame parser, which says in our words that a message is too big."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_size=max_bytes, logger=_parser_log)
        self.debug = False
        self.max_bytes = max_bytes

    def forget_handshake(self) -> None:
        """Parse frames from now on, with nothing kept of the request, which is in the scope."""
        self.parser = Protocol.parse(self)
        next(self.parser)

    def fail(self, code: int, reason: str = "") -> None:
        if code == CloseCode.MESSAGE_TOO_BIG:
            reason = close_reason(
                FrameTooLarge(
                    f"a message has at most {self.max_bytes} bytes and {MAX_FRAGMENTS} fragments"
                )
            )
        super().fail(code, reason)


class WebSocketReading(WebSocketsSansIOProtocol):
    """uvicorn's protocol class, with its own reading."""

    conn: _Parser

    # Beside uvicorn's own attributes, which then fit into a dict of half the size.
    __slots__ = (
        "continued",
        "ended",
        "fragments",
        "head",
        "heard_at",
        "lane",
        "max_bytes",
        "max_queued_pongs",
        "parsing",
        "rest",
        "skipped",
        "skipping",
        "unread",
        "withheld_pong",
        "withheld_pongs",
    )

    def __init__(
        self,
        config: TransportConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = _Parser(config.ws_max_size)
        self.max_bytes = config.ws_max_size
        self.max_queued_pongs = config.max_queued_pongs
        self.lane = Lane(self.loop, self._balance_reading)
        self.queue = self.lane  # type: ignore[assignment]
        self.writable = Gate(self.loop)  # type: ignore[assignment]
        self.unread = bytearray()  # received and not parsed: at most what one read returns
        self.parsing: asyncio.Handle | None = None
        self.head = b""  # the beginning of a frame, too short to say how long the frame is
        self.rest = 0  # bytes to come of the frame that the parser is in
        self.skipping = False  # the parser is not told of that frame
        self.skipped = 0
        self.continued = bytearray()  # the message after its first frame; the parser bounds it
        self.fragments = 0  # frames of that message, without the first
        self.withheld_pong = b""
        self.withheld_pongs = 0
        self.heard_at = 0.0
        self.ended = False  # we have said our last word, only waiting for the peer to go

    def data_received(self, data: bytes) -> None:
        if self.ended:
            return
        self.heard_at = self.loop.time()
        if not self.handshake_initiated:
            self._shake_hands(data)
        elif not self.handshake_complete:
            self.transport.abort()  # RFC 6455, 4.1: a client waits for the answer
        elif self.unread or len(data) > PARSE_BYTES:
            self.unread += data
        else:
            self._parse(data)
        if self.unread or self.read_paused or not self.lane.empty():
            self._balance_reading()

    async def receive(self) -> ASGIReceiveEvent:
        return await self.lane.get()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            self.scope["extensions"][EXTENSION] = {"lane": self.lane}

    def _shake_hands(self, data: bytes) -> None:
        self.conn.receive_data(data)
        self.handle_events()
        if not self.handshake_initiated:
            refusal = b"".join(self.conn.data_to_send())
            if not refusal:
                refusal = self.conn.reject(HTTPStatus.BAD_REQUEST, "Bad handshake.\n").serialize()
            self.transport.write(refusal)
            self.transport.close()

    def _balance_reading(self) -> None:
        """Parse on when the application has taken everything, read on when all is parsed."""
        untaken = not self.lane.empty() and not self.close_sent
        if self.unread and not untaken and self.parsing is None:
            self.parsing = self.loop.call_soon(self._parse_piece)
        pause = untaken or bool(self.unread)
        if pause is not self.read_paused and not self.transport.is_closing():
            self.read_paused = pause
            if pause:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def _parse_piece(self) -> None:
        self.parsing = None
        piece = bytes(self.unread[:PARSE_BYTES])
        del self.unread[:PARSE_BYTES]
        self._parse(piece)
        self._balance_reading()

    def _parse(self, data: bytes) -> None:
        """Take whole messages as they are; all other frames are the parser's."""
        if self.head:
            data = self.head + data
            self.head = b""
        at, end, conn = 0, len(data), self.conn
        while at < end and not self.ended:
            if not self.rest:
                if conn.state is State.OPEN and conn.current_size is None:
                    message = whole_message(data, at, self.max_bytes)
                    if message is not None:
                        is_text, payload, at = message
                        self._hand_over(payload, is_text=is_text)
                        continue
                size = frame_bytes(data, at)
                if size is None:
                    self.head = data[at:]
                    return
                self.rest = size
                # Once the connection is closed from here, only the answer to that is of interest,
                # and not behind everything that somebody goes on sending.
                self.skipping = self.close_sent and not is_close(data, at)
                if self.skipping:
                    self.skipped += size
                    if self.skipped > MAX_SKIPPED_BYTES:
                        self._listen_no_more()
                        return
            piece = data[at : at + self.rest]
            at += len(piece)
            self.rest -= len(piece)
            if not self.skipping:
                self._parse_frame(piece)

    def _listen_no_more(self) -> None:
        """End the connection without having heard the peer agree."""
        raise NotImplementedError

    def _parse_frame(self, data: bytes) -> None:
        self.conn.receive_data(data)
        if not self.writable.is_set():
            self._withhold_pongs()
        self.handle_events()
        if self.conn.parser_exc is not None:
            self.handle_parser_exception()

    def _drop_unread(self) -> None:
        self.unread.clear()
        self.continued.clear()
        self.head = b""
        if self.parsing is not None:
            self.parsing.cancel()
            self.parsing = None

    # What the peer sent ----------------------------------------------------------------------

    def handle_cont(self, event: Frame) -> None:
        self.continued += event.data
        self.fragments += 1
        if self.fragments >= MAX_FRAGMENTS:
            self._fail(CloseCode.MESSAGE_TOO_BIG)
        elif event.fin:
            self.frames.append(bytes(self.continued))
            self.continued.clear()
            self.fragments = 0
            self.send_receive_event_to_app()

    def send_receive_event_to_app(self) -> None:
        data = b"".join(self.frames)
        self.frames = []
        self._hand_over(data, is_text=self.curr_msg_data_type == "text")

    def _hand_over(self, data: bytes, *, is_text: bool) -> None:
        """Give a whole message to the application."""
        if self.close_sent:
            return
        if not is_text:
            if not self.lane.offer(data):
                self.lane.put_nowait({"type": "websocket.receive", "bytes": data})
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_DATA, "not UTF-8")
            return
        if not self.lane.offer(text):
            self.lane.put_nowait({"type": "websocket.receive", "text": text})

    def _fail(self, code: int, reason: str = "") -> None:
        if self.conn.state is State.OPEN:
            self.conn.fail(code, reason)
            self.handle_parser_exception()

    def handle_ping(self) -> None:
        output = b"".join(self.conn.data_to_send())
        if output and not self.ended:
            self.transport.write(output)

    def _withhold_pongs(self) -> None:
        """Keep only the newest pong for a peer that is not reading; give a flooder up."""
        pongs = [frame for frame in self.conn.writes if frame.startswith(PONG_HEAD)]
        if not pongs:
            return
        self.conn.writes = [frame for frame in self.conn.writes if not frame.startswith(PONG_HEAD)]
        self.withheld_pong = pongs[-1]
        self.withheld_pongs += len(pongs)
        if self.withheld_pongs > self.max_queued_pongs and not self.transport.is_closing():
            _log.info("dropped a connection that pings without reading")
            self.transport.abort()
