"""One websocket connection on the wire: uvicorn's protocol class, with bounds.

Owns what is read when, what is answered to a broken frame, and how a connection ends. Knows nothing
of messages, documents or rights. What uvicorn leaves open, and this class does not:

- frames are parsed as the application takes them, so a read full of tiny frames stays bytes;
- a peer that pings without reading gets the newest pong at most, and a flood ends it;
- a message is bounded in fragments too, each of which costs more than its bytes;
- a peer that stops reading is aborted, until then one frame is held for it;
- every end we choose (1002, 1007, 1009, 1012) lets the peer read the close code first.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio.transports import BaseTransport
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.protocol import State
from websockets.server import ServerProtocol

from collab.errors import FrameTooLarge
from collab.web.closing import close_reason
from collab.web.stall import StallWatch

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
    from uvicorn.server import ServerState

    from collab.web.transport import TransportConfig

PARSE_BYTES: Final = 16 * 1024
MAX_FRAGMENTS: Final = 1024
LINGER_SECONDS: Final = 5.0
SHUTDOWN_LINGER_SECONDS: Final = 1.0
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

    def fail(self, code: int, reason: str = "") -> None:
        if code == CloseCode.MESSAGE_TOO_BIG:
            reason = close_reason(
                FrameTooLarge(
                    f"a message has at most {self.max_bytes} bytes and {MAX_FRAGMENTS} fragments"
                )
            )
        super().fail(code, reason)


class WebSocketTransport(WebSocketsSansIOProtocol):
    """One websocket connection, taken over from HttpTransport with its whole handshake request.

    How long a peer may take over a message is bounded only while it has not said who it is: the
    first has to be whole within COLLAB_HELLO_SECONDS. Later on one that sends a byte now and then
    lives, as it would with small messages (in the midst of a frame it cannot answer a ping, so
    anything it sends counts as an answer). It makes us hold no more than it has sent, one message
    at most, and its user's connections are counted.
    """

    def __init__(
        self,
        config: TransportConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = _Parser(config.ws_max_size)
        self.max_queued_pongs = config.max_queued_pongs
        self.stall_seconds = config.stall_seconds
        self.stall: StallWatch
        self.unread = bytearray()  # received and not parsed: at most what one read returns
        self.parsing: asyncio.Handle | None = None
        self.continued = bytearray()  # the message after its first frame; the parser bounds it
        self.fragments = 0  # frames of that message, without the first
        self.withheld_pong = b""
        self.withheld_pongs = 0
        self.heard_at = 0.0
        self.ended = False  # we have said our last word, only waiting for the peer to go

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.stall = StallWatch(self.loop, self.transport, self.stall_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self.stall.stop()
        self._drop_unread()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.stall.start()

    def resume_writing(self) -> None:
        self.stall.stop()
        super().resume_writing()
        pong, self.withheld_pong, self.withheld_pongs = self.withheld_pong, b"", 0
        if pong and not self.ended and not self.transport.is_closing():
            self.transport.write(pong)

    # Reading ---------------------------------------------------------------------------------

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
        self._balance_reading()

    async def receive(self) -> ASGIReceiveEvent:
        message = await self.queue.get()
        self._balance_reading()
        return message

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
        untaken = not self.queue.empty() and not self.close_sent
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
        self.conn.receive_data(data)
        if not self.writable.is_set():
            self._withhold_pongs()
        self.handle_events()
        if self.conn.parser_exc is not None:
            self.handle_parser_exception()

    def _drop_unread(self) -> None:
        self.unread.clear()
        self.continued.clear()
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
        if self.close_sent:
            return
        if self.curr_msg_data_type == "bytes":
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_DATA, "not UTF-8")
        else:
            self.queue.put_nowait({"type": "websocket.receive", "text": text})

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

    def handle_parser_exception(self) -> None:
        """The peer broke the protocol: say which way, and listen no more."""
        close = self.conn.close_sent
        if close is not None and not self.close_sent:
            self.queue.put_nowait(
                {"type": "websocket.disconnect", "code": close.code, "reason": close.reason}
            )
        self._end(LINGER_SECONDS)

    def keepalive_timeout(self) -> None:
        if self.read_paused or self.heard_at >= self.ping_sent_at:
            # The pong may be waiting behind what the application has not taken yet.
            self.pong_timer = None
            self.pending_ping_payload = None
            self.schedule_ping()
        else:
            self.ended = True
            super().keepalive_timeout()

    # Writing and closing ---------------------------------------------------------------------

    async def send(self, message: ASGISendEvent) -> None:
        await self.writable.wait()
        if self.ended:
            raise ClientDisconnected
        await super().send(message)
        if self.close_sent:
            self._balance_reading()

    def shutdown(self) -> None:
        if self.close_sent or not self.handshake_complete:
            super().shutdown()
        elif self.conn.state is State.OPEN:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": 1012})
            self.conn.send_close(1012)
            self._end(SHUTDOWN_LINGER_SECONDS)
        else:
            self.stop_keepalive()
            self.transport.close()

    def _end(self, linger_seconds: float) -> None:
        """Send what is left to say, then wait for the peer to read it and go: a socket that is
        closed with something unread would reset, and the peer might never see the close code."""
        if self.ended:
            return
        self.ended = self.close_sent = True
        self.stop_keepalive()
        self._drop_unread()
        if self.transport.is_closing():
            return
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()  # over TLS this waits for the peer's end of it
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(linger_seconds, self.transport.abort)
        self._balance_reading()
