"""One websocket connection on the wire: uvicorn's protocol class, with bounds.

Owns how a connection is written to, and how it ends; what is read when is `websocket_reading`'s.
Knows nothing of messages, documents or rights. What uvicorn leaves open, and this class does not:

- a peer that stops reading is aborted, until then one frame is held for it;
- every end we choose (1002, 1007, 1009, 1012) lets the peer read the close code first.
"""

from __future__ import annotations

import asyncio
from asyncio.transports import BaseTransport
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from websockets.protocol import State

from collab.web.lane import EXTENSION
from collab.web.stall import StallWatch
from collab.web.websocket_reading import WebSocketReading

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent
    from uvicorn.server import ServerState

    from collab.web.transport import TransportConfig

LINGER_SECONDS: Final = 5.0
SHUTDOWN_LINGER_SECONDS: Final = 1.0


class WebSocketTransport(WebSocketReading):
    """One websocket connection, taken over from HttpTransport with its whole handshake request.

    How long a peer may take over a message is bounded only while it has not said who it is: the
    first has to be whole within COLLAB_HELLO_SECONDS. Later on one that sends a byte now and then
    lives, as it would with small messages (in the midst of a frame it cannot answer a ping, so
    anything it sends counts as an answer). It makes us hold no more than it has sent, one message
    at most, and its user's connections are counted.
    """

    __slots__ = ("stall", "stall_seconds")

    def __init__(
        self,
        config: TransportConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.stall_seconds = config.stall_seconds
        self.stall: StallWatch

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.stall = StallWatch(self.loop, self.transport, self.stall_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self.stall.stop()
        self._drop_unread()
        super().connection_lost(exc)
        self.lane.lost()
        if hasattr(self, "scope"):
            self.scope["extensions"].pop(EXTENSION, None)  # a cycle that would wait to be collected

    def pause_writing(self) -> None:
        super().pause_writing()
        self.lane.pause(True)
        self.stall.start()

    def resume_writing(self) -> None:
        self.stall.stop()
        self.lane.pause(False)
        super().resume_writing()
        pong, self.withheld_pong, self.withheld_pongs = self.withheld_pong, b"", 0
        if pong and not self.ended and not self.transport.is_closing():
            self.transport.write(pong)

    def handle_parser_exception(self) -> None:
        """The peer broke the protocol: say which way, and listen no more."""
        close = self.conn.close_sent
        if close is not None and not self.close_sent:
            self.lane.put_nowait(
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
            self.lane.shut()
            super().keepalive_timeout()

    # Writing and closing ---------------------------------------------------------------------

    async def send(self, message: ASGISendEvent) -> None:
        await self.writable.wait()
        if self.ended:
            raise ClientDisconnected
        await super().send(message)
        if self.close_sent:
            self.lane.shut()
            self._balance_reading()
        elif message["type"] == "websocket.accept" and self.handshake_complete:
            self.lane.open(self.transport)
            del self.request, self.response  # 4 KB of headers, which are in the scope too
            self.conn.forget_handshake()

    def shutdown(self) -> None:
        if self.close_sent or not self.handshake_complete:
            super().shutdown()
        elif self.conn.state is State.OPEN:
            self.lane.put_nowait({"type": "websocket.disconnect", "code": 1012})
            self.conn.send_close(1012)
            self._end(SHUTDOWN_LINGER_SECONDS)
        else:
            self.stop_keepalive()
            self.transport.close()

    def _listen_no_more(self) -> None:
        self._end(LINGER_SECONDS)

    def _end(self, linger_seconds: float) -> None:
        """Send what is left to say, then wait for the peer to read it and go: a socket that is
        closed with something unread would reset, and the peer might never see the close code."""
        if self.ended:
            return
        self.ended = self.close_sent = True
        self.lane.shut()
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
