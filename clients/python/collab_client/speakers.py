"""Our side of each protocol, between a replica and its connection.

Owns frames to messages and back, and which messages end a connection. Knows nothing of sockets;
what a message means is for the replica to say.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from collab.errors import Malformed
from collab.protocols import native
from collab_client.channel import ABNORMAL, ChannelClosed
from collab_client.core import Replica
from collab_client.events import Event, Reconnect

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
