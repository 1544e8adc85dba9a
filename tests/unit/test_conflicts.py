"""When another node was faster, what news has brought of it saves reading the log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest

from collab.storage import Append, AppendResult
from collab.words import author_of
from tests.simulation import virtual
from tests.unit.linked import Nodes, settled, two_nodes
from tests.unit.nodes import allowed, edit, insert, text_of

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


@asynccontextmanager
async def outrun(nodes: Nodes, times: int) -> AsyncIterator[None]:
    """While in the block, each of the first appends of the author `slow` comes too late."""
    append = nodes.store.append
    left = times

    async def append_late(batches: Sequence[Append]) -> list[AppendResult]:
        nonlocal left
        if batches[0].commits[0].credits[0].author == author_of("slow") and left > 0:
            left -= 1
            await anyio.sleep(0.01)
            await nodes.write(0, "a")
        return await append(batches)

    nodes.store.append = append_late  # type: ignore[method-assign]
    yield
    nodes.store.append = append  # type: ignore[method-assign]


async def test_an_edit_that_others_are_faster_than_again_and_again_does_not_grow_too_old() -> None:
    async with two_nodes(max_rebase_commits=5) as nodes, outrun(nodes, 20):
        slow = edit(nodes.sessions[1], "slow", 1, 0, insert("b"))
        placed = await nodes.sessions[1].edit(slow, allowed)
        assert placed.version == 21
        assert text_of(nodes.sessions[1]) == "a" * 20 + "b"


async def test_who_comes_in_does_not_wait_until_others_are_slower_for_once() -> None:
    async with two_nodes() as nodes, outrun(nodes, 100_000), anyio.create_task_group() as tasks:
        session = nodes.sessions[1]
        tasks.start_soon(session.edit, edit(session, "slow", 1, 0, insert("b")), allowed)
        await anyio.sleep(0.1)
        before = nodes.sessions[0].version
        assert before > 0
        with anyio.fail_after(1):
            await session.refresh()
        assert session.version >= before
        tasks.cancel_scope.cancel()
