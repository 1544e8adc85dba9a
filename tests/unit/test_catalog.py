"""The catalog: what can be done to documents without being connected to one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from collab.catalog import Catalog, merge_patch
from collab.contents import Writer
from collab.errors import (
    BaseAboveHead,
    DocumentExists,
    DocumentNotFound,
    DocumentTooLarge,
    InvalidDocumentId,
    NameReused,
    NotAllowed,
    PreconditionFailed,
    TooLarge,
    UnknownFormat,
    VersionUnavailable,
    WrongType,
)
from collab.names import Names
from collab.registry import open_registry
from collab.settings import Settings
from collab.storage import Append, Loaded, NewDocument
from collab.storage.memory import MemoryStore
from collab.words import Commit, Credit, Head, Snapshot

pytestmark = pytest.mark.anyio


def writer(key: str = "key", user: str | None = "alice", permitted: bool = True) -> Writer:
    return Writer(user, key, lambda: permitted)


@asynccontextmanager
async def node(store: MemoryStore, **settings: Any) -> AsyncIterator[Catalog]:
    """One node's catalog over `store`."""
    checked = Settings(database_url="memory://", **settings)
    async with open_registry(store, checked) as registry:
        yield Catalog(store, registry, checked)


@pytest.fixture
async def catalog() -> AsyncIterator[Catalog]:
    async with node(MemoryStore()) as made:
        yield made


async def text(catalog: Catalog, id: str, version: int | None = None) -> str:
    return (await catalog.contents.content(id, "text", version)).body.decode()


async def test_initial_content_is_the_first_commit(catalog: Catalog) -> None:
    document = await catalog.create("a", "text", writer(), content=b"one", metadata={"k": 1})
    assert (document.version, document.metadata) == (1, {"k": 1})
    (commit,) = (await catalog.contents.edits("a", 0, 10)).commits
    assert commit.operation == b'[{"insert":"one"}]'
    (credit,) = commit.credits
    assert (credit.author, credit.seq, credit.user) == (writer().author, 1, "alice")
    assert await text(catalog, "a") == "one"


async def test_a_document_without_content_is_at_version_0(catalog: Catalog) -> None:
    assert (await catalog.create("a", "text", writer())).version == 0
    assert (await catalog.create("b", "text", writer(), content=b"")).version == 0
    assert await text(catalog, "a") == ""


async def test_what_cannot_be_made_leaves_nothing(catalog: Catalog) -> None:
    async def refused(
        error: type[Exception], id: str = "b", type: str = "text", **more: Any
    ) -> None:
        with pytest.raises(error):
            await catalog.create(id, type, writer(), **more)

    await catalog.create("a", "text", writer())
    await refused(DocumentExists, "a")
    await refused(InvalidDocumentId, "a/b")
    await refused(WrongType, "b", type="poem")
    await refused(UnknownFormat, "b", content=b"x", format="poem")
    await refused(TooLarge, "b", metadata={"k": "x" * 20_000})
    listing = await catalog.list(only("a"))
    assert [document.id for document in listing.documents] == ["a"]


async def test_a_right_that_went_while_the_content_was_read_makes_nothing(catalog: Catalog) -> None:
    with pytest.raises(NotAllowed):
        await catalog.create("a", "text", writer(permitted=False), content=b"long")
    with pytest.raises(DocumentNotFound):
        await catalog.get("a")


def only(*ids: str) -> Callable[[Sequence[str]], Awaitable[set[str]]]:
    """Picks these ids from those that it is asked about."""

    async def pick(asked: Sequence[str]) -> set[str]:
        return set(ids).intersection(asked)

    return pick


