"""Whatever is done to a store, every database gives the same answers as memory does."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

from anyio.from_thread import start_blocking_portal
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from collab.errors import CollabError
from collab.storage import Append, NewDocument, NewGrant, Rewrite, Store
from collab.storage.connect import open_store
from collab.words import (
    ANY,
    Access,
    Commit,
    Credit,
    Head,
    Milestone,
    NamedVersion,
    Retention,
    Snapshot,
)
from tests.services.postgres import PostgresServer

IDS = ["a", "a_", "a%", "b"]
ids = st.sampled_from(IDS)
epochs = st.sampled_from(["e1", "e2"])
versions = st.integers(min_value=0, max_value=12)
times = st.integers(min_value=0, max_value=9)
users = st.sampled_from(["ada", "é", ANY])
rights = st.none() | st.sampled_from(Access)
places = st.sampled_from([*IDS, ANY])


def run_of(after: int, their_times: list[int]) -> tuple[Commit, ...]:
    return tuple(
        Commit(version, time, (Credit("author", version, None, b"d"),), bytes([time]))
        for version, time in enumerate(their_times, start=after + 1)
    )


class Agreement(RuleBasedStateMachine):
    """Every rule makes the same call on both stores and compares results and errors."""

    def __init__(self, database_url: Callable[[ExitStack], str]) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.portal = self.stack.enter_context(start_blocking_portal())
        self.stores = [
            self.stack.enter_context(self.portal.wrap_async_context_manager(open_store(url)))
            for url in ("memory://", database_url(self.stack))
        ]

    def teardown(self) -> None:
        self.stack.close()

    def both(self, call: Callable[[Store], Awaitable[Any]]) -> None:
        memory, database = (self.portal.call(self.outcome, store, call) for store in self.stores)
        assert memory == database

    @staticmethod
    async def outcome(store: Store, call: Callable[[Store], Awaitable[Any]]) -> Any:
        try:
            return await call(store)
        except CollabError as error:
            return type(error), str(error), vars(error)

    @rule(id=ids, epoch=epochs, first=st.lists(times, max_size=3), revive=st.booleans())
    def create(self, id: str, epoch: str, first: list[int], revive: bool) -> None:
        new = NewDocument(id, "text" if epoch == "e1" else "yjs", epoch, 3, {"epoch": epoch})
        self.both(lambda store: store.create(new, run_of(0, first), revive=revive))

    @rule(
        batches=st.lists(
            st.tuples(ids, epochs, versions, st.lists(times, max_size=4), st.booleans()),
            max_size=4,
            unique_by=lambda batch: batch[0],
        )
    )
    def append(self, batches: list[tuple[str, str, int, list[int], bool]]) -> None:
        appends = [
            Append(id, epoch, expected, run_of(expected + torn, their_times))
            for id, epoch, expected, their_times, torn in batches
        ]
        self.both(lambda store: store.append(appends))

    @rule(id=ids, their_times=st.lists(times, min_size=1, max_size=3))
    def append_at_the_head(self, id: str, their_times: list[int]) -> None:
        async def call(store: Store) -> object:
            found = await store.get(id)
            if found is None:
                return None
            rows = run_of(found.version, their_times)
            return await store.append([Append(id, found.epoch, found.version, rows)])

        self.both(call)

    @rule(id=ids, epoch=epochs, version=versions)
    def save_snapshot(self, id: str, epoch: str, version: int) -> None:
        snapshot = Snapshot(version, 1, bytes([version]), b"names")
        self.both(lambda store: store.save_snapshot(id, epoch, snapshot))

    @rule(id=ids, version=versions, floor=versions, kept=st.booleans())
    def rewrite(self, id: str, version: int, floor: int, kept: bool) -> None:
        async def call(store: Store) -> object:
            found = await store.get(id)
            if found is None or not found.floor <= floor <= found.version:
                return None
            change = Rewrite(
                f"e1-{found.epoch}"[:9],
                floor,
                run_of(version, [3]),
                None if kept else [Snapshot(found.version, 1, b"new", b"names")],
                None if kept else [Milestone(floor, 1, b"new")],
                user="ada",
            )
            return await store.rewrite(id, Head(found.epoch, found.version), change)

        if not kept or floor == 0:
            self.both(call)

    @rule(id=ids, epoch=epochs, before=times, dry=st.booleans())
    def trim(self, id: str, epoch: str, before: int, dry: bool) -> None:
        self.both(lambda store: store.trim(id, epoch, before, dry=dry))

    @rule(id=ids, value=st.integers(min_value=-5, max_value=5))
    def set_metadata(self, id: str, value: int) -> None:
        self.both(lambda store: store.set_metadata(id, {"value": value}))

    @rule(id=ids)
    def delete(self, id: str) -> None:
        self.both(lambda store: store.delete(id))

    @rule(id=ids, epoch=epochs, after=versions, limit=versions)
    def read(self, id: str, epoch: str, after: int, limit: int) -> None:
        self.both(lambda store: store.read(id, epoch, after, limit))

    @rule(id=ids, epoch=epochs, version=versions)
    def save_milestone(self, id: str, epoch: str, version: int) -> None:
        milestone = Milestone(version, 1, bytes([version]))
        self.both(lambda store: store.save_milestone(id, epoch, milestone))

    @rule(id=ids, epoch=epochs)
    def milestones(self, id: str, epoch: str) -> None:
        self.both(lambda store: store.milestones(id, epoch))

    @rule(id=ids, epoch=epochs, after=versions, until=versions)
    def log_bytes(self, id: str, epoch: str, after: int, until: int) -> None:
        self.both(lambda store: store.log_bytes(id, epoch, after, until))

    @rule(id=ids, epoch=epochs, version=versions, automatic=st.booleans())
    def name_version(self, id: str, epoch: str, version: int, automatic: bool) -> None:
        named = NamedVersion(version, "name", 1, "ada", None, automatic)
        milestone = Milestone(version, 2, bytes([version]))
        self.both(lambda store: store.name_version(id, epoch, named, milestone, 3))

    @rule(id=ids, epoch=epochs, version=versions)
    def rename_version(self, id: str, epoch: str, version: int) -> None:
        self.both(lambda store: store.rename_version(id, epoch, version, "other"))

    @rule(id=ids, epoch=epochs, version=versions)
    def forget_version(self, id: str, epoch: str, version: int) -> None:
        self.both(lambda store: store.forget_version(id, epoch, version))

    @rule(id=ids, epoch=epochs, before=st.none() | versions, automatic=st.none() | st.booleans())
    def named_versions(
        self, id: str, epoch: str, before: int | None, automatic: bool | None
    ) -> None:
        self.both(lambda store: store.versions(id, epoch, before=before, automatic=automatic))

    @rule(id=ids, days=st.none() | st.just("forever") | st.integers(1, 9))
    def set_retention(self, id: str, days: Any) -> None:
        self.both(lambda store: store.set_retention(id, Retention(days=days)))

    @rule(id=ids, version=versions)
    def nearest(self, id: str, version: int) -> None:
        self.both(lambda store: store.nearest(id, version))

    @rule(id=ids, time=times)
    def version_at(self, id: str, time: int) -> None:
        self.both(lambda store: store.version_at(id, time))

    @rule(prefix=st.sampled_from(["", *IDS]), after=st.sampled_from(["", *IDS]), limit=versions)
    def list_documents(self, prefix: str, after: str, limit: int) -> None:
        self.both(lambda store: store.list(prefix=prefix, after=after, limit=limit, type="text"))

    @rule(granted=st.lists(st.tuples(places, users, rights), max_size=4))
    def set_grants(self, granted: list[tuple[str, str, Access | None]]) -> None:
        new = [NewGrant(*each) for each in granted]
        self.both(lambda store: store.set_grants(new))

    @rule(documents=st.lists(places, max_size=3), wanted=st.lists(users, max_size=2))
    def grants(self, documents: list[str], wanted: list[str]) -> None:
        async def call(store: Store) -> object:
            found = await store.grants(documents, wanted)
            return sorted(found, key=lambda each: each.version)

        self.both(call)

    @rule(
        document=st.none() | places,
        user=st.none() | users,
        after=st.tuples(st.just("") | places, st.just("") | users),
        limit=versions,
    )
    def list_grants(
        self, document: str | None, user: str | None, after: tuple[str, str], limit: int
    ) -> None:
        self.both(
            lambda store: store.list_grants(document=document, user=user, after=after, limit=limit)
        )

    @rule(after=versions, limit=versions)
    def grant_changes(self, after: int, limit: int) -> None:
        self.both(lambda store: store.grant_changes(after, limit))

    @invariant()
    def everything_is_the_same(self) -> None:
        async def everything(store: Store) -> object:
            return (
                await store.list(),
                await store.poll(IDS),
                [await store.load(id) for id in IDS],
            )

        self.both(everything)


def check(database_url: Callable[[ExitStack], str]) -> None:
    class Checked(Agreement):
        def __init__(self) -> None:
            super().__init__(database_url)

    run_state_machine_as_test(
        Checked, settings=settings(max_examples=30, stateful_step_count=30, deadline=None)
    )


def test_sqlite_and_memory_agree() -> None:
    def in_a_new_folder(stack: ExitStack) -> str:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        return f"sqlite:///{folder}/collab.db"

    check(in_a_new_folder)


def test_postgres_and_memory_agree(postgres: PostgresServer) -> None:
    check(lambda stack: postgres.url(postgres.create_database()))
