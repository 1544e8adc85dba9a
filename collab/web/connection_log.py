"""What is noted of every websocket and event stream: an id for its lines in the log, its beginning,
its end, and why it was refused."""

from __future__ import annotations

import secrets
from typing import Final, get_args

import structlog
from prometheus_client import Gauge

from collab.connection import Connection, Kind
from collab.errors import CollabError, Replaced, Restarting
from collab.metrics import CONNECTIONS, reject

_COUNTS: Final[dict[Kind, Gauge]] = {kind: CONNECTIONS.labels(kind) for kind in get_args(Kind)}

_log = structlog.stdlib.get_logger(__name__)


class connected:
    """Counts and logs a connection of a kind during the block, which is told its name. Everything
    that is logged in this task from now on, and by tasks started in it, bears the connection's id.

    A class and not a generator, which takes a kilobyte for each open connection.
    """

    __slots__ = ("_address", "_count", "_kind")

    def __init__(self, kind: Kind, address: str | None) -> None:
        self._kind = kind
        self._address = address
        self._count = _COUNTS[kind]

    def __enter__(self) -> Connection:
        connection = Connection(secrets.token_hex(6), self._kind, self._address)
        structlog.contextvars.bind_contextvars(connection=connection.id)
        self._count.inc()
        _log.debug("connected", kind=self._kind)
        return connection

    def __exit__(self, *_: object) -> None:
        self._count.dec()
        _log.debug("disconnected", kind=self._kind)


def refused(error: CollabError) -> None:
    """Count and log that this task's connection is closed for an error."""
    reject("connection", error.code)
    tell = _log.debug if isinstance(error, Replaced | Restarting) else _log.info
    tell("connection refused", code=error.code)
