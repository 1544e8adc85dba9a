"""Finds in a shared store what other nodes have done, whether or not news of it came.

Owns when it is asked: regularly for everything that is open, with one query, and at once for what
news made worth a look. Knows nothing of the bus but whether it can be relied upon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import anyio
import structlog

from collab.authorizer import Authorizer
from collab.errors import CollabError, Unavailable
from collab.history import ended_by, lost_commits
from collab.measured import store_call
from collab.session import Session
from collab.storage import Store
from collab.wakeup import Wakeup

_log = structlog.stdlib.get_logger(__name__)

# How often the store is asked for everything: with news from a healthy bus, and without.
_WITH_NEWS_SECONDS = 1.0
_WITHOUT_NEWS_SECONDS = 0.25
# The least between two questions, so that a burst of news is one.
_PAUSE_SECONDS = 0.02


class Poller:
    """Tells sessions of their documents' heads and ends, the authorizer of access versions."""

    def __init__(
        self,
        store: Store,
        authorizer: Authorizer,
        sessions: Callable[[], Iterable[Session]],
        newsy: Callable[[], bool],
    ) -> None:
        self._store = store
        self._authorizer = authorizer
        self._sessions = sessions
        self._newsy = newsy
        self._wanted: set[str] = set()
        self._everything = False
        self._wakeup = Wakeup()

    def look(self, documents: Iterable[str] | None = ()) -> None:
        """Look soon at these documents, and at the access version; None: at everything."""
        if documents is None:
            self._everything = True
        else:
            self._wanted.update(documents)
        self._wakeup.set()

    async def run(self) -> None:
        """Look, until cancelled."""
        due = anyio.current_time() + self._interval()
        while True:
            with anyio.move_on_at(due):
                await self._wakeup.wait()
            everything = self._everything or anyio.current_time() >= due
            wanted, self._wanted, self._everything = self._wanted, set(), False
            await self._poll([each for each in self._sessions() if everything or each.id in wanted])
            if everything:
                due = anyio.current_time() + self._interval()
            await anyio.sleep(_PAUSE_SECONDS)

    def _interval(self) -> float:
        return _WITH_NEWS_SECONDS if self._newsy() else _WITHOUT_NEWS_SECONDS

    async def _poll(self, sessions: list[Session]) -> None:
        durable = [session.version for session in sessions]  # before the store is asked
        try:
            with store_call("poll", documents=len(sessions)):
                polled = await self._store.poll([session.id for session in sessions])
        except CollabError as error:
            _log.warning("polling failed", reason=str(error))
            return
        except Exception:
            _log.exception("polling failed")
            return
        for session, version in zip(sessions, durable, strict=True):
            head = polled.heads.get(session.id)
            if head is None or head.epoch != session.epoch:
                session.end(ended_by(head, session.epoch))
            elif head.version < version:
                self._lost(session, lost_commits(version, head.version))
            else:
                session.hear(head.version)
        try:
            await self._authorizer.catch_up(polled.access_version)
        except CollabError as error:
            _log.warning("reading grants failed", reason=str(error))

    def _lost(self, session: Session, error: Unavailable) -> None:
        """End a session that is ahead of the store, before others commit in the place of what it
        shows. Whoever comes back is above the head, and starts afresh."""
        _log.error("the store has lost commits", document=session.id, reason=str(error))
        session.end(error)
