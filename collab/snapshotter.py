"""Writes snapshots in the background, one at a time per node, and trims behind them.

Progress is a version: `session.snapshot_version` moves only when the store has the snapshot. A
failure costs nothing but a longer replay; the next commit asks again.
"""

from __future__ import annotations

import structlog

from collab.archivist import Archivist
from collab.errors import CollabError
from collab.measured import store_call
from collab.session import Session
from collab.storage import Store
from collab.trimmer import Trimmer
from collab.wakeup import Wakeup

_log = structlog.stdlib.get_logger(__name__)


class Snapshotter:
    """`consider` a session after each batch; `run` saves those that are due."""

    def __init__(
        self,
        store: Store,
        archivist: Archivist,
        trimmer: Trimmer,
        *,
        every_commits: int,
    ) -> None:
        self._store = store
        self._archivist = archivist
        self._trimmer = trimmer
        self._every_commits = every_commits
        self._due: dict[str, Session] = {}
        self._wakeup = Wakeup()

    def consider(self, session: Session) -> None:
        """Ask for a snapshot if enough commits have come since the last."""
        if session.version - session.snapshot_version >= self._every_commits:
            self.request(session)

    def request(self, session: Session) -> None:
        """Ask for a snapshot soon."""
        self._due[session.id] = session
        self._wakeup.set()

    async def run(self) -> None:
        """Save what is due until cancelled."""
        while True:
            await self._wakeup.wait()
            while self._due:
                id, session = next(iter(self._due.items()))
                del self._due[id]
                if session.ended is None:
                    await self.save(session)

    async def save(self, session: Session, *, hurried: bool = False) -> None:
        """Write a snapshot of committed state if there is something new.

        What is no longer kept is dropped behind it; not `hurried`, it becomes a milestone too if
        one is due. Whatever fails is logged: it costs a longer replay, not the document, nor the
        node.
        """
        try:
            await self._save(session, hurried)
        except CollabError as error:
            _log.warning("snapshot failed", document=session.id, reason=str(error))
        except Exception:
            _log.exception("snapshot failed", document=session.id)

    async def _save(self, session: Session, hurried: bool) -> None:
        if session.version > session.snapshot_version:
            snapshot = session.snapshot()
            with store_call("snapshot", document=session.id, bytes=len(snapshot.content)):
                await self._store.save_snapshot(session.id, session.epoch, snapshot)
            session.snapshot_version = max(session.snapshot_version, snapshot.version)
            if not hurried:
                await self._archivist.passed(session.id, session.epoch, snapshot)
        await self._trimmer.trim(session.id)
