"""The newest commits of an open document, in memory, bounded.

Owns which part of the log needs no store to be read. Knows nothing of types: operations are kept
as the type decoded them, for rebasing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from collab.words import Commit

# Of a full tail a quarter is dropped at once, so that dropping costs nothing per commit.
_KEEP_NUMERATOR, _KEEP_DENOMINATOR = 3, 4
# What a commit costs in memory besides its operation's encoding: the structs, the decoded form.
_COMMIT_OVERHEAD_BYTES = 600


class Tail:
    """Commits `oldest + 1 … newest` and their operations.

    Bounded by `max_commits` and, roughly, by `max_bytes`; the newest commit is always kept.
    """

    def __init__(self, version: int, *, max_commits: int, max_bytes: int) -> None:
        self.oldest = version
        self._commits: list[Commit] = []
        self._operations: list[Any] = []
        self._bytes = 0
        self._max_commits = max_commits
        self._max_bytes = max_bytes

    @property
    def held_bytes(self) -> int:
        """The memory they take, about."""
        return self._bytes

    def append(self, commit: Commit, operation: Any) -> None:
        """Add the commit that follows the newest."""
        self._commits.append(commit)
        self._operations.append(operation)
        self._bytes += _cost(commit)
        if len(self._commits) > self._max_commits or self._bytes > self._max_bytes:
            self._shrink()

    def commits_after(self, version: int) -> Sequence[Commit] | None:
        """The commits that follow `version`; None if it lies below the oldest kept."""
        if version < self.oldest:
            return None
        return self._commits[version - self.oldest :]

    def operations_after(self, version: int) -> Sequence[Any] | None:
        """The same commits' operations."""
        if version < self.oldest:
            return None
        return self._operations[version - self.oldest :]

    def slice_after(self, version: int, *, max_commits: int, max_bytes: int) -> Sequence[Commit]:
        """The first commits after `version` (not below `oldest`) that fit in one frame.

        At least one if there is one; then as many as keep to both bounds.
        """
        start = version - self.oldest
        run = self._commits[start : start + max_commits]
        total = 0
        for count, commit in enumerate(run):
            total += len(commit.operation)
            if total > max_bytes and count:
                return run[:count]
        return run

    def _shrink(self) -> None:
        keep_commits = self._max_commits * _KEEP_NUMERATOR // _KEEP_DENOMINATOR
        keep_bytes = self._max_bytes * _KEEP_NUMERATOR // _KEEP_DENOMINATOR
        drop = 0
        while len(self._commits) - drop > 1 and (
            len(self._commits) - drop > keep_commits or self._bytes > keep_bytes
        ):
            self._bytes -= _cost(self._commits[drop])
            drop += 1
        del self._commits[:drop]
        del self._operations[:drop]
        self.oldest += drop


def _cost(commit: Commit) -> int:
    return len(commit.operation) + _COMMIT_OVERHEAD_BYTES
