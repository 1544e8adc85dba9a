"""Who else is here, and where their cursors are now.

Owns the map of peers and a bounded memory of commits through which positions are moved. Knows
nothing of connections. A selection is `{"anchor": units, "head": units}`, in UTF-16 units of the
document at the version that the presence names.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from collab.ot.delta import Delta
from collab.ot.rope import Rope
from collab.ot.transform import transform_position
from collab.protocols.native import PresenceEntry, SetPresence
from collab_client.pending import Pending

REMEMBERED_COMMITS = 512
"""How far back positions can be moved; an older one is answered with None."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Two positions, the fixed end and the moving end; equal for a cursor."""

    anchor: int
    head: int

    @classmethod
    def of(cls, state: Any) -> Selection | None:
        """The selection within a presence state (its key `selection`), if it has a sound one."""
        match state:
            case {"selection": {"anchor": int(anchor), "head": int(head)}} if (
                anchor >= 0 and head >= 0
            ):
                return cls(anchor, head)
        return None

    def as_json(self) -> dict[str, int]:
        """As it stands in a presence state."""
        return {"anchor": self.anchor, "head": self.head}

    def through(self, operation: Delta) -> Selection:
        """Where it is after `operation`; text inserted right at a position comes before it."""
        return Selection(
            transform_position(operation, self.anchor), transform_position(operation, self.head)
        )


@dataclass(slots=True)
class Trail:
    """The newest commits, so that a selection at an earlier version can be moved to this one."""

    version: int = 0
    _operations: deque[Delta] = field(default_factory=lambda: deque(maxlen=REMEMBERED_COMMITS))

    def add(self, version: int, operation: Delta) -> None:
        """The commit `version` was `operation`."""
        self._operations.append(operation)
        self.version = version

    def restart(self, version: int) -> None:
        """The state jumped: nothing before `version` can be moved."""
        self._operations.clear()
        self.version = version

    def move(self, selection: Selection, version: int) -> Selection | None:
        """`selection` from `version` to the newest; None if that is ahead or too long ago."""
        behind = self.version - version
        if not 0 <= behind <= len(self._operations):
            return None
        for index in range(len(self._operations) - behind, len(self._operations)):
            selection = selection.through(self._operations[index])
        return selection


class Company:
    """Our own presence and that of the others."""

    def __init__(self) -> None:
        self.peers: dict[str, PresenceEntry] = {}
        self.trail = Trail()
        self._own: tuple[Any, Selection | None] | None = None
        self._due = False

    def present(self, state: Any, selection: Selection | None = None) -> None:
        """Ours (None: nothing) from now on, and again after every reconnect.

        `selection` is in units of what the user sees; it becomes the key `selection` of `state`,
        and moves with the text.
        """
        self._own = (state, selection)
        self._due = True

    def moved(self, operation: Delta) -> None:
        """What the user sees changed by `operation`: our selection goes with it."""
        if self._own is not None and self._own[1] is not None:
            self._own = (self._own[0], self._own[1].through(operation))

    def arrive(self) -> None:
        """A new connection knows nothing of us yet."""
        self._due = self._own is not None

    def to_send(self, synced: Rope, pending: Pending, version: int) -> SetPresence | None:
        """Ours if it is due, with positions of the log's state `synced` at `version`."""
        if not self._due or self._own is None:
            return None
        self._due = False
        state, selection = self._own
        if selection is not None and isinstance(state, dict):
            shown = synced.apply(pending.outstanding)
            selection = selection.through(shown.invert(pending.buffer))
            selection = selection.through(synced.invert(pending.outstanding))
            state = {**state, "selection": selection.as_json()}
        return SetPresence(state, version)

    def selection_of(self, author: str, pending: Pending) -> Selection | None:
        """A peer's selection in what the user sees; None without one, or out of our reach."""
        entry = self.peers.get(author)
        selection = Selection.of(entry.state) if entry else None
        if entry is None or selection is None:
            return None
        moved = self.trail.move(selection, entry.version)
        if moved is None:
            return None
        return moved.through(pending.outstanding).through(pending.buffer)

    def learn(self, entries: Iterable[PresenceEntry], *, own: str, complete: bool) -> bool:
        """Take news of peers (with `complete`, of all there are); whether that changed anything."""
        peers = {} if complete else dict(self.peers)
        for entry in entries:
            if entry.state is None or entry.author == own:
                peers.pop(entry.author, None)
            else:
                peers[entry.author] = entry
        changed = peers != self.peers
        self.peers = peers
        return changed

    def leave(self) -> bool:
        """The connection is lost, and with it all knowledge of the others."""
        return self.learn((), own="", complete=True)
