"""Who wrote what is in a document, and in which version.

Owns going through the log once, and remembering of some documents how far that has come: who asks
again pays for what was written since. Knows nothing of HTTP or rights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import msgspec

from collab.contents import Contents, Found, aside
from collab.errors import (
    BelowFloor,
    DocumentBroken,
    DocumentNotFound,
    InvalidOperation,
    UnknownFormat,
    VersionUnavailable,
    WrongType,
)
from collab.ledger import Attribution, Ledger
from collab.loading import replay
from collab.ot import blame, utf16
from collab.ot.delta import Embed
from collab.ot.rope import Rope
from collab.types import DocumentType
from collab.types.comparing import chosen_root
from collab.types.yjs import YJS
from collab.types.yjs_content import Still
from collab.types.yjs_origins import Origins
from collab.types.yjs_prose import prose
from collab.types.yjs_roots import Root
from collab.words import Commit, Document, Head

# Of one request: some ten seconds, in strides. What is older was "before".
MAX_COMMITS = 500_000
_PAGE_COMMITS = 2000
# How far a request for an earlier version has to go back to what is remembered.
_CHECKPOINT_COMMITS = 10_000
# Logs gone through at a time, and remembered: so many documents, of so many commits together.
_AT_A_TIME = 2
_KEPT_LOGS = 8
_KEPT_COMMITS = 1_000_000
# Answers, which are asked for page by page.
_KEPT_BLAMES = 2


class Run(msgspec.Struct, frozen=True):
    """A part of the content, and who brought it; None: it was there before anything is known."""

    content: str | Embed
    by: Attribution | None

    @property
    def length(self) -> int:
        """In UTF-16 units."""
        return utf16.length(self.content) if isinstance(self.content, str) else 1


class Blame(msgspec.Struct, frozen=True):
    """What a document contains at `head`. Of what was written up to version `since` nobody knows
    who did."""

    head: Head
    since: int
    root: Root | None
    runs: list[Run]


class _Log:
    """What was found in a document's log after version `since`, up to `version`."""

    def __init__(self, document: Document, type: DocumentType, start: Found) -> None:
        self.epoch, self.floor = document.epoch, document.floor
        self.since = start.head.version
        self.ledger = Ledger(self.since)
        self.turn = anyio.Lock()
        self._type = type
        self._document = blame.unmarked(Rope.empty() if type is YJS else start.state)
        self._checkpoints = [(self.since, self._document)]
        self.origins = Origins()
        self.owners: dict[int, str] = dict(start.state.owners) if type is YJS else {}

    @property
    def version(self) -> int:
        return self.ledger.version

    def take(self, commit: Commit) -> None:
        """The next commit; raises DocumentBroken."""
        if self._type is YJS:
            change = YJS.decode(commit.operation)
            self.origins.note(commit.version, YJS.parse(change.update))
            for client, user in change.owners.items():
                self.owners.setdefault(client, user)
        else:
            self._document = self._marked(self._document, commit)
            if commit.version - self._checkpoints[-1][0] >= _CHECKPOINT_COMMITS:
                self._checkpoints.append((commit.version, self._document))
        self.ledger.note(commit)

    def nearest(self, version: int) -> tuple[int, Rope]:
        """Of a version that was taken: the newest document up to it that is at hand."""
        if version == self.version:
            return version, self._document
        return next(each for each in reversed(self._checkpoints) if each[0] <= version)

    def _marked(self, document: Rope, commit: Commit) -> Rope:
        return marked(self._type, document, commit)


def marked(type: DocumentType, document: Rope, commit: Commit) -> Rope:
    """The document after a commit, what it inserted being marked with its version; raises
    DocumentBroken."""
    try:
        return blame.marked(document, type.decode(commit.operation), commit.version)
    except InvalidOperation as error:
        raise DocumentBroken(f"commit {commit.version} does not apply") from error


