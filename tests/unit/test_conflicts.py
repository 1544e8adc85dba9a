"""When another node was faster, what news has brought of it saves reading the log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest

from collab.storage import Append, AppendResult
from tests.simulation import virtual
from tests.unit.linked import Nodes, settled, two_nodes
from tests.unit.nodes import text_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Time is virtual: what takes a second here takes one on a busy machine too."""
    return virtual.BACKEND


@asynccontextmanager
async def under_way(nodes: Nodes, at: int, text: str) -> AsyncIterator[None]:
    """While in the block, the node's append of `text` is on its way to the store."""
    append = nodes.store.append
    held, released = anyio.Event(), anyio.Event()

    async def hold(batches: Sequence[Append]) -> list[AppendResult]:
        nodes.store.append = append  # type: ignore[method-assign]
        held.set()
        await released.wait()
        return await append(batches)

    nodes.store.append = hold  # type: ignore[method-assign]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(nodes.write, at, text)
        await held.wait()
        yield
        released.set()


async def test_a_conflict_with_what_was_heard_of_needs_no_read() -> None:
    async with two_nodes() as nodes:
        reads = nodes.store.reads
        async with under_way(nodes, 1, "b"):
            await nodes.write(0, "a")
            await nodes.write(0, "A")
            await settled()
        assert nodes.sessions[1].version == 3
        assert text_of(nodes.sessions[1]) == "bAa"
        assert nodes.store.reads == reads


async def test_a_conflict_with_what_was_not_heard_of_is_read() -> None:
    async with two_nodes() as nodes:
        nodes.buses[1]._away = True
        async with under_way(nodes, 1, "b"):
            await nodes.write(0, "a")
            await settled()
        assert nodes.sessions[1].version == 2
        assert text_of(nodes.sessions[1]) == "ba"


async def test_a_conflict_of_which_only_a_part_was_heard_is_read_to_its_end() -> None:
    async with two_nodes() as nodes:
        async with under_way(nodes, 1, "b"):
            await nodes.write(0, "a")
            await settled()
            nodes.buses[1]._away = True
            await nodes.write(0, "A")
        assert nodes.sessions[1].version == 3
        assert text_of(nodes.sessions[1]) == "bAa"
