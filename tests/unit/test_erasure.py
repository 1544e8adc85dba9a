"""What is erased is nowhere: not in any version, not in the files, and nobody brings it back."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import anyio
import pycrdt
import pytest
from anyio.lowlevel import checkpoint

from collab.catalog import Catalog
from collab.contents import Writer
from collab.errors import (
    BaseAboveHead,
    DocumentNotFound,
    HistoryRewritten,
    InvalidOperation,
    VersionUnavailable,
    WrongType,
)
from collab.ot.masking import FILLER
from collab.registry import Registry, open_registry
from collab.session import Session
from collab.settings import Settings
from collab.storage import Rewrite, Store
from collab.storage.memory import MemoryStore
from collab.storage.sqlite import open_sqlite
from collab.types.yjs import YJS
from collab.types.yjs_edits import TextChange, TextEdit
from collab.updates import Updates
from collab.words import Head, Retention
from tests.unit.nodes import TroubledStore, allowed, create, edit, insert, node, settings, text_of

pytestmark = pytest.mark.anyio

SECRET = "swordfish"
BLACK = FILLER * len(SECRET)


def writer(key: str, user: str | None = "ada") -> Writer:
    return Writer(user, key, allowed)


@asynccontextmanager
async def opened(store: Store) -> AsyncIterator[tuple[Registry, Catalog]]:
    chosen = Settings(database_url="memory://")
    async with open_registry(store, chosen) as registry:
        yield registry, Catalog(store, registry, chosen)


async def type_in(catalog: Catalog, text: str, at: int = 0, user: str | None = "ada") -> int:
    """A commit of its own; its version."""
    version = (await catalog.get("doc")).version
    operation = insert(text, at=at).encode()
    return (await catalog.contents.edit("doc", operation, writer(f"k{version}", user))).version


async def text_at(catalog: Catalog, version: int | None = None, format: str = "text") -> str:
    return (await catalog.contents.content("doc", format, version)).body.decode()


async def with_a_secret(catalog: Catalog) -> int:
    """A history in which a secret is typed, moved along, formatted in part and deleted; the version
    at which it stands at 5."""
    await type_in(catalog, "begin end")
    there = await type_in(catalog, SECRET, at=5)
    await type_in(catalog, "before ")
    await type_in(catalog, "-inside-", at=16)
    delete = b'[{"retain":7},{"retain":5},{"delete":9},{"retain":8}]'
    await catalog.contents.edit("doc", delete, writer("delete"))
    await type_in(catalog, "after ")
    return there


@pytest.mark.parametrize("type", ["text", "richtext"])
async def test_a_redacted_range_is_in_no_version(type: str) -> None:
    store = MemoryStore()
    await create(store, type=type)
    async with opened(store) as (_, catalog):
        there = await with_a_secret(catalog)
        head = (await catalog.get("doc")).version
        before = [await text_at(catalog, version) for version in range(head + 1)]
        await catalog.versions.create("doc", "with it", writer("name"), there)
        erased = await catalog.erasure.redact("doc", 5, len(SECRET), there)
        assert (erased.version, erased.floor) == (head, 0)
        for version, old in enumerate(before):
            new = await text_at(catalog, version)
            assert len(new) == len(old)
            assert SECRET[:4] not in new
            assert SECRET[-4:] not in new
            assert [a for a, b in zip(new, old, strict=True) if a != b] == [FILLER] * new.count(
                FILLER
            )
        assert await text_at(catalog, there) == f"begin{BLACK} end"
        page = await catalog.contents.edits("doc", 0, 100)
        assert not any(SECRET.encode() in commit.operation for commit in page.commits)
        assert [row.name for row in (await catalog.versions.list("doc")).versions] == ["with it"]


async def test_of_rich_text_formats_and_embeds_go_too_and_lines_stay() -> None:
    store = MemoryStore()
    await create(store, type="richtext")
    async with opened(store) as (_, catalog):
        link = f'{{"link":"https://example.org/{SECRET}"}}'
        first = (
            '[{"insert":"see ","attributes":{"bold":true}},'
            f'{{"insert":"here","attributes":{link}}},'
            f'{{"insert":{{"image":"https://example.org/{SECRET}.png"}}}},'
            '{"insert":"\\n","attributes":{"header":1}},{"insert":"rest"}]'
        )
        await catalog.contents.edit("doc", first.encode(), writer("first"))
        later = f'[{{"retain":2}},{{"retain":4,"attributes":{link}}}]'
        await catalog.contents.edit("doc", later.encode(), writer("later"))
        await catalog.erasure.redact("doc", 2, 9, None)
        for version in (1, 2):
            content = await text_at(catalog, version, "json")
            assert SECRET not in content
            assert '{"insert":"\\n","attributes":{"header":1}}' in content
            assert await text_at(catalog, version) == f"se{FILLER * 7}\n{FILLER}est"
        page = await catalog.contents.edits("doc", 0, 100)
        assert not any(SECRET.encode() in commit.operation for commit in page.commits)


async def test_what_cannot_be_redacted() -> None:
    store = MemoryStore()
    await create(store)
    await create(store, "page", type="yjs")
    async with opened(store) as (_, catalog):
        await type_in(catalog, "one 😀")
        redact = catalog.erasure.redact
        for at, length in ((0, 7), (6, 1), (0, 0), (5, 1)):
            with pytest.raises(InvalidOperation):
                await redact("doc", at, length, None)
        with pytest.raises(BaseAboveHead):
            await redact("doc", 0, 1, 2)
        with pytest.raises(WrongType):
            await redact("page", 0, 1, None)
        with pytest.raises(WrongType):
            await catalog.erasure.redact_yjs("doc", None, None, writer("k"))
        with pytest.raises(DocumentNotFound):
            await redact("another", 0, 1, None)
        assert await text_at(catalog) == "one 😀"


async def test_behind_a_floor_all_that_is_left_is_redacted() -> None:
    store = MemoryStore()
    await create(store)
    async with opened(store) as (registry, catalog):
        there = await with_a_secret(catalog)
        await catalog.versions.create("doc", "long ago", writer("name"), there - 1)
        async with registry.open("doc") as session:
            await store.save_snapshot("doc", session.epoch, session.snapshot())
        while registry.now() <= (await catalog.get("doc")).updated:
            await checkpoint()
        await store.set_retention("doc", Retention(days=1e-9))
        await registry.trimmer.trim("doc")
        await type_in(catalog, "more ")
        document = await catalog.get("doc")
        with pytest.raises(VersionUnavailable):
            await catalog.erasure.redact("doc", 5, 1, there)
        head = await text_at(catalog)
        await catalog.erasure.redact("doc", head.index("end"), 3, None)
        assert await text_at(catalog) == head.replace("end", FILLER * 3)
        assert await text_at(catalog, document.floor) == head.replace("end", FILLER * 3)[5:]
        assert (await catalog.versions.list("doc")).versions == [], "it may have held it"


async def test_whoever_is_connected_goes_on_from_what_is_left() -> None:
    store = MemoryStore()
    await create(store)
    async with opened(store) as (registry, catalog):
        await type_in(catalog, f"a {SECRET} b")
        async with registry.open("doc") as session:
            mine = edit(session, "client " * 3, 1, 1, insert("mine "))
            await session.edit(mine, allowed)
            await catalog.erasure.redact("doc", 7, len(SECRET), None)
            assert isinstance(session.ended, HistoryRewritten)
            with pytest.raises(HistoryRewritten):
                await session.edit(edit(session, "other " * 3, 1, 2, insert("x")), allowed)
        async with registry.open("doc") as session:
            assert text_of(session) == f"mine a {BLACK} b"
            again = await session.edit(mine, allowed)
            assert (again.version, again.commit) == (2, None), "a resend is known"
            assert text_of(session) == f"mine a {BLACK} b"


async def test_an_edit_on_its_way_is_not_stored_into_the_old_history() -> None:
    store = TroubledStore()
    await create(store)
    async with node(store) as registry:
        catalog = Catalog(store, registry, settings())
        await type_in(catalog, SECRET)
        outcomes: list[Exception] = []

        async def write(session: Session) -> None:
            try:
                await session.edit(edit(session, "client " * 3, 1, 1, insert("x")), allowed)
            except Exception as error:
                outcomes.append(error)

        async with registry.open("doc") as session, anyio.create_task_group() as tasks:
            store.hold()
            tasks.start_soon(write, session)
            await store.held.wait()
            tasks.start_soon(catalog.erasure.redact, "doc", 0, len(SECRET), None)
            while (await store.poll(["doc"])).heads["doc"].epoch == session.epoch:
                await checkpoint()
            store.release()
        assert [type(each) for each in outcomes] == [HistoryRewritten]
        assert await text_at(catalog) == BLACK


async def test_another_node_hears_of_it_and_ends_its_session() -> None:
    store = MemoryStore(shared=True)
    await create(store)
    async with node(store) as here, node(store) as there:
        catalog = Catalog(store, here, settings())
        await type_in(catalog, SECRET)
        async with there.open("doc") as session:
            await catalog.erasure.redact("doc", 0, len(SECRET), None)
            with pytest.raises(HistoryRewritten):
                await session.edit(edit(session, "client " * 3, 1, 1, insert("x")), allowed)
        async with there.open("doc") as session:
            assert text_of(session) == BLACK


async def test_a_document_that_grows_meanwhile_is_redacted_with_what_has_come() -> None:
    class Hurried(MemoryStore):
        """Somebody types just before each of the first rewrites."""

        rewrites = 0

        async def rewrite(self, id: str, head: Head, change: Rewrite) -> bool:
            self.rewrites += 1
            if self.rewrites <= 3:
                await type_in(catalog, "x")
            return await super().rewrite(id, head, change)

    store = Hurried()
    await create(store)
    async with opened(store) as (_, catalog):
        await type_in(catalog, f"a {SECRET}")
        erased = await catalog.erasure.redact("doc", 2, len(SECRET), None)
        assert (erased.version, store.rewrites) == (4, 4)
        for version in range(1, 5):
            assert await text_at(catalog, version) == "x" * (version - 1) + f"a {BLACK}"


# Yjs ----------------------------------------------------------------------------------------------


async def yjs_edit(catalog: Catalog, change: TextChange, user: str | None = "ada") -> None:
    version = (await catalog.get("doc")).version
    updates = Updates(catalog.contents, catalog._registry)
    who = writer(f"y{version}", user)
    await updates.edit_text("doc", TextEdit("codemirror", (change,)), who)


async def test_of_a_yjs_document_the_history_that_holds_it_is_dropped() -> None:
    store = MemoryStore()
    await create(store, type="yjs")
    async with opened(store) as (registry, catalog):
        await yjs_edit(catalog, TextChange(0, text=f"public {SECRET} rest"))
        editor: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc()
        async with registry.open("doc") as session:
            editor.apply_update(YJS.update_since(session.state, None))
        await catalog.versions.create("doc", "with it", writer("name"))
        edit = TextEdit("codemirror", (TextChange(7, len(SECRET)),))
        erased = await catalog.erasure.redact_yjs("doc", edit, None, writer("redact"))
        assert erased.floor == erased.version == 2
        assert await text_at(catalog) == "public  rest"
        with pytest.raises(VersionUnavailable):
            await text_at(catalog, 1)
        update = (await catalog.contents.content("doc", "update")).body
        assert SECRET.encode() not in update
        assert (await catalog.versions.list("doc")).versions == []
        async with registry.open("doc") as session:
            missing = editor.get_update(YJS.vector(session.state))
            assert SECRET.encode() not in missing, "an editor that comes back has nothing to tell"
            editor.apply_update(YJS.update_since(session.state, editor.get_state()))
        assert str(editor.get("codemirror", type=pycrdt.Text)) == "public  rest"
        await yjs_edit(catalog, TextChange(0, text="more "))
        assert await text_at(catalog) == "more public  rest"


async def test_without_a_range_only_what_was_deleted_is_dropped() -> None:
    store = MemoryStore()
    await create(store, type="yjs")
    async with opened(store) as (_, catalog):
        await yjs_edit(catalog, TextChange(0, text=f"a {SECRET}"))
        await yjs_edit(catalog, TextChange(2, len(SECRET)))
        await catalog.erasure.redact_yjs("doc", None, None, writer("redact"))
        assert await text_at(catalog) == "a "
        loaded = await store.load("doc")
        assert loaded is not None
        assert SECRET not in repr(loaded)


# Users --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type", ["text", "yjs"])
async def test_a_users_name_is_erased_and_a_resend_still_known(type: str) -> None:
    store = MemoryStore()
    await create(store, type=type)
    async with opened(store) as (registry, catalog):

        async def write(text: str, user: str) -> None:
            if type == "text":
                await type_in(catalog, text, user=user)
            else:
                await yjs_edit(catalog, TextChange(0, text=text), user)

        await write("one ", "ada lovelace")
        await write("two ", "bob")
        await catalog.versions.create("doc", "named", writer("name", "ada lovelace"), 1)
        async with registry.open("doc") as session:
            await store.save_snapshot("doc", session.epoch, session.snapshot())
        content = await text_at(catalog)
        before = (await catalog.contents.edits("doc", 0, 9)).commits
        assert "ada lovelace" in repr(store._records)
        erased = await catalog.erasure.erase_user("doc", "ada lovelace")
        assert erased is not None
        assert erased.commits == 1
        assert "ada lovelace" not in repr(store._records)
        assert "bob" in repr(store._records)
        after = (await catalog.contents.edits("doc", 0, 9)).commits
        for old, new in zip(before, after, strict=True):
            assert [(c.author, c.seq, c.digest) for c in old.credits] == [
                (c.author, c.seq, c.digest) for c in new.credits
            ]
        assert await text_at(catalog) == content
        assert await catalog.erasure.erase_user("doc", "ada lovelace") is None
        assert await catalog.erasure.erase_user("doc", "eve") is None


# The file -----------------------------------------------------------------------------------------


def bytes_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())


@pytest.mark.parametrize("how", ["redact", "delete", "squash"])
async def test_nothing_of_it_is_left_in_the_database_file(tmp_path: Path, how: str) -> None:
    async with open_sqlite(tmp_path / "collab.db") as store:
        await create(store, type="yjs" if how == "squash" else "text")
        async with opened(store) as (registry, catalog):
            for number in range(30):
                if how == "squash":
                    await yjs_edit(catalog, TextChange(0, text=f"{SECRET} {number} "))
                else:
                    await type_in(catalog, f"{SECRET} {number} ")
                async with registry.open("doc") as session:
                    await store.save_snapshot("doc", session.epoch, session.snapshot())
            assert SECRET.encode() in bytes_in(tmp_path)
            text = await text_at(catalog)
            if how == "delete":
                await catalog.delete("doc")
            elif how == "redact":
                await catalog.erasure.redact("doc", 0, len(text), None)
            else:
                edit = TextEdit("codemirror", (TextChange(0, len(text)),))
                await catalog.erasure.redact_yjs("doc", edit, None, writer("redact"))
            left = bytes_in(tmp_path)
            for length in (len(SECRET), len(SECRET) - 2):
                assert SECRET[:length].encode() not in left
    with closing(sqlite3.connect(tmp_path / "collab.db")) as sql:
        assert sql.execute("PRAGMA integrity_check").fetchone() == ("ok",)
