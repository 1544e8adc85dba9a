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
from collab.ot.transform import transform_position
from collab.protocols.native import PresenceEntry

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


def merged(
    known: dict[str, PresenceEntry], entries: Iterable[PresenceEntry], *, own: str, complete: bool
) -> dict[str, PresenceEntry]:
    """The peers after an update, without ourselves; a state of None means that the peer left."""
    peers = {} if complete else dict(known)
    for entry in entries:
        if entry.author == own:
            continue
        if entry.state is None:
            peers.pop(entry.author, None)
        else:
            peers[entry.author] = entry
    return peers