async def test_the_list_goes_on_behind_pages_of_what_is_not_readable(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collab.catalog._PAGE_DOCUMENTS", 3)
    for number in range(20):
        await catalog.create(f"d{number:02}", "text", writer())
    readable = only("d01", "d15", "d19")
    listing = await catalog.list(readable, limit=2)
    assert [document.id for document in listing.documents] == ["d01", "d15"]
    assert listing.next == "d15"
    listing = await catalog.list(readable, limit=2, after="d15")
    assert [document.id for document in listing.documents] == ["d19"]
    assert listing.next is None


async def test_lists_ask_the_store_for_one_page_at_a_time(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else waits for the store waits for one page only."""
    store = catalog._store
    under_way, most, list_page = 0, 0, store.list

    async def counted(**asked: Any) -> Sequence[Any]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await checkpoint()
        page = await list_page(**asked)
        under_way -= 1
        return page

    monkeypatch.setattr(store, "list", counted)
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(catalog.list, only())
    assert most == 1


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": "foo"}, "bar", "bar"),
    ],
)
def test_merge_patches_do_what_their_rfc_says(target: Any, patch: Any, merged: Any) -> None:
    assert merge_patch(target, patch) == merged


async def test_no_patch_overwrites_another(catalog: Catalog) -> None:
    await catalog.create("a", "text", writer())
    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(catalog.patch_metadata, "a", {f"k{number}": number})
    document = await catalog.get("a")
    assert document.metadata == {f"k{number}": number for number in range(10)}


async def test_a_deleted_document_may_be_made_again(catalog: Catalog) -> None:
    first = await catalog.create("a", "text", writer(), content=b"one")
    await catalog.contents.edit("a", b'[{"insert":"x"}]', writer("1"))
    await catalog.delete("a")
    with pytest.raises(DocumentNotFound):
        await catalog.contents.edit("a", b'[{"insert":"x"}]', writer("2"))
    with pytest.raises(DocumentNotFound):
        await catalog.delete("a")
    second = await catalog.create("a", "text", writer(), content=b"two")
    assert second.epoch != first.epoch
    assert await text(catalog, "a") == "two"
    with pytest.raises(PreconditionFailed):
        edit = b'[{"insert":"x"}]'
        await catalog.contents.edit("a", edit, writer("2"), base=1, epoch=first.epoch)
    with pytest.raises(PreconditionFailed):
        await catalog.contents.edits("a", 0, 10, first.epoch)


async def test_an_edit_is_committed_once(catalog: Catalog) -> None:
    await catalog.create("a", "text", writer(), content=b"one")
    first = await catalog.contents.edit("a", b'[{"insert":"x"}]', writer("1"), base=1)
    again = await catalog.contents.edit("a", b'[{"insert":"x"}]', writer("1"), base=1)
    assert (first.version, first.duplicate) == (2, False)
    assert (again.version, again.duplicate, again.operation) == (2, True, first.operation)
    with pytest.raises(NameReused):
        await catalog.contents.edit("a", b'[{"insert":"y"}]', writer("1"), base=1)
    other = await catalog.contents.edit("a", b'[{"insert":"y"}]', writer("1", user="bob"), base=1)
    assert other.version == 3


async def test_nobodys_edits_are_not_those_of_a_user_of_any_name(catalog: Catalog) -> None:
    users = [None, "-", "", "http", ":", "k:"]
    assert len({writer("k", user=user).author for user in users}) == len(users)
    await catalog.create("a", "text", writer(), content=b"one")
    for user in (None, "-"):
        edit = b'[{"insert":"x"}]'
        committed = await catalog.contents.edit("a", edit, writer("1", user=user), base=1)
        assert not committed.duplicate


async def test_an_edit_without_permission_changes_nothing(catalog: Catalog) -> None:
    await catalog.create("a", "text", writer(), content=b"one")
    with pytest.raises(NotAllowed):
        await catalog.contents.edit("a", b'[{"insert":"x"}]', writer("1", permitted=False))
    with pytest.raises(NotAllowed):
        await catalog.contents.replace("a", None, b"two", "text", writer("1", permitted=False))
    assert await text(catalog, "a") == "one"


async def test_a_replacement_of_an_old_version_is_rebased(catalog: Catalog) -> None:
    document = await catalog.create("a", "text", writer(), content=b"one two")
    await catalog.contents.edit("a", b'[{"insert":"zero "}]', writer("1"))
    match = Head(document.epoch, 1)
    committed = await catalog.contents.replace("a", match, b"one 2", "text", writer("2"))
    assert committed.version == 3
    assert await text(catalog, "a") == "zero one 2"
    assert await text(catalog, "a", 2) == "zero one two"
    with pytest.raises(PreconditionFailed):
        await catalog.contents.replace("a", Head(document.epoch, 9), b"x", "text", writer("3"))


class Watched(MemoryStore):
    """Counts the commits that leave the store in one go."""

    most = 0

    async def load(self, id: str) -> Loaded | None:
        loaded = await super().load(id)
        self.most = max(self.most, len(loaded.commits) if loaded else 0)
        return loaded

    async def read(self, *of: Any, **more: Any) -> list[Commit]:
        commits = await super().read(*of, **more)
        self.most = max(self.most, len(commits))
        return commits


async def fill(store: MemoryStore, commits: int, *, snapshots: Sequence[int] = ()) -> None:
    """Document `a` of so many commits, each an `x`."""
    await store.create(NewDocument(id="a", type="text", epoch="e", created=0))
    credit = Credit("author", 1, None, b"")
    run = [Commit(at, 0, (credit,), b'[{"insert":"x"}]') for at in range(1, commits + 1)]
    await store.append([Append("a", "e", 0, tuple(run))])
    names = Names(keep_days=1, keep_max=1).dump()
    for version in snapshots:
        content = b'"%s"' % (b"x" * version)
        assert await store.save_snapshot("a", "e", Snapshot(version, 0, content, names))


async def test_a_past_version_is_built_a_page_at_a_time_from_the_nearest_snapshot() -> None:
    store = Watched()
    await fill(store, 3000, snapshots=(1500, 2800))
    async with node(store, snapshot_every=500) as catalog:
        for version in (0, 1, 700, 1499, 1500, 1700, 2799, 2800, 2900, 3000):
            assert await text(catalog, "a", version) == "x" * version
        assert store.most <= 2800 - 1500
        with pytest.raises(BaseAboveHead):
            await text(catalog, "a", 3001)


async def test_a_version_that_was_trimmed_is_told_to_whoever_needs_it() -> None:
    store = Watched()
    await fill(store, 300, snapshots=(200, 290))
    async with node(store) as catalog:
        for version in (0, 100, 200, 289, 300):
            assert await text(catalog, "a", version) == "x" * version
        await store.trim("a", "e", 1)
        for version in (101, 199):
            with pytest.raises(VersionUnavailable):
                await text(catalog, "a", version)
            with pytest.raises(VersionUnavailable):
                await catalog.copy("a", "b", writer(), version=version)
            with pytest.raises(VersionUnavailable):
                await catalog.contents.replace("a", Head("e", version), b"y", "text", writer("k"))


async def test_only_two_past_versions_are_built_at_a_time() -> None:
    class Slow(MemoryStore):
        reading = most = 0

        async def read(self, *of: Any, **more: Any) -> list[Commit]:
            self.reading += 1
            self.most = max(self.most, self.reading)
            for _ in range(5):
                await checkpoint()
            self.reading -= 1
            return await super().read(*of, **more)

    store = Slow()
    await fill(store, 20)
    async with node(store) as catalog:
        async with anyio.create_task_group() as tasks:
            for version in range(1, 10):
                tasks.start_soon(text, catalog, "a", version)
    assert store.most == 2


async def test_large_content_does_not_hold_up_the_others(catalog: Catalog) -> None:
    large = "".join(f"line {number}\n" for number in range(20_000))
    await catalog.create("a", "text", writer(), content=large.encode())
    changed = large.replace("line 10000\n", "changed\n")
    committed = await catalog.contents.replace("a", None, changed.encode(), "text", writer("1"))
    assert committed.operation is not None
    assert len(committed.operation) < 200
    assert await text(catalog, "a") == changed


async def test_content_over_the_bound_is_refused() -> None:
    async with node(MemoryStore(), max_document_bytes=10) as catalog:
        with pytest.raises(DocumentTooLarge):
            await catalog.create("a", "text", writer(), content=b"x" * 11)
        await catalog.create("a", "text", writer(), content=b"x" * 10)
        with pytest.raises(DocumentTooLarge):
            await catalog.contents.replace("a", None, b"x" * 11, "text", writer("1"))


async def test_what_another_node_has_written_is_read() -> None:
    store = MemoryStore(shared=True)
    async with node(store) as one, node(store) as two:
        await one.create("a", "text", writer(), content=b"one")
        for number, (writing, reading) in enumerate([(one, two), (two, one)] * 3, 2):
            operation = b'[{"insert":"%d "}]' % number
            committed = await writing.contents.edit("a", operation, writer(str(number)))
            assert committed.version == number
            assert (await reading.contents.head("a")).version == number
            assert (await text(reading, "a")).startswith(f"{number} ")
            assert (await reading.contents.content("a")).version == number


async def test_what_another_node_has_deleted_is_gone() -> None:
    store = MemoryStore(shared=True)
    async with node(store) as one, node(store) as two:
        await one.create("a", "text", writer(), content=b"one")
        await two.contents.edit("a", b'[{"insert":"x"}]', writer("1"))
        await one.delete("a")
        with pytest.raises(DocumentNotFound):
            await two.contents.content("a")
        with pytest.raises(DocumentNotFound):
            await two.contents.head("a")


async def test_a_resend_to_another_node_is_the_same_edit() -> None:
    store = MemoryStore(shared=True)
    async with node(store) as one, node(store) as two:
        await one.create("a", "text", writer(), content=b"one")
        await two.contents.edit("a", b'[{"insert":"before "}]', writer("0"))
        first = await one.contents.edit("a", b'[{"insert":"x"}]', writer("1"), base=1)
        again = await two.contents.edit("a", b'[{"insert":"x"}]', writer("1"), base=1)
        assert (again.version, again.duplicate) == (first.version, True)


async def test_messages_and_presence_of_nobody(catalog: Catalog) -> None:
    await catalog.create("a", "text", writer())
    assert await catalog.presence("a") == []
    await catalog.post("a", writer(), {"say": "hi"})
    with pytest.raises(DocumentNotFound):
        await catalog.presence("b")
    with pytest.raises(DocumentNotFound):
        await catalog.post("b", writer(), 1)
