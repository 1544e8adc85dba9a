"""The memory of names: which edit of each author was committed last, and where.

This is what makes a resent edit the same edit. It is kept with the snapshots, so it outlives the
log's trimming. Knows nothing of operations.
"""

from __future__ import annotations

import msgspec

from collab.errors import DocumentBroken
from collab.words import Commit

_MS_PER_DAY = 86_400_000
MAX_VERSION = 2**53 - 1


class Known(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An author's newest commit; `time` in ms."""

    seq: int
    version: int
    digest: bytes
    time: int


class _Dump(msgspec.Struct, frozen=True, array_like=True):
    forgotten: int
    known: dict[str, Known]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Dump)


class Names:
    """The newest commit per author, for `keep_days` and at most `keep_max` authors.

    `forgotten` is the version of the newest commit whose author is no longer known. An edit of an
    unknown author with a base at or above it cannot be a resend (its commit would come later than
    its base); with a lower base it might be, and is refused. So exactly-once holds without a
    condition; only the refusals depend on how long names are kept.
    """

    def __init__(self, *, keep_days: float, keep_max: int, dump: bytes | None = None) -> None:
        self._keep_ms = int(keep_days * _MS_PER_DAY)
        self._keep_max = keep_max
        self._known: dict[str, Known] = {}  # in order of version
        self.forgotten = 0
        if dump is not None:
            try:
                stored = _decoder.decode(dump)
            except msgspec.MsgspecError as error:
                raise DocumentBroken("the stored memory of names does not decode") from error
            self._known = stored.known
            self.forgotten = stored.forgotten

    def get(self, author: str) -> Known | None:
        """The author's newest commit, if it is remembered."""
        return self._known.get(author)

    def record(self, commit: Commit, oldest_kept: int = MAX_VERSION) -> None:
        """Take note of a commit, the next in the log; then forget what is too old or too much.

        Authors of commits above `oldest_kept` are never forgotten: the tail has them in memory
        anyway, and whoever is connected is among them.
        """
        for credit in commit.credits:
            if credit.seq == 0:
                continue  # unnamed: of a type whose edits may be repeated without harm
            self._known.pop(credit.author, None)
            self._known[credit.author] = Known(
                credit.seq, commit.version, credit.digest, commit.time
            )
        self._forget(commit.time, oldest_kept)

    def dump(self) -> bytes:
        """The memory for a snapshot."""
        return _encoder.encode(_Dump(self.forgotten, self._known))

    def _forget(self, now: int, oldest_kept: int) -> None:
        while self._known:
            author, oldest = next(iter(self._known.items()))
            if oldest.version > oldest_kept:
                return
            if len(self._known) <= self._keep_max and oldest.time >= now - self._keep_ms:
                return
            del self._known[author]
            self.forgotten = oldest.version
