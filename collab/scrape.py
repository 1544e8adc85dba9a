"""One answer to a scraper: this worker's values and those of the machine's others, by node."""

from __future__ import annotations

from typing import Final

import anyio
import structlog
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from collab import exposition
from collab.errors import CollabError
from collab.exposition import Family
from collab.gauges import Gauges
from collab.metrics import COUNTED
from collab.registry import Registry
from collab.siblings import Siblings

TOPIC: Final = "metrics"
"""What the others are asked about, and asked about by the others."""

STORE_SECONDS: Final = 0.5
"""How long the store has to answer to count as up: less than a worker has."""

_log = structlog.stdlib.get_logger(__name__)


class Node:
    """The values of one worker."""

    def __init__(self, registry: Registry, name: str) -> None:
        self.name = name
        self._registry = registry

    async def values(self) -> list[Family]:
        """They now."""
        gauges = Gauges(self._registry, await self._store_up())
        return [
            family
            for collector in (COUNTED, gauges)
            for family in exposition.collect(collector, self.name)
        ]

    async def answer(self, question: bytes) -> bytes:
        """They now, for another worker, whatever it asks."""
        return exposition.encode(await self.values())

    async def _store_up(self) -> bool:
        with anyio.move_on_after(STORE_SECONDS):
            try:
                await self._registry.store.poll([])
                return True
            except CollabError:
                return False
            except Exception:
                _log.exception("the store could not be asked")
                return False
        return False


class Scraper:
    """What /metrics answers with."""

    def __init__(self, node: Node, siblings: Siblings) -> None:
        self._node = node
        self._siblings = siblings

    async def page(self) -> bytes:
        """The values of every worker that answers, as text, within siblings.ANSWER_SECONDS."""
        nodes: list[list[Family]] = []

        async def own() -> None:
            nodes.append(await self._node.values())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(own)
            answers = await self._siblings.ask(TOPIC)
        silent = answers.silent
        for said in answers.said:
            try:
                nodes.append(exposition.decode(said))
            except ValueError:
                _log.warning("a worker's answer is not understood")
                silent += 1
        nodes.append(exposition.collect(_Silent(silent), self._node.name))
        return exposition.render(nodes)


class _Silent(Collector):
    def __init__(self, count: int) -> None:
        self._count = count

    def collect(self) -> list[GaugeMetricFamily]:
        return [
            GaugeMetricFamily(
                "collab_workers_silent",
                "Workers of this machine that live, but did not answer this scrape in time.",
                self._count,
            )
        ]
