"""Keeps milestones: those that live documents pass, and those that a long history lacks; and goes
from them to any version.

Owns when they are written; how far apart they are is the policy's (`milestones`). What goes wrong
here costs a longer replay, or a past version that is not shown yet, and nothing else.
"""

from __future__ import annotations

from itertools import pairwise

import anyio
import structlog

from collab.aside import aside
from collab.errors import CollabError, DocumentNotFound, Unavailable
from collab.measured import store_call
from collab.milestones import FAR, Stretch, pack
from collab.past import Past
from collab.storage import Mark, Nearest, Store
from collab.wakeup import Wakeup
from collab.words import Document, Snapshot

# Past versions that are built at a time.
_MAX_RECALLS = 2
# From further away nothing is replayed for a reader: first there are milestones in between.
_MAX_REPLAY_COMMITS = 2 * FAR
_PATIENCE_SECONDS = 10.0

_log = structlog.stdlib.get_logger(__name__)


class _Awaited:
    """What readers of a document wait for: its next milestone, or that none will come."""

    def __init__(self) -> None:
        self.settled = anyio.Event()
        self.came = False

    def settle(self, came: bool) -> None:
        self.came = came
        self.settled.set()


class Archivist:
    """Is told of snapshots (`passed`) and asked for the past (`recall`); `run` fills in what is
    missing, one document after the other."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._bare: dict[str, None] = {}  # ids, in order
        self._awaited: dict[str, _Awaited] = {}
        self._wakeup = Wakeup()
        self._recalls = anyio.Semaphore(_MAX_RECALLS)

    async def passed(self, id: str, epoch: str, snapshot: Snapshot) -> None:
        """A snapshot was written: keep it as a milestone too, if one is due. Raises StoreFailure,
        DocumentNotFound."""
        marks = await self._store.milestones(id, epoch)
        earlier = [mark for mark in marks if mark.version <= snapshot.version]
        last = earlier[-1] if earlier else Mark(0, 0)
        stretch = await self._stretch(id, epoch, last.version, snapshot.version)
        if stretch.is_bare:
            self.request(id)
        elif stretch.is_due(last.size):
            await self._keep(id, epoch, snapshot.version, snapshot.time, snapshot.content)

    async def recall(self, id: str, version: int) -> Past:
        """The state at `version`, from what is stored.

        A history that was written without milestones gets them first, which is waited for, for a
        while. Raises DocumentNotFound, BaseAboveHead, VersionUnavailable, Unavailable (those
        milestones take longer), DocumentBroken.
        """
        nearest = await self._nearest(id, version)
        async with self._recalls:
            past = await Past.begin(self._store, nearest)
            await past.to(version)
            return past

    async def _nearest(self, id: str, version: int) -> Nearest:
        with anyio.move_on_after(_PATIENCE_SECONDS):
            while True:
                with store_call("nearest", document=id):
                    nearest = await self._store.nearest(id, version)
                if nearest is None:
                    raise DocumentNotFound
                if version - nearest.version <= _MAX_REPLAY_COMMITS:
                    return nearest
                if not await self._next(id):
                    break
        raise Unavailable("the history of this document is being prepared, try again")

    def request(self, id: str) -> None:
        """Look soon whether the document's history lacks milestones, and fill them in."""
        self._bare[id] = None
        self._wakeup.set()

    async def _next(self, id: str) -> bool:
        """Wait for the next milestone of a history that lacks some; False: none will come."""
        awaited = self._awaited.get(id)
        if awaited is None:
            awaited = self._awaited[id] = _Awaited()
        self.request(id)
        await awaited.settled.wait()
        return awaited.came

    async def run(self) -> None:
        """Fill in what is missing until cancelled."""
        while True:
            await self._wakeup.wait()
            while self._bare:
                # Those first that somebody waits for.
                id = next((id for id in self._bare if id in self._awaited), next(iter(self._bare)))
                try:
                    await self._fill(id)
                except CollabError as error:
                    _log.warning("milestones failed", document=id, reason=str(error))
                except Exception:
                    _log.exception("milestones failed", document=id)
                del self._bare[id]
                self._tell(id, came=False)

    async def _fill(self, id: str) -> None:
        document = await self._store.get(id)
        if document is None:
            raise DocumentNotFound
        marks = await self._store.milestones(id, document.epoch)
        ends = [Mark(document.floor, 0), *marks, Mark(document.version, 0)]
        for start, end in pairwise(ends):
            stretch = await self._stretch(id, document.epoch, start.version, end.version)
            if stretch.is_bare:
                await self._fill_in(document, start, end.version)

    async def _fill_in(self, document: Document, last: Mark, end: int) -> None:
        """Write the milestones that belong between `last` and version `end`."""
        with store_call("nearest", document=document.id):
            nearest = await self._store.nearest(document.id, last.version)
        if nearest is None or nearest.document.epoch != document.epoch:
            raise DocumentNotFound
        past = await Past.begin(self._store, nearest)
        written = 0
        while past.version < end:
            await past.page(end)
            if past.version < end and past.passed.is_due(last.size):
                dump = past.type.dump(past.state)
                last = await self._keep(document.id, document.epoch, past.version, past.time, dump)
                past.rest()
                written += 1
                self._tell(document.id, came=True)
        _log.info("milestones filled in", document=document.id, until=end, count=written)

    async def _keep(self, id: str, epoch: str, version: int, time: int, dump: bytes) -> Mark:
        milestone = await aside(len(dump), pack, version, time, dump)
        with store_call("milestone", document=id, bytes=len(milestone.content)):
            await self._store.save_milestone(id, epoch, milestone)
        return Mark(version, len(milestone.content))

    async def _stretch(self, id: str, epoch: str, after: int, until: int) -> Stretch:
        return Stretch(until - after, await self._store.log_bytes(id, epoch, after, until))

    def _tell(self, id: str, *, came: bool) -> None:
        awaited = self._awaited.pop(id, None)
        if awaited is not None:
            awaited.settle(came)
