"""What is noted of every websocket and event stream: an id for its lines in the log, its beginning,
its end, and why it was refused."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

import structlog

from collab.errors import CollabError, Replaced, Restarting
from collab.metrics import CONNECTIONS, reject

Kind: TypeAlias = Literal["websocket", "events"]

_log = structlog.stdlib.get_logger(__name__)


@contextmanager
def connected(kind: Kind) -> Iterator[Callable[[CollabError], None]]:
    """Everything that is logged in the block, and by tasks started there, bears the connection's
    id. The block gets a function to be told of the error that the connection is closed for."""
    with structlog.contextvars.bound_contextvars(connection=secrets.token_hex(6)):
        open_now = CONNECTIONS.labels(kind)
        open_now.inc()
        _log.debug("connected", kind=kind)
        try:
            yield _refused
        finally:
            open_now.dec()
            _log.debug("disconnected", kind=kind)


def _refused(error: CollabError) -> None:
    reject("connection", error.code)
    tell = _log.debug if isinstance(error, Replaced | Restarting) else _log.info
    tell("connection refused", code=error.code)
