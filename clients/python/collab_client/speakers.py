"""Our side of each protocol, between a replica and its connection.

Owns frames to messages and back, and which messages end a connection. Knows nothing of sockets;
what a message means is for the replica to say.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from collab.errors import Malformed
from collab.protocols import hocuspocus, native
from collab_client.channel import ABNORMAL, ChannelClosed
from collab_client.core import Replica
from collab_client.events import Event, Reconnect
from collab_client.yjs_replica import Ended, YjsEvent, YjsReplica

_log = logging.getLogger("collab_client")


class NativeSpeaker:
    """Speaks the native protocol for a replica; `hear` is told what it made of each message."""

    def __init__(self, replica: Replica, *, create: str | None = None) -> None:
        self.hear: Callable[[list[Event]], None] = lambda events: None
        self._replica = replica
        self._create = create
        self._retry_after = 0.0

    @property
    def live(self) -> bool:
        return self._replica.live

    def connection_opened(self, token: str | None) -> list[str]:
        return [native.encode(self._replica.connection_opened(token=token, create=self._create))]

    def connection_lost(self) -> float:
        self.hear(self._replica.connection_lost())
        retry_after, self._retry_after = self._retry_after, 0.0
        return retry_after

    def to_send(self) -> list[str]:
        return [native.encode(message) for message in self._replica.to_send()]

    def receive(self, frame: str) -> None:
        try:
            message = native.decode_server(frame)
        except Malformed as error:
            raise ChannelClosed(ABNORMAL, str(error)) from None
        events = self._replica.receive(message)
        self._note(message, events)
        self.hear(events)
        for event in events:
            if isinstance(event, Reconnect):
                raise ChannelClosed(ABNORMAL, event.reason)

    def _note(self, message: native.ServerMessage, events: list[Event]) -> None:
        if isinstance(message, native.Goodbye | native.ErrorReport) and message.retry_after:
            self._retry_after = max(self._retry_after, message.retry_after)
        for event in events:
            if isinstance(event, native.ErrorReport):
                _log.warning("the server reports %s", event.code)


class YjsSpeaker:
    """Speaks the Hocuspocus protocol about one document, with the socket to itself."""

    def __init__(self, document: str, replica: YjsReplica) -> None:
        self.hear: Callable[[list[YjsEvent]], None] = lambda events: None
        self._document = document
        self._replica = replica
        self._pongs = 0

    @property
    def live(self) -> bool:
        return self._replica.live

    def connection_opened(self, token: str | None) -> list[bytes]:
        self._pongs = 0
        return self._encoded(self._replica.connection_opened(token))

    def connection_lost(self) -> float:
        self.hear(self._replica.connection_lost())
        return 0.0

    def to_send(self) -> list[bytes]:
        pongs, self._pongs = self._pongs, 0
        return [hocuspocus.encode_pong()] * pongs + self._encoded(self._replica.to_send())

    def receive(self, frame: bytes) -> None:
        try:
            message = hocuspocus.decode_server(frame)
        except Malformed as error:
            raise ChannelClosed(ABNORMAL, str(error)) from None
        if isinstance(message, hocuspocus.Ping):
            self._pongs = 1
        if not isinstance(message, hocuspocus.FromServer) or message.address != self._document:
            return
        events = self._replica.receive(message.message)
        self.hear(events)
        for event in events:
            if isinstance(event, Ended):
                raise ChannelClosed(event.close_code, event.reason)

    def _encoded(self, messages: list[hocuspocus.ClientMessage]) -> list[bytes]:
        return [hocuspocus.encode(self._document, message) for message in messages]
