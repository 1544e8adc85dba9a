"""Versions that are named by themselves: when, and which."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import anyio

from collab.registry import Registry
from collab.session import Session
from collab.storage import Store
from collab.storage.memory import MemoryStore
from collab.words import NamedVersion, Retention
from tests.simulation.virtual import run as run_virtual
from tests.unit.nodes import allowed, create, edit, insert, node

MINUTE = 60.0


@asynccontextmanager
async def opened(store: Store, **changes: Any) -> AsyncIterator[tuple[Registry, Session]]:
    """The document, held open on a node that names versions every ten minutes."""
    given = {"version_minutes": 10.0, **changes}
    async with node(store, **given) as registry, registry.open("doc") as session:
        yield registry, session


async def type_for(session: Session, minutes: float) -> None:
    """An edit every half minute."""
    until = anyio.current_time() + minutes * MINUTE
    while anyio.current_time() < until:
        await session.edit(
            edit(session, f"client {session.version}", 1, None, insert("x")), allowed
        )
        await anyio.sleep(MINUTE / 2)


async def named(store: Store) -> list[NamedVersion]:
    """The oldest first."""
    return list(reversed(await store.versions("doc", "e1")))


def test_one_is_named_for_every_so_many_minutes_of_activity() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        await create(store)
        async with opened(store) as (_, session):
            await type_for(session, 45)
            found = await named(store)
        assert len(found) == 4
        assert all(each.automatic and each.author is each.user is None for each in found)
        gaps = [later.time - earlier.time for earlier, later in pairwise(found)]
        assert all(10 * MINUTE * 1000 <= gap <= 11 * MINUTE * 1000 for gap in gaps)

    run_virtual(scenario)


def test_where_nothing_is_written_none_is_named() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        await create(store)
        async with opened(store) as (_, session):
            await type_for(session, 11)
            before = await named(store)
            await anyio.sleep(300 * MINUTE)
            assert await named(store) == before

    run_virtual(scenario)


def test_after_a_pause_what_was_left_is_named() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        await create(store)
        async with opened(store) as (_, session):
            await type_for(session, 16)
            left = session.version
        assert [each.version for each in await named(store)][-1] < left
        async with opened(store) as (_, session):
            await anyio.sleep(600 * MINUTE)
            await type_for(session, 1)
            assert [each.version for each in await named(store)][-1] == left

    run_virtual(scenario)


def test_the_documents_own_policy_counts_before_the_setting() -> None:
    async def scenario() -> None:
        never, often = Retention(version_minutes="never"), Retention(version_minutes=5.0)
        for setting, own, expected in ((10.0, never, 0), (None, often, 3), (None, Retention(), 0)):
            store = MemoryStore()
            await create(store)
            await store.set_retention("doc", own)
            async with opened(store, version_minutes=setting) as (_, session):
                await type_for(session, 19)
                assert len(await named(store)) == expected, (setting, own)

    run_virtual(scenario)


def test_the_oldest_automatic_ones_give_way_and_the_others_stay() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        await create(store)
        async with opened(store, automatic_versions=2) as (_, session):
            await type_for(session, 12)
            [first] = await named(store)
            await store.rename_version("doc", "e1", first.version, "kept")
            await type_for(session, 50)
            found = await named(store)
        assert [each.automatic for each in found] == [False, True, True]
        assert found[0].name == "kept"

    run_virtual(scenario)


def test_two_nodes_do_not_both_name_one() -> None:
    async def scenario() -> None:
        store = MemoryStore(shared=True)
        await create(store)
        async with opened(store) as (_, mine), opened(store) as (_, theirs):
            for _ in range(20):
                await type_for(mine, 1)
                await type_for(theirs, 1)
            found = await named(store)
        assert len(found) >= 3
        assert all(
            later.time - earlier.time >= 10 * MINUTE * 1000 for earlier, later in pairwise(found)
        )

    run_virtual(scenario)
