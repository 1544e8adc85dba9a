"""Clients that write at the same time, and what each of them was told.

A token is a character that is typed once, by one client. So the text tells which edits are in it,
how often, whatever else was written around them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

import anyio

import collab_client
from collab_client import LiveDocument, Status, YjsDocument
from tests.integration.nodes.cluster import Cluster
from tests.integration.nodes.watch import Watch
from tests.integration.process import ServerProcess

DOCUMENTS = {f"d{number}": type for number, type in enumerate(["text", "yjs", "richtext"] * 3)} | {
    "d9": "yjs"
}
CLIENTS = 30
FILLER = "."
ROOT = "codemirror"
TOKENS_EACH = 1000
"""The most that one client can have."""
_PAUSE_SECONDS = 0.4
_LOOK_EVERY_SECONDS = 0.01
_LEAVE_SECONDS = 0.5


def token(client: int, number: int) -> str:
    """A character that nobody else types; every other one is a surrogate pair."""
    assert number < TOKENS_EACH
    return chr((0x3400, 0x20000)[number % 2] + client * TOKENS_EACH // 2 + number // 2)


class Writer:
    """One client at one document. `typed` are all its tokens, `told` those of which it was told
    that they are durable."""

    def __init__(
        self, number: int, live: LiveDocument | YjsDocument, watch: Watch, random: Random
    ) -> None:
        self.number = number
        self.live = live
        self.watch = watch
        self.typed: set[str] = set()
        self.told: set[str] = set()
        self._random = random

    @property
    def document(self) -> str:
        return self.live.id

    @property
    def text(self) -> str:
        if isinstance(self.live, YjsDocument):
            return str(self.live.text(ROOT))
        return self.live.text

    @property
    def connected(self) -> bool:
        return self.live.status not in (Status.CONNECTING, Status.OFFLINE)

    async def type(self) -> None:
        """Put a token anywhere; take a filler away, or format something, now and then."""
        random = self._random
        new = token(self.number, len(self.typed))
        self.typed.add(new)
        text = self.text
        filler = text.find(FILLER, random.randint(0, len(text)))
        place = random.randint(0, len(text))
        if isinstance(self.live, YjsDocument):
            root = self.live.text(ROOT)
            root.insert(len(text[:place].encode()), new + FILLER)
            if filler >= 0 and random.random() < 0.5:
                text = self.text
                at = len(text[: text.index(FILLER)].encode())
                del root[at : at + 1]
            return
        await self.live.insert(place, new + FILLER)
        if filler >= 0 and random.random() < 0.5:
            await self.live.delete(self.live.text.index(FILLER), 1)
        if self.live.type == "richtext" and random.random() < 0.3:
            length = random.randint(1, len(text) + 1)
            await self.live.format(0, length, {"bold": random.choice((True, None))})

    async def save(self) -> None:
        """Wait until all that was typed is durable."""
        typed = set(self.typed)
        await self.live.flush()
        self.told |= typed

    async def write(self) -> None:
        """Type a little and save it, as somebody does who stops to think."""
        for _ in range(self._random.randint(1, 2)):
            await self.type()
        await self.save()
        await anyio.sleep(self._random.uniform(0, 2 * _PAUSE_SECONDS))


class Crowd:
    """All clients of a cluster. Made by `writing`."""

    def __init__(self, cluster: Cluster, writers: list[Writer]) -> None:
        self.cluster = cluster
        self.writers = writers
        self._stopped = False
        self._writing = 0

    def at(self, node: ServerProcess) -> list[Writer]:
        """Those who are connected to the node now."""
        node_of = self.cluster.balancer.node_of
        return [writer for writer in self.writers if node_of(writer.watch.port) == node.port]

    def at_document(self, document: str) -> list[Writer]:
        """Those who write this document."""
        return [writer for writer in self.writers if writer.document == document]

    async def write(self, writer: Writer) -> None:
        """Have it write until all are to finish."""
        self._writing += 1
        while not self._stopped:
            await writer.write()
        self._writing -= 1

    async def finish(self, within: float = 30.0) -> None:
        """Let everybody save what they have typed, and type no more."""
        self._stopped = True

        def lacking() -> list[str]:
            return [f"{self._writing} clients write"] if self._writing else []

        await self.until(lacking, within)

    async def go_on(
        self, saves: int = 2, *, within: float = 30.0, writers: Iterable[Writer] | None = None
    ) -> None:
        """Return when each of `writers` (all) has saved so many more tokens."""
        writers = list(self.writers if writers is None else writers)
        before = {writer: len(writer.told) for writer in writers}

        def lacking() -> list[str]:
            return [
                f"client {writer.number} at {writer.document} has saved {len(writer.told) - told}"
                for writer, told in before.items()
                if len(writer.told) < told + saves
            ]

        await self.until(lacking, within)

    async def converged(self, within: float, writers: Iterable[Writer] | None = None) -> float:
        """Seconds until all that `writers` (all) have typed before the call is durable, as they
        were told, and shown to each of them who is at that document."""
        writers = list(self.writers if writers is None else writers)
        wanted: dict[str, set[str]] = {}
        for writer in writers:
            wanted.setdefault(writer.document, set()).update(writer.typed)
        typed = {writer.number: set(writer.typed) for writer in writers}

        def lacking() -> list[str]:
            return [
                f"client {writer.number} at {writer.document}: "
                f"{len(typed[writer.number] - writer.told)} not saved, "
                f"{len(wanted[writer.document] - set(writer.text))} not seen, {writer.live.status}"
                for writer in writers
                if not typed[writer.number] <= writer.told
                or not wanted[writer.document] <= set(writer.text)
            ]

        return await self.until(lacking, within)

    async def reconnected(self, writers: Iterable[Writer], within: float) -> float:
        """Seconds until these, whose connections are broken, have new ones."""
        before = {writer: writer.watch.opened for writer in writers}

        def lacking() -> list[str]:
            return [
                f"client {writer.number} is {writer.live.status}, {writer.live.trouble}"
                for writer, opened in before.items()
                if writer.watch.opened == opened or not writer.connected
            ]

        return await self.until(lacking, within)

    async def until(self, lacking: Callable[[], list[str]], within: float) -> float:
        """Seconds until nothing is lacking; fails with what is, when it takes longer."""
        began = anyio.current_time()
        while found := lacking():
            passed = anyio.current_time() - began
            assert passed < within, f"after {passed:.1f} s:\n" + "\n".join(found)
            await anyio.sleep(_LOOK_EVERY_SECONDS)
        return anyio.current_time() - began


@asynccontextmanager
async def writing(cluster: Cluster, random: Random) -> AsyncIterator[Crowd]:
    """30 clients at 10 documents that write until they are told to finish.

    The first two documents, one of each protocol, have a writer on each node.
    """
    ids = list(DOCUMENTS)
    places = [document for document in ids[:2] for _ in cluster.nodes] + ids[2:]
    places += random.choices(ids, k=CLIENTS - len(places))
    async with AsyncExitStack() as stack:
        writers = []
        for number, document in enumerate(places):
            opened = _open(cluster, number, document, Random(random.random()))
            writers.append(await stack.enter_async_context(opened))
        crowd = Crowd(cluster, writers)
        for node in cluster.nodes:
            assert {writer.document for writer in crowd.at(node)} >= set(ids[:2])
        async with anyio.create_task_group() as tasks:
            for writer in writers:
                tasks.start_soon(crowd.write, writer)
            yield crowd
            await crowd.finish()


@asynccontextmanager
async def _open(
    cluster: Cluster, number: int, document: str, random: Random
) -> AsyncIterator[Writer]:
    watch = Watch()
    own = Random(random.random())
    url = cluster.balancer.url
    type = DOCUMENTS[document]
    if type == "yjs":
        async with collab_client.connect(
            url,
            document,
            type="yjs",
            flush_seconds=_LEAVE_SECONDS,
            open_channel=watch.open_binary,
            random=own,
        ) as yjs:
            yield Writer(number, yjs, watch, random)
    else:
        async with collab_client.connect(
            url,
            document,
            create=type,
            flush_seconds=_LEAVE_SECONDS,
            open_channel=watch.open_native,
            random=own,
        ) as live:
            yield Writer(number, live, watch, random)
