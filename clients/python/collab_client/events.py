"""What the replica tells its user: one frozen value per kind of news.

Owns the shapes only. Messages of the wire that need no interpretation (a peer's message, a goodbye,
an error that names no edit of ours, a change of access) are passed on as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from collab.ot.delta import Delta
from collab.ot.rope import Rope
from collab.protocols.native import AccessChange, ErrorReport, Goodbye, PeerMessage


@dataclass(frozen=True, slots=True)
class Changed:
    """Something that others did: `operation` turns the local state before into the one after.

    Positions are UTF-16 units of the local state, unsent text included. `author` is None where no
    single commit is the cause: a reset, or the correction of an edit of our own. `before` is the
    local state that it was applied to.
    """

    operation: Delta
    author: str | None
    user: str | None
    epoch: str
    version: int
    before: Rope = field(default_factory=Rope.empty, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Saved:
    """Our edit `seq` is durable as `version`."""

    seq: int
    version: int


@dataclass(frozen=True, slots=True)
class EditRefused:
    """Our edit was refused for good and is no longer part of the local state.

    `operation` is what was taken back, in positions of the log's state at that moment. Where that
    changed what the user sees, a `Changed` comes before this.
    """

    code: str
    message: str
    operation: Delta


@dataclass(frozen=True, slots=True)
class PeersChanged:
    """The map of peers is not what it was."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """This connection is of no more use: close it, and open another after so many seconds.

    Until then the replica ignores whatever else arrives on it.
    """

    reason: str
    retry_after: float | None = None


Event: TypeAlias = (
    Changed
    | Saved
    | EditRefused
    | PeersChanged
    | Reconnect
    | PeerMessage
    | AccessChange
    | ErrorReport
    | Goodbye
)
