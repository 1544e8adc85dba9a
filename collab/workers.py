"""Serves with several processes behind one address.

Owns what they share: the sockets, so that no connection that waits is lost with one of them
(docs/decisions/0008-workers-share-one-listening-socket.md), and the directory where they find each
other. Each has its own application, store and loop.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from collab.errors import ConfigurationError
from collab.logs import configure_logging
from collab.serve import END_SECONDS, announce, listening
from collab.settings import Settings
from collab.supervisor import Supervisor
from collab.worker import MakeApp, Ties, work


def serve_with_workers(make_app: MakeApp, settings: Settings) -> None:
    """Serve with `settings.workers` processes until a signal; returns when all have ended in order.

    Each makes its own application. Raises ConfigurationError if the server may not or cannot start,
    and Unavailable if a worker did not start for another reason, or did not end in order.
    """
    if sys.platform == "win32":
        raise ConfigurationError(f"{settings.name_of('workers')} must be 1 on Windows")
    configure_logging(settings.log_format, settings.log_level)
    settings.check_exposure()
    with listening(settings) as listeners, _meeting(settings) as directory:
        supervisor = os.getpid()
        met = settings.model_copy(update={"workers_directory": directory})

        def work_as(number: int, ties: Ties) -> int:
            configure_logging(settings.log_format, settings.log_level, worker=number)
            try:
                return work(make_app, met, listeners, ties)
            finally:
                if os.getppid() != supervisor and directory != settings.workers_directory:
                    with suppress(OSError):  # not the last one to leave
                        directory.rmdir()

        killer = Supervisor(
            work_as,
            settings.workers,
            started=lambda: announce(settings, listeners),
            end_seconds=settings.drain_seconds + END_SECONDS,
        ).run()
    if killer is not None:
        signal.signal(killer, signal.SIG_DFL)
        signal.raise_signal(killer)


@contextmanager
def _meeting(settings: Settings) -> Iterator[Path]:
    """The directory where workers find each other: what is set, or a new one."""
    if settings.workers_directory is not None:
        yield settings.workers_directory
        return
    with tempfile.TemporaryDirectory(prefix="collab-") as directory:
        yield Path(directory)
