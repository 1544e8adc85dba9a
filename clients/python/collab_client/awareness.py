"""What the clients of a Yjs document show of themselves: the awareness of npm `y-protocols`.

Owns the clocks, the renewal of our own state and the expiry of the others'. Pure: time is a
function that is given. A state counts while its client renews it, each time under a higher clock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from collab.protocols import ywebsocket
from collab.protocols.ywebsocket import AwarenessEntry

RENEW_SECONDS = 15.0
EXPIRE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A client's newest news, and when we had it; `state` is None once the client has left."""

    clock: int
    state: Any
    heard_at: float


class Awareness:
    """Our own state and those of the others, by Yjs client id."""

    def __init__(self, own_id: int, clock: Callable[[], float]) -> None:
        self.own_id = own_id
        self._now = clock
        self._own = Shown(0, None, clock())
        self._due = False
        self._others: dict[int, Shown] = {}

    @property
    def peers(self) -> dict[int, Any]:
        """The states of the others who are here."""
        return {id: shown.state for id, shown in self._others.items() if shown.state is not None}

    def present(self, state: Any) -> None:
        """Ours (a JSON value; None: nothing) from now on, and again after every reconnect."""
        if state is not None or self._own.state is not None:
            self._own = Shown(self._own.clock + 1, state, self._now())
            self._due = True

    def to_send(self) -> ywebsocket.Awareness | None:
        """Ours if it is due."""
        if not self._due:
            return None
        self._due = False
        own = self._own
        state = None if own.state is None else msgspec.json.encode(own.state).decode()
        return ywebsocket.Awareness((AwarenessEntry(self.own_id, own.clock, state),))

    def arrive(self) -> None:
        """A new connection knows nothing of us, or remembers that we left."""
        self._due = False
        self.present(self._own.state)

    def leave(self) -> bool:
        """The connection is lost, and with it all knowledge of the others."""
        known, self._others = self.peers, {}
        return bool(known)

    def repeat(self) -> None:
        """Somebody asks for everything there is."""
        self._due = self._due or self._own.state is not None

    def learn(self, entries: Iterable[AwarenessEntry]) -> bool:
        """Take news; whether that changed the peers."""
        before = self.peers
        for entry in entries:
            if entry.client_id == self.own_id:
                self._learn_of_ourselves(entry)
            else:
                self._learn(entry)
        return before != self.peers

    def tick(self) -> bool:
        """Renew ours and forget who has not renewed theirs; whether that changed the peers."""
        now = self._now()
        if self._own.state is not None and now - self._own.heard_at >= RENEW_SECONDS:
            self.present(self._own.state)
        expired = [
            id for id, shown in self._others.items() if now - shown.heard_at >= EXPIRE_SECONDS
        ]
        gone = [id for id in expired if self._others.pop(id).state is not None]
        return bool(gone)

    def _learn(self, entry: AwarenessEntry) -> None:
        known = self._others.get(entry.client_id)
        if known is not None:
            leaves = entry.state is None and known.state is not None
            if entry.clock < known.clock or (entry.clock == known.clock and not leaves):
                return
        try:
            state = None if entry.state is None else json.loads(entry.state)
        except ValueError:  # JSON, but with a number beyond what Python takes
            return
        self._others[entry.client_id] = Shown(entry.clock, state, self._now())

    def _learn_of_ourselves(self, entry: AwarenessEntry) -> None:
        """Others know us under a higher clock (another life of ours, or a removal): go above it."""
        own = self._own
        if own.state is None or entry.clock < own.clock:
            return
        if entry.state is None or entry.clock > own.clock:
            self._own = Shown(entry.clock, own.state, own.heard_at)
            if entry.state is None:
                self.present(own.state)
