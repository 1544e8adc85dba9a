"""A server that is killed in the middle of the work loses nothing and commits nothing twice.

The kills are triggered by progress: after so many edits that somebody was told are durable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

import anyio
import pytest

import collab_client
from collab_client import LiveDocument
from tests.integration.line import Eager
from tests.integration.process import ServerProcess, server
from tests.integration.talk import Http, Json, http, names, seeded_random, within

pytestmark = pytest.mark.anyio

KILLS = 5
AUTHORS = 4


class Killings:
    """Kills and starts the server each time `every` more edits are durable, `KILLS` times."""

    def __init__(self, process: ServerProcess, every: int) -> None:
        self.count = 0
        self._process = process
        self._every = every
        self._durable = 0
        self._moved = anyio.Event()

    def progress(self, edits: int) -> None:
        """So many more edits are durable."""
        self._durable += edits
        self._moved.set()
        self._moved = anyio.Event()

    async def run(self) -> None:
        while self.count < KILLS:
            while self._durable < self._every * (self.count + 1):
                await self._moved.wait()
            await anyio.to_thread.run_sync(self._process.kill)
            self.count += 1
            await anyio.to_thread.run_sync(self._process.start)


@asynccontextmanager
async def clients(
    process: ServerProcess, document: str, count: int, random: Random
) -> AsyncIterator[list[LiveDocument]]:
    """So many open documents, whose reconnects follow the seed."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                collab_client.connect(
                    process.url, document, random=Eager(random.random()), flush_seconds=1
                )
            )
            for _ in range(count)
        ]


async def agreed(api: Http, id: str, documents: list[LiveDocument]) -> list[Json]:
    """The log of a document whose newest commit everybody can see, once all have seen it: then it
    is the same everywhere, and every name in the log is a client's."""
    log = await api.log(id)
    content = await api.content(id)
    for document in documents:
        changes = document.changes()
        while document.version < len(log):
            await anext(changes)
        assert document.text == content
        assert document.contents == documents[0].contents
    assert {author for author, _ in names(log)} <= {document.author for document in documents}
    return log


# A recorded history -------------------------------------------------------------------------------

ALPHABET = ["a", "b", " ", "\n", "ß", "漢", "🙂", "👩‍💻", "e\u0301", "𝔘"]


def make_trace(random: Random, transactions: int) -> Json:
    """A sequential history in the format of josephg/editing-traces: a text typed in runs, with
    deletions and replacements. Positions count code points."""
    text, cursor = "", 0
    recorded: list[Json] = []
    while len(recorded) < transactions:
        if random.random() < 0.1:
            cursor = random.randint(0, len(text))
        deleted = min(random.choice((0, 0, 0, 0, 1, 1, 3, 9)), len(text) - cursor)
        inserted = "".join(random.choices(ALPHABET, k=random.choice((0, 1, 1, 1, 2, 12))))
        if not deleted and not inserted:
            continue
        text = text[:cursor] + inserted + text[cursor + deleted :]
        recorded.append({"patches": [[cursor, deleted, inserted]]})
        cursor += len(inserted)
    return {"kind": "sequential", "startContent": "", "endContent": text, "txns": recorded}


@within(120)
async def test_a_trace_comes_out_whole_however_often_the_server_is_killed(tmp_path: Path) -> None:
    """Four authors take turns: each types when it has seen the edit before its own."""
    random = seeded_random()
    trace = make_trace(random, 400)
    with server(tmp_path) as process:
        killings = Killings(process, every=400 // (KILLS + 1))
        async with http(process) as api:
            await api.create("trace")
            async with (
                clients(process, "trace", AUTHORS, random) as authors,
                anyio.create_task_group() as tasks,
            ):
                screens = [author.changes() for author in authors]
                tasks.start_soon(killings.run)
                for version, transaction in enumerate(trace["txns"]):
                    author, screen = authors[version % AUTHORS], screens[version % AUTHORS]
                    await author.flush()
                    while author.version < version:
                        await anext(screen)
                    ((position, deleted, inserted),) = transaction["patches"]
                    killings.progress(1)  # the edit before this one, which is on its way then
                    await author.replace(position, deleted, inserted)
                for author in authors:
                    await author.flush()
                log = await agreed(api, "trace", authors)
                assert authors[0].text == trace["endContent"]
        assert killings.count == KILLS
        assert process.defects() == []
    assert len(log) == len(trace["txns"])
    turns = [authors[version % AUTHORS].author for version in range(len(log))]
    assert [edit["author"] for edit in log] == turns


# Everybody at once --------------------------------------------------------------------------------

TOKENS = 60
FILLER = "."


def token(author: int, number: int) -> str:
    """A character that nobody else inserts; every other one is a surrogate pair."""
    return chr((0x4E00, 0x20000)[number % 2] + author * TOKENS + number)


async def type_tokens(
    document: LiveDocument, author: int, random: Random, killings: Killings
) -> None:
    """Insert one's tokens anywhere, take away or format what lies around, save now and then."""
    unsaved = 0
    for number in range(TOKENS):
        text = document.text
        filler = text.find(FILLER, random.randint(0, len(text)))
        if filler >= 0 and random.random() < 0.3:
            await document.delete(filler, 1)
        elif document.type == "richtext" and text and random.random() < 0.3:
            start = random.randrange(len(text))
            length = random.randint(1, len(text) - start)
            await document.format(start, length, {"bold": random.choice((True, None))})
        place = random.randint(0, len(document.text))
        await document.insert(place, token(author, number) + FILLER)
        unsaved += 1
        if random.random() < 0.4 or number == TOKENS - 1:
            await document.flush()
            killings.progress(unsaved)
            unsaved = 0


@pytest.mark.parametrize("type", ["text", "richtext"])
@within(120)
async def test_every_token_is_there_once_when_all_type_at_once(type: str, tmp_path: Path) -> None:
    random = seeded_random()
    with server(tmp_path) as process:
        killings = Killings(process, every=AUTHORS * TOKENS // (KILLS + 1))
        async with http(process) as api:
            await api.create("tokens", type)
            async with clients(process, "tokens", AUTHORS, random) as authors:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(killings.run)
                    for number, author in enumerate(authors):
                        own = Random(random.random())
                        tasks.start_soon(type_tokens, author, number, own, killings)
                await authors[0].insert(0, FILLER)
                await authors[0].flush()
                await agreed(api, "tokens", authors)
                text = authors[0].text
        assert killings.count == KILLS
        assert process.defects() == []
    counts = Counter(text)
    del counts[FILLER]
    assert counts == Counter(
        token(author, number) for author in range(AUTHORS) for number in range(TOKENS)
    )
