"""The contract of `collab.storage.Store`, the same for every adapter.

A new adapter joins by a branch in the `bench` fixture that says how its rows can be damaged.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import asyncpg
import msgspec
import pytest

from collab.errors import (
    BaseAboveHead,
    BelowFloor,
    DocumentBroken,
    DocumentExists,
    DocumentNotFound,
    TooManyVersions,
    VersionNotFound,
    VersionUnavailable,
)
from collab.storage import (
    Append,
    AppendResult,
    Loaded,
    Mark,
    Nearest,
    NewDocument,
    NewGrant,
    Polled,
    Rewrite,
    Store,
)
from collab.storage.connect import open_store
from collab.storage.contract import encode_credits
from collab.storage.memory import MemoryStore
from collab.storage.sqlite import SqliteStore
from collab.words import (
    ANY,
    Access,
    Commit,
    Credit,
    Document,
    Grant,
    Head,
    Milestone,
    NamedVersion,
    Retention,
    Snapshot,
)
from tests.services.postgres import PostgresServer

pytestmark = pytest.mark.anyio

OK, CONFLICT, GONE, FAILED = AppendResult
NONE, READ, WRITE, ADMIN = Access


@dataclass
class Bench:
    """A store, and the two ways to break what it holds that the port speaks of."""

    store: Store
    lose_commit: Callable[[str, int], Awaitable[None]]
    lose_snapshots: Callable[[str], Awaitable[None]]


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        return "memory://"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/collab.db"
    postgres: PostgresServer = request.getfixturevalue("postgres")
    return postgres.url(postgres.create_database())


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    async with open_store(database_url) as store:
        if isinstance(store, MemoryStore):
            records = store._records

            async def forget_commit(id: str, version: int) -> None:
                record = records[id]
                record.commits = [kept for kept in record.commits if kept.version != version]

            async def forget_snapshots(id: str) -> None:
                records[id].snapshots = []

            yield Bench(store, forget_commit, forget_snapshots)
            return
        if isinstance(store, SqliteStore):
            writer = store._writer

            async def lose(query: str) -> None:
                await writer.write(lambda sql: sql.execute(query))

        else:

            async def lose(query: str) -> None:
                connection = await asyncpg.connect(database_url)
                await connection.execute(query)
                await connection.close()

        async def delete_commit(id: str, version: int) -> None:
            await lose(f"DELETE FROM commits WHERE version = {version} AND {_of(id)}")

        async def delete_snapshots(id: str) -> None:
            await lose(f"DELETE FROM snapshots WHERE {_of(id)}")

        yield Bench(store, delete_commit, delete_snapshots)


def _of(id: str) -> str:
    return f"document = (SELECT key FROM documents WHERE id = '{id}')"


@pytest.fixture
def store(bench: Bench) -> Store:
    return bench.store


def commit(version: int, time: int | None = None, mark: str = "") -> Commit:
    """A commit at `version`, by default at time 1000 + version."""
    return Commit(
        version=version,
        time=1000 + version if time is None else time,
        credits=(
            Credit(f"author{mark}", version, "Ünal 𝒰", b"\x00digest"),
            Credit("other", 1, None, b""),
        ),
        operation=f"operation {version}{mark} \x00".encode(),
    )


def commits(first: int, last: int) -> tuple[Commit, ...]:
    return tuple(commit(version) for version in range(first, last + 1))


def snapshot(version: int, mark: bytes = b"") -> Snapshot:
    return Snapshot(version, 5000 + version, b"\x00content" + mark, b"names" + mark)


async def make(store: Store, id: str = "a", *, head: int = 0, epoch: str = "e1") -> Document:
    new = NewDocument(id, "text", epoch, 1000)
    return await store.create(new, commits(1, head))


async def append(store: Store, id: str, first: int, last: int) -> AppendResult:
    [result] = await store.append([Append(id, "e1", first - 1, commits(first, last))])
    return result


async def loaded(store: Store, id: str = "a") -> Loaded:
    found = await store.load(id)
    assert found is not None
    return found


async def nearest(store: Store, version: int, id: str = "a") -> Snapshot | Milestone | None:
    found = await store.nearest(id, version)
    assert found is not None
    return found.kept


def ids(documents: Sequence[Document]) -> list[str]:
    return [document.id for document in documents]


# Create ------------------------------------------------------------------------------------------


async def test_a_created_document_has_what_the_call_named(store: Store) -> None:
    new = NewDocument("notes", "richtext", "e1", 1234, {"title": "Ω", "tags": [1, None, 2.5]})
    created = await store.create(new)
    assert created == Document(
        id="notes",
        type="richtext",
        epoch="e1",
        version=0,
        floor=0,
        created=1234,
        updated=1234,
        metadata={"title": "Ω", "tags": [1, None, 2.5]},
    )
    assert await store.get("notes") == created
    assert await store.load("notes") == Loaded(created, None, ())


async def test_a_document_is_created_together_with_its_first_commits(store: Store) -> None:
    created = await make(store, head=3)
    assert (created.version, created.created, created.updated) == (3, 1000, 1003)
    assert await store.load("a") == Loaded(created, None, commits(1, 3))
    assert await append(store, "a", 4, 4) is OK


async def test_first_commits_are_numbered_from_one(store: Store) -> None:
    with pytest.raises(ValueError):
        await store.create(NewDocument("a", "text", "e1", 1), commits(2, 3))
    assert await store.get("a") is None


@pytest.mark.parametrize("revive", [False, True])
async def test_create_does_not_touch_a_document_that_exists(store: Store, revive: bool) -> None:
    before = await make(store, head=2)
    with pytest.raises(DocumentExists):
        await store.create(NewDocument("a", "yjs", "e2", 9), commits(1, 1), revive=revive)
    assert await store.load("a") == Loaded(before, None, commits(1, 2))


async def test_of_two_simultaneous_creates_one_wins(store: Store) -> None:
    won: list[str] = []
    lost: list[str] = []

    async def create(epoch: str) -> None:
        try:
            await make(store, epoch=epoch)
            won.append(epoch)
        except DocumentExists:
            lost.append(epoch)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(create, "e1")
        tasks.start_soon(create, "e2")
    found = await store.get("a")
    assert found is not None
    assert won == [found.epoch]
    assert len(lost) == 1


async def test_ids_are_told_apart_by_case(store: Store) -> None:
    await make(store, "Notes")
    await make(store, "notes")
    assert ids(await store.list()) == ["Notes", "notes"]


# Delete and revive -------------------------------------------------------------------------------


async def test_deleting_erases_everything_but_that_the_id_was_used(store: Store) -> None:
    await make(store, head=3)
    await store.save_snapshot("a", "e1", snapshot(2))
    assert await store.delete("a") is True
    assert await store.get("a") is None
    assert await store.load("a") is None
    assert await store.list() == []
    assert (await store.poll(["a"])).heads == {}
    assert await append(store, "a", 4, 4) is GONE
    assert await store.save_snapshot("a", "e1", snapshot(3)) is False
    with pytest.raises(DocumentNotFound):
        await store.read("a", "e1", 0, 10)
    with pytest.raises(DocumentNotFound):
        await store.trim("a", "e1", 9999)
    with pytest.raises(DocumentNotFound):
        await store.set_metadata("a", {})
    with pytest.raises(DocumentNotFound):
        await make(store)


async def test_deleting_what_is_absent_says_so(store: Store) -> None:
    assert await store.delete("a") is False
    await make(store)
    assert await store.delete("a") is True
    assert await store.delete("a") is False


async def test_deleting_leaves_the_neighbours_alone(store: Store) -> None:
    for id in "abc":
        await make(store, id, head=2)
        await store.save_snapshot(id, "e1", snapshot(1, id.encode()))
    await store.delete("b")
    for id in "ac":
        assert (await loaded(store, id)).snapshot == snapshot(1, id.encode())
        assert (await loaded(store, id)).commits == commits(2, 2)


async def test_a_revived_document_begins_anew(store: Store) -> None:
    await make(store, head=5)
    await store.save_snapshot("a", "e1", snapshot(4))
    await store.trim("a", "e1", 1003)
    await store.set_metadata("a", {"old": True})
    await store.delete("a")
    new = NewDocument("a", "yjs", "e2", 2000, {"new": True})
    revived = await store.create(new, [commit(1, 2500)], revive=True)
    assert revived == Document(
        id="a",
        type="yjs",
        epoch="e2",
        version=1,
        floor=0,
        created=2000,
        updated=2500,
        metadata={"new": True},
    )
    assert await store.load("a") == Loaded(revived, None, (commit(1, 2500),))
    assert await append(store, "a", 2, 2) is GONE
    assert await store.save_snapshot("a", "e1", snapshot(1)) is False
    with pytest.raises(DocumentNotFound):
        await store.read("a", "e1", 0, 10)


async def test_revive_also_creates_what_never_was(store: Store) -> None:
    await store.create(NewDocument("a", "text", "e1", 1), revive=True)
    assert ids(await store.list()) == ["a"]


# Append ------------------------------------------------------------------------------------------


async def test_appended_commits_come_back_as_they_were(store: Store) -> None:
    await make(store)
    everything = Commit(
        1, 2**53, (Credit("a", 2**63 - 1, None, bytes(range(256))),), bytes(range(256)) * 300
    )
    assert await store.append([Append("a", "e1", 0, (everything,))]) == [OK]
    assert (await loaded(store)).commits == (everything,)
    assert await store.read("a", "e1", 0, 1) == [everything]


async def test_an_append_moves_head_and_time(store: Store) -> None:
    await make(store)
    assert await append(store, "a", 1, 3) is OK
    found = await store.get("a")
    assert found is not None
    assert (found.version, found.updated, found.floor) == (3, 1003, 0)


async def test_a_clock_that_went_back_does_not_make_a_document_older(store: Store) -> None:
    created = await store.create(NewDocument("a", "text", "e1", 10), [commit(1, 40), commit(2, 20)])
    assert created.updated == 40
    rows = (commit(3, 60), commit(4, 5))
    assert await store.append([Append("a", "e1", 2, rows)]) == [OK]
    assert (await loaded(store)).document.updated == 60
    assert await store.append([Append("a", "e1", 4, (commit(5, 50),))]) == [OK]
    assert (await loaded(store)).document.updated == 60


async def test_each_append_of_a_group_has_its_own_result(store: Store) -> None:
    for id in ("ahead", "behind", "dead", "fits", "fits too", "other"):
        await make(store, id, head=2)
    await store.delete("dead")
    results = await store.append(
        [
            Append("fits", "e1", 2, commits(3, 4)),
            Append("behind", "e1", 1, commits(2, 2)),
            Append("absent", "e1", 2, commits(3, 3)),
            Append("ahead", "e1", 3, commits(4, 4)),
            Append("other", "e0", 2, commits(3, 3)),
            Append("dead", "e1", 2, commits(3, 3)),
            Append("fits too", "e1", 2, commits(3, 3)),
        ]
    )
    assert results == [OK, CONFLICT, GONE, CONFLICT, GONE, GONE, OK]
    assert (await loaded(store, "fits")).commits == commits(1, 4)
    assert (await loaded(store, "fits too")).commits == commits(1, 3)
    for id in ("ahead", "behind", "other"):
        assert (await loaded(store, id)).commits == commits(1, 2)
    assert await store.get("absent") is None
    assert await store.get("dead") is None


async def test_an_append_that_would_tear_the_log_fails_alone(store: Store) -> None:
    for id in "abcd":
        await make(store, id, head=1)
    results = await store.append(
        [
            Append("a", "e1", 1, commits(2, 2)),
            Append("b", "e1", 1, commits(3, 3)),
            Append("c", "e1", 1, (commit(2), commit(4))),
            Append("d", "e1", 1, commits(2, 3)),
        ]
    )
    assert results == [OK, FAILED, FAILED, OK]
    for id, head in zip("abcd", (2, 1, 1, 3), strict=True):
        found = await loaded(store, id)
        assert found.document.version == head
        assert found.commits == commits(1, head)


async def test_appending_nothing_changes_nothing(store: Store) -> None:
    before = await make(store, head=1)
    assert await store.append([]) == []
    nothing = [Append("a", "e1", 1, ())]
    assert await store.append(nothing) == [OK]
    assert await store.get("a") == before


async def test_of_two_simultaneous_appends_of_a_version_one_wins(store: Store) -> None:
    await make(store)
    results: dict[str, list[AppendResult]] = {"x": [], "y": []}

    async def write(mark: str) -> None:
        for version in range(1, 51):
            row = commit(version, mark=mark)
            results[mark] += await store.append([Append("a", "e1", version - 1, (row,))])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write, "x")
        tasks.start_soon(write, "y")
    stored = (await loaded(store)).commits
    assert [row.version for row in stored] == list(range(1, 51))
    for place, row in enumerate(stored):
        mark = row.credits[0].author.removeprefix("author")
        assert results[mark][place] is OK
        assert results["y" if mark == "x" else "x"][place] is CONFLICT


# Read --------------------------------------------------------------------------------------------


async def test_reading_pages_through_the_log_in_order(store: Store) -> None:
    await make(store, head=25)
    pages = [await store.read("a", "e1", after, 10) for after in (0, 10, 20)]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert tuple(itertools.chain(*pages)) == commits(1, 25)


async def test_reading_is_bounded_by_bytes_but_gets_on(store: Store) -> None:
    await make(store, head=5)
    length = len(commit(1).operation)
    two = await store.read("a", "e1", 0, 10, max_bytes=2 * length)
    assert [each.version for each in two] == [1, 2]
    one = await store.read("a", "e1", 2, 10, max_bytes=1)
    assert [each.version for each in one] == [3]


async def test_reading_at_the_head_finds_nothing(store: Store) -> None:
    await make(store, head=3)
    assert await store.read("a", "e1", 3, 10) == []
    assert await store.read("a", "e1", 1, 0) == []


async def test_reading_above_the_head_is_refused(store: Store) -> None:
    await make(store, head=3)
    with pytest.raises(BaseAboveHead) as caught:
        await store.read("a", "e1", 4, 10)
    assert (caught.value.base, caught.value.version) == (4, 3)


async def test_reading_below_the_floor_is_refused(store: Store) -> None:
    await make(store, head=5)
    await store.save_snapshot("a", "e1", snapshot(3))
    assert await store.trim("a", "e1", 9999) == 3
    with pytest.raises(BelowFloor) as caught:
        await store.read("a", "e1", 2, 10)
    assert (caught.value.base, caught.value.floor) == (2, 3)
    assert tuple(await store.read("a", "e1", 3, 10)) == commits(4, 5)


async def test_reading_an_absent_document_or_another_epoch_is_refused(store: Store) -> None:
    await make(store, head=1)
    with pytest.raises(DocumentNotFound):
        await store.read("b", "e1", 0, 10)
    with pytest.raises(DocumentNotFound):
        await store.read("a", "e2", 0, 10)


@pytest.mark.parametrize("lost", [1, 3, 5])
async def test_a_gap_is_never_read_over(bench: Bench, lost: int) -> None:
    await make(bench.store, head=5)
    await bench.lose_commit("a", lost)
    with pytest.raises(DocumentBroken):
        await bench.store.read("a", "e1", 0, 10)


async def test_a_poll_names_those_that_exist(store: Store) -> None:
    await make(store, "a", head=2)
    await make(store, "b~é", epoch="e2")
    await make(store, "c")
    await store.delete("c")
    found = (await store.poll(["a", "b~é", "c", "nobody", "a"])).heads
    assert found == {"a": Head("e1", 2), "b~é": Head("e2", 0)}
    assert (await store.poll([])).heads == {}


async def test_a_poll_takes_many_ids(store: Store) -> None:
    await make(store, "id-4999", head=1)
    polled = await store.poll([f"id-{n}" for n in range(5000)])
    assert polled.heads == {"id-4999": Head("e1", 1)}


# Load --------------------------------------------------------------------------------------------


async def test_loading_an_absent_document_gives_none(store: Store) -> None:
    assert await store.load("a") is None
    assert await store.nearest("a", 3) is None
    assert await store.get("a") is None


async def test_loading_starts_from_the_newest_snapshot(store: Store) -> None:
    document = await make(store, head=6)
    await store.save_snapshot("a", "e1", snapshot(2))
    await store.save_snapshot("a", "e1", snapshot(4))
    assert await store.load("a") == Loaded(document, snapshot(4), commits(5, 6))
    await store.save_snapshot("a", "e1", snapshot(6))
    assert await store.load("a") == Loaded(document, snapshot(6), ())


@pytest.mark.parametrize("lost", [1, 3, 5])
async def test_a_log_with_a_gap_does_not_load(bench: Bench, lost: int) -> None:
    await make(bench.store, head=5)
    await bench.lose_commit("a", lost)
    with pytest.raises(DocumentBroken):
        await bench.store.load("a")
    assert (await bench.store.poll(["a"])).heads["a"].version == 5


async def test_a_trimmed_log_without_its_snapshot_does_not_load(bench: Bench) -> None:
    await make(bench.store, head=5)
    await bench.store.save_snapshot("a", "e1", snapshot(3))
    await bench.store.trim("a", "e1", 9999)
    await bench.lose_snapshots("a")
    with pytest.raises(DocumentBroken):
        await bench.store.load("a")


async def test_a_broken_document_leaves_the_others_alone(bench: Bench) -> None:
    await make(bench.store, "a", head=3)
    await make(bench.store, "b", head=3)
    await bench.lose_commit("a", 2)
    assert (await loaded(bench.store, "b")).commits == commits(1, 3)
    assert ids(await bench.store.list()) == ["a", "b"]


# Snapshots ---------------------------------------------------------------------------------------


async def test_a_snapshot_is_never_replaced_by_an_older_or_equal_one(store: Store) -> None:
    await make(store, head=6)
    assert await store.save_snapshot("a", "e1", snapshot(4)) is True
    assert await store.save_snapshot("a", "e1", snapshot(4, b"again")) is False
    assert await store.save_snapshot("a", "e1", snapshot(3)) is False
    assert (await loaded(store)).snapshot == snapshot(4)
    assert await nearest(store, 3) is None
    assert await store.save_snapshot("a", "e1", snapshot(5)) is True
    assert (await loaded(store)).snapshot == snapshot(5)


async def test_a_snapshot_of_another_epoch_or_no_document_is_refused(store: Store) -> None:
    await make(store, head=2)
    assert await store.save_snapshot("a", "e0", snapshot(1)) is False
    assert await store.save_snapshot("b", "e1", snapshot(1)) is False
    assert (await loaded(store)).snapshot is None


async def test_a_snapshot_above_the_head_is_refused(store: Store) -> None:
    await make(store, head=2)
    assert await store.save_snapshot("a", "e1", snapshot(3)) is False
    assert (await loaded(store)).snapshot is None
    assert await store.save_snapshot("a", "e1", snapshot(2)) is True


async def test_the_newest_two_snapshots_are_kept(store: Store) -> None:
    await make(store, head=4)
    for version in range(1, 5):
        assert await store.save_snapshot("a", "e1", snapshot(version)) is True
    kept = [await nearest(store, version) for version in range(1, 5)]
    assert kept == [None, None, snapshot(3), snapshot(4)]


# Looking back ------------------------------------------------------------------------------------


def milestone(version: int, mark: bytes = b"") -> Milestone:
    return Milestone(version, 6000 + version, b"\x00packed" + mark)


async def test_a_past_version_is_built_from_what_is_kept_nearest_below_it(store: Store) -> None:
    document = await make(store, head=8)
    await store.save_snapshot("a", "e1", snapshot(4))
    for version in (6, 2):
        assert await store.save_milestone("a", "e1", milestone(version)) is True
    assert await store.nearest("a", 0) == Nearest(document, None)
    kept = [await nearest(store, version) for version in range(1, 9)]
    two, four, six = milestone(2), snapshot(4), milestone(6)
    assert kept == [None, two, two, four, four, six, six, six]
    assert (await loaded(store)).snapshot == snapshot(4), "nobody goes on from a milestone"


async def test_of_a_snapshot_and_a_milestone_of_a_version_the_snapshot_is_used(
    store: Store,
) -> None:
    await make(store, head=3)
    await store.save_milestone("a", "e1", milestone(2))
    await store.save_snapshot("a", "e1", snapshot(2))
    assert await nearest(store, 3) == snapshot(2)


async def test_a_past_above_the_head_is_refused(store: Store) -> None:
    await make(store, head=2)
    await store.save_milestone("a", "e1", milestone(2))
    with pytest.raises(BaseAboveHead) as caught:
        await store.nearest("a", 3)
    assert (caught.value.base, caught.value.version) == (3, 2)


async def test_a_past_that_was_trimmed_is_refused(store: Store) -> None:
    await make(store, head=8)
    await store.save_milestone("a", "e1", milestone(2))
    await store.save_snapshot("a", "e1", snapshot(3))
    await store.save_snapshot("a", "e1", snapshot(6))
    assert await store.trim("a", "e1", 1005) == 4
    for version in (-1, 0, 2, 3, 4, 5):  # 4 can be resumed from, but not built
        with pytest.raises(VersionUnavailable):
            await store.nearest("a", version)
    assert await nearest(store, 6) == snapshot(6)
    assert await nearest(store, 7) == snapshot(6)
    assert await store.milestones("a", "e1") == []


async def test_a_milestone_at_the_floor_makes_it_readable(store: Store) -> None:
    await make(store, head=8)
    await store.save_milestone("a", "e1", milestone(4))
    await store.save_snapshot("a", "e1", snapshot(8))
    assert await store.trim("a", "e1", 1005) == 4
    assert await nearest(store, 4) == milestone(4)
    assert await nearest(store, 7) == milestone(4)


async def test_milestones_are_listed_with_their_sizes(store: Store) -> None:
    await make(store, head=5)
    await make(store, "b", head=5)
    await store.save_milestone("b", "e1", milestone(1))
    assert await store.milestones("a", "e1") == []
    for version, mark in ((4, b"12"), (2, b"")):
        await store.save_milestone("a", "e1", milestone(version, mark))
    assert await store.milestones("a", "e1") == [Mark(2, 7), Mark(4, 9)]


async def test_a_milestone_is_never_replaced(store: Store) -> None:
    await make(store, head=3)
    assert await store.save_milestone("a", "e1", milestone(2)) is True
    assert await store.save_milestone("a", "e1", milestone(2, b"again")) is False
    assert await nearest(store, 2) == milestone(2)


async def test_a_milestone_outside_the_log_is_refused(store: Store) -> None:
    await make(store, head=5)
    await store.save_snapshot("a", "e1", snapshot(5))
    assert await store.trim("a", "e1", 1004) == 3
    for id, epoch, version in (("a", "e1", 6), ("a", "e1", 2), ("a", "e0", 4), ("b", "e1", 4)):
        assert await store.save_milestone(id, epoch, milestone(version)) is False
    assert await store.milestones("a", "e1") == []


async def test_milestones_of_an_absent_document_or_another_epoch_are_refused(
    store: Store,
) -> None:
    await make(store, head=1)
    for id, epoch in (("b", "e1"), ("a", "e2")):
        with pytest.raises(DocumentNotFound):
            await store.milestones(id, epoch)
        with pytest.raises(DocumentNotFound):
            await store.log_bytes(id, epoch, 0, 1)


async def test_a_revived_document_has_no_milestones(store: Store) -> None:
    await make(store, head=3)
    await store.save_milestone("a", "e1", milestone(2))
    await store.delete("a")
    await store.create(NewDocument("a", "text", "e2", 1), commits(1, 3), revive=True)
    assert await store.milestones("a", "e2") == []
    assert await nearest(store, 3) is None


async def test_the_log_is_measured_with_its_credits(store: Store) -> None:
    await make(store, head=4)
    sizes = [len(each.operation) + len(encode_credits(each.credits)) for each in commits(1, 4)]
    assert await store.log_bytes("a", "e1", 0, 4) == sum(sizes)
    assert await store.log_bytes("a", "e1", 1, 3) == sizes[1] + sizes[2]
    assert await store.log_bytes("a", "e1", 4, 9) == 0


async def test_a_time_names_the_newest_version_from_then(store: Store) -> None:
    times = [2000, 3000, 3000, 5000]
    rows = [commit(version, time) for version, time in enumerate(times, start=1)]
    await store.create(NewDocument("a", "text", "e1", 1000), rows)
    at = [1000, 1999, 2000, 2999, 3000, 4999, 5000, 2**53]
    found = [await store.version_at("a", time) for time in at]
    assert [head.version for head in found] == [0, 0, 1, 1, 3, 3, 4, 4]
    assert {head.epoch for head in found} == {"e1"}
    with pytest.raises(VersionUnavailable):
        await store.version_at("a", 999)
    with pytest.raises(DocumentNotFound):
        await store.version_at("b", 2000)


async def test_a_time_in_trimmed_history_is_refused(store: Store) -> None:
    times = [2000, 3000, 4000, 6000]
    rows = [commit(version, time) for version, time in enumerate(times, start=1)]
    await store.create(NewDocument("a", "text", "e1", 1000), rows)
    await store.save_snapshot("a", "e1", snapshot(4))
    assert await store.trim("a", "e1", 5000) == 3
    for time in (1000, 3999):
        with pytest.raises(VersionUnavailable):
            await store.version_at("a", time)
    assert [(await store.version_at("a", time)).version for time in (4000, 5999, 6000)] == [3, 3, 4]


async def test_a_time_is_found_in_a_long_log(store: Store) -> None:
    rows = [commit(version, 1000 + version // 3) for version in range(1, 1001)]
    await store.create(NewDocument("a", "text", "e1", 1000), rows)
    for time in range(1000, 1340, 7):
        expected = min(3 * (time - 1000) + 2, 1000)
        assert (await store.version_at("a", time)).version == expected


# Named versions ----------------------------------------------------------------------------------


def named(version: int, name: str = "draft", *, automatic: bool = False) -> NamedVersion:
    user, author = (None, None) if automatic else ("Ünal 𝒰", "0123456789abcdef")
    return NamedVersion(version, name, 7000 + version, user, author, automatic)


async def give(store: Store, given: NamedVersion, most: int = 100, mark: bytes = b"") -> bool:
    return await store.name_version("a", "e1", given, milestone(given.version, mark), most)


async def test_named_versions_are_listed_the_newest_first(store: Store) -> None:
    await make(store, head=5)
    await make(store, "b", head=5)
    assert await store.versions("a", "e1") == []
    rows = [named(2, "two"), named(5, "five"), named(0, "none"), named(4, automatic=True)]
    for row in rows:
        assert await give(store, row) is True
    two, five, none, four = rows
    assert await store.versions("a", "e1") == [five, four, two, none]
    assert await store.versions("a", "e1", limit=2) == [five, four]
    assert await store.versions("a", "e1", before=4) == [two, none]
    assert await store.versions("a", "e1", automatic=True) == [four]
    assert await store.versions("a", "e1", before=5, limit=1, automatic=False) == [two]
    assert await store.versions("b", "e1") == []


async def test_a_version_has_one_name(store: Store) -> None:
    await make(store, head=3)
    assert await give(store, named(2, "first")) is True
    assert await give(store, named(2, "second")) is False
    assert await give(store, named(2, automatic=True)) is False
    assert await store.versions("a", "e1") == [named(2, "first")]


async def test_an_automatic_name_gives_way_to_a_given_one(store: Store) -> None:
    await make(store, head=3)
    assert await give(store, named(2, automatic=True)) is True
    assert await give(store, named(2, automatic=True)) is False
    assert await give(store, named(2, "mine"), mark=b"other") is True
    assert await store.versions("a", "e1") == [named(2, "mine")]
    assert await nearest(store, 2) == milestone(2)


async def test_given_names_are_bounded_and_automatic_ones_do_not_count(store: Store) -> None:
    await make(store, head=5)
    for version in (1, 2):
        await give(store, named(version), most=2)
    with pytest.raises(TooManyVersions):
        await give(store, named(3), most=2)
    assert await give(store, named(3, automatic=True), most=2) is True
    with pytest.raises(TooManyVersions):
        await give(store, named(3), most=2)
    assert [row.version for row in await store.versions("a", "e1")] == [3, 2, 1]
    assert await nearest(store, 5) == milestone(3)


async def test_a_name_is_given_to_what_is_there(store: Store) -> None:
    await make(store, head=3)
    with pytest.raises(BaseAboveHead):
        await give(store, named(4))
    for id, epoch in (("a", "e0"), ("b", "e1")):
        for call in (
            store.name_version(id, epoch, named(1), milestone(1), 9),
            store.versions(id, epoch),
            store.rename_version(id, epoch, 1, "x"),
            store.forget_version(id, epoch, 1),
        ):
            with pytest.raises(DocumentNotFound):
                await call
    assert await store.milestones("a", "e1") == []


async def test_a_renamed_version_is_automatic_no_longer(store: Store) -> None:
    await make(store, head=3)
    await give(store, named(2, automatic=True))
    renamed = await store.rename_version("a", "e1", 2, "kept")
    assert (renamed.name, renamed.automatic, renamed.time) == ("kept", False, 7002)
    assert await store.versions("a", "e1") == [renamed]
    with pytest.raises(VersionNotFound):
        await store.rename_version("a", "e1", 1, "x")


async def test_a_named_version_outlives_the_history_around_it(store: Store) -> None:
    await make(store, head=8)
    await give(store, named(2))
    await store.save_milestone("a", "e1", milestone(3))
    await store.save_snapshot("a", "e1", snapshot(8))
    assert await store.trim("a", "e1", 1007) == 6
    assert await nearest(store, 2) == milestone(2)
    for version in (1, 3, 6):
        with pytest.raises(VersionUnavailable):
            await store.nearest("a", version)
    assert await store.forget_version("a", "e1", 2) is True
    assert await store.forget_version("a", "e1", 2) is False
    with pytest.raises(VersionUnavailable):
        await store.nearest("a", 2)


async def test_a_forgotten_version_above_the_floor_stays_readable(store: Store) -> None:
    await make(store, head=4)
    await give(store, named(2))
    await store.forget_version("a", "e1", 2)
    assert await nearest(store, 3) == milestone(2)


async def test_names_and_retention_end_with_their_document(store: Store) -> None:
    await make(store, head=3)
    await give(store, named(2))
    await store.set_retention("a", Retention(days=3))
    await store.delete("a")
    await store.create(NewDocument("a", "text", "e2", 1), commits(1, 3), revive=True)
    assert await store.versions("a", "e2") == []
    assert (await loaded(store)).document.retention == Retention()


async def test_retention_is_replaced_whole(store: Store) -> None:
    before = await make(store, head=1)
    assert before.retention == Retention()
    kept = Retention(days=1.5, version_minutes="never")
    changed = await store.set_retention("a", kept)
    assert changed.retention == kept
    assert await store.get("a") == changed
    assert (await loaded(store)).document == changed
    assert await store.list() == [changed]
    await store.set_retention("a", Retention(days="forever"))
    assert (await store.set_metadata("a", {"k": 1})).retention == Retention(days="forever")
    with pytest.raises(DocumentNotFound):
        await store.set_retention("b", kept)


# Rewriting ---------------------------------------------------------------------------------------


async def test_a_history_is_written_anew_at_once(store: Store) -> None:
    await make(store, head=6)
    await store.save_snapshot("a", "e1", snapshot(5))
    for version in (2, 4):
        await store.save_milestone("a", "e1", milestone(version))
    await give(store, named(4))
    new = commit(3, mark="new")
    change = Rewrite(
        "e1-b", 0, [new], [snapshot(6, b"new")], [milestone(2, b"new"), milestone(4, b"new")]
    )
    assert await store.rewrite("a", Head("e1", 6), change) is True
    assert await store.rewrite("a", Head("e1", 6), change) is True, "again"
    assert await store.read("a", "e1-b", 0, 9) == [*commits(1, 2), new, *commits(4, 6)]
    found = await loaded(store)
    assert (found.document.epoch, found.document.floor, found.snapshot) == (
        "e1-b",
        0,
        snapshot(6, b"new"),
    )
    assert [await nearest(store, version) for version in (1, 3, 5)] == [
        None,
        milestone(2, b"new"),
        milestone(4, b"new"),
    ]
    assert await store.versions("a", "e1-b") == [named(4)]
    [result] = await store.append([Append("a", "e1", 6, commits(7, 7))])
    assert result is GONE
    [result] = await store.append([Append("a", "e1-b", 6, commits(7, 7))])
    assert result is OK


async def test_a_history_written_anew_may_begin_later(store: Store) -> None:
    await make(store, head=6)
    await make(store, "b", head=6)
    await store.save_snapshot("a", "e1", snapshot(3))
    await give(store, named(2))
    await give(store, named(6))
    change = Rewrite("e1-b", 6, (), [snapshot(6)], [])
    assert await store.rewrite("a", Head("e1", 6), change) is True
    found = await loaded(store)
    assert (found.document.floor, found.document.version, found.commits) == (6, 6, ())
    assert await store.versions("a", "e1-b") == [named(6)]
    assert await store.milestones("a", "e1-b") == []
    with pytest.raises(VersionUnavailable):
        await store.nearest("a", 5)
    with pytest.raises(VersionUnavailable):
        await store.version_at("a", 1005)
    assert (await store.version_at("a", 1006)).version == 6
    assert tuple(await store.read("b", "e1", 0, 9)) == commits(1, 6)


async def test_what_is_kept_is_left_as_it_is_unless_there_is_something_in_its_place(
    store: Store,
) -> None:
    await make(store, head=4)
    await store.save_snapshot("a", "e1", snapshot(4))
    await store.save_milestone("a", "e1", milestone(2))
    await give(store, named(3))
    await give(store, msgspec.structs.replace(named(1), user="other"))
    change = Rewrite("e1-b", 0, [commit(2, mark="new")], user="Ünal 𝒰")
    assert await store.rewrite("a", Head("e1", 4), change) is True
    assert (await loaded(store)).snapshot == snapshot(4)
    assert await nearest(store, 2) == milestone(2)
    users = [row.user for row in await store.versions("a", "e1-b")]
    assert users == [None, "other"]


async def test_only_the_head_that_was_looked_at_is_written_anew(store: Store) -> None:
    await make(store, head=3)
    change = Rewrite("e1-b", 3, (), [snapshot(3)], [])
    for head in (Head("e1", 2), Head("e1", 4), Head("e0", 3)):
        assert await store.rewrite("a", head, change) is False
    assert await store.rewrite("b", Head("e1", 3), change) is False
    assert (await loaded(store)).commits == commits(1, 3)
    assert (await loaded(store)).document.epoch == "e1"
    await append(store, "a", 4, 4)
    assert await store.rewrite("a", Head("e1", 3), change) is False


# Trim --------------------------------------------------------------------------------------------


async def test_without_a_snapshot_nothing_is_trimmed(store: Store) -> None:
    await make(store, head=5)
    assert await store.trim("a", "e1", 9999) == 0
    assert (await loaded(store)).commits == commits(1, 5)


async def test_trimming_stops_at_the_newest_snapshot(store: Store) -> None:
    await make(store, head=5)
    await store.save_snapshot("a", "e1", snapshot(3))
    assert await store.trim("a", "e1", 9999) == 3
    found = await loaded(store)
    assert (found.document.floor, found.document.version) == (3, 5)
    assert (found.snapshot, found.commits) == (snapshot(3), commits(4, 5))
    assert await append(store, "a", 6, 6) is OK
    assert (await loaded(store)).commits == commits(4, 6)


async def test_trimming_drops_only_what_is_older(store: Store) -> None:
    await make(store, head=5)
    await store.save_snapshot("a", "e1", snapshot(5))
    assert await store.trim("a", "e1", 1001) == 0
    assert await store.trim("a", "e1", 1003) == 2
    assert tuple(await store.read("a", "e1", 2, 10)) == commits(3, 5)


async def test_trimming_drops_only_a_prefix(store: Store) -> None:
    times = [10, 20, 99, 30, 40]
    rows = [commit(version, time) for version, time in enumerate(times, start=1)]
    await store.create(NewDocument("a", "text", "e1", 1), rows)
    await store.save_snapshot("a", "e1", snapshot(5))
    assert await store.trim("a", "e1", 50) == 2
    assert await store.read("a", "e1", 2, 10) == rows[2:]


async def test_trimming_again_never_lowers_the_floor(store: Store) -> None:
    await make(store, head=5)
    await store.save_snapshot("a", "e1", snapshot(4))
    assert await store.trim("a", "e1", 1004) == 3
    assert await store.trim("a", "e1", 1002) == 3
    assert await store.trim("a", "e1", 9999) == 4
    assert await store.trim("a", "e1", 9999) == 4


async def test_a_dry_trim_only_tells(store: Store) -> None:
    await make(store, head=5)
    await store.save_milestone("a", "e1", milestone(1))
    await store.save_snapshot("a", "e1", snapshot(4))
    before = await loaded(store)
    assert await store.trim("a", "e1", 1004, dry=True) == 3
    assert await store.trim("a", "e1", 9999, dry=True) == 4
    assert await loaded(store) == before
    assert await store.read("a", "e1", 0, 9) == list(commits(1, 5))
    assert await store.milestones("a", "e1") == [Mark(1, 7)]
    assert (await store.version_at("a", 1001)).version == 1
    assert await store.trim("a", "e1", 1004) == 3


async def test_trimming_leaves_the_neighbours_alone(store: Store) -> None:
    for id in "abc":
        await make(store, id, head=4)
        await store.save_snapshot(id, "e1", snapshot(3))
    await store.trim("b", "e1", 9999)
    for id in "ac":
        assert tuple(await store.read(id, "e1", 0, 10)) == commits(1, 4)


async def test_trimming_an_absent_document_or_another_epoch_is_refused(store: Store) -> None:
    await make(store, head=1)
    with pytest.raises(DocumentNotFound):
        await store.trim("b", "e1", 1)
    with pytest.raises(DocumentNotFound):
        await store.trim("a", "e2", 1)


# List and metadata -------------------------------------------------------------------------------


async def test_documents_are_listed_by_code_point(store: Store) -> None:
    wanted = ["A", "B", "Z", "_", "a", "b", "z", "é", "日本", "\uffff", "𝒰"]
    for id in reversed(wanted):
        await make(store, id)
    assert ids(await store.list()) == wanted


async def test_a_list_shows_whole_rows(store: Store) -> None:
    await store.create(NewDocument("a", "text", "e1", 5, {"k": "v"}), commits(1, 2))
    assert await store.list() == [await store.get("a")]


async def test_listing_goes_on_after_an_id(store: Store) -> None:
    everything = [f"doc-{n:03}" for n in range(25)]
    for id in everything:
        await make(store, id)
    seen: list[str] = []
    after = ""
    while page := ids(await store.list(prefix="doc-", after=after, limit=10)):
        assert len(page) <= 10
        seen += page
        after = page[-1]
    assert seen == everything
    assert ids(await store.list(after="doc-0105", limit=1)) == ["doc-011"]
    assert await store.list(limit=0) == []


async def test_a_list_has_a_hundred_rows_unless_told(store: Store) -> None:
    for n in range(101):
        await make(store, f"{n:03}")
    assert len(await store.list()) == 100


@pytest.mark.parametrize(
    ("prefix", "wanted"),
    [
        ("", ["A%b", "A_b", "Axb", "a%b", "a*b", "a[b", "a\\b", "a_b", "axb", "é1", "𝒰1"]),
        ("a", ["a%b", "a*b", "a[b", "a\\b", "a_b", "axb"]),
        ("a_", ["a_b"]),
        ("a%", ["a%b"]),
        ("a*", ["a*b"]),
        ("a[", ["a[b"]),
        ("a\\", ["a\\b"]),
        ("A", ["A%b", "A_b", "Axb"]),
        ("axb", ["axb"]),
        ("axbc", []),
        ("é", ["é1"]),
        ("𝒰", ["𝒰1"]),
        ("\ud7ff", []),
        ("\U0010ffff", []),
    ],
)
async def test_a_prefix_is_plain_text(store: Store, prefix: str, wanted: list[str]) -> None:
    for id in ("axb", "a_b", "a%b", "a*b", "a[b", "a\\b", "Axb", "A_b", "A%b", "é1", "𝒰1"):
        await make(store, id)
    assert ids(await store.list(prefix=prefix)) == wanted


async def test_a_prefix_ends_where_it_ends(store: Store) -> None:
    around = ["a", "a!", "a\U0010ffff", "a\U0010ffffb", "b", "\ud7ff1", "\ue000"]
    for id in around:
        await make(store, id)
    assert ids(await store.list(prefix="a")) == ["a", "a!", "a\U0010ffff", "a\U0010ffffb"]
    assert ids(await store.list(prefix="a\U0010ffff")) == ["a\U0010ffff", "a\U0010ffffb"]
    assert ids(await store.list(prefix="\ud7ff")) == ["\ud7ff1"]
    assert ids(await store.list(prefix="a", after="a!", limit=1)) == ["a\U0010ffff"]
    assert await store.list(prefix="a", after="b") == []


async def test_a_list_can_be_of_one_type(store: Store) -> None:
    for id, type in (("a", "text"), ("b", "yjs"), ("c", "text"), ("ab", "yjs")):
        await store.create(NewDocument(id, type, "e1", 1))
    assert ids(await store.list(type="text")) == ["a", "c"]
    assert ids(await store.list(type="yjs", prefix="a")) == ["ab"]
    assert await store.list(type="richtext") == []


async def test_metadata_is_replaced_whole(store: Store) -> None:
    await store.create(NewDocument("a", "text", "e1", 1, {"kept": 1}), commits(1, 2))
    replaced = await store.set_metadata("a", {"title": "日本", "nested": {"deep": [True]}})
    assert replaced.metadata == {"title": "日本", "nested": {"deep": [True]}}
    assert (replaced.version, replaced.epoch) == (2, "e1")
    assert await store.get("a") == replaced


async def test_metadata_of_an_absent_document_is_refused(store: Store) -> None:
    with pytest.raises(DocumentNotFound):
        await store.set_metadata("a", {})
    assert await store.get("a") is None


async def test_what_a_caller_does_to_metadata_stays_with_the_caller(store: Store) -> None:
    given: dict[str, Any] = {"list": []}
    created = await store.create(NewDocument("a", "text", "e1", 1, given))
    given["list"].append(1)
    created.metadata["list"].append(2)
    found = await store.get("a")
    assert found is not None
    assert found.metadata == {"list": []}


# Grants ------------------------------------------------------------------------------------------


async def grant(store: Store, *places: tuple[str, str], access: Access | None = READ) -> list[int]:
    """Store the same right for each of `places`; the access versions."""
    new = [NewGrant(document, user, access) for document, user in places]
    return [each.version for each in await store.set_grants(new)]


async def changes(store: Store) -> list[Grant]:
    return list(await store.grant_changes(0, 10_000))


async def access_version(store: Store) -> int:
    return (await store.poll([])).access_version


async def test_a_store_begins_without_grants(store: Store) -> None:
    assert await store.poll([]) == Polled({}, 0)
    assert list(await store.grants(["a", ANY], ["ada", ANY])) == []
    assert list(await store.list_grants()) == []
    assert await changes(store) == []


async def test_grants_get_access_versions_in_order(store: Store) -> None:
    stored = await store.set_grants(
        [NewGrant("b", "ada", WRITE), NewGrant("a", "𝒰nal", NONE), NewGrant("a", "ada", None)]
    )
    assert list(stored) == [
        Grant("b", "ada", WRITE, 1),
        Grant("a", "𝒰nal", NONE, 2),
        Grant("a", "ada", None, 3),
    ]
    assert await access_version(store) == 3
    assert await grant(store, ("a", "bob")) == [4]
    assert await access_version(store) == 4
    assert await changes(store) == [*stored, Grant("a", "bob", READ, 4)]


async def test_a_grant_replaces_that_for_its_document_and_user(store: Store) -> None:
    await grant(store, ("a", "ada"), ("a", "bob"), ("b", "ada"))
    await grant(store, ("a", "ada"), access=ADMIN)
    assert list(await store.list_grants()) == [
        Grant("a", "ada", ADMIN, 4),
        Grant("a", "bob", READ, 2),
        Grant("b", "ada", READ, 3),
    ]
    assert [each.version for each in await changes(store)] == [2, 3, 4]


async def test_the_last_of_two_grants_for_the_same_counts(store: Store) -> None:
    new = [NewGrant("a", "ada", READ), NewGrant("b", "ada", READ), NewGrant("a", "ada", WRITE)]
    assert [each.version for each in await store.set_grants(new)] == [1, 2, 3]
    assert list(await store.grants(["a"], ["ada"])) == [Grant("a", "ada", WRITE, 3)]
    assert [each.version for each in await changes(store)] == [2, 3]
    assert await access_version(store) == 3


async def test_a_right_of_none_is_no_grant_taken_back(store: Store) -> None:
    await grant(store, ("a", "ada"), access=NONE)
    assert list(await store.grants(["a"], ["ada"])) == [Grant("a", "ada", NONE, 1)]
    assert list(await store.list_grants()) == [Grant("a", "ada", NONE, 1)]


async def test_a_grant_taken_back_is_heard_of_and_not_found(store: Store) -> None:
    await grant(store, ("a", "ada"), ("a", "bob"))
    await grant(store, ("a", "ada"), access=None)
    assert list(await store.grants(["a"], ["ada", "bob"])) == [Grant("a", "bob", READ, 2)]
    assert list(await store.list_grants()) == [Grant("a", "bob", READ, 2)]
    assert list(await store.list_grants(limit=1)) == [Grant("a", "bob", READ, 2)]
    assert await changes(store) == [Grant("a", "bob", READ, 2), Grant("a", "ada", None, 3)]
    await grant(store, ("a", "ada"), access=WRITE)
    assert list(await store.grants(["a"], ["ada"])) == [Grant("a", "ada", WRITE, 4)]


async def test_what_never_was_granted_can_be_taken_back(store: Store) -> None:
    assert await grant(store, ("a", "ada"), access=None) == [1]
    assert await access_version(store) == 1
    assert list(await store.list_grants()) == []
    assert await changes(store) == [Grant("a", "ada", None, 1)]


async def test_storing_no_grants_changes_nothing(store: Store) -> None:
    await grant(store, ("a", "ada"))
    assert list(await store.set_grants([])) == []
    assert await access_version(store) == 1


async def test_grants_for_all_are_found_only_if_asked_for(store: Store) -> None:
    places = [(document, user) for document in ("a", "b", ANY) for user in ("ada", "bob", ANY)]
    await grant(store, *places)

    async def found(documents: list[str], users: list[str]) -> list[tuple[str, str]]:
        return sorted((each.document, each.user) for each in await store.grants(documents, users))

    assert await found(["a"], ["ada"]) == [("a", "ada")]
    assert await found([ANY], ["ada"]) == [(ANY, "ada")]
    assert await found(["a", "nothing", "a"], [ANY]) == [("a", ANY)]
    assert await found(["a", ANY], ["ada", ANY, "ada"]) == [
        (ANY, ANY),
        (ANY, "ada"),
        ("a", ANY),
        ("a", "ada"),
    ]
    assert await found([], ["ada"]) == []
    assert await found(["a"], []) == []


async def test_grants_of_many_documents_are_found_at_once(store: Store) -> None:
    await grant(store, ("id-4999", "ada"), ("id-0", "bob"))
    many = [f"id-{n}" for n in range(5000)]
    assert list(await store.grants(many, ["ada"])) == [Grant("id-4999", "ada", READ, 1)]


async def test_grants_are_listed_by_code_point(store: Store) -> None:
    words = ["*", "A", "B", "_", "a", "a-", "b", "é", "\uffff", "𝒰"]
    places = [(document, user) for document in words for user in words]
    await grant(store, *reversed(places))
    listed = await store.list_grants(limit=1000)
    assert [(each.document, each.user) for each in listed] == places


async def test_a_list_of_grants_goes_on_after_a_pair(store: Store) -> None:
    places = [(f"doc-{n}", user) for n in range(5) for user in ("*", "ada", "bob", "é")]
    await grant(store, *reversed(places))
    seen: list[tuple[str, str]] = []
    after = ("", "")
    while page := await store.list_grants(after=after, limit=3):
        assert len(page) <= 3
        seen += [(each.document, each.user) for each in page]
        after = seen[-1]
    assert seen == places
    # The pair need not exist, and only the first of it may.
    [following] = await store.list_grants(after=("doc-1", "b"), limit=1)
    assert (following.document, following.user) == ("doc-1", "bob")
    [following] = await store.list_grants(after=("doc-1", "\U0010ffff"), limit=1)
    assert (following.document, following.user) == ("doc-2", "*")
    assert list(await store.list_grants(limit=0)) == []


async def test_grants_are_listed_for_a_document_or_a_user(store: Store) -> None:
    await grant(store, *((d, u) for d in ("a", "b", ANY) for u in ("ada", "bob", ANY)))

    async def places(**wanted: Any) -> list[str]:
        return [f"{each.document} {each.user}" for each in await store.list_grants(**wanted)]

    assert await places(document="a") == ["a *", "a ada", "a bob"]
    assert await places(document=ANY) == ["* *", "* ada", "* bob"]
    assert await places(user="ada") == ["* ada", "a ada", "b ada"]
    assert await places(user=ANY) == ["* *", "a *", "b *"]
    assert await places(document="a", user="bob") == ["a bob"]
    assert await places(document="a", after=("a", "*"), limit=1) == ["a ada"]
    assert await places(user="ada", after=("a", "ada")) == ["b ada"]
    assert await places(user="bob", after=("a", "ada")) == ["a bob", "b bob"]
    assert await places(document="a", after=("b", "")) == []


async def test_a_list_has_a_hundred_grants_unless_told(store: Store) -> None:
    await grant(store, *(("a", f"{n:03}") for n in range(101)))
    assert len(await store.list_grants()) == 100


async def test_changes_are_heard_page_by_page(store: Store) -> None:
    await grant(store, *((f"{n}", "ada") for n in range(7)))
    await grant(store, ("2", "ada"), ("5", "ada"), access=None)
    heard: list[int] = []
    after = 0
    while page := await store.grant_changes(after, 3):
        assert len(page) <= 3
        heard += [each.version for each in page]
        after = heard[-1]
    assert heard == [1, 2, 4, 5, 7, 8, 9]
    assert [each.version for each in await store.grant_changes(6, 2)] == [7, 8]
    assert list(await store.grant_changes(9, 3)) == []
    assert list(await store.grant_changes(99, 3)) == []
    assert list(await store.grant_changes(0, 0)) == []


async def test_simultaneous_changes_leave_no_hole(store: Store) -> None:
    """Whoever has seen a version can ask for what follows: nothing below it comes later."""
    given: list[int] = []
    heard: list[int] = []
    done = anyio.Event()

    async def change(user: str) -> None:
        for n in range(10):
            given.extend(await grant(store, (f"{n}-1", user), (f"{n}-2", user)))

    async def follow() -> None:
        while True:
            over = done.is_set()
            known = await access_version(store)
            page = await store.grant_changes(len(heard), 1000)
            heard.extend(each.version for each in page)
            assert heard == list(range(1, len(heard) + 1))
            assert len(heard) >= known
            if over:
                return

    async with anyio.create_task_group() as followers:
        followers.start_soon(follow)
        async with anyio.create_task_group() as writers:
            for user in ("ada", "bob", "cy", "dee"):
                writers.start_soon(change, user)
        done.set()
    assert sorted(given) == heard == list(range(1, 81))
    pairs = zip(given[::2], given[1::2], strict=True)
    assert all(second == first + 1 for first, second in pairs)


async def test_a_poll_tells_heads_and_the_access_version(store: Store) -> None:
    await make(store, head=2)
    await grant(store, ("a", "ada"), ("b", "ada"))
    assert await store.poll(["a", "b"]) == Polled({"a": Head("e1", 2)}, 2)


async def test_grants_outlive_their_document(store: Store) -> None:
    await grant(store, ("a", "ada"), ("a", ANY))  # before there is such a document
    await make(store)
    assert await store.delete("a") is True
    kept = [Grant("a", ANY, READ, 2), Grant("a", "ada", READ, 1)]
    assert list(await store.list_grants(document="a")) == kept
    assert await access_version(store) == 2
    await store.create(NewDocument("a", "text", "e2", 1), revive=True)
    assert list(await store.list_grants(document="a")) == kept
