"""One Yjs document as its peers see it, and everything that is checked about what they are sent.

The wire has no versions, but one order: whoever has seen n edits must have seen the same n. So a
`Place` in the log is its number of edits together with the clock that each writer has reached;
a frame leads from one place to another. Every distinct frame is walked through once, however many
peers get it.
"""

from __future__ import annotations

from array import array
from typing import Protocol

from tests.bench.room import BenchFailed
from tests.bench.yjs_wire import NotOurs, Ranges, read_ranges, read_vector

_KEPT_RUNS = 64
_KEPT_PLACES = 256


class Place:
    """How far somebody has read: `edits` in total, and of each writer's how many."""

    __slots__ = ("clocks", "edits")

    def __init__(self, clocks: dict[int, int]) -> None:
        self.clocks = clocks
        self.edits = sum(clocks.values())


START = Place({})


class Run:
    """What one frame carries: the edits that lead from one place to the next."""

    __slots__ = ("after", "before", "ranges")

    def __init__(self, before: Place, ranges: Ranges, after: Place) -> None:
        self.before = before
        self.ranges = ranges
        self.after = after


class Author(Protocol):
    """What a room has to know of a peer: its Yjs client, how far it is, when it sent what."""

    client: int
    place: Place
    sent_at: array[float]


class YjsRoom:
    """Who is there, and which places and frames have been seen."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.peers: list[Author] = []
        self.authors: dict[int, Author] = {}
        self.acks = 0
        self._runs: dict[bytes, Run] = {}
        self._places: dict[int, Place] = {0: START}

    def admit(self, peer: Author) -> None:
        """Somebody who is to get everything, and whose edits are to be expected."""
        self.peers.append(peer)
        self.authors[peer.client] = peer

    def read(self, update: bytes, before: Place) -> Run:
        """An update sent to somebody at `before`; raises BenchFailed for what cannot be right."""
        run = self._runs.get(update)
        if run is None:
            run = self._follow(update, before)
            if len(self._runs) >= _KEPT_RUNS:
                self._runs.clear()
            self._runs[update] = run
        elif run.before is not before and run.before.clocks != before.clocks:
            raise BenchFailed(f"{self.id}: two peers were sent the same at different places")
        return run

    def place(self, clocks: dict[int, int]) -> Place:
        """The place with these clocks; raises BenchFailed if others have met it differently."""
        place = Place(clocks)
        known = self._places.get(place.edits)
        if known is None:
            if len(self._places) >= _KEPT_PLACES:
                del self._places[next(iter(self._places))]
            self._places[place.edits] = place
            return place
        if known.clocks != clocks:
            raise BenchFailed(f"{self.id}: edit {place.edits} is not the same for everyone")
        return known

    def _follow(self, update: bytes, before: Place) -> Run:
        try:
            ranges = read_ranges(update)
        except NotOurs as error:
            raise BenchFailed(f"{self.id}: {error}: {update[:100].hex()}") from None
        clocks = dict(before.clocks)
        for client, first, end in ranges:
            if first != clocks.get(client, 0):
                raise BenchFailed(f"{self.id}: clock {first} where {clocks.get(client, 0)} belongs")
            author = self.authors.get(client)
            if author is None or end > len(author.sent_at):
                raise BenchFailed(f"{self.id}: nobody sent clock {end - 1} of {client}")
            clocks[client] = end
        return Run(before, ranges, self.place(clocks))

    @property
    def sent(self) -> dict[int, int]:
        """What every writer has sent."""
        return {
            client: len(author.sent_at) for client, author in self.authors.items() if author.sent_at
        }

    @property
    def is_still(self) -> bool:
        """Whether nothing is under way any more."""
        edits = sum(self.sent.values())
        return all(peer.place.edits == edits for peer in self.peers)

    def check_everyone(self) -> None:
        """Nothing is under way any more: has everyone got everything?"""
        sent = self.sent
        if self.acks != sum(sent.values()):
            raise BenchFailed(f"{self.id}: {sum(sent.values())} sent, {self.acks} acknowledged")
        behind = [peer.place.edits for peer in self.peers if peer.place.clocks != sent]
        if behind:
            raise BenchFailed(f"{self.id}: {self.acks} sent, but peers are at {behind[:10]}")

    def check_newcomer(self, vector: bytes, place: Place) -> None:
        """The server's own state vector, and what it sends a newcomer, must be what was sent."""
        if read_vector(vector) != self.sent:
            raise BenchFailed(f"{self.id}: the server's state vector is not what was sent")
        if place.clocks != self.sent:
            raise BenchFailed(f"{self.id}: a newcomer got {place.edits} of {self.acks} edits")
