"""Talks to a server process: raw frames over a real websocket, the HTTP API, and what holds for
every document's log whatever has happened."""

from __future__ import annotations

import functools
import json
import logging
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from random import Random
from typing import Any, ParamSpec

import anyio
import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from collab.protocols.native import SUBPROTOCOL
from tests.integration.process import ServerProcess

PATIENCE_SECONDS = 30.0

Json = dict[str, Any]
P = ParamSpec("P")


def within(
    seconds: float,
) -> Callable[[Callable[P, Awaitable[None]]], Callable[P, Awaitable[None]]]:
    """A test that fails when it takes longer."""

    def bound(test: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
        @functools.wraps(test)
        async def bounded(*arguments: P.args, **named: P.kwargs) -> None:
            with anyio.fail_after(seconds):
                await test(*arguments, **named)

        return bounded

    return bound


def seeded_random() -> Random:
    """A Random for one test; a failure shows the seed, and COLLAB_TEST_SEED sets it."""
    seed = int(os.environ.get("COLLAB_TEST_SEED") or secrets.randbits(32))
    logging.getLogger(__name__).warning("COLLAB_TEST_SEED=%d", seed)
    return Random(seed)


def new_client() -> str:
    """A client id that nobody has yet."""
    return secrets.token_urlsafe(24)


class Talk:
    """One websocket. Every wait is bounded; what is heard is decoded JSON."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def say(self, type: str, **fields: Any) -> None:
        """Send a message."""
        await self.say_raw(json.dumps({"type": type, **fields}))

    async def say_raw(self, frame: str | bytes, *, text: bool | None = None) -> None:
        """Send a frame as it is; bytes make a binary one unless `text`."""
        await self._socket.send(frame, text=text)

    async def hello(self, client: str, **fields: Any) -> Json:
        """Say hello; the answer."""
        await self.say("hello", client=client, **fields)
        return await self.hear("welcome", "reset")

    async def edit(self, seq: int, base: int, operation: object) -> None:
        """Submit an edit."""
        await self.say("edit", seq=seq, base=base, operation=operation)

    async def hear(self, *types: str) -> Json:
        """The next message of one of these types (of any, without); others are passed over."""
        with anyio.fail_after(PATIENCE_SECONDS):
            while True:
                message: Json = json.loads(await self._socket.recv())
                if not types or message["type"] in types:
                    return message

    async def hear_commit(self, version: int) -> Json:
        """The commit of this version, out of the stream."""
        while True:
            message = await self.hear("edits")
            for edit in message["edits"]:
                if edit["version"] == version:
                    return dict(edit)

    async def rest(self) -> tuple[int, list[Json]]:
        """The close code, and everything heard before it."""
        heard: list[Json] = []
        with anyio.fail_after(PATIENCE_SECONDS):
            try:
                while True:
                    heard.append(json.loads(await self._socket.recv()))
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
                return code, heard

    async def close_code(self) -> int:
        """The code that the server closes with."""
        return (await self.rest())[0]


@asynccontextmanager
async def dial(server: ServerProcess, document: str) -> AsyncIterator[Talk]:
    """A websocket to the document, before its hello; `document` as it stands in the URL."""
    url = f"ws://127.0.0.1:{server.port}/v1/documents/{document}/socket"
    async with connect(
        url,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        compression=None,
        max_size=None,
        open_timeout=PATIENCE_SECONDS,
        close_timeout=PATIENCE_SECONDS,
        ping_interval=None,
        proxy=None,
    ) as socket:
        yield Talk(socket)


class Http:
    """The documents of a server over HTTP."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any request below /v1/documents."""
        return await self._client.request(method, f"/v1/documents{path}", **options)

    async def create(self, id: str, type: str = "text", content: str | None = None) -> str:
        """Make a document; its epoch."""
        answer = await self.ask("POST", "", json={"id": id, "type": type, "content": content})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["epoch"])

    async def delete(self, id: str) -> None:
        answer = await self.ask("DELETE", f"/{id}")
        assert answer.status_code == 204, answer.text

    async def content(self, id: str) -> str:
        """The text."""
        answer = await self.ask("GET", f"/{id}/content")
        assert answer.status_code == 200, answer.text
        return answer.text

    async def head(self, id: str) -> int:
        """The newest version."""
        answer = await self.ask("GET", f"/{id}")
        assert answer.status_code == 200, answer.text
        return int(answer.json()["version"])

    async def log(self, id: str) -> list[Json]:
        """The whole log, after making sure that it has no gap and each name once."""
        headers = {"Accept": "application/x-ndjson"}
        answer = await self.ask("GET", f"/{id}/edits", headers=headers)
        assert answer.status_code == 200, answer.text
        edits = [json.loads(line) for line in answer.text.splitlines()]
        assert [edit["version"] for edit in edits] == list(range(1, len(edits) + 1))
        assert len(set(names(edits))) == len(edits)
        return edits


def names(edits: Iterable[Json]) -> list[tuple[str, int]]:
    """(author, seq) of each edit."""
    return [(edit["author"], edit["seq"]) for edit in edits]


@asynccontextmanager
async def http(server: ServerProcess, token: str | None = None) -> AsyncIterator[Http]:
    """The HTTP API of the server, through all its lives."""
    async with httpx.AsyncClient(
        base_url=server.url,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=PATIENCE_SECONDS,
        trust_env=False,
    ) as client:
        yield Http(client)
