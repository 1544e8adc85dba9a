"""What each connection may send, remembered past its end: so that coming back gains nothing.

Pure. The clock is the caller's, in seconds; it never goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from collab.pace import Pace

_BREATH_SECONDS = 1.0
"""What whoever comes back has to have left, of edits: so much of their rate."""


class Share:
    """What one connection may send: edits, and signals (presence changes and messages)."""

    __slots__ = ("edits", "signals")

    def __init__(self, edits_per_second: float, signals_per_second: float) -> None:
        self.edits = Pace(edits_per_second)
        self.signals = Pace(signals_per_second)

    def held_back(self, now: float) -> float:
        """For how many seconds whoever comes back with it is kept waiting: who flooded, and did not
        stay away, would be closed again at once, and come back, which costs more than edits do."""
        return min(self.edits.until(_BREATH_SECONDS, now), _BREATH_SECONDS)

    def rests_until(self) -> float:
        """When nothing of it will be left to remember, if nothing more comes."""
        return max(self.edits.rests_until(), self.signals.rests_until())


class Shares:
    """The shares of connections, told apart by whose they are. Every connection has its own; who
    leaves before theirs is rested goes on with it when they come back, so coming back gains
    nothing. Remembers those that are not rested."""

    def __init__(self, edits_per_second: float, signals_per_second: float) -> None:
        self._edits_per_second = edits_per_second
        self._signals_per_second = signals_per_second
        self._left: dict[Hashable, list[Share]] = {}
        self._tidy_above = 1000

    @property
    def remembered(self) -> int:
        """How many keys have left a share behind."""
        return len(self._left)

    def lent(self, key: Hashable, now: Callable[[], float]) -> Lent:
        """The share of a connection of `key`."""
        return Lent(self, key, now)

    def take(self, key: Hashable, now: float) -> Share:
        """Of those left behind the one that rests longest, or a new one."""
        left = sorted(self._of(key, now), key=Share.rests_until)
        share = left.pop() if left else Share(self._edits_per_second, self._signals_per_second)
        self._keep(key, left)
        return share

    def leave(self, key: Hashable, share: Share, now: float) -> None:
        """Remember a share that was taken, if it is not rested."""
        if share.rests_until() <= now:
            return
        if len(self._left) >= self._tidy_above:
            for other in tuple(self._left):
                self._keep(other, self._of(other, now))
            self._tidy_above = 2 * len(self._left) + 1000
        self._keep(key, [*self._of(key, now), share])

    def _of(self, key: Hashable, now: float) -> list[Share]:
        return [share for share in self._left.get(key, ()) if share.rests_until() > now]

    def _keep(self, key: Hashable, shares: list[Share]) -> None:
        if shares:
            self._left[key] = shares
        else:
            self._left.pop(key, None)


class Lent:
    """A share on loan, until the block ends or `give_back`."""

    __slots__ = ("_key", "_now", "_shares", "share")

    def __init__(self, shares: Shares, key: Hashable, now: Callable[[], float]) -> None:
        self._shares = shares
        self._key = key
        self._now = now
        self.share = shares.take(key, now())

    def __enter__(self) -> Share:
        return self.share

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Have what is left of it remembered."""
        self._shares.leave(self._key, self.share, self._now())
