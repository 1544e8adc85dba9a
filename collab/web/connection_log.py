"""What is noted of every websocket and event stream: an id for its lines in the log, its beginning,
its end, and why it was refused."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Literal, TypeAlias

import structlog

from collab.errors import CollabError, Replaced, Restarting
from collab.metrics import CONNECTIONS, reject

Kind: TypeAlias = Literal["websocket", "events"]

_log = structlog.stdlib.get_logger(__name__)


class connected:
    """Counts and logs a connection of a kind during the block. Everything that is logged in this
    task from now on, and by tasks started in it, bears the connection's id. The block gets a
    function to be told of the error that the connection is closed for.

    A class and not a generator, which takes a kilobyte for each open connection.
    """

    __slots__ = ("_kind",)

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def __enter__(self) -> Callable[[CollabError], None]:
        structlog.contextvars.bind_contextvars(connection=secrets.token_hex(6))
        CONNECTIONS.labels(self._kind).inc()
        _log.debug("connected", kind=self._kind)
        return _refused

    def __exit__(self, *_: object) -> None:
        CONNECTIONS.labels(self._kind).dec()
        _log.debug("disconnected", kind=self._kind)


def _refused(error: CollabError) -> None:
    reject("connection", error.code)
    tell = _log.debug if isinstance(error, Replaced | Restarting) else _log.info
    tell("connection refused", code=error.code)
