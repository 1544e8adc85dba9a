"""Names versions by itself, every so many minutes of activity.

Owns when: as long as edits come, one is named whenever the newest is that old. After a pause it is
the version that the people before have left, so that what they had is never further away than their
last edit. Knows nothing of who asks for versions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import anyio
import structlog

from collab.archivist import Archivist
from collab.errors import CollabError
from collab.session import Session
from collab.storage import Store
from collab.words import NamedVersion

_log = structlog.stdlib.get_logger(__name__)

LOOK_SECONDS = 15.0
# How soon a document's own policy takes effect.
_ASK_SECONDS = 60.0
_MS_PER_MINUTE = 60_000
NAME = "automatic"


class _Watched:
    """What is known of one session: the version it was `seen` at, and its policy as of `asked`.

    `since` is when the newest automatic version was named, in ms, or when one was first asked for;
    `left` a version that was there before, and is worth a name.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.seen = session.opened_version
        self.minutes: float | None = None
        self.asked: float | None = None
        self.since: int | None = None
        self.left: int | None = None


class Automatic:
    """Looks at the open documents again and again: `run`."""

    def __init__(
        self,
        store: Store,
        archivist: Archivist,
        sessions: Callable[[], Sequence[Session]],
        *,
        minutes: float | None,
        most: int,
        now: Callable[[], int],
    ) -> None:
        self._store = store
        self._archivist = archivist
        self._sessions = sessions
        self._minutes = minutes
        self._most = most
        self._now = now
        self._watched: dict[str, _Watched] = {}

    async def run(self) -> None:
        """Name versions until cancelled."""
        while True:
            await anyio.sleep(LOOK_SECONDS)
            sessions = {session.id: session for session in self._sessions()}
            for id in self._watched.keys() - sessions.keys():
                del self._watched[id]
            for session in sessions.values():
                if session.ended is None:
                    await self._look_at(session)

    async def _look_at(self, session: Session) -> None:
        try:
            await self._look(session)
        except CollabError as error:
            _log.warning("no automatic version", document=session.id, reason=str(error))
        except Exception:
            _log.exception("no automatic version", document=session.id)

    async def _look(self, session: Session) -> None:
        watched = self._watched.get(session.id)
        if watched is None or watched.session is not session:
            watched = self._watched[session.id] = _Watched(session)
        if session.version == watched.seen:
            return
        watched.seen = session.version
        minutes = await self._minutes_between(watched)
        if minutes is None:
            return
        if watched.since is None:
            await self._begin(watched)
        assert watched.since is not None
        left, watched.left = watched.left, None
        now = self._now()
        if now - watched.since >= minutes * _MS_PER_MINUTE:
            await self._name(session, left or session.version, now, minutes)
            watched.since = now

    async def _begin(self, watched: _Watched) -> None:
        session = watched.session
        newest = await self._newest(session)
        if newest is None:
            watched.since = self._now()
            return
        watched.since = newest.time
        if session.opened_version > newest.version:
            watched.left = session.opened_version

    async def _newest(self, session: Session) -> NamedVersion | None:
        found = await self._store.versions(session.id, session.epoch, limit=1, automatic=True)
        return found[0] if found else None

    async def _minutes_between(self, watched: _Watched) -> float | None:
        """The document's own policy, or the setting; looked up once in a while."""
        now = anyio.current_time()
        if watched.asked is None or now >= watched.asked + _ASK_SECONDS:
            watched.asked = now
            document = await self._store.get(watched.session.id)
            if document is not None:
                watched.minutes = document.retention.minutes_between(self._minutes)
        return watched.minutes

    async def _name(self, session: Session, version: int, now: int, minutes: float) -> None:
        """Unless another node has done it, or somebody has named that version."""
        newest = await self._newest(session)
        if newest is not None and (
            newest.version >= version or now - newest.time < minutes * _MS_PER_MINUTE
        ):
            return
        past = await self._archivist.recall(session.id, version)
        named = NamedVersion(version, NAME, now, None, None, automatic=True)
        await self._store.name_version(
            session.id, session.epoch, named, await past.milestone(), self._most
        )
        await self._forget_oldest(session)

    async def _forget_oldest(self, session: Session) -> None:
        found = await self._store.versions(
            session.id, session.epoch, limit=self._most + 1, automatic=True
        )
        for named in found[self._most :]:
            await self._store.forget_version(session.id, session.epoch, named.version)
