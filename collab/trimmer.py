"""Drops the past that documents no longer keep.

Owns when: behind each snapshot, and for all documents once an hour. How long a document's past is
kept is what its retention says, or the setting. The floor only rises, never above a snapshot; a
milestone is kept at it first, so that every version from there on can be told. What goes wrong
costs room on the disk and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio
import msgspec
import structlog

from collab.archivist import Archivist
from collab.errors import CollabError, DocumentNotFound
from collab.measured import store_call
from collab.storage import Mark, Store
from collab.words import Document

_log = structlog.stdlib.get_logger(__name__)

PASS_SECONDS = 3600.0
_PAGE_DOCUMENTS = 500
# Between two documents of a pass.
_PAUSE_SECONDS = 0.01
_MS_PER_DAY = 86_400_000


class Trimmed(msgspec.Struct, frozen=True):
    """The floor afterwards, and what was dropped for it; the bytes are those of the log and of
    milestones, as they were stored."""

    floor: int
    commits: int = 0
    log_bytes: int = 0
    milestones: int = 0
    milestone_bytes: int = 0


class Trimmer:
    """`trim` a document, or `run` over all of them again and again."""

    def __init__(
        self,
        store: Store,
        archivist: Archivist,
        raised: Callable[[str, str, int], None],
        *,
        days: float | None,
        now: Callable[[], int],
    ) -> None:
        """`raised` is told of each document's epoch and new floor."""
        self._store = store
        self._archivist = archivist
        self._raised = raised
        self._days = days
        self._now = now

    async def trim(self, id: str, *, dry: bool = False) -> Trimmed:
        """Drop what the document no longer keeps; `dry`, only say what that is.

        Raises DocumentNotFound, StoreFailure, and what building the state at the floor raises.
        """
        document = await self._store.get(id)
        if document is None:
            raise DocumentNotFound
        return await self._trim(document, dry)

    async def _trim(self, document: Document, dry: bool) -> Trimmed:
        id, epoch, floor = document.id, document.epoch, document.floor
        days = document.retention.days_kept(self._days)
        if days is None:
            return Trimmed(floor)
        before = self._now() - int(days * _MS_PER_DAY)
        goal = await self._store.trim(id, epoch, before, dry=True)
        if goal <= floor:
            return Trimmed(floor)
        log_bytes = await self._store.log_bytes(id, epoch, floor, goal)
        marks = await self._store.milestones(id, epoch)
        if dry:
            named = {each.version for each in await self._store.versions(id, epoch, limit=10**6)}
            dropped = [m for m in marks if m.version < goal and m.version not in named]
            return _trimmed(goal, goal - floor, log_bytes, dropped)
        past = await self._archivist.recall(id, goal)
        await self._store.save_milestone(id, epoch, await past.milestone())
        with store_call("trim", document=id):
            reached = await self._store.trim(id, epoch, before)
        self._raised(id, epoch, reached)
        kept = {mark.version for mark in await self._store.milestones(id, epoch)}
        dropped = [mark for mark in marks if mark.version not in kept]
        trimmed = _trimmed(reached, reached - floor, log_bytes, dropped)
        _log.info("history trimmed", document=id, floor=reached, commits=trimmed.commits)
        return trimmed

    async def run(self) -> None:
        """Trim all documents once an hour, until cancelled."""
        while True:
            await anyio.sleep(PASS_SECONDS)
            try:
                await self._pass()
            except CollabError as error:
                _log.warning("trimming failed", reason=str(error))
            except Exception:
                _log.exception("trimming failed")

    async def _pass(self) -> None:
        after = ""
        while page := await self._store.list(after=after, limit=_PAGE_DOCUMENTS):
            for document in page:
                if document.retention.days_kept(self._days) is not None:
                    await self._try(document)
                    await anyio.sleep(_PAUSE_SECONDS)
            after = page[-1].id

    async def _try(self, document: Document) -> None:
        try:
            await self._trim(document, dry=False)
        except DocumentNotFound:
            return
        except CollabError as error:
            _log.warning("trimming failed", document=document.id, reason=str(error))


def _trimmed(floor: int, commits: int, log_bytes: int, marks: list[Mark]) -> Trimmed:
    return Trimmed(floor, commits, log_bytes, len(marks), sum(mark.size for mark in marks))
