"""The edits that are not in the log yet, and how they move when the log does.

Owns the algebra: which operation is rebased over which, and with which priority. Knows nothing of
messages, versions or connections.

The law behind all of it: the state that the user sees is always the log's state, then
`outstanding`, then `buffer`. What is committed goes first at a tie, so a client's operation is
`transform(committed, mine, True)`, and the commit reaches the user as `transform(mine, committed,
False)`.
"""

from __future__ import annotations

from dataclasses import dataclass

from collab.ot.delta import Delta, compose
from collab.ot.diff import diff
from collab.ot.rope import Rope
from collab.ot.transform import transform

NOTHING: Delta = ()


def cross(committed: Delta, mine: Delta) -> tuple[Delta, Delta]:
    """Two operations over one state, as (mine over committed, committed over mine)."""
    return transform(committed, mine, True), transform(mine, committed, False)


@dataclass(frozen=True, slots=True)
class Pending:
    """`outstanding` (sent, unanswered) over the log's state, then `buffer` (not sent) over that."""

    outstanding: Delta = NOTHING
    buffer: Delta = NOTHING

    @property
    def whole(self) -> Delta:
        """Both as one operation over the log's state."""
        return compose(self.outstanding, self.buffer)

    def typed(self, operation: Delta) -> Pending:
        """With one more local operation at the end."""
        return Pending(self.outstanding, compose(self.buffer, operation))

    def rebased(self, committed: Delta) -> tuple[Pending, Delta]:
        """Over a commit by somebody else, with that commit as the user sees it."""
        outstanding, above_outstanding = cross(committed, self.outstanding)
        buffer, visible = cross(above_outstanding, self.buffer)
        return Pending(outstanding, buffer), visible

    def committed(self, synced: Rope, operation: Delta) -> tuple[Pending, Delta]:
        """After our own edit went into the log over `synced` as `operation`.

        That is the outstanding operation as we hold it, unless a reset made us write it anew and
        the first writing was committed after all: then the user sees the difference.
        """
        if operation == self.outstanding:
            return Pending(NOTHING, self.buffer), NOTHING
        return self.contained(synced, synced.apply(operation))

    def contained(self, synced: Rope, contents: Rope) -> tuple[Pending, Delta]:
        """After the log's state went from `synced` to `contents`, our outstanding edit within."""
        shown = synced.apply(self.outstanding) if self.outstanding else synced
        correction = diff(shown.to_delta(), contents.to_delta())
        buffer, visible = cross(correction, self.buffer)
        return Pending(NOTHING, buffer), visible

    def taken_back(self, synced: Rope) -> tuple[Pending, Delta]:
        """Without the outstanding edit, with what that changes for the user."""
        buffer, visible = cross(synced.invert(self.outstanding), self.buffer)
        return Pending(NOTHING, buffer), visible

    def replaced(self, synced: Rope, contents: Rope) -> tuple[Pending, Delta]:
        """After the log's state went from `synced` to `contents` by steps that nobody tells us."""
        return self.rebased(diff(synced.to_delta(), contents.to_delta()))
