"""A Yjs state that is replayed from the log and read, and never edited.

Without the guard, which everything in the log has passed: that makes a commit four times cheaper.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import pycrdt

from collab.errors import DocumentBroken
from collab.types.yjs_guard import Guard, RootKind, read_update
from collab.types.yjs_replica import EMPTY_UPDATE, Change

Doc: TypeAlias = "pycrdt.Doc[Any]"


class Recalled:
    """A past state, as far as it has been replayed. `owners` as a replica's.

    What `committed` gave is kept until more is taken; with it `roots` may be asked for in any
    thread, the others only in that of the making.
    """

    def __init__(self, update: bytes, owners: dict[int, str]) -> None:
        self.owners = owners
        self._doc: Doc = pycrdt.Doc()
        self._encoded: bytes | None = EMPTY_UPDATE
        if update != EMPTY_UPDATE:
            self._apply(update)
            self._encoded = update

    @property
    def size(self) -> int:
        """Bytes of the state."""
        return len(self.committed())

    def take(self, change: Change) -> None:
        """Apply a change from the log; raises DocumentBroken."""
        self.owners.update(change.owners)
        if change.update != EMPTY_UPDATE:
            self._apply(change.update)
            self._encoded = None

    def committed(self) -> bytes:
        """The state as one update."""
        if self._encoded is None:
            self._encoded = self._doc.get_update()
        return self._encoded

    def roots(self) -> dict[str, RootKind | None]:
        """Every root by name, and what it is, as far as that can be told."""
        return Guard.of(read_update(self.committed())).roots()

    def _apply(self, update: bytes) -> None:
        try:
            self._doc.apply_update(update)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # pycrdt's panics are no Exceptions
            raise DocumentBroken("a commit does not apply") from error
