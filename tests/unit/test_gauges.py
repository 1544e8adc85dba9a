"""What is looked at when somebody asks shows how a node is now."""

from __future__ import annotations

import pytest

from collab.bus.news import Deleted, encode
from collab.exposition import collect
from collab.gauges import Gauges
from collab.metrics import NEWS
from collab.registry import Registry
from tests.simulation import virtual
from tests.unit.linked import settled, two_nodes
from tests.unit.nodes import node

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return virtual.BACKEND


def values(registry: Registry, name: str) -> list[float]:
    """The samples of one metric."""
    families = collect(Gauges(registry, store_up=True), "here")
    (family,) = (family for family in families if family.name == name)
    return [sample.value for sample in family.samples]


def news(what: str) -> float:
    (value,) = (
        sample.value
        for family in NEWS.collect()
        for sample in family.samples
        if sample.labels == {"what": what} and sample.name.endswith("_total")
    )
    return value


async def test_a_bus_shows_whether_it_works() -> None:
    async with two_nodes() as nodes:
        assert values(nodes.registries[0], "collab_bus_up") == [1]
        nodes.buses[0].away = True
        assert values(nodes.registries[0], "collab_bus_up") == [0]


async def test_without_a_bus_there_is_no_value_to_worry_about() -> None:
    async with node() as registry:
        assert values(registry, "collab_bus_up") == []


async def test_news_are_counted_by_what_became_of_them() -> None:
    async with two_nodes() as nodes:
        sent, heard, broken = news("sent"), news("heard"), news("broken")
        await nodes.write(0, "a")
        await settled()
        assert news("sent") == sent + 1
        assert news("heard") == heard + 1
        nodes.buses[0].publish(None, b"\xc1 nothing that anybody says")
        nodes.buses[0].publish(None, encode(Deleted("somewhere else")))
        await settled()
        assert news("broken") == broken + 2  # both nodes hear it
        assert news("heard") == heard + 3
