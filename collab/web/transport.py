"""One HTTP connection on the wire, and uvicorn's configuration for our protocol classes.

Owns timeouts and limits of what a peer sends and does not read, and what of a request is logged.
Knows nothing of messages, documents or rights. What uvicorn leaves open, and this module does not:

- headers and bodies that never end, in time and (for headers) in bytes;
- a peer that stops reading the answer;
- pipelined requests, which would be forgotten when the connection is lost;
- TLS handshakes that never end, and answers that TLS would cut off;
- query strings in the logs, where tokens may be.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from collab.settings import Settings
from collab.web.stall import Deadline, StallWatch, tune
from collab.web.tls import tls_context
from collab.web.tls_transport import PacedTransport
from collab.web.websocket_transport import SHUTDOWN_LINGER_SECONDS, WebSocketTransport

if TYPE_CHECKING:
    from uvicorn.server import ServerState

MAX_HEADER_BYTES: Final = 64 * 1024
PING_SECONDS: Final = 20.0
KEEP_ALIVE_SECONDS: Final = 65
CLOSE_SECONDS: Final = 3

_log = logging.getLogger("collab.web.transport")


def _without_query(record: logging.LogRecord) -> bool:
    """Cut the query string, where tokens travel, from the paths in uvicorn's log records."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            value.partition("?")[0] if isinstance(value, str) else value for value in record.args
        )
    return True


for _name in ("uvicorn.error", "uvicorn.access"):
    logging.getLogger(_name).addFilter(_without_query)


class TransportConfig(Config):
    """uvicorn's configuration for these protocol classes, with the bounds that they keep.

    Raises ConfigurationError if the certificate is of no use.
    """

    def __init__(self, app: Callable[..., Any], settings: Settings) -> None:
        context = tls_context(settings)
        super().__init__(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http=HttpTransport,
            ws=WebSocketTransport,
            ws_max_size=settings.max_frame_bytes,
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PING_SECONDS,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            workers=1,
            interface="asgi3",
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            ssl_context_factory=None if context is None else lambda *_: context,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=CLOSE_SECONDS,
        )
        self.header_seconds = settings.header_seconds
        self.stall_seconds = settings.stall_seconds
        self.max_queued_pongs = settings.max_queued_pongs


class TransportServer(Server):
    """uvicorn's server on sockets that listen already, with a bound on TLS handshakes and on the
    end of TLS, where uvicorn keeps to the loop's own."""

    config: TransportConfig

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                self._connection,
                sock=listener,
                backlog=self.config.backlog,
                ssl=self.config.ssl,
                ssl_handshake_timeout=self.config.header_seconds if self.config.ssl else None,
                ssl_shutdown_timeout=self.config.stall_seconds if self.config.ssl else None,
            )
            for listener in sockets or ()
        ]
        self.started = True

    def _connection(self) -> asyncio.Protocol:
        protocol = HttpTransport(self.config, self.server_state, self.lifespan.state)
        return protocol if self.config.ssl is None else PacedTransport(protocol)


class HttpTransport(HttpToolsProtocol):
    """One HTTP connection. Requests are answered one at a time: a pipelined request is not
    taken, the connection closes after the answer to the first."""

    def __init__(
        self,
        config: TransportConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.header_seconds = config.header_seconds
        self.stall_seconds = config.stall_seconds
        self.stall: StallWatch
        self.header_deadline = Deadline(self.loop)
        self.body_deadline = Deadline(self.loop)
        self.header_bytes = 0
        self.unseen_bytes = 0  # received since the parser last told us anything
        self.deaf = False  # nothing more is parsed: upgraded, or refused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tune(transport)
        self.stall = StallWatch(self.loop, transport, self.stall_seconds)
        self.header_deadline.start(self.header_seconds, self._give_headers_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timers()
        super().connection_lost(exc)
        self._forget_parser()

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing() and self.scheme == "https":
            # The end of TLS waits for a word of the peer, which is idle and may give none.
            self.loop.call_later(SHUTDOWN_LINGER_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.stall.start()

    def resume_writing(self) -> None:
        self.stall.stop()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        if self.deaf:
            return
        self.unseen_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self.deaf:
            return
        if self.unseen_bytes > MAX_HEADER_BYTES:
            self.send_400_response("Headers too long.")
        elif self._answering() and self.cycle.more_body:
            self.body_deadline.start(self.stall_seconds, self._give_body_up)
        else:
            self.body_deadline.stop()
            waited_for = self.header_deadline.running or self.timeout_keep_alive_task is not None
            if not waited_for and not self._answering():
                self.header_deadline.start(self.header_seconds, self._give_headers_up)

    def on_message_begin(self) -> None:
        self.header_bytes = self.unseen_bytes = 0
        self.header_deadline.start(self.header_seconds, self._give_headers_up)
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count_header(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_header(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self.header_deadline.stop()
        if self._answering():
            raise ValueError("a pipelined request")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.unseen_bytes = 0
        super().on_body(body)

    def handle_websocket_upgrade(self) -> None:
        self.deaf = True
        self._stop_timers()
        super().handle_websocket_upgrade()
        self._forget_parser()
        if self.flow.write_paused:
            successor = self.transport.get_protocol()
            assert isinstance(successor, WebSocketTransport)
            successor.pause_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be parsed, without spoiling an answer that is under way."""
        self.deaf = True
        self.header_deadline.stop()
        if self._answering():
            if self.cycle.more_body:
                self.transport.abort()
            else:
                self.cycle.keep_alive = False
        elif max(self.header_bytes, self.unseen_bytes) > MAX_HEADER_BYTES:
            head = STATUS_LINE[HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE]
            self.transport.write(head + b"content-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()
        else:
            super().send_400_response(msg)

    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = vars(self)["cycle"]
        return cycle is not None and not cycle.response_complete

    def _count_header(self, size: int) -> None:
        self.unseen_bytes = 0
        self.header_bytes += size
        if self.header_bytes > MAX_HEADER_BYTES:
            raise ValueError("headers too long")

    def _give_headers_up(self) -> None:
        _log.info("dropped a connection that did not finish its headers")
        self.transport.abort()

    def _give_body_up(self) -> None:
        if self.flow.read_paused:
            self.body_deadline.start(self.stall_seconds, self._give_body_up)
        else:
            _log.info("dropped a connection that did not finish a body")
            self.transport.abort()

    def _forget_parser(self) -> None:
        """It calls this object back: together they would wait for the garbage collector."""
        self.deaf = True
        del self.parser

    def _stop_timers(self) -> None:
        self.header_deadline.stop()
        self.body_deadline.stop()
        self._unset_keepalive_if_required()
        self.stall.stop()