class Blames:
    """Goes through the logs that `contents` reads."""

    def __init__(self, contents: Contents, *, max_commits: int = MAX_COMMITS) -> None:
        self._contents = contents
        self._max_commits = max_commits
        self._turns = anyio.Semaphore(_AT_A_TIME)
        self._logs: dict[str, _Log] = {}  # the one that was used last at the end
        self._blames: dict[tuple[str, Head, Root | None], Blame] = {}

    def forget(self, id: str) -> None:
        """Remember nothing of a document: its log says something else now."""
        self._logs.pop(id, None)
        self._blames = {key: told for key, told in self._blames.items() if key[0] != id}

    async def blame(self, id: str, version: int | None = None, root: str | None = None) -> Blame:
        """Who wrote what is in the document, or was at `version`.

        Raises BaseAboveHead, VersionUnavailable, WrongType (a root of another type), UnknownFormat,
        RootNeeded, InvalidContent (of yjs: what no editor puts there), and what reading content
        does.
        """
        found = await self._contents.state(id, version)
        type = found.type
        if root is not None and type is not YJS:
            raise WrongType(f"a {type.name} document has no roots")
        chosen = chosen_root(type, (found.state,), root)
        if chosen is not None and chosen[1] in {"map", "array"}:
            raise UnknownFormat("nobody writes text in maps and arrays")
        document = await self._contents.row(id)
        if document.epoch != found.head.epoch:
            raise DocumentNotFound("the document has been made anew meanwhile")
        key = id, found.head, chosen
        told = self._blames.get(key)
        if told is None or self._known(id, document) is None:
            told = await self._told(document, found, chosen)
            self._blames[key] = told
            if len(self._blames) > _KEPT_BLAMES:
                del self._blames[next(iter(self._blames))]
        return told

    async def _told(self, document: Document, found: Found, root: Root | None) -> Blame:
        version = found.head.version
        async with self._turns:
            log = await self._log(document, found)
            async with log.turn:
                await self._read(document, log.version, version, log.take)
                start, rope = (version, Rope.empty())
                if found.type is not YJS:
                    start, rope = log.nearest(version)

            def mark(commit: Commit) -> None:
                nonlocal rope
                rope = marked(found.type, rope, commit)

            await self._read(document, start, version, mark)
        size = found.type.size(found.state)
        if found.type is YJS:
            runs = await aside(size, _runs_of_yjs, YJS.still(found.state), root, log)
        else:
            runs = await aside(size, _runs, rope, log.ledger)
        return Blame(found.head, log.since, root, runs)

    def _known(self, id: str, document: Document) -> _Log | None:
        """What is remembered of the document, as long as the same of its log is kept."""
        log = self._logs.get(id)
        if log is None or (log.epoch, log.floor) != (document.epoch, document.floor):
            return None
        return log

    async def _log(self, document: Document, found: Found) -> _Log:
        version = found.head.version
        known = self._known(document.id, document)
        if known is not None and known.since <= version <= known.version + self._max_commits:
            self._keep(document.id, known)
            return known
        since = max(document.floor, version - self._max_commits)
        start = await self._contents.earliest(document.id, since)
        if start.head.epoch != document.epoch:
            raise DocumentNotFound("the document has been made anew meanwhile")
        if start.head.version > version:
            raise VersionUnavailable(f"of what was written before version {start.head.version} "
                                     "nothing is kept")  # fmt: skip
        log = _Log(document, found.type, start)
        if known is None or known.since <= log.since:
            self._keep(document.id, log)
        return log

    def _keep(self, id: str, log: _Log) -> None:
        self._logs.pop(id, None)
        self._logs[id] = log
        kept = sum(each.version - each.since for each in self._logs.values())
        while len(self._logs) > 1 and (len(self._logs) > _KEPT_LOGS or kept > _KEPT_COMMITS):
            oldest = self._logs.pop(next(iter(self._logs)))
            kept -= oldest.version - oldest.since

    async def _read(self, document: Document, after: int, until: int, take: Any) -> None:
        """Give `take` the commits between two versions, in strides."""
        try:
            while after < until:
                limit = min(_PAGE_COMMITS, until - after)
                page = await self._contents.edits(document.id, after, limit, document.epoch)
                if not page.commits:
                    raise DocumentBroken(f"the log ends at {after}, before {until}")
                await replay(take, page.commits)
                after = page.commits[-1].version
        except BelowFloor:
            raise VersionUnavailable("the log has been trimmed meanwhile, ask again") from None


def _runs(document: Rope, ledger: Ledger) -> list[Run]:
    return [
        Run(content, None if version is None else ledger.attribution(version))
        for content, version in blame.parts(document)
    ]


def _runs_of_yjs(still: Still, root: Root | None, log: _Log) -> list[Run]:
    if root is None:
        return []
    return list(_joined(_pieces(still, root, log)))


def _pieces(still: Still, root: Root, log: _Log) -> Iterator[Run]:
    known: dict[tuple[int, int], Attribution] = {}
    for content, client, clock, count in prose(still, root):
        start = 0
        for units, version in log.origins.of(client, clock, clock + (count or 1)):
            piece = content
            if isinstance(content, str):
                end = utf16.advance(content, start, units)
                piece = content[start:end]
                start = end
            by = None if version is None else known.get((version, client))
            if by is None and version is not None:
                by = log.ledger.attribution(version, client, log.owners)
                known[version, client] = by
            yield Run(piece, by)


def _joined(pieces: Iterator[Run]) -> Iterator[Run]:
    """Neighbouring texts of one and the same made one."""
    texts: list[str] = []
    held: Attribution | None = None
    for piece in pieces:
        if texts and (piece.by != held or not isinstance(piece.content, str)):
            yield Run("".join(texts), held)
            texts = []
        if isinstance(piece.content, str):
            held = piece.by
            texts.append(piece.content)
        else:
            yield piece
    if texts:
        yield Run("".join(texts), held)
