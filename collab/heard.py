"""Commits that news has brought and that wait to be applied, bounded.

Owns which of them may save reading the log; none of them is needed, the log has them all.
"""

from __future__ import annotations

from collections.abc import Sequence

from collab.words import Commit

# With as much as this no more is kept: the log is read instead.
_MAX_COMMITS = 1000
_MAX_BYTES = 1024 * 1024


class Heard:
    """A run of commits that begins right after some version."""

    def __init__(self) -> None:
        self._commits: list[Commit] = []
        self._bytes = 0

    def offer(self, commits: Sequence[Commit], version: int) -> None:
        """Keep a run of commits if it goes on where this one ends, or where `version` does."""
        end = self._commits[-1].version if self._commits else version
        full = len(self._commits) >= _MAX_COMMITS or self._bytes >= _MAX_BYTES
        if commits and commits[0].version == end + 1 and not full:
            self._commits.extend(commits)
            self._bytes += sum(len(commit.operation) for commit in commits)

    def take(self, version: int) -> list[Commit]:
        """The run, if it begins right after `version`; nothing is kept."""
        commits, self._commits, self._bytes = self._commits, [], 0
        return commits if commits and commits[0].version == version + 1 else []
