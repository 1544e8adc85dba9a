"""Values of several nodes become one page, each under its node."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from collab import exposition


class Given(Collector):
    def __init__(self, *metrics: Metric) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def test_what_is_sent_to_another_worker_arrives_whole() -> None:
    counted = CollectorRegistry()
    Counter("c_total", "c", ["code"], registry=counted).labels("a\nb").inc(3)
    Histogram("h", "h", buckets=(1, 2), registry=counted).observe(5)
    families = exposition.collect(counted, "one")
    families += exposition.collect(
        Given(
            GaugeMetricFamily("yes", "", True),
            GaugeMetricFamily("whole", "", 7),
            GaugeMetricFamily("endless", "", float("inf")),
        ),
        "one",
    )
    assert exposition.decode(exposition.encode(families)) == families


@pytest.mark.parametrize("broken", [b"", b"\xc1", b"\x93\x01\x02", b"\x91\x94\xa1a"])
def test_what_is_something_else_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError):
        exposition.decode(broken)


def test_the_samples_of_one_metric_stand_together() -> None:
    def node(name: str, *values: float) -> list[exposition.Family]:
        metrics = [GaugeMetricFamily(f"m{i}", f"about {i}", v) for i, v in enumerate(values)]
        return exposition.collect(Given(*metrics), name)

    page = exposition.render([node("one", 1, 2), node("two", 3, 4, 5)]).decode()
    families = list(text_string_to_metric_families(page))
    assert [family.name for family in families] == ["m0", "m1", "m2"]
    assert [
        [(sample.labels["node"], sample.value) for sample in family.samples] for family in families
    ] == [[("one", 1), ("two", 3)], [("one", 2), ("two", 4)], [("two", 5)]]
    assert page.count("# HELP m0 about 0") == 1


def test_when_a_counter_was_made_is_left_out() -> None:
    counted = CollectorRegistry()
    Counter("c_total", "c", registry=counted)
    assert b"_created" not in exposition.render([exposition.collect(counted, "one")])
