"""How fast edits have come lately, and how long their commits took.

Pure sums over what is noted once a batch: nothing is done meanwhile, and nobody has to ask. Knows
no clock: the caller's, in seconds, is passed in.
"""

from __future__ import annotations

from array import array
from math import exp
from typing import Final

RATE_SECONDS: Final = 5.0
"""How long an edit is felt in the rate: after so long it counts for a third, then for a ninth …"""
KEPT_BATCHES: Final = 64
PAUSE_SECONDS: Final = 60.0
"""After a pause as long as this, what was before says nothing about now."""


class Recent:
    """Of one document's write path here. Takes memory once there is something to remember."""

    __slots__ = ("_at", "_batches", "_seconds", "_weight")

    def __init__(self) -> None:
        self._at = 0.0
        self._weight = 0.0  # the edits, each for as much as it is still felt
        self._batches = 0
        self._seconds: array[float] | None = None  # of the newest batches, in a ring

    def note(self, edits: int, seconds: float, now: float) -> None:
        """A batch of so many edits was answered after so many seconds."""
        if self._seconds is None:
            self._seconds = array("d")
        elif now - self._at > PAUSE_SECONDS:
            del self._seconds[:]
            self._batches = 0
        self._weight = self._faded(now) + edits
        self._at = now
        if self._batches < KEPT_BATCHES:
            self._seconds.append(seconds)
        else:
            self._seconds[self._batches % KEPT_BATCHES] = seconds
        self._batches += 1

    def edits_per_second(self, now: float) -> float:
        """The rate of edits, as an average that forgets."""
        return self._faded(now) / RATE_SECONDS

    def latency(self, now: float) -> tuple[float, float] | None:
        """What half of the newest batches took at most, and 99 in 100, in seconds; None if there
        were none for a while."""
        if not self._seconds or now - self._at > PAUSE_SECONDS:
            return None
        times = sorted(self._seconds)
        return times[(len(times) - 1) // 2], times[(len(times) * 99 - 1) // 100]

    def _faded(self, now: float) -> float:
        return self._weight * exp(min(self._at - now, 0.0) / RATE_SECONDS)
