"""Keeps worker processes: starts them, starts dead ones again, ends all of them.

Owns the processes, and when they are started and ended; what a worker does is given. It forks, so
there must be no loop and no thread beside it.

The first worker has to be ready before the others are started: what it refuses is said once. One
that dies later is started again, at once or, if it died young, after a pause that doubles. On
SIGTERM or SIGINT all of them are told to end, on a second one they are killed. They are told by the
end of a pipe that this process alone holds open, not by a signal: whoever signals all processes
there are, as platforms and terminals do, tells nobody twice; and if this process dies, they know.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final, NoReturn, TypeAlias

from collab.errors import CollabError, ConfigurationError, Unavailable
from collab.worker import READY, REFUSED, Ties

STEADY_SECONDS: Final = 30.0
"""A worker that has lived so long is started again at once."""
FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 10.0

_PATIENCE_SECONDS: Final = 1.0  # beyond what a worker takes at most to end by itself
_STOPS: Final = (signal.SIGTERM, signal.SIGINT)
_HEEDED: Final = (*_STOPS, signal.SIGCHLD)

_log = logging.getLogger("collab.supervisor")

Work: TypeAlias = Callable[[int, Ties], int]
"""What the worker of this number does with its ties; its exit code."""


def pause_before(attempts: int) -> float:
    """Seconds to wait before starting a worker again after so many that died young in a row."""
    if attempts == 0:
        return 0.0
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(attempts - 1, 16))


@dataclass(slots=True)
class _Place:
    """The place of one worker, whoever has it now."""

    number: int
    due: float | None = None  # when to start one; None: not now
    pid: int | None = None
    report: int | None = None  # the pipe that it reports on, until it has
    said: bytes = b""
    born: float = 0.0
    died_young: int = 0  # in a row


class Supervisor:
    """Keeps `count` workers. `run` it once, in a process with no thread but the main one."""

    def __init__(
        self,
        work: Work,
        count: int,
        *,
        started: Callable[[], None],
        end_seconds: float,
    ) -> None:
        self._work = work
        self._started = started
        self._end_seconds = end_seconds
        self._places = [_Place(number) for number in range(1, count + 1)]
        self._complete = False  # all of them have been ready
        self._stops: list[signal.Signals] = []
        self._failure: CollabError | None = None
        self._lifeline, self._lifeline_end = os.pipe()
        self._news, self._bell = socket.socketpair()
        self._news.setblocking(False)
        self._bell.setblocking(False)

    def run(self) -> signal.Signals | None:
        """Keep the workers until a signal, and end them.

        Raises ConfigurationError if a worker refuses to serve before all of them have started, and
        Unavailable if one did not start for another reason, or did not end in order.

        Returns the second signal if there was one: then they were killed, and this process is to
        end the same way.
        """
        gc.collect()
        gc.freeze()  # looking for cycles would copy what the workers share
        self._places[0].due = monotonic()
        try:
            with _heeding(self._bell):
                while not self._ending:
                    self._start_due()
                    self._attend(self._next_due())
                self._end()
        finally:
            self._cut_lifeline()
            os.close(self._lifeline)
            self._news.close()
            self._bell.close()
        if len(self._stops) > 1:
            return self._stops[1]
        if self._failure is not None:
            raise self._failure
        return None

    @property
    def _ending(self) -> bool:
        return bool(self._stops) or self._failure is not None

    # Starting -------------------------------------------------------------------------------------

    def _next_due(self) -> float | None:
        return min((place.due for place in self._places if place.due is not None), default=None)

    def _start_due(self) -> None:
        for place in self._places:
            if place.due is not None and place.due <= monotonic():
                place.due = None
                self._start(place)

    def _start(self, place: _Place) -> None:
        place.born, place.said = monotonic(), b""
        report, report_end = os.pipe()
        # A signal that comes in between is for the one that it was sent to.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEEDED)
        try:
            pid = os.fork()
            if pid == 0:
                os.close(report)
                self._be_worker(place.number, Ties(self._lifeline, report_end))
        except OSError as error:
            os.close(report)
            self._gone(place, f"could not be started: {error.strerror}")
        else:
            place.pid, place.report = pid, report
        finally:
            os.close(report_end)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEEDED)

    def _be_worker(self, number: int, ties: Ties) -> NoReturn:
        """The rest of a forked process's life: nothing of the supervisor's is cleaned up in it."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for heeded in _HEEDED:
                signal.signal(heeded, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGCHLD))
            os.close(self._lifeline_end)
            self._news.close()
            self._bell.close()
            for other in self._places:
                if other.report is not None:
                    os.close(other.report)
            code = self._work(number, ties)
        finally:
            sys.stderr.flush()
            os._exit(code)

    # What happens ---------------------------------------------------------------------------------

    def _attend(self, until: float | None) -> None:
        """Wait for something to happen, until then at most, and act on it."""
        poll = select.poll()
        poll.register(self._news, select.POLLIN)
        for place in self._places:
            if place.report is not None:
                poll.register(place.report, select.POLLIN)
        poll.poll(None if until is None else max(0.0, until - monotonic()) * 1000 + 1)
        with suppress(BlockingIOError):
            for number in self._news.recv(256):
                if number in _STOPS:
                    self._stop(signal.Signals(number))
        for place in self._places:
            self._look_after(place)

    def _stop(self, received: signal.Signals) -> None:
        self._stops.append(received)
        if len(self._stops) == 1:
            _log.info("stopping: %s", received.name)
            self._cut_lifeline()

    def _cut_lifeline(self) -> None:
        if self._lifeline_end >= 0:
            os.close(self._lifeline_end)
            self._lifeline_end = -1

    def _look_after(self, place: _Place) -> None:
        if place.pid is None:
            return
        ended, status = os.waitpid(place.pid, os.WNOHANG)
        if place.report is not None and _readable(place.report):
            place.said = os.read(place.report, 65536)  # all of it is written at once
            os.close(place.report)
            place.report = None
            if place.said == READY:
                self._ready(place)
        if ended:
            place.pid = None
            self._gone(place, _manner(os.waitstatus_to_exitcode(status), place.said))

    def _ready(self, place: _Place) -> None:
        if self._complete:
            _log.info("worker %d serves again", place.number)
            return
        if place is self._places[0]:
            for other in self._places[1:]:
                other.due = monotonic()
        if all(each.said == READY for each in self._places):
            self._complete = True
            self._started()

    def _gone(self, place: _Place, manner: str | None) -> None:
        """Its worker is no more; None: it has ended in order."""
        if self._ending:
            if manner is not None:
                self._fail(Unavailable(f"worker {place.number} {manner}"))
        elif not self._complete:
            if place.said.startswith(REFUSED):
                self._fail(ConfigurationError(place.said.removeprefix(REFUSED).decode()))
            else:
                self._fail(Unavailable(f"worker {place.number} {manner or 'ended'} at the start"))
        else:
            young = monotonic() - place.born < STEADY_SECONDS
            place.died_young = place.died_young + 1 if young else 0
            pause = pause_before(place.died_young)
            place.due = monotonic() + pause
            _log.warning(
                "worker %d %s, starting it again in %g s", place.number, manner or "ended", pause
            )

    def _fail(self, failure: CollabError) -> None:
        if self._failure is None:
            self._failure = failure

    def _end(self) -> None:
        """Let all of them end in order, and kill those that do not, or all on a second signal."""
        self._cut_lifeline()
        deadline = monotonic() + self._end_seconds + _PATIENCE_SECONDS
        while any(place.pid is not None for place in self._places):
            if len(self._stops) > 1 or monotonic() >= deadline:
                break
            self._attend(deadline)
        for place in self._places:
            if place.pid is not None:
                os.kill(place.pid, signal.SIGKILL)
                os.waitpid(place.pid, 0)
                place.pid = None
                self._fail(Unavailable(f"worker {place.number} did not end and was killed"))
            if place.report is not None:
                os.close(place.report)


@contextmanager
def _heeding(bell: socket.socket) -> Iterator[None]:
    """The signals for a supervisor ring `bell` with their number, and do nothing else."""
    before = {heeded: signal.signal(heeded, lambda *_: None) for heeded in _HEEDED}
    unheeded = signal.set_wakeup_fd(bell.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(unheeded)
        for heeded, handler in before.items():
            signal.signal(heeded, handler)


def _readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def _manner(code: int, said: bytes) -> str | None:
    """How a worker has ended; None: in order."""
    if said.startswith(REFUSED):
        return f"refuses to serve: {said.removeprefix(REFUSED).decode()}"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}" if code else None
