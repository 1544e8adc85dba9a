"""The TypeScript client against a real server: convergence, crashes, tokens, rights, HTTP alone."""

from __future__ import annotations

import itertools
import re
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import msgspec
import pytest

import collab_client
from collab_client import wire
from tests.compat.driver import Driver, Refused
from tests.compat.typescript import run_module, run_script, running_client
from tests.integration.process import ServerProcess
from tests.integration.signed import OPERATOR, signed_server, token
from tests.integration.talk import within

pytestmark = pytest.mark.anyio

SECONDS = 120


@pytest.fixture(scope="session")
def built() -> None:
    """The client is built from its sources as they are."""
    run_script("build")


@pytest.fixture
def driver(built: None) -> Iterator[Driver]:
    with running_client() as running:
        yield running


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[ServerProcess]:
    with signed_server(tmp_path) as running:
        yield running


def ask(
    process: ServerProcess, method: str, path: str, shown: str | None = None, **options: Any
) -> str:
    """The answer's text to a request that has to succeed."""
    headers = {} if shown is None else {"Authorization": f"Bearer {shown}"}
    url = f"{process.url}/v1/{path}"
    answer = httpx.request(method, url, headers=headers, trust_env=False, **options)
    return answer.raise_for_status().text


def content(process: ServerProcess, document: str, shown: str | None = None) -> str:
    return ask(process, "GET", f"documents/{document}/content", shown)


def grant(process: ServerProcess, document: str, user: str, access: str | None) -> None:
    body = {"document": document, "user": user, "access": access}
    ask(process, "POST", "access", OPERATOR, json=body)


def marks(name: str, count: int) -> list[str]:
    """Texts of which each can be found again, some with characters of two units."""
    return [f"<{name}{number}{'🌍' if number % 5 == 0 else ''}>" for number in range(count)]


def assert_each_once(text: str, *typed: list[str]) -> None:
    """Nothing is lost and nothing there twice: of every mark each character is, between others."""
    expected = sorted(itertools.chain.from_iterable(itertools.chain(*typed)))
    assert sorted(text) == expected


Call = Callable[..., Awaitable[Any]]


def calling(driver: Driver) -> Call:
    """The driver's commands from a coroutine."""

    async def call(do: str, **arguments: Any) -> Any:
        return await anyio.to_thread.run_sync(partial(driver.call, do, **arguments))

    return call


def test_the_types_and_the_tests_of_the_package_are_fine() -> None:
    run_script("check")
    run_script("test")


