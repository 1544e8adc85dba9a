"""A server that asks for tokens, the tokens, and its operator."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt

from tests.integration.process import ServerProcess, server
from tests.integration.talk import PATIENCE_SECONDS

SECRET = "a secret for tests of 32 bytes or more"
OPERATOR = "an-operators-key-of-more-than-32-characters"


@contextmanager
def signed_server(folder: Path, **variables: str) -> Iterator[ServerProcess]:
    """A running server with a secret and an operator's key, whose log shows no defect."""
    variables = {
        "COLLAB_SECRET_KEY": SECRET,
        "COLLAB_API_KEYS": f"tests={OPERATOR}",
        "COLLAB_REQUESTS_PER_SECOND": "10000",
        **variables,
    }
    with server(folder, **variables) as process:
        yield process
    assert process.defects() == []


def token(docs: Mapping[str, object], *, seconds: float | None = None, **claims: str) -> str:
    """A token with these rights, `sub` and `name`; it ends in so many seconds, rounded down."""
    body: dict[str, object] = {"docs": dict(docs), **claims}
    if seconds is not None:
        body["exp"] = int(time.time() + seconds)
    return jwt.encode(body, SECRET, "HS256")


class Operator:
    """Whoever has the operator's key, over HTTP."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A request that has to succeed."""
        answer = await self._client.request(method, path, **options)
        assert answer.is_success, answer.text
        return answer

    async def create(self, id: str, type: str = "text") -> None:
        await self.ask("POST", "/v1/documents", json={"id": id, "type": type})

    async def grant(self, document: str, user: str, access: str | None) -> float:
        """Grant, change or take back a right; when that was asked for."""
        body = {"document": document, "user": user, "access": access}
        since = time.perf_counter()
        await self.ask("POST", "/v1/access", json=body)
        return since

    async def version(self, id: str) -> int:
        return int((await self.ask("GET", f"/v1/documents/{id}")).json()["version"])

    async def text(self, id: str) -> str:
        """What is in it, of a yjs document in the root that the seats write to."""
        return (await self.ask("GET", f"/v1/documents/{id}/content?format=text")).text


@asynccontextmanager
async def visiting(server: ServerProcess, shown: str | None) -> AsyncIterator[httpx.AsyncClient]:
    """The HTTP API for whoever shows this token."""
    headers = {} if shown is None else {"Authorization": f"Bearer {shown}"}
    async with httpx.AsyncClient(
        base_url=server.url, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False
    ) as client:
        yield client


@asynccontextmanager
async def operating(server: ServerProcess) -> AsyncIterator[Operator]:
    """The operator of a server."""
    async with visiting(server, OPERATOR) as client:
        yield Operator(client)
