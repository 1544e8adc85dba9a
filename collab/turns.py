"""Whom this node lets go first at one document.

Of all nodes that write at once one gets the next version: the one nearest to the store, time and
again, if it always has something to write. So a node that was slower asks for a turn, and who has
something new waits for it. Owns who has asked, and until when others go first. No I/O, no clock:
times are seconds of any clock that only rises.

A hint, like all news. If it is lost somebody waits longer; if it is wrong, no longer than
`LONGEST_SECONDS`, and afterwards it is this node's own turn for its share of that time.
"""

from __future__ import annotations

LONGEST_SECONDS = 1.0
# Nodes that are kept in mind; others are not waited for.
_MAX_NODES = 100


class Turns:
    """Of one document, on one node."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._waiting_since: float | None = None
        self._waited_for: set[str] = set()
        self._own_until = 0.0

    def asked(self, node: str, seconds: float, now: float) -> None:
        """The node was slower than others, and needs so long for its next attempt."""
        if node in self._until or len(self._until) < _MAX_NODES:
            self._until[node] = now + min(seconds, LONGEST_SECONDS)

    def taken(self, node: str) -> None:
        """The node has committed: it wants nothing more, as far as is known."""
        self._until.pop(node, None)

    def wait(self, now: float) -> float:
        """For how many seconds others go first yet, if nothing is heard meanwhile; 0: go ahead.

        To be asked only when there is something to commit that has not been tried.
        """
        if now < self._own_until:
            return 0.0
        for node in [node for node, until in self._until.items() if until <= now]:
            del self._until[node]
        since = now if self._waiting_since is None else self._waiting_since
        until = min(max(self._until.values(), default=now), since + LONGEST_SECONDS)
        if until > now:
            self._waiting_since = since
            self._waited_for.update(self._until)
            return until - now
        if self._waiting_since is not None:
            self._own_until = now + (now - since) / len(self._waited_for)
            self._waiting_since = None
            self._waited_for.clear()
        return 0.0
