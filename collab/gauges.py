"""What can be looked at when somebody asks: open documents, peers, how far behind they are.

Owns what is counted on the spot, so that nothing has to be kept up to date meanwhile. Looking takes
one round over all peers, and changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from collab import __version__
from collab.peer import Peer
from collab.registry import Registry
from collab.types.known import TYPES

BEHIND: Final = (1, 10, 100, 1000)
"""How many versions a peer has to be behind to be counted as lagging."""


class Gauges(Collector):
    """The values of one registry; `store_up` is whether its store answers."""

    def __init__(self, registry: Registry, store_up: bool) -> None:
        self._registry = registry
        self._store_up = store_up

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        yield InfoMetricFamily("collab", "The version that runs.", {"version": __version__})
        yield _one("collab_up", "1 while it takes new work, 0 once it drains.", self._takes_work)
        yield _one("collab_store_up", "1 if the store answers, 0 if not.", self._store_up)
        yield _bus(self._registry.bus_up)
        stall = self._registry.loop_watch.longest_seconds
        yield _one(
            "collab_loop_longest_stall_seconds",
            "The longest that the event loop was kept from everybody in the last ten minutes.",
            stall,
        )
        yield from self._documents()

    @property
    def _takes_work(self) -> bool:
        return not self._registry.draining

    def _documents(self) -> Iterator[Metric]:
        sessions = Counter(dict.fromkeys(TYPES, 0))
        peers = Counter(dict.fromkeys(TYPES, 0))
        lagging = Counter(dict.fromkeys(BEHIND, 0))
        longest_lag = waiting = unsaved = 0
        for session in self._registry.sessions():
            sessions[session.type.name] += 1
            waiting += session.waiting
            unsaved = max(unsaved, session.version - session.snapshot_version)
            for follower in session.fanout.followers():
                if not isinstance(follower, Peer):
                    continue
                peers[session.type.name] += 1
                lag = session.version - follower.cursor
                if lag > 0:
                    longest_lag = max(longest_lag, lag)
                    for versions in BEHIND:
                        if lag >= versions:
                            lagging[versions] += 1
        yield _each("collab_sessions", "Documents that are open here.", "type", sessions)
        yield _each("collab_peers", "Connected readers and writers.", "type", peers)
        yield _one("collab_lag_versions", "Versions that the slowest peer is behind.", longest_lag)
        yield _each(
            "collab_lagging_peers",
            "Peers that are so many versions behind, or more.",
            "versions",
            lagging,
        )
        yield _one(
            "collab_inbox_edits", "Edits that wait for their document, over all documents.", waiting
        )
        yield _one(
            "collab_unsaved_versions",
            "Commits since its newest snapshot, of the document that has most.",
            unsaved,
        )


def _bus(up: bool | None) -> Metric:
    """Nobody is woken for a bus that there is not."""
    family = GaugeMetricFamily(
        "collab_bus_up", "1 if news from other nodes comes, 0 if not; nothing without a bus."
    )
    if up is not None:
        family.add_metric([], up)
    return family


def _one(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help, value)


def _each(name: str, help: str, label: str, values: Counter[str] | Counter[int]) -> Metric:
    family = GaugeMetricFamily(name, help, labels=[label])
    for key, value in values.items():
        family.add_metric([str(key)], value)
    return family
