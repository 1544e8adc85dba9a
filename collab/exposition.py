"""Measured values on their way out: taken from their collectors, named by node, written as text.

Owns how the values of several processes become one page: every sample gets the label `node`, and
the samples of one metric stand together, whoever they are of. Knows nothing of what is measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One value."""

    name: str
    labels: dict[str, str]
    value: float


class Family(msgspec.Struct, frozen=True, array_like=True):
    """One metric of one node."""

    name: str
    kind: str
    help: str
    samples: list[Sample]


def collect(collector: Collector, node: str) -> list[Family]:
    """The values now, as those of `node`."""
    return [
        Family(
            metric.name,
            metric.type,
            metric.documentation,
            [
                Sample(sample.name, {**sample.labels, "node": node}, float(sample.value))
                for sample in metric.samples
                if not sample.name.endswith("_created")
            ],
        )
        for metric in collector.collect()
    ]


def encode(families: Sequence[Family]) -> bytes:
    """For another process."""
    return msgspec.msgpack.encode(families)


def decode(encoded: bytes) -> list[Family]:
    """What `encode` has made; raises ValueError for anything else."""
    return msgspec.msgpack.decode(encoded, type=list[Family])


class _Page(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def render(nodes: Iterable[Sequence[Family]]) -> bytes:
    """One page of the values of all `nodes`, in Prometheus' text format."""
    metrics: dict[str, Metric] = {}
    for families in nodes:
        for family in families:
            metric = metrics.get(family.name)
            if metric is None:
                metric = metrics[family.name] = Metric(family.name, family.help, family.kind)
            for sample in family.samples:
                metric.add_sample(sample.name, sample.labels, sample.value)
    return generate_latest(_Page(metrics.values()))
