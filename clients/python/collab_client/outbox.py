"""The edits of one client on their way into the log: named, sent one at a time, counted.

Owns the seqs, the frame that is resent unchanged, and the count of what is settled. Knows nothing
of what a server says, nor of the document.
"""

from __future__ import annotations

from dataclasses import dataclass

from collab.ot.delta import Delta
from collab.protocols.native import Limits, SubmitEdit
from collab_client import wire
from collab_client.pending import Pending


@dataclass(frozen=True, slots=True)
class Outstanding:
    """The edit that was sent and is not answered: the message as it goes out, every time.

    `covers` counts the local edits that are settled once this one is; `rewritten` says that a reset
    gave the seq another payload, so that either of them may be the one which is committed.
    """

    message: SubmitEdit
    covers: int
    rewritten: bool = False


class Outbox:
    """`pending` is what `outstanding` and the buffer have become over the newest log.

    `made` and `settled` count local edits: all, and those of which nothing waits any more, because
    it is durable, refused, or came to nothing.
    """

    def __init__(self, first_seq: int) -> None:
        self.pending = Pending()
        self.outstanding: Outstanding | None = None
        self.made = 0
        self.settled = 0
        self._next_seq = first_seq
        self._due = False
        self._rewrite_from: int | None = None

    @property
    def waits_unsent(self) -> bool:
        """Whether something waits that has not gone out on this connection."""
        return self.settled < self.made and (self.outstanding is None or self._due)

    def typed(self, operation: Delta) -> None:
        """One more local edit."""
        self.pending = self.pending.typed(operation)
        self.made += 1
        self._count()

    def connected(self) -> None:
        """On a new connection what is outstanding goes out again."""
        self._due = self.outstanding is not None
        self._rewrite_from = None

    def next(self, version: int, limits: Limits | None) -> SubmitEdit | None:
        """The edit that is due now, once; without one outstanding, the buffer becomes it."""
        if self.outstanding is None and self.pending.buffer:
            piece, rest = wire.split(self.pending.buffer, limits.frame_bytes if limits else None)
            self.pending = Pending(piece, rest)
            message = SubmitEdit(self._next_seq, version, wire.encode(piece))
            self._next_seq += 1
            self.outstanding = Outstanding(message, self.settled if rest else self.made)
            self._due = True
        if self.outstanding is None or not self._due:
            return None
        self._due = False
        return self.outstanding.message

    def moved(self, pending: Pending) -> None:
        """The log went on, and with it what is pending."""
        self.pending = pending
        self._count()

    def finish(self) -> None:
        """The outstanding edit waits for nothing any more."""
        if self.outstanding is not None:
            self.settled = self.outstanding.covers
            self.outstanding = None
        self._rewrite_from = None
        self._count()

    def rewrite(self, version: int) -> None:
        """Give the outstanding seq what it is over the log at `version` as its payload.

        Also where that has come to nothing: the first writing may still be on its way, and the next
        edit must not overtake it.
        """
        if self.outstanding is None:
            return
        self._rewrite_from = None
        seq, covers = self.outstanding.message.seq, self.outstanding.covers
        message = SubmitEdit(seq, version, wire.encode(self.pending.outstanding))
        self.outstanding = Outstanding(message, covers, rewritten=True)
        self._due = True

    def rewrite_from(self, needed: int, version: int) -> None:
        """Its base is too old: write it anew as soon as we have version `needed`."""
        self._rewrite_from = needed
        self.reached(version)

    def reached(self, version: int) -> None:
        """We have the log up to `version`."""
        if self._rewrite_from is not None and version >= self._rewrite_from:
            self.rewrite(version)

    def taken(self, seq: int) -> None:
        """The log has this seq under our name; the next edits are named above it."""
        self._next_seq = max(self._next_seq, seq + 1)

    def _count(self) -> None:
        if self.outstanding is None and not self.pending.buffer:
            self.settled = self.made
