"""The Python client where tokens end, rights change, and a server takes only so much a second."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from collab_client import NotAllowed, NotSignedIn, ReadOnly, Status, YjsDocument, connect
from collab_client.connection import Token
from tests.integration.line import Eager
from tests.integration.process import ServerProcess
from tests.integration.signed import Operator, operating, signed_server, token
from tests.integration.talk import within

pytestmark = pytest.mark.anyio

TYPES = ("text", "yjs")
EDITS_PER_SECOND = 4
each_type = pytest.mark.parametrize("type", TYPES)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with signed_server(tmp_path_factory.mktemp("client")) as process:
        yield process


@pytest.fixture
async def operator(process: ServerProcess) -> AsyncIterator[Operator]:
    async with operating(process) as operator:
        yield operator


def opened(process: ServerProcess, document: str, type: str, shown: Token) -> Any:
    if type == "yjs":
        return connect(process.url, document, type="yjs", token=shown, random=Eager())
    return connect(process.url, document, create="text", token=shown, random=Eager())


async def write(doc: Any, text: str) -> None:
    """Write at the beginning, and wait until it is durable."""
    if isinstance(doc, YjsDocument):
        doc.text("codemirror").insert(0, text)
    else:
        await doc.insert(0, text)
    await doc.flush()


class Issuer:
    """Hands out tokens of one second or two, and counts them."""

    def __init__(self, document: str) -> None:
        self._document = document
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        return token({self._document: "write"}, seconds=2, sub="ada")


@each_type
@pytest.mark.parametrize("is_async", [False, True])
@within(60)
async def test_a_function_gives_a_fresh_token_when_one_has_ended(
    process: ServerProcess, operator: Operator, type: str, is_async: bool
) -> None:
    issuer = Issuer(id := f"renewed-{type}-{is_async}")

    async def later() -> str:
        await anyio.lowlevel.checkpoint()
        return issuer()

    async with opened(process, id, type, later if is_async else issuer) as doc:
        number = 0
        while issuer.count < 3:
            number += 1
            await write(doc, f"{number} ")
            await anyio.lowlevel.checkpoint()
        assert doc.status is Status.SAVED
        numbers = (await operator.text(id)).split()
        assert numbers == [str(each) for each in range(number, 0, -1)]


@each_type
@within(60)
async def test_a_token_that_is_a_text_ends_the_connection_with_it(
    process: ServerProcess, type: str
) -> None:
    id = f"ended-{type}"
    shown = token({id: "write"}, seconds=2, sub="ada")
    async with opened(process, id, type, shown) as doc:
        messages = doc.messages()
        with pytest.raises(NotSignedIn) as end:
            await anext(messages)
        assert end.value.close_code == 4401
        assert doc.status is Status.CLOSED


@each_type
@within(60)
async def test_a_function_whose_tokens_do_not_hold_is_not_asked_for_ever(
    process: ServerProcess, type: str
) -> None:
    asked: list[None] = []

    def useless() -> str:
        asked.append(None)
        return "not-a-token"

    with pytest.raises(NotSignedIn):
        async with opened(process, "page", type, useless):
            pass
    assert len(asked) == 1


@each_type
@within(60)
async def test_a_change_of_the_right_is_news_and_visible(
    process: ServerProcess, operator: Operator, type: str
) -> None:
    id = f"changing-{type}"
    await operator.create(id, type)
    async with opened(process, id, type, token({id: "write"}, sub="ada")) as doc:
        assert doc.access == "write"
        news = doc.access_changes()
        await write(doc, "first ")
        await operator.grant(id, "ada", "read")
        assert await anext(news) == doc.access == "read"
        assert str(doc.status) == "read-only"
        with pytest.raises(ReadOnly):
            await write(doc, "second ")
        await operator.grant(id, "ada", "write")
        assert await anext(news) == doc.access == "write"
        await write(doc, "third ")
        # A text takes back what may not be; a Yjs document cannot, and sends it when it may.
        kept = "third second first " if type == "yjs" else "third first "
        assert await operator.text(id) == kept

        await operator.grant(id, "ada", "none")
        with pytest.raises(NotAllowed) as end:
            await anext(news)
        assert end.value.close_code == 4403
        assert str(doc.status) == "closed"
        assert doc.access == "write"  # the last that was said
    with pytest.raises(NotAllowed):
        async with opened(process, id, type, token({id: "write"}, sub="ada")):
            pass


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that takes few edits a second; five seconds' worth at once."""
    rate = str(EDITS_PER_SECOND)
    with signed_server(tmp_path_factory.mktemp("strict"), COLLAB_EDITS_PER_SECOND=rate) as process:
        yield process


@each_type
@within(60)
async def test_who_is_too_fast_waits_as_long_as_told_and_loses_nothing(
    strict: ServerProcess, type: str
) -> None:
    id = f"fast-{type}"
    count = 5 * EDITS_PER_SECOND + 5
    async with opened(strict, id, type, token({id: "write"}, sub="ada")) as doc:
        losses = Losses()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(losses.watch, doc)
            for number in range(count):
                await write(doc, f"{number} ")
            tasks.cancel_scope.cancel()
    async with operating(strict) as operator:
        assert (await operator.text(id)).split() == [str(n) for n in reversed(range(count))]
    assert losses.seconds
    assert min(losses.seconds) >= 0.1  # Eager would be back at once, had it not been told


class Losses:
    """How long a document was offline, each time."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def watch(self, doc: Any) -> None:
        since: float | None = None
        while True:
            offline = doc.status is Status.OFFLINE
            if offline and since is None:
                since = time.monotonic()
            elif not offline and since is not None:
                self.seconds.append(time.monotonic() - since)
                since = None
            await doc._progress.wait()
