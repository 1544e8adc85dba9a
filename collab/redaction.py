"""A range of text on its way through a document's log: back to where it came from, then forward.

Owns what has to be written anew so that what stood in the range is nowhere any more. It goes on
from where it was when the document has grown meanwhile. Knows nothing of who may ask for it.
"""

from __future__ import annotations

from collab.aside import aside
from collab.errors import (
    BaseAboveHead,
    DocumentNotFound,
    HistoryRewritten,
    InvalidOperation,
    VersionUnavailable,
)
from collab.loading import load_authority, replay
from collab.milestones import pack, unpack
from collab.ot import masking
from collab.ot.masking import Span
from collab.ot.rope import Rope
from collab.past import Past
from collab.registry import Registry
from collab.storage import Loaded, Rewrite, Store
from collab.types.delta import DeltaType
from collab.words import Commit, Document, Milestone, Snapshot, epoch_after

_BLOCK_COMMITS = 500


class Redaction:
    """One redaction of a document of text or rich text. Made by `begin`."""

    def __init__(
        self,
        registry: Registry,
        type: DeltaType,
        document: Document,
        first: Past,
    ) -> None:
        """`first` is what the log goes on from."""
        self._registry = registry
        self._store: Store = registry.store
        self._type = type
        self._document = document
        self._first = first
        self._reached = first.version
        self._spans: list[Span] = []  # of what is redacted, at the version that is reached
        self._inserted: dict[int, list[Span]] = {}  # by version: what of it that commit inserted
        self._commits: list[Commit] = []
        self._milestones: list[Milestone] = []

    @classmethod
    async def begin(
        cls, registry: Registry, loaded: Loaded, type: DeltaType, version: int, span: Span
    ) -> Redaction:
        """Find where the range has come from, from `version` back to where the log begins.

        Raises BaseAboveHead, VersionUnavailable, InvalidOperation (no such range).
        """
        document = loaded.document
        if version > document.version:
            raise BaseAboveHead(version, document.version)
        self = cls(registry, type, document, await _first_state(registry.store, document))
        if version < self._first.version:
            raise VersionUnavailable(f"version {version} is in the log no more")
        rope: Rope = (await registry.archivist.recall(document.id, version)).state
        if span[0] >= span[1] or span[1] > rope.length:
            raise InvalidOperation(f"version {version} has {rope.length} units, no such range")
        rope.slice(*span)  # raises if an end of it divides a character
        self._spans = masking.readable(rope.to_delta(), span)
        await self._back(version)
        await self._keep_masked(self._first.version, self._first.time, self._first.state)
        return self

    async def reach(self, loaded: Loaded) -> Rewrite:
        """What has to be written, for the document as it is now."""
        document = loaded.document
        if document.epoch != self._document.epoch:
            raise HistoryRewritten
        for mark in await self._store.milestones(document.id, document.epoch):
            if mark.version > self._reached:
                await self._forward(mark.version)
                nearest = await self._store.nearest(document.id, mark.version)
                if nearest is not None and nearest.kept is not None:
                    dump = await aside(mark.size, unpack, nearest.kept)
                    state = self._type.load(dump)
                    await self._keep_masked(mark.version, nearest.kept.time, state)
        await self._forward(document.version)
        authority = await load_authority(loaded, self._type, self._registry.settings)
        dump = await self._masked_dump(authority.state)
        time = max(self._registry.now(), authority.time)
        return Rewrite(
            epoch=epoch_after(document.epoch, self._registry.make_epoch()),
            floor=self._first.version,
            commits=tuple(self._commits),
            snapshots=[Snapshot(document.version, time, dump, authority.names.dump())],
            milestones=tuple(self._milestones),
        )

    async def _back(self, version: int) -> None:
        def look(commit: Commit) -> None:
            self._spans, inserted = masking.before(self._spans, self._type.decode(commit.operation))
            if inserted:
                self._inserted[commit.version] = inserted

        until = version
        while until > self._first.version and self._spans:
            after = max(self._first.version, until - _BLOCK_COMMITS)
            await replay(look, (await self._between(after, until))[::-1])
            until = after

    async def _forward(self, until: int) -> None:
        def take(commit: Commit) -> None:
            operation = self._type.decode(commit.operation)
            inserted = self._inserted.get(commit.version, [])
            masked = masking.masked(operation, self._spans, inserted)
            if masked != operation:
                encoded = self._type.encode(masked)
                self._commits.append(Commit(commit.version, commit.time, commit.credits, encoded))
            self._spans = masking.joined([*masking.after(self._spans, operation), *inserted])

        while self._reached < until:
            block = min(until, self._reached + _BLOCK_COMMITS)
            await replay(take, await self._between(self._reached, block))
            self._reached = block

    async def _between(self, after: int, until: int) -> list[Commit]:
        document = self._document
        commits: list[Commit] = []
        while after < until:
            page = await self._store.read(document.id, document.epoch, after, until - after)
            commits += page
            after = page[-1].version
        return commits

    async def _keep_masked(self, version: int, time: int, state: Rope) -> None:
        """A milestone of the state at the version that is reached; the empty one needs none."""
        if version > 0:
            dump = await self._masked_dump(state)
            self._milestones.append(await aside(len(dump), pack, version, time, dump))

    async def _masked_dump(self, state: Rope) -> bytes:
        return await aside(state.size, _masked_dump, self._type, state, list(self._spans))


def _masked_dump(type: DeltaType, state: Rope, spans: list[Span]) -> bytes:
    return type.dump(Rope.of(masking.masked(state.to_delta(), [], spans)))


async def _first_state(store: Store, document: Document) -> Past:
    """The state that the log goes on from: that at the floor, or the oldest that is left."""
    try:
        nearest = await store.nearest(document.id, document.floor)
    except VersionUnavailable:
        nearest = await store.nearest(document.id, document.version)
    if nearest is None:
        raise DocumentNotFound
    return await Past.begin(store, nearest)
