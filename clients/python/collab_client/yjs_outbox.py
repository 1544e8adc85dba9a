"""The Yjs updates of one client on their way into the log: put together, sent in order, counted.

Owns which local changes are settled and which wait. Knows nothing of documents and messages. Memory
is bounded by what was changed, not by how often: small updates are merged as they come.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import pycrdt

MERGE_RUN = 64
"""Merging is linear for short runs only."""
MERGED_BYTES = 128 << 10
"""What is put together is sent as soon as it is that big; servers bound a frame, by default to
1 MiB. One change alone may be bigger: it cannot be taken apart."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Some local changes as one update, and which of all is their last."""

    update: bytes
    covers: int


class UpdateOutbox:
    """`made` and `settled` count local changes: all, and those that are durable (always the first
    ones). What was sent and did not arrive has to be given back by `restore`."""

    def __init__(self) -> None:
        self.made = 0
        self.settled = 0
        self._waiting: deque[Parcel] = deque()
        self._fresh: list[bytes] = []
        self._fresh_bytes = 0

    @property
    def waits(self) -> bool:
        """Whether anything has not been handed out."""
        return bool(self._waiting or self._fresh)

    def add(self, update: bytes) -> None:
        """One more local change."""
        if self._fresh_bytes + len(update) > MERGED_BYTES:
            self._fold()
        self.made += 1
        self._fresh.append(update)
        self._fresh_bytes += len(update)
        if len(self._fresh) == MERGE_RUN:
            self._fold()

    def next(self) -> Parcel | None:
        """What is to go out first, if anything waits."""
        self._fold()
        return self._waiting.popleft() if self._waiting else None

    def all(self) -> list[Parcel]:
        """Everything that waits."""
        self._fold()
        parcels = list(self._waiting)
        self._waiting.clear()
        return parcels

    def settle(self, parcels: list[Parcel]) -> None:
        """All changes up to the last of these are durable."""
        for parcel in parcels:
            self.settled = max(self.settled, parcel.covers)
        while self._waiting and self._waiting[0].covers <= self.settled:
            self._waiting.popleft()

    def restore(self, parcels: list[Parcel]) -> None:
        """They did not arrive, or nobody knows: they are the first to go out next time."""
        self._fold()
        self._waiting.extendleft(
            parcel for parcel in reversed(parcels) if parcel.covers > self.settled
        )

    def _fold(self) -> None:
        if not self._fresh:
            return
        fresh, self._fresh = self._fresh, []
        size, self._fresh_bytes = self._fresh_bytes, 0
        if self._waiting and size + len(self._waiting[-1].update) <= MERGED_BYTES:
            fresh = [self._waiting.pop().update, *fresh]
        self._waiting.append(Parcel(merged(fresh), self.made))


def merged(updates: list[bytes]) -> bytes:
    """One update for many, merged in short runs."""
    while len(updates) > 1:
        updates = [
            pycrdt.merge_updates(*updates[at : at + MERGE_RUN])
            for at in range(0, len(updates), MERGE_RUN)
        ]
    return updates[0]
