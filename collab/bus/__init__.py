"""The bus: carries news between nodes, behind one small port.

It may lose, repeat and reorder what it carries, so nothing is right only because of it: whatever
has to be known is found in the store as well. Every adapter passes `tests/contracts/test_bus.py`.
An adapter knows nothing of what it carries (`news`): bytes to it, on channels.
"""

from __future__ import annotations

from typing import Protocol


class Listener(Protocol):
    """Who hears what the bus brings. Neither call may block or raise."""

    def hear(self, channel: str | None, news: bytes) -> None:
        """What some node, perhaps this one, published on a channel that is subscribed to."""

    def tuned(self, channel: str | None) -> None:
        """From now on the channel is heard. Anything published before may have been missed, also
        of a channel that was heard once already: then the bus was away meanwhile."""


class Bus(Protocol):
    """The port. A channel is a document's id; None is the one that all nodes hear, always.

    Adapters are opened by an async context manager of their module and closed by leaving it, which
    sends what was published before, as far as that goes quickly. No call blocks or raises.
    """

    @property
    def healthy(self) -> bool:
        """Whether what is published now is likely to arrive."""
        ...

    def listen(self, listener: Listener) -> None:
        """Bring everything to `listener` from now on; to be called once."""
        ...

    def subscribe(self, document: str) -> None:
        """Hear the document's channel, as soon as may be and after every outage."""
        ...

    def unsubscribe(self, document: str) -> None:
        """Hear it no more."""
        ...

    def publish(self, channel: str | None, news: bytes) -> None:
        """Have it carried to all who hear the channel. Too much of it drops the oldest first."""
        ...
