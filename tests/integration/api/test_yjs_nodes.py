"""Edits and seeds of Yjs documents that come to several nodes at once."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest

from collab.contents import Contents, Writer
from collab.storage import Append, AppendResult
from collab.storage.memory import MemoryStore
from collab.types.yjs_edits import TextChange, TextEdit
from collab.updates import Seeded, Updates
from tests.unit.nodes import allowed, create, node

pytestmark = pytest.mark.anyio


class FirstHeld(MemoryStore):
    """Lets the first append wait while others pass."""

    def __init__(self) -> None:
        super().__init__(shared=True)
        self.held = anyio.Event()
        self.released = anyio.Event()

    async def append(self, batches: Sequence[Append]) -> list[AppendResult]:
        if not self.held.is_set():
            self.held.set()
            await self.released.wait()
        return await super().append(batches)


def writer(key: str) -> Writer:
    return Writer("ann", key, allowed)


async def text_of(contents: Contents) -> str:
    return (await contents.content("doc", "text")).body.decode()


async def test_of_seeds_on_two_nodes_exactly_one_takes_effect() -> None:
    for _ in range(20):
        store = MemoryStore(shared=True)
        await create(store, type="yjs")
        answers: dict[str, Seeded] = {}

        async def seed(updates: Updates, name: str, answers: dict[str, Seeded] = answers) -> None:
            answers[name] = await updates.seed("doc", name.encode(), "text", None, writer(name))

        async with node(store) as one, node(store) as two:
            both = [Contents(store, registry) for registry in (one, two)]
            async with one.open("doc"), two.open("doc"), anyio.create_task_group() as tasks:
                for index, (contents, registry) in enumerate(zip(both, (one, two), strict=True)):
                    for more in range(3):
                        updates = Updates(contents, registry)
                        tasks.start_soon(seed, updates, f"seed {index} {more}")
            [winner] = [name for name, answer in answers.items() if answer.seeded]
            assert [await text_of(contents) for contents in both] == [winner, winner]


async def test_a_seed_that_was_staged_first_loses_to_one_that_is_durable_first() -> None:
    store = FirstHeld()
    await create(store, type="yjs")
    slow: list[Seeded] = []
    async with node(store) as one, node(store) as two:

        async def seed_slowly(updates: Updates) -> None:
            slow.append(await updates.seed("doc", b"slow", "text", None, writer("a")))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(seed_slowly, Updates(Contents(store, one), one))
            await store.held.wait()
            fast = await Updates(Contents(store, two), two).seed(
                "doc", b"fast", "text", None, writer("b")
            )
            store.released.set()
        assert (fast.seeded, slow[0].seeded) == (True, False)
        assert await text_of(Contents(store, one)) == "fast"


async def test_a_repeated_seed_tells_the_same_on_another_node() -> None:
    store = MemoryStore(shared=True)
    await create(store, type="yjs")
    async with node(store) as one:
        first = await Updates(Contents(store, one), one).seed(
            "doc", b"seed", "text", None, writer("a")
        )
    async with node(store) as two:
        updates = Updates(Contents(store, two), two)
        again = await updates.seed("doc", b"seed", "text", None, writer("a"))
        other = await updates.seed("doc", b"seed", "text", None, writer("b"))
    assert (first.seeded, again.seeded, other.seeded) == (True, True, False)
    assert again.committed.version == first.committed.version
    assert again.committed.duplicate


async def test_edits_on_two_nodes_keep_each_others_text() -> None:
    store = MemoryStore(shared=True)
    await create(store, type="yjs")

    async def write(updates: Updates, name: str) -> None:
        for number in range(10):
            change = TextChange(0, text=f"<{name}{number}😀>")
            edit = TextEdit("t", (change,))
            await updates.edit_text("doc", edit, writer(f"{name}{number}"))

    async with node(store) as one, node(store) as two:
        both = [Contents(store, registry) for registry in (one, two)]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write, Updates(both[0], one), "a")
            tasks.start_soon(write, Updates(both[1], two), "b")
        texts = [await text_of(contents) for contents in both]
    assert texts[0] == texts[1]
    assert all(texts[0].count(f"<{name}{number}😀>") == 1 for name in "ab" for number in range(10))
