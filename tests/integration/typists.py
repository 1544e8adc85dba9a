"""People who type at one document whatever its servers do, and what must be true of it at last."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

import anyio

import collab_client
from collab_client import LiveDocument
from collab_client.channel import OpenChannel
from tests.integration.line import Eager
from tests.integration.talk import Http, names

_FIRST = 0x20000  # from here on every character is another token, and a surrogate pair
_TOKENS = 40_000


class Typists:
    """Each inserts one token after the other, anywhere, and waits until it is durable."""

    def __init__(self, documents: list[LiveDocument], random: Random) -> None:
        self.documents = documents
        self.durable: list[str] = []
        self.longest_wait_seconds = 0.0
        self._random = random
        self._typed = 0
        self._typing = len(documents)
        self._stopped = False
        self._moved = anyio.Event()

    async def finish(self) -> None:
        """Type nothing more, and return when everything is durable."""
        self._stopped = True
        while self._typing:
            await self._moved.wait()

    async def more(self, tokens: int) -> None:
        """Return when so many more of them are durable."""
        target = len(self.durable) + tokens
        while len(self.durable) < target:
            await self._moved.wait()

    async def type(self, document: LiveDocument) -> None:
        while not self._stopped:
            assert self._typed < _TOKENS
            token = chr(_FIRST + self._typed)
            self._typed += 1
            began = anyio.current_time()
            await document.insert(self._random.randint(0, len(document.text)), token)
            await document.flush()
            waited = anyio.current_time() - began
            self.longest_wait_seconds = max(self.longest_wait_seconds, waited)
            self.durable.append(token)
            self._tell()
        self._typing -= 1
        self._tell()

    def _tell(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()

    async def check(self, api: Http, id: str) -> None:
        """Finish; then every token is in the log, the text and on every screen once."""
        await self.finish()
        log = await api.log(id)
        text = await api.content(id)
        assert Counter(text) == Counter(self.durable)
        assert len(log) == self._typed == len(self.durable)
        assert {author for author, _ in names(log)} == {each.author for each in self.documents}
        for document in self.documents:
            changes = document.changes()
            while document.version < len(log):
                await anext(changes)
            assert document.text == text


@asynccontextmanager
async def typists(
    count: int, url: str, document: str, random: Random, open_channel: OpenChannel | None = None
) -> AsyncIterator[Typists]:
    """So many of them, at a text that the first one makes. They type until they are to finish."""
    async with AsyncExitStack() as stack:
        documents = [
            await stack.enter_async_context(
                collab_client.connect(
                    url,
                    document,
                    create="text",
                    open_channel=open_channel,
                    random=Eager(random.random()),
                )
            )
            for _ in range(count)
        ]
        people = Typists(documents, random)
        async with anyio.create_task_group() as tasks:
            for each in documents:
                tasks.start_soon(people.type, each)
            yield people
            await people.finish()
