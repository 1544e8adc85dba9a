"""One worker process: serves as `collab serve` does alone, but is started and stopped by another.

Owns what ties it to its supervisor: it says on a pipe that it is ready, or why it cannot be, and
ends in order when another pipe does - on the supervisor's word, or because that is dead. SIGTERM
to it alone ends it in order too, however often it comes; Ctrl-C is for the supervisor.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

import anyio
from starlette.applications import Starlette

from collab.errors import ConfigurationError
from collab.serve import run
from collab.settings import Settings

MakeApp: TypeAlias = Callable[[Settings], Starlette]

READY: Final = b"+"
REFUSED: Final = b"-"
"""Before the words of a refusal."""

_PATIENT: Final = {signal.SIGTERM}

_log = logging.getLogger("collab.worker")


@dataclass(frozen=True, slots=True)
class Ties:
    """File descriptors: what is written to `report` the supervisor reads; `lifeline` can be read
    when it is over."""

    lifeline: int
    report: int


def work(make_app: MakeApp, settings: Settings, listeners: list[socket.socket], ties: Ties) -> int:
    """Be the worker; the exit code of the process. SIGTERM has to be blocked."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stopping = _told(ties.lifeline)
        run(make_app(settings), settings, listeners, stopping, lambda: _report(ties, READY))
    except ConfigurationError as error:
        _report(ties, REFUSED + str(error).encode())
        return 1
    except Exception:
        _log.exception("the worker failed")
        return 1
    return 0


def _report(ties: Ties, what: bytes) -> None:
    with suppress(OSError):  # the supervisor is gone, which the lifeline tells
        os.write(ties.report, what)


@asynccontextmanager
async def _told(lifeline: int) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """SIGTERM, or the end of the lifeline. SIGTERM is blocked again at the end, not deadly."""
    with anyio.open_signal_receiver(*_PATIENT) as signals:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PATIENT)

        async def told() -> str:
            whose = "the server stops"

            async def by_signal() -> None:
                nonlocal whose
                whose = (await anext(signals)).name
                tasks.cancel_scope.cancel()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(by_signal)
                await anyio.wait_readable(lifeline)
                tasks.cancel_scope.cancel()
            return whose

        try:
            yield told
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, _PATIENT)
