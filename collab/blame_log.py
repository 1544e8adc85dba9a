"""What the log of one document says of who brought what, as far as it was gone through.

Owns what is remembered of it, so that it is gone through once. Knows nothing of where it is read.
"""

from __future__ import annotations

import anyio

from collab.contents import Found
from collab.errors import DocumentBroken, InvalidOperation
from collab.ledger import Ledger
from collab.ot import blame
from collab.ot.rope import Rope
from collab.types import DocumentType
from collab.types.yjs import YJS
from collab.types.yjs_origins import Origins
from collab.words import Commit, Document

# How far a request for an earlier version has to go back to what is remembered.
_CHECKPOINT_COMMITS = 10_000


class BlameLog:
    """What was found in a document's log after version `since`, up to `version`."""

    def __init__(self, document: Document, start: Found) -> None:
        self.epoch, self.floor = document.epoch, document.floor
        self.since = start.head.version
        self.ledger = Ledger(self.since)
        self.turn = anyio.Lock()
        self.type = start.type
        self._document = blame.unmarked(Rope.empty() if self.type is YJS else start.state)
        self._checkpoints = [(self.since, self._document)]
        self.origins = Origins()
        self.owners: dict[int, str] = dict(start.state.owners) if self.type is YJS else {}

    @property
    def version(self) -> int:
        return self.ledger.version

    def take(self, commit: Commit) -> None:
        """The next commit; raises DocumentBroken."""
        if self.type is YJS:
            change = YJS.decode(commit.operation)
            self.origins.note(commit.version, YJS.parse(change.update))
            for client, user in change.owners.items():
                self.owners.setdefault(client, user)
        else:
            self._document = marked(self.type, self._document, commit)
            if commit.version - self._checkpoints[-1][0] >= _CHECKPOINT_COMMITS:
                self._checkpoints.append((commit.version, self._document))
        self.ledger.note(commit)

    def nearest(self, version: int) -> tuple[int, Rope]:
        """Of a version that was taken: the newest document up to it that is at hand."""
        if version == self.version:
            return version, self._document
        return next(each for each in reversed(self._checkpoints) if each[0] <= version)


def marked(type: DocumentType, document: Rope, commit: Commit) -> Rope:
    """The document after a commit, what it inserted being marked with its version; raises
    DocumentBroken."""
    try:
        return blame.marked(document, type.decode(commit.operation), commit.version)
    except InvalidOperation as error:
        raise DocumentBroken(f"commit {commit.version} does not apply") from error
