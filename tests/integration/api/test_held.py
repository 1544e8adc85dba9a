"""How much of request bodies one sender may have held, and bodies whose sender hangs up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest
from starlette.types import Message

from tests.integration.api.asgi import PATIENCE_SECONDS, Server, problem, serving, token

pytestmark = pytest.mark.anyio

KIB = 1024
WHOLE = 250 * KIB


class Body:
    """A body of WHOLE bytes, the last of which come when it may end."""

    def __init__(self) -> None:
        self.nearly_there = anyio.Event()
        self.may_end = anyio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield (WHOLE - KIB) * b"x"
        self.nearly_there.set()
        await self.may_end.wait()
        yield KIB * b"x"


async def put(server: Server, user: str | None, content: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token(user)}", "If-Match": "*"}
    headers["Content-Type"] = "text/plain"
    path = "/v1/documents/doc/content"
    with anyio.fail_after(PATIENCE_SECONDS):
        return await server.client.put(path, content=content, headers=headers)


@pytest.mark.parametrize("user", ["alice", None])
async def test_the_bodies_of_one_sender_are_bounded_together(user: str | None) -> None:
    async with serving(max_body_bytes=256 * KIB) as server:
        await server.make("doc", "hello")
        bodies, answers = [Body(), Body()], list[httpx.Response]()

        async def send(body: Body) -> None:
            answers.append(await put(server, user, body))

        async with anyio.create_task_group() as tasks:
            for body in bodies:
                tasks.start_soon(send, body)
                await body.nearly_there.wait()
            refused = await put(server, user, WHOLE * b"x")
            assert problem(refused, 429) == "too_many_requests"
            assert refused.headers["retry-after"] == "1"
            assert (await put(server, user, b"short")).is_success
            assert (await put(server, "bob", WHOLE * b"x")).is_success
            for body in bodies:
                body.may_end.set()
        assert [answer.status_code for answer in answers] == [200, 200]
        assert (await put(server, user, WHOLE * b"x")).is_success


async def test_who_hangs_up_in_a_body_is_told_nothing_and_is_no_defect(server: Server) -> None:
    await server.make("doc", "hello")
    sent: list[Message] = []
    heard: list[Message] = [
        {"type": "http.request", "body": b"half of", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return heard.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = {
        "authorization": f"Bearer {token()}",
        "if-match": "*",
        "content-type": "text/plain",
        "content-length": "100",
    }
    path = "/v1/documents/doc/content"
    scope = {
        "type": "http",
        "method": "PUT",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
    }
    await server.app(scope, receive, send)
    assert sent == []
    assert await server.text("doc") == "hello"
