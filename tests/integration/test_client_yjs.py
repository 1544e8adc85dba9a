"""Yjs documents of the Python client against a real server, that is killed and that refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.lowlevel
import jwt
import pytest
from pycrdt import XmlElement, XmlText

import collab_client
from collab_client import (
    BinaryChannel,
    ChannelClosed,
    Gone,
    NotFound,
    NotSignedIn,
    ProtocolFailed,
    ReadOnly,
    Status,
    WrongType,
    YjsDocument,
)
from collab_client.channel import binary_websocket_opener
from collab_client.feeds import Bell
from tests.integration.line import Eager
from tests.integration.process import ServerProcess, server
from tests.integration.talk import http, seeded_random, within
from tests.integration.test_killed import KILLS, Killings

pytestmark = pytest.mark.anyio

SECRET = "a secret for tests of 32 bytes or more"
WRITERS = 3
TOKENS = 60


class Door:
    """A client's way to its server, which a test shuts."""

    def __init__(self) -> None:
        self._open = binary_websocket_opener()
        self._shut = False
        self._channel: BinaryChannel | None = None
        self._knocked = Bell()

    async def open(self, url: str) -> BinaryChannel:
        self._knocked.ring()
        if self._shut:
            raise ChannelClosed(refused=True)
        self._channel = await self._open(url)
        return self._channel

    async def shut(self) -> None:
        """End the connection, and return when the client has found out that no other comes."""
        self._shut = True
        if self._channel is not None:
            await self._channel.close()
        await self._knocked.wait()

    def unlock(self) -> None:
        """The client's next attempt comes through."""
        self._shut = False


def opened(process: ServerProcess, document: str, **options: Any) -> Any:
    """A client that comes back soon."""
    return collab_client.connect(
        process.url, document, type="yjs", random=Eager(), flush_seconds=5, **options
    )


def contents(doc: YjsDocument) -> tuple[str, object, object, str]:
    """All that the tests write."""
    return (
        str(doc.text("text")),
        doc.map("map").to_py(),
        doc.array("array").to_py(),
        str(doc.xml("xml")),
    )


async def until(condition: Callable[[], bool], *documents: YjsDocument) -> None:
    """Wait for changes of these documents until it is so."""
    moved = Bell()

    async def follow(document: YjsDocument) -> None:
        async for _ in document.changes():
            moved.ring()

    async with anyio.create_task_group() as tasks:
        for document in documents:
            tasks.start_soon(follow, document)
        await anyio.lowlevel.checkpoint()
        while not condition():
            await moved.wait()
        tasks.cancel_scope.cancel()


@within(60)
async def test_what_was_flushed_and_what_was_done_offline_outlives_a_killed_server(
    tmp_path: Path,
) -> None:
    door = Door()
    with server(tmp_path) as process:
        async with (
            opened(process, "page") as mine,
            opened(process, "page", open_channel=door.open) as yours,
        ):
            mine.text("text").insert(0, "Grüße 🌍")
            mine.map("map")["title"] = "One"
            mine.array("array").extend([1, 2])
            mine.xml("xml").children.append(XmlElement("paragraph", contents=[XmlText("first")]))
            await mine.flush()
            await until(lambda: contents(yours) == contents(mine), yours)

            await door.shut()
            assert yours.status is Status.OFFLINE
            yours.text("text").insert(0, "offline: ")
            yours.map("map")["author"] = "You"
            yours.array("array").append(3)
            mine.text("text").insert(0, "saved: ")
            mine.xml("xml").children.append(XmlElement("rule"))
            await mine.flush()
            await anyio.to_thread.run_sync(process.kill)
            await anyio.to_thread.run_sync(process.start)

            door.unlock()
            await yours.flush()
            await until(lambda: contents(yours) == contents(mine), mine, yours)
            text, pairs, items, tree = contents(yours)
            assert text in ("saved: offline: Grüße 🌍", "offline: saved: Grüße 🌍")
            assert pairs == {"title": "One", "author": "You"}
            assert items == [1, 2, 3]
            assert tree == "<paragraph>first</paragraph><rule></rule>"
            final = contents(mine)
        await anyio.to_thread.run_sync(process.kill)
        await anyio.to_thread.run_sync(process.start)
        async with opened(process, "page") as late:
            assert contents(late) == final
        assert process.defects() == []


def token(writer: int, number: int) -> str:
    """A character that nobody else writes, of three or four bytes."""
    return chr((0x4E00, 0x20000)[number % 2] + writer * TOKENS + number)


def write(doc: YjsDocument, token: str, random: Random) -> None:
    """Put a token somewhere in one of the roots."""
    match random.randrange(4):
        case 0:
            text = doc.text("text")
            place = random.randint(0, len(str(text)))
            text.insert(len(str(text)[:place].encode()), token)
        case 1:
            doc.map("map")[token] = random.random()
        case 2:
            array = doc.array("array")
            array.insert(random.randint(0, len(array)), token)
        case _:
            doc.xml("xml").children.append(XmlElement(token))


def is_in(doc: YjsDocument, token: str) -> bool:
    """Whether it is in exactly one of the roots, once."""
    text, pairs, items, tree = contents(doc)
    assert isinstance(pairs, dict)
    assert isinstance(items, list)
    counts = (text.count(token), token in pairs, items.count(token), tree.count(f"<{token}>"))
    return sum(counts) == 1


