"""Which states of a document are kept to look back to, and how they are packed.

Owns the policy: how far apart they are, and what they may cost. Pure; knows neither stores nor
types.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

import msgspec

from collab.errors import DocumentBroken
from collab.words import Commit, Milestone, Snapshot

NEAR: Final = 1000
"""No milestone is nearer to the one before it: replaying so much costs about 20 ms."""
FAR: Final = 3000
"""After so much there is one whatever it costs."""
_BYTES_PER_UNIT = 256
_LEVEL = 6
# About what a credit takes in the log.
_CREDIT_BYTES = 40


class Stretch(msgspec.Struct, frozen=True):
    """A run of the log: its commits, and the bytes they take there."""

    commits: int
    size: int

    @property
    def work(self) -> float:
        """What replaying it costs, in keystrokes."""
        return self.commits + self.size / _BYTES_PER_UNIT

    def with_more(self, commits: Iterable[Commit]) -> Stretch:
        """It and the commits that follow it."""
        count, size = self.commits, self.size
        for commit in commits:
            count += 1
            size += len(commit.operation) + _CREDIT_BYTES * len(commit.credits)
        return Stretch(count, size)

    def is_due(self, packed_size: int) -> bool:
        """Whether a milestone belongs at its end, the one before it having had `packed_size` bytes.

        Of large documents that change little, milestones are rarer, so that all of them together
        take no more than the log; but none is missing for longer than FAR.
        """
        return self.work >= NEAR and (packed_size <= self.size or self.work >= FAR)

    @property
    def is_bare(self) -> bool:
        """Whether milestones are missing within it: it is longer than those that are written in
        time leave between them."""
        return self.work > 2 * FAR


def pack(version: int, time: int, dump: bytes) -> Milestone:
    """The milestone of a state's dump; takes a while if that is long."""
    return Milestone(version, time, zlib.compress(dump, _LEVEL))


def unpack(kept: Snapshot | Milestone) -> bytes:
    """The dump in what is kept; raises DocumentBroken."""
    if isinstance(kept, Snapshot):
        return kept.content
    try:
        return zlib.decompress(kept.content)
    except zlib.error as error:
        raise DocumentBroken(f"the milestone at version {kept.version} does not unpack") from error
