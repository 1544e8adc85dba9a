"""Milestones: left behind by live documents, filled in where a history has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import anyio
import pycrdt
import pytest

from collab.catalog import Catalog
from collab.errors import BelowFloor, StoreFailure, Unavailable, VersionUnavailable
from collab.inbox import Submission
from collab.milestones import FAR, NEAR
from collab.storage import Append, NewDocument
from collab.storage.memory import MemoryStore
from collab.types.yjs import YJS
from collab.types.yjs_replica import Change
from collab.words import Commit, Credit, Milestone
from tests.unit.nodes import allowed, create, edit, insert, node, settings, text_of

pytestmark = pytest.mark.anyio

LONG = 2 * FAR + 4 * NEAR
CREDIT = Credit("author", 0, None, b"digest")


def typed(text: str) -> Iterator[bytes]:
    """The operations of typing `text` at the beginning, the last character first."""
    for character in reversed(text):
        yield b'[{"insert":"%s"}]' % character.encode()


def drawn(text: str) -> Iterator[bytes]:
    """The same by a Yjs editor."""
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc()
    shared = doc.get("codemirror", type=pycrdt.Text)
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    for character in reversed(text):
        shared.insert(0, character)
    doc.unobserve(subscription)
    return (YJS.encode(Change(update)) for update in updates)


def alphabet(length: int) -> str:
    return "".join(chr(97 + place % 26) for place in range(length))


async def put_in(store: MemoryStore, type: str, operations: Iterator[bytes]) -> None:
    """A history as an older version would have written it: without any milestone."""
    await store.create(NewDocument("doc", type, "e1", 0))
    commits = [
        Commit(version, version, (CREDIT,), operation)
        for version, operation in enumerate(operations, start=1)
    ]
    await store.append([Append("doc", "e1", 0, tuple(commits))])


class Paged(MemoryStore):
    """Counts the commits that are read."""

    commits_read = 0

    async def read(self, *of: Any, **more: Any) -> list[Commit]:
        commits = await super().read(*of, **more)
        self.commits_read += len(commits)
        return commits


def check_spacing(versions: Sequence[int], head: int) -> None:
    gaps = [later - earlier for earlier, later in pairwise([0, *versions, head])]
    assert min(gaps[:-1]) >= NEAR / 2
    assert max(gaps) <= 2 * FAR


async def text_at(catalog: Catalog, version: int) -> str:
    return (await catalog.contents.content("doc", "text", version)).body.decode()


async def test_a_live_document_leaves_milestones_behind() -> None:
    store = Paged()
    await create(store)
    async with node(store, snapshot_every=500) as registry, registry.open("doc") as session:
        done = anyio.Event()
        for seq in range(1, LONG + 1):
            await session.room()
            last = done.set if seq == LONG else (lambda: None)
            operation = edit(session, f"client {seq}", 0, None, insert("x"))
            session.submit(Submission(operation, allowed, answering(last)))
        await done.wait()
        assert text_of(session) == "x" * LONG
    marks = await store.milestones("doc", "e1")
    check_spacing([mark.version for mark in marks], LONG)


def answering(call: Callable[[], None]) -> Callable[[object], None]:
    def answer(outcome: object) -> None:
        assert not isinstance(outcome, Exception)
        call()

    return answer


@pytest.mark.parametrize(
    ("type", "history"), [("text", typed), ("richtext", typed), ("yjs", drawn)]
)
async def test_a_history_without_milestones_gets_them_when_its_past_is_read(
    type: str, history: Callable[[str], Iterator[bytes]]
) -> None:
    store = Paged()
    text = alphabet(LONG)
    await put_in(store, type, history(text))
    async with node(store) as registry:
        catalog = Catalog(store, registry, settings())
        assert await text_at(catalog, LONG - 1) == text[1:]
        marks = await store.milestones("doc", "e1")
        check_spacing([mark.version for mark in marks], LONG)
        store.commits_read = 0
        for version in (1, NEAR, FAR - 1, FAR + 1, LONG // 2, LONG - 7, LONG):
            assert await text_at(catalog, version) == text[LONG - version :]
        assert store.commits_read <= 7 * 2 * FAR


async def test_what_is_filled_in_does_not_depend_on_who_asks() -> None:
    store = MemoryStore()
    text = alphabet(LONG)
    await put_in(store, "text", typed(text))
    async with node(store) as registry:
        catalog = Catalog(store, registry, settings())
        async with anyio.create_task_group() as tasks:
            for version in range(LONG // 2, LONG, LONG // 20):

                async def read(version: int = version) -> None:
                    assert await text_at(catalog, version) == text[LONG - version :]

                tasks.start_soon(read)
    check_spacing([mark.version for mark in await store.milestones("doc", "e1")], LONG)


async def test_a_short_history_needs_no_milestones() -> None:
    store = MemoryStore()
    await put_in(store, "text", typed(alphabet(NEAR)))
    async with node(store) as registry:
        catalog = Catalog(store, registry, settings())
        assert await text_at(catalog, NEAR // 2) == alphabet(NEAR)[NEAR // 2 :]
    assert await store.milestones("doc", "e1") == []


async def test_milestones_that_cannot_be_written_cost_the_past_and_not_the_document() -> None:
    class Full(MemoryStore):
        async def save_milestone(self, id: str, epoch: str, milestone: Milestone) -> bool:
            raise StoreFailure("the disk is full")

    store = Full()
    text = alphabet(LONG)
    await put_in(store, "text", typed(text))
    async with node(store) as registry:
        catalog = Catalog(store, registry, settings())
        with pytest.raises(Unavailable, match="being prepared"):
            await text_at(catalog, LONG - 1)
        assert await text_at(catalog, 10) == text[-10:]
        async with registry.open("doc") as session:
            await session.edit(edit(session, "ada", 1, LONG, insert("!")), allowed)
            assert text_of(session) == "!" + text


async def test_a_trimmed_history_has_no_past_before_its_floor() -> None:
    store = MemoryStore()
    await put_in(store, "text", typed("abc"))
    async with node(store) as registry:
        async with registry.open("doc") as session:
            await store.save_snapshot("doc", "e1", session.snapshot())
        assert await store.trim("doc", "e1", 3) == 2
        catalog = Catalog(store, registry, settings())
        with pytest.raises(VersionUnavailable):
            await text_at(catalog, 1)
        with pytest.raises(BelowFloor):
            await store.read("doc", "e1", 1, 1)
