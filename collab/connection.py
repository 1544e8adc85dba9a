"""Where a peer comes from, as the log and the inspector name it.

Plain values. Knows nothing of sockets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["websocket", "events"]


@dataclass(frozen=True, slots=True)
class Connection:
    """One websocket or event stream: the id that its lines in the log bear, and who called."""

    id: str
    kind: Kind = "websocket"
    address: str | None = None


NOWHERE: Final = Connection("")
"""Of a peer that no connection stands behind."""
