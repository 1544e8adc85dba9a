"""How fast something may come: a token bucket as one number (the generic cell rate algorithm).

Pure. The clock is the caller's, in seconds; it never goes back.
"""

from __future__ import annotations

from collections.abc import Hashable

BURST_SECONDS = 5.0
"""How much of its rate may come at once."""

_ROUNDING_SECONDS = 1e-9


class Pace:
    """One sender's share: `per_second` on average, BURST_SECONDS' worth at once."""

    __slots__ = ("_due", "_interval")

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._due = 0.0

    def wait(self, now: float, weight: float = 1.0) -> float:
        """0 if one more may come now, which counts as `weight` come; otherwise the seconds until
        it may. One that weighs more than a burst may come when nothing has come for long enough."""
        cost = weight * self._interval
        due = (self._due if self._due > now else now) + cost
        if due - now > BURST_SECONDS:
            wait = due - now - max(BURST_SECONDS, cost)
            if wait > _ROUNDING_SECONDS:
                return wait
        self._due = due
        return 0.0

    def until(self, seconds: float, now: float) -> float:
        """In how many seconds as much as comes in `seconds` may come at once; 0 if it may now."""
        wait = self._due - now - (BURST_SECONDS - seconds)
        return wait if wait > _ROUNDING_SECONDS else 0.0

    def rested(self, now: float) -> bool:
        """Whether nothing is left to remember: a new one would answer the same."""
        return self._due <= now

    def rests_until(self) -> float:
        """When it will be rested, if nothing more comes."""
        return self._due


class Paces:
    """The same for many senders, told apart by a key. Remembers those that are not rested, as many
    as have come within BURST_SECONDS."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._paces: dict[Hashable, Pace] = {}
        self._tidy_above = 1000

    def wait(self, key: Hashable, now: float) -> float:
        """As `Pace.wait`, of the sender `key`."""
        return self.of(key, now).wait(now)

    def of(self, key: Hashable, now: float) -> Pace:
        """The share of the sender `key`."""
        pace = self._paces.get(key)
        if pace is None:
            if len(self._paces) >= self._tidy_above:
                self._tidy(now)
            pace = self._paces[key] = Pace(self._per_second)
        return pace

    def _tidy(self, now: float) -> None:
        self._paces = {key: pace for key, pace in self._paces.items() if not pace.rested(now)}
        self._tidy_above = 2 * len(self._paces) + 1000
