"""What is dropped of a document's past, when, and what stays readable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import anyio
import pytest

from collab import trimmer
from collab.catalog import Catalog
from collab.contents import Writer
from collab.errors import DocumentNotFound, VersionUnavailable
from collab.registry import Registry
from collab.storage.memory import MemoryStore
from collab.trimmer import Trimmed
from collab.words import Retention
from tests.simulation.virtual import run
from tests.unit.nodes import allowed, create, edit, insert, node, settings

# A day passes in a minute here, and the node looks at all documents twice in it.
DAY = 60.0
PASS = DAY / 2


def days(number: float) -> float:
    """What a setting has to say for so many of these days."""
    return number * DAY / 86_400


async def type_daily(registry: Registry, days: int, *, per_day: int = 4) -> None:
    """An `x` at the beginning, so many times a day; the document is unloaded in between."""
    for _ in range(days):
        for _ in range(per_day):
            async with registry.open("doc") as session:
                client = f"client {session.version}"
                await session.edit(edit(session, client, 1, None, insert("x")), allowed)
        await anyio.sleep(DAY)


async def text_at(catalog: Catalog, version: int) -> str:
    return (await catalog.contents.content("doc", "text", version)).body.decode()


Test: TypeAlias = Callable[[MemoryStore, Registry, Catalog], Awaitable[None]]


def scenario(**changes: Any) -> Callable[[Test], Callable[[pytest.MonkeyPatch], None]]:
    """Runs a test in virtual time on a node over an empty document."""

    def wrap(test: Test) -> Callable[[pytest.MonkeyPatch], None]:
        def wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
            monkeypatch.setattr(trimmer, "PASS_SECONDS", PASS)

            async def main() -> None:
                store = MemoryStore()
                await create(store)
                async with node(store, idle_seconds=PASS / 4, **changes) as registry:
                    await test(store, registry, Catalog(store, registry, settings(**changes)))

            run(main)

        return wrapped

    return wrap


@scenario()
async def test_by_default_everything_is_kept(
    store: MemoryStore, registry: Registry, catalog: Catalog
) -> None:
    await type_daily(registry, 30)
    assert await registry.trimmer.trim("doc") == Trimmed(0)
    assert len(await store.read("doc", "e1", 0, 1000)) == 120
    assert await text_at(catalog, 1) == "x"


@scenario(history_days=days(10))
async def test_what_is_older_than_the_setting_says_is_dropped_by_itself(
    store: MemoryStore, registry: Registry, catalog: Catalog
) -> None:
    await type_daily(registry, 30)
    await anyio.sleep(2 * PASS)
    document = await catalog.get("doc")
    assert 76 <= document.floor <= 84
    for version in range(document.floor, 121):
        assert await text_at(catalog, version) == "x" * version
    for version in (0, 1, document.floor - 1):
        with pytest.raises(VersionUnavailable):
            await text_at(catalog, version)


@scenario(history_days=days(10))
async def test_a_document_that_nobody_opens_is_trimmed_too(
    store: MemoryStore, registry: Registry, catalog: Catalog
) -> None:
    await type_daily(registry, 2)
    await anyio.sleep(9 * DAY)
    assert (await catalog.get("doc")).floor == 4
    await anyio.sleep(2 * DAY)
    assert (await catalog.get("doc")).floor == 8
    assert await text_at(catalog, 8) == "x" * 8
    async with registry.open("doc") as session:
        await session.edit(edit(session, "ada", 1, 8, insert("y")), allowed)
    assert await text_at(catalog, 9) == "y" + "x" * 8


@scenario(history_days=days(0.9))
async def test_a_document_may_keep_more_than_the_setting_says_or_less(
    store: MemoryStore, registry: Registry, catalog: Catalog
) -> None:
    await store.set_retention("doc", Retention(days="forever"))
    await type_daily(registry, 5)
    assert (await catalog.get("doc")).floor == 0
    await store.set_retention("doc", Retention(days=days(2.5)))
    assert (await registry.trimmer.trim("doc")).floor == 12
    await store.set_retention("doc", Retention())
    assert (await registry.trimmer.trim("doc")).floor == 20


@scenario(history_days=days(10))
async def test_named_versions_below_the_floor_stay_readable(
    store: MemoryStore, registry: Registry, catalog: Catalog
) -> None:
    await type_daily(registry, 3)
    writer = Writer("ada", "key", allowed)
    await catalog.versions.create("doc", "kept", writer, 5)
    await type_daily(registry, 20)
    assert (await catalog.get("doc")).floor > 12
    assert await text_at(catalog, 5) == "x" * 5
    with pytest.raises(VersionUnavailable):
        await catalog.versions.create("doc", "too late", writer, 6)
    await catalog.versions.forget("doc", 5)
    with pytest.raises(VersionUnavailable):
        await text_at(catalog, 5)


@scenario()
async def test_a_dry_run_tells_what_the_real_one_then_does(
    store: MemoryStore, registry: Registry, catalog: Catalog
) -> None:
    await type_daily(registry, 6)
    await catalog.versions.create("doc", "kept", Writer("ada", "key", allowed), 3)
    await store.set_retention("doc", Retention(days=days(2.5)))
    told = await registry.trimmer.trim("doc", dry=True)
    assert (told.floor, told.commits) == (16, 16)
    assert told.log_bytes == await store.log_bytes("doc", "e1", 0, 16)
    assert (await catalog.get("doc")).floor == 0
    assert await registry.trimmer.trim("doc") == told
    assert await registry.trimmer.trim("doc") == Trimmed(16)


@scenario(history_days=days(0.9))
async def test_whoever_is_connected_hears_of_the_new_floor(
    store: MemoryStore, registry: Registry, catalog: Catalog
) -> None:
    await type_daily(registry, 3)
    async with registry.open("doc") as session:
        await registry.trimmer.trim("doc")
        assert session.floor == (await catalog.get("doc")).floor == 12


@scenario()
async def test_there_has_to_be_a_document(
    store: MemoryStore, registry: Registry, catalog: Catalog
) -> None:
    with pytest.raises(DocumentNotFound):
        await registry.trimmer.trim("another")
