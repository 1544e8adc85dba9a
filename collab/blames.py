"""Who wrote what is in a document, and in which version.

Owns going through the log once, and remembering of some documents how far that has come: who asks
again pays for what was written since. Knows nothing of HTTP or rights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import msgspec

from collab.aside import aside
from collab.blame_log import BlameLog, marked
from collab.contents import Contents, Found
from collab.errors import (
    BaseAboveHead,
    BelowFloor,
    DocumentBroken,
    DocumentNotFound,
    UnknownFormat,
    VersionUnavailable,
    WrongType,
)
from collab.ledger import Attribution, Ledger
from collab.loading import replay
from collab.ot import blame, utf16
from collab.ot.delta import Embed
from collab.ot.rope import Rope
from collab.types.comparing import chosen_root
from collab.types.known import document_type
from collab.types.yjs import YJS
from collab.types.yjs_content import Still
from collab.types.yjs_prose import prose
from collab.types.yjs_roots import Root
from collab.words import Commit, Document, Head

# Of one request: some ten seconds, in strides. What is older was "before".
MAX_COMMITS = 500_000
_PAGE_COMMITS = 2000
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


class Blames:
    """Goes through the logs that `contents` reads."""

    def __init__(self, contents: Contents, *, max_commits: int = MAX_COMMITS) -> None:
        self._contents = contents
        self._max_commits = max_commits
        self._turns = anyio.Semaphore(_AT_A_TIME)
        self._logs: dict[str, BlameLog] = {}  # the one that was used last at the end
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
        newest = await self._contents.head(id)
        document = await self._contents.row(id)
        if document.epoch != newest.epoch:
            raise DocumentNotFound("the document has been made anew meanwhile")
        head = newest if version is None else Head(newest.epoch, version)
        if head.version > newest.version:
            raise BaseAboveHead(head.version, newest.version)
        if document.type == YJS.name:
            return await self._of_yjs(document, head, root)
        if root is not None:
            raise WrongType(f"a {document.type} document has no roots")
        told = self._kept(document, head, None)
        if told is None:
            log, rope = await self._marked(document, head.version)
            runs = await aside(rope.size, _runs, rope, log.ledger)
            told = self._keep_blame(id, Blame(head, log.since, None, runs))
        return told

    async def _of_yjs(self, document: Document, head: Head, root: str | None) -> Blame:
        found = await self._contents.state(document.id, head.version)
        if found.head != head:
            raise DocumentNotFound("the document has been made anew meanwhile")
        chosen = chosen_root(YJS, (found.state,), root)
        if chosen is not None and chosen[1] in {"map", "array"}:
            raise UnknownFormat("nobody writes text in maps and arrays")
        told = self._kept(document, head, chosen)
        if told is None:
            async with self._turns:
                log = await self._log(document, head.version)
            still = YJS.still(found.state)
            runs = await aside(still.size, _runs_of_yjs, still, chosen, log)
            told = self._keep_blame(document.id, Blame(head, log.since, chosen, runs))
        return told

    async def _marked(self, document: Document, version: int) -> tuple[BlameLog, Rope]:
        """The document at a version, with who brought what."""
        async with self._turns:
            log = await self._log(document, version)
            start, rope = log.nearest(version)

            def mark(commit: Commit) -> None:
                nonlocal rope
                rope = marked(log.type, rope, commit)

            await self._read(document, start, version, mark)
            return log, rope

    def _kept(self, document: Document, head: Head, root: Root | None) -> Blame | None:
        """An answer that is still true."""
        known = self._known(document)
        return None if known is None else self._blames.get((document.id, head, root))

    def _keep_blame(self, id: str, told: Blame) -> Blame:
        self._blames[id, told.head, told.root] = told
        if len(self._blames) > _KEPT_BLAMES:
            del self._blames[next(iter(self._blames))]
        return told

    def _known(self, document: Document) -> BlameLog | None:
        """What is remembered of the document, as long as the same of its log is kept."""
        log = self._logs.get(document.id)
        if log is None or (log.epoch, log.floor) != (document.epoch, document.floor):
            return None
        return log

    async def _log(self, document: Document, version: int) -> BlameLog:
        """What is to be found in the log, up to `version` at least."""
        log = self._known(document)
        if log is None or not log.since <= version <= log.version + self._max_commits:
            known, log = log, await self._begun(document, version)
            if known is None or known.since <= log.since:
                self._keep(document.id, log)
        else:
            self._keep(document.id, log)
        async with log.turn:
            await self._read(document, log.version, version, log.take)
        return log

    async def _begun(self, document: Document, version: int) -> BlameLog:
        since = max(document.floor, version - self._max_commits)
        if since == 0:
            type = document_type(document.type)
            return BlameLog(document, Found(Head(document.epoch, 0), type, type.empty()))
        start = await self._contents.earliest(document.id, since)
        if start.head.epoch != document.epoch:
            raise DocumentNotFound("the document has been made anew meanwhile")
        if start.head.version > version:
            raise VersionUnavailable(
                f"of what was written before version {start.head.version} nothing is kept"
            )
        return BlameLog(document, start)

    def _keep(self, id: str, log: BlameLog) -> None:
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


def _runs_of_yjs(still: Still, root: Root | None, log: BlameLog) -> list[Run]:
    if root is None:
        return []
    return list(_joined(_pieces(still, root, log)))


def _pieces(still: Still, root: Root, log: BlameLog) -> Iterator[Run]:
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
