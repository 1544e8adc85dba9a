"""What the HTTP tests share: a server in this process, tokens, and readers of endless answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import jwt
from anyio.streams.memory import MemoryObjectReceiveStream
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.types import Message, Scope

from collab.app import create_app
from collab.registry import Registry
from collab.settings import Settings

SECRET = "a secret for tests that is long enough"
PATIENCE_SECONDS = 5.0


def token(user: str | None = "alice", **docs: str) -> str:
    """A bearer token; `docs` is what the user may do, everything by default."""
    return signed(user, docs or {"*": "admin"})


def signed(user: str | None, docs: dict[str, str], **claims: Any) -> str:
    """A bearer token with these claims besides."""
    claims["docs"] = docs
    if user is not None:
        claims["sub"] = user
    return jwt.encode(claims, SECRET, algorithm="HS256")


@dataclass(frozen=True)
class Server:
    """The application and one client of it, who may do everything."""

    app: FastAPI
    client: httpx.AsyncClient

    @property
    def registry(self) -> Registry:
        registry: Registry = self.app.state.registry
        return registry

    async def make(self, id: str, content: Any = "", **more: Any) -> dict[str, Any]:
        """A new text document; its row."""
        body = {"id": id, "type": "text", "content": content, **more}
        answer = await self.client.post("/v1/documents", json=body)
        assert answer.status_code == 201, answer.text
        row: dict[str, Any] = answer.json()
        return row

    async def text(self, id: str) -> str:
        """What the document contains."""
        answer = await self.client.get(f"/v1/documents/{id}/content")
        assert answer.status_code == 200, answer.text
        return answer.text

    async def type(self, id: str, text: str, position: int = 0, **more: Any) -> httpx.Response:
        """Insert `text` as a commit of its own."""
        operation: list[dict[str, Any]] = [{"insert": text}]
        if position:
            operation.insert(0, {"retain": position})
        body = {"operation": operation, **more}
        return await self.client.post(f"/v1/documents/{id}/edits", json=body)


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[Server]:
    """A server over an empty memory store; development mode with `secret_key=None`."""
    given = {"secret_key": SecretStr(SECRET), **settings}
    app = create_app(Settings(database_url="memory://", **given))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://server",
            headers={"Authorization": f"Bearer {token()}"},
        ) as client,
    ):
        yield Server(app, client)


def problem(answer: httpx.Response, status: int) -> str:
    """The code of a refusal, which has to be a whole problem object of that status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["type"] == f"urn:collab:problem:{body['code']}"
    assert body["title"]
    assert body["detail"]
    assert "Traceback" not in answer.text
    code: str = body["code"]
    return code


@dataclass(frozen=True)
class SentEvent:
    """One server-sent event."""

    kind: str
    id: str | None
    data: Any


class EventReader:
    """Reads an endless answer event by event."""

    def __init__(self, messages: MemoryObjectReceiveStream[Message]) -> None:
        self._messages = messages
        self._text = ""
        self.status = 0
        self.headers: dict[str, str] = {}

    async def start(self) -> None:
        """Wait for the status line and headers."""
        with anyio.fail_after(PATIENCE_SECONDS):
            message = await self._messages.receive()
        assert message["type"] == "http.response.start"
        self.status = message["status"]
        self.headers = {name.decode(): value.decode() for name, value in message["headers"]}

    async def block(self) -> str | None:
        """The next text up to an empty line; None at the end of the answer."""
        with anyio.fail_after(PATIENCE_SECONDS):
            while "\n\n" not in self._text:
                message = await self._messages.receive()
                if not message.get("more_body", False):
                    return None
                self._text += message["body"].decode()
        block, self._text = self._text.split("\n\n", 1)
        return block

    async def event(self) -> SentEvent:
        """The next event, comments passed over."""
        while True:
            block = await self.block()
            assert block is not None, "the stream has ended"
            if block.startswith(":"):
                continue
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            return SentEvent(fields["event"], fields.get("id"), json.loads(fields["data"]))


@asynccontextmanager
async def events(
    server: Server, id: str, query: str = "", **headers: str
) -> AsyncIterator[EventReader]:
    """The event stream of a document; leaving the block disconnects, and the answer must end."""
    sent, received = anyio.create_memory_object_stream[Message](1000)
    gone = anyio.Event()
    given = {"authorization": f"Bearer {token()}", **headers}
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": f"/v1/documents/{id}/events",
        "raw_path": f"/v1/documents/{id}/events".encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (name.replace("_", "-").encode(), value.encode()) for name, value in given.items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("server", 80),
    }
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def run() -> None:
        await server.app(scope, receive, sent.send)

    with received, sent:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            reader = EventReader(received)
            await reader.start()
            yield reader
            gone.set()
            tasks.cancel_scope.deadline = anyio.current_time() + PATIENCE_SECONDS
        assert not tasks.cancel_scope.cancelled_caught, "the answer did not end"