@within(120)
async def test_all_that_many_clients_write_is_there_once_however_often_the_server_is_killed(
    tmp_path: Path,
) -> None:
    random = seeded_random()

    async def type_tokens(doc: YjsDocument, writer: int, own: Random, killings: Killings) -> None:
        unsaved = 0
        for number in range(TOKENS):
            write(doc, token(writer, number), own)
            unsaved += 1
            await anyio.lowlevel.checkpoint()
            if own.random() < 0.4 or number == TOKENS - 1:
                await doc.flush()
                killings.progress(unsaved)
                unsaved = 0

    with server(tmp_path) as process:
        killings = Killings(process, every=WRITERS * TOKENS // (KILLS + 1))
        async with (
            opened(process, "crowd") as first,
            opened(process, "crowd") as second,
            opened(process, "crowd") as third,
        ):
            writers = [first, second, third]
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(killings.run)
                for number, doc in enumerate(writers):
                    tasks.start_soon(type_tokens, doc, number, Random(random.random()), killings)
            await until(lambda: contents(first) == contents(second) == contents(third), *writers)
            tokens = [token(writer, n) for writer in range(WRITERS) for n in range(TOKENS)]
            assert [each for each in tokens if not is_in(first, each)] == []
        assert killings.count == KILLS
        await anyio.to_thread.run_sync(process.kill)
        await anyio.to_thread.run_sync(process.start)
        async with opened(process, "crowd") as late:
            assert contents(late) == contents(first)
        assert process.defects() == []


@within(60)
async def test_much_more_than_a_frame_holds_is_saved_if_it_was_made_in_parts(
    tmp_path: Path,
) -> None:
    door = Door()
    with server(tmp_path) as process:
        async with opened(process, "large", open_channel=door.open) as doc:
            text = doc.text("text")
            await door.shut()
            for number in range(20):
                text.insert(0, chr(0x4E00 + number) * 50_000)
            assert len(text) == 3_000_000
            door.unlock()
            await doc.flush()
            text.insert(0, "more")
            await doc.flush()
            async with opened(process, "large") as late:
                assert str(late.text("text")) == str(text)
        with pytest.raises(ProtocolFailed):
            async with opened(process, "large") as doc:
                doc.text("text").insert(0, "x" * (1 << 20))
        assert process.defects() == []


@within(60)
async def test_tokens_say_who_reads_and_who_writes(tmp_path: Path) -> None:
    def token(right: str) -> str:
        return jwt.encode({"docs": {"shared": right}}, SECRET, "HS256")

    with server(tmp_path, COLLAB_SECRET_KEY=SECRET) as process:
        with pytest.raises(NotFound):  # a reader makes no document
            async with opened(process, "shared", token=token("read")):
                pass
        async with (
            opened(process, "shared", token=token("write")) as writer,
            opened(process, "shared", token=token("read")) as reader,
        ):
            writer.text("text").insert(0, "for all")
            await writer.flush()
            await until(lambda: str(reader.text("text")) == "for all", reader)
            assert reader.status is Status.READ_ONLY
            await reader.flush()
        with pytest.raises(ReadOnly):
            async with opened(process, "shared", token=token("read")) as reader:
                assert str(reader.text("text")) == "for all"
                reader.text("text").insert(0, "not ")
        with pytest.raises(NotSignedIn):
            async with opened(process, "shared"):
                pass
        with pytest.raises(NotFound):
            async with opened(process, "another", token=token("write")):
                pass
        async with opened(process, "shared", token=token("write")) as late:
            assert str(late.text("text")) == "for all"


@within(60)
async def test_peers_see_one_another_and_a_reconnect_makes_nobody_invisible(tmp_path: Path) -> None:
    door = Door()
    with server(tmp_path) as process:
        async with (
            opened(process, "room") as mine,
            opened(process, "room", open_channel=door.open) as yours,
        ):
            seen, inbox = mine.presence.updates(), mine.messages()
            await yours.presence.set({"user": {"name": "Bea"}})
            who = yours.ydoc.client_id
            assert await anext(seen) == {who: {"user": {"name": "Bea"}}}
            await yours.send_message("hello")
            assert (await anext(inbox)).body == "hello"
            await door.shut()
            assert await anext(seen) == {}
            door.unlock()
            with anyio.fail_after(5):
                assert await anext(seen) == {who: {"user": {"name": "Bea"}}}


@within(60)
async def test_reconnecting_with_nothing_new_leaves_the_log_as_it_is(tmp_path: Path) -> None:
    door = Door()
    with server(tmp_path) as process:
        async with (
            http(process) as api,
            opened(process, "calm") as watcher,
            opened(process, "calm", open_channel=door.open) as doc,
        ):
            doc.text("text").insert(0, "abc")
            doc.array("array").append("x")
            del doc.text("text")[1:2]
            await doc.flush()
            head = await api.head("calm")
            seen = watcher.presence.updates()
            for number in range(5):
                await door.shut()
                doc.map("map")  # asking for a root changes nothing
                await doc.presence.set({"number": number})
                door.unlock()
                while {"number": number} not in (await anext(seen)).values():
                    pass
            doc.array("array").append("y")
            await doc.flush()
            assert await api.head("calm") == head + 1


@within(60)
async def test_documents_of_other_types_and_deleted_ones_are_refused(tmp_path: Path) -> None:
    with server(tmp_path) as process:
        async with http(process) as api:
            await api.create("plain")
            with pytest.raises(WrongType):
                async with opened(process, "plain"):
                    pass
            with pytest.raises(Gone):
                async with opened(process, "short") as doc:
                    changes = doc.changes()
                    await api.delete("short")
                    await anext(changes)