@within(SECONDS)
async def test_it_converges_with_the_python_client(driver: Driver, process: ServerProcess) -> None:
    call = calling(driver)
    where = {"url": process.url, "document": "both"}
    await call("open", client="a", create="text", **where)
    async with collab_client.connect(process.url, "both") as python:
        mine, theirs = marks("p", 60), marks("t", 60)
        for ours, others in zip(mine, theirs, strict=True):
            await python.insert(len(python.text) // 2, ours)
            await call("type", client="a", texts=[others])
        await python.flush()
        await call("flush", client="a")
        whole = content(process, "both")
        await call("text", client="a", text=whole)
        with anyio.fail_after(SECONDS):
            changes = python.changes()
            while python.text != whole:
                await anext(changes)
    assert_each_once(whole, mine, theirs)


@within(SECONDS)
async def test_rich_text_and_presence_agree_with_the_python_client(
    driver: Driver, process: ServerProcess
) -> None:
    call = calling(driver)
    await call("open", client="a", create="richtext", url=process.url, document="rich")
    async with collab_client.connect(process.url, "rich") as python:
        title = [{"insert": "Title 🌍", "attributes": {"bold": True}}, {"insert": "\nx"}]
        await call("edit", client="a", operation=title)
        await python.insert(0, {"image": "a.png"}, alt="a")
        await python.flush()
        await call("flush", client="a")
        # Twice, as what came meanwhile is known only then.
        await call("edit", client="a", operation=[{"insert": "!"}])
        await call("flush", client="a")
        await python.presence.set({"name": "Py"}, selection=(0, 3))
        await call("sees", client="a", name="Py", selection={"anchor": 0, "head": 3})
        changes = python.changes()
        while python.contents != wire.decode(
            msgspec.json.encode(await call("contents", client="a"))
        ):
            await anext(changes)


@within(SECONDS)
@pytest.mark.parametrize("way", ["websocket", "http"])
async def test_a_killed_server_costs_nothing_that_was_typed_and_doubles_nothing(
    driver: Driver, process: ServerProcess, way: str
) -> None:
    call = calling(driver)
    if way == "http":
        ask(process, "POST", "documents", json={"id": "killed", "type": "text"})
        await call("block")
    create = {} if way == "http" else {"create": "text"}
    typed: list[str] = marks("k", 90)
    for client in ("a", "b"):
        await call("open", client=client, url=process.url, document="killed", **create)
    for number, mark in enumerate(typed):
        await call("type", client="ab"[number % 2], texts=[mark])
        if number in (20, 50):
            process.kill()
        if number in (35, 65):
            process.start()
    for client in ("a", "b"):
        await call("flush", client=client)
    whole = content(process, "killed")
    for client in ("a", "b"):
        await call("text", client=client, text=whole)
        await call("state", client=client, state="saved")
    assert_each_once(whole, typed)


@within(SECONDS)
async def test_a_token_that_ends_is_renewed_and_nothing_is_lost(
    driver: Driver, guarded: ServerProcess
) -> None:
    call = calling(driver)
    short = token({"notes": "write"}, seconds=3, sub="ada")
    long = token({"notes": "write"}, seconds=600, sub="ada")
    where = {"url": guarded.url, "document": "notes", "create": "text"}
    await call("open", client="a", tokens=[short, long], **where)
    typed = marks("e", 40)
    await call("type", client="a", texts=typed[:20])
    await call("state", client="a", state="offline")  # when it ends, the server ends the connection
    await call("type", client="a", texts=typed[20:])
    await call("flush", client="a")
    standing = await call("standing", client="a")
    assert (standing["state"], standing["asked"], standing["errors"]) == ("saved", 2, [])
    assert_each_once(content(guarded, "notes", long), typed)


@within(SECONDS)
async def test_a_token_that_does_not_hold_is_an_error_with_a_code(
    driver: Driver, guarded: ServerProcess
) -> None:
    call = calling(driver)
    where = {"url": guarded.url, "document": "none"}
    with pytest.raises(Refused, match="not_signed_in"):
        await call("open", client="a", **where)
    with pytest.raises(Refused, match="document_not_found"):
        await call("open", client="a", tokens=[token({"other": "write"})], **where)
    with pytest.raises(Refused, match="not_allowed"):
        await call("open", client="a", tokens=[token({"none": "none"})], **where)


@within(SECONDS)
async def test_a_right_that_is_taken_makes_it_read_only_in_place(
    driver: Driver, guarded: ServerProcess
) -> None:
    call = calling(driver)
    shown = token({"shared": "write"}, sub="ada")
    await call(
        "open", client="a", tokens=[shown], url=guarded.url, document="shared", create="text"
    )
    await call("type", client="a", texts=["one "])
    await call("flush", client="a")
    grant(guarded, "shared", "ada", "read")
    await call("state", client="a", state="read-only")
    with pytest.raises(Refused, match="read_only"):
        await call("type", client="a", texts=["two"])
    grant(guarded, "shared", "ada", None)
    await call("state", client="a", state="saved")
    await call("type", client="a", texts=["x"])
    await call("flush", client="a")
    assert_each_once(content(guarded, "shared", shown), ["one ", "x"])


@within(SECONDS)
async def test_without_websockets_it_goes_over_http_and_meets_those_who_have_them(
    driver: Driver, guarded: ServerProcess
) -> None:
    call = calling(driver)
    shown = token({"open": "write"}, sub="ada")
    async with collab_client.connect(guarded.url, "open", create="text", token=shown) as python:
        await call("block")
        await call("open", client="a", tokens=[shown], url=guarded.url, document="open")
        assert await call("blocked") == 2
        mine, theirs = marks("p", 30), marks("h", 30)
        for ours, others in zip(mine, theirs, strict=True):
            await python.insert(0, ours)
            await call("type", client="a", texts=[others])
        await python.presence.set({"name": "Py"})
        await call("sees", client="a", name="Py", selection=None)
        await python.flush()
        await call("flush", client="a")
        whole = content(guarded, "open", shown)
        await call("text", client="a", text=whole)
        assert_each_once(whole, mine, theirs)
        assert (await call("standing", client="a"))["errors"] == []


@within(SECONDS)
async def test_over_http_too_a_reader_is_told_so_and_an_end_has_its_code(
    driver: Driver, guarded: ServerProcess
) -> None:
    call = calling(driver)
    writer = token({"page": "admin"}, sub="bob")
    await call("open", client="w", tokens=[writer], url=guarded.url, document="page", create="text")
    await call("type", client="w", texts=["hello"])
    await call("flush", client="w")
    await call("block")
    reader = token({"page": "read"}, sub="eve")
    await call("open", client="r", tokens=[reader], url=guarded.url, document="page")
    standing = await call("standing", client="r")
    assert (standing["state"], standing["text"]) == ("read-only", "hello")
    with pytest.raises(Refused, match="not_signed_in"):
        await call("open", client="x", url=guarded.url, document="page")
    ask(guarded, "DELETE", "documents/page", writer)
    await call("state", client="r", state="closed")
    assert (await call("standing", client="r"))["failure"] == "document_gone"


EXAMPLE = re.compile(r"```js\n(.*?)```", re.DOTALL)
PRINTS = re.compile(r"// prints: (.*)")
PAGE = Path(__file__).parents[2] / "docs" / "client-typescript.md"


def test_the_examples_of_the_documentation_do_what_they_say(
    built: None, process: ServerProcess
) -> None:
    examples = EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))
    assert len(examples) == 3
    for example in examples:
        program = example.replace("http://127.0.0.1:8000", process.url)
        assert run_module(program).splitlines() == PRINTS.findall(example)
