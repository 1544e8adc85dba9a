"""The HTTP API keeps to what it says of itself: every route, with requests made from its own
description, sound and unsound, in development mode and with tokens of every right.

No answer is a defect; statuses, media types, headers and bodies are those that are described. The
same requests are made each time.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from collab.app import create_app
from collab.settings import Settings
from tests.integration.api.asgi import Server, serving, token

URL = "http://localhost"
DOCUMENTS = {"text": "hello", "richtext": [{"insert": "hello\n"}], "yjs": "hello"}
IDS = [*DOCUMENTS, "absent", "another"]
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CALLERS = {
    "development": None,
    "admin": token(**{"*": "admin"}),
    "writer": token(**{"*": "write"}),
    "reader": token(**{"*": "read"}),
    "stranger": token(other="admin"),
    "nobody": "no token",
}

schema = schemathesis.openapi.from_dict(create_app(Settings(database_url="memory://")).openapi())


@schema.hook("map_path_parameters")
def _known(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Mostly documents that there are."""
    if path_parameters and "id" in path_parameters:
        id = str(path_parameters["id"])
        place = zlib.crc32(id.encode(errors="replace")) % (len(IDS) + 1)
        if place < len(IDS):
            path_parameters["id"] = IDS[place]
    return path_parameters


@dataclass(frozen=True)
class Caller:
    """Who asks, and the server that is asked."""

    portal: BlockingPortal
    server: Server
    token: str | None

    def prepare(self) -> None:
        """Make the documents that are not there."""

        async def make() -> None:
            for type, content in DOCUMENTS.items():
                body = {"id": type, "type": type, "content": content}
                await self.server.client.post("/v1/documents", json=body)

        self.portal.call(make)

    def ask(self, case: Any) -> httpx.Response:
        sent = requests.Request(**case.as_transport_kwargs(base_url=URL)).prepare()
        headers: dict[str, Any] = dict(sent.headers)
        headers.pop("Authorization", None)
        content: Any = sent.body
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"

        async def send() -> httpx.Response:
            client = self.server.client
            del client.headers["Authorization"]
            try:
                return await client.request(
                    str(sent.method), str(sent.url), headers=headers, content=content
                )
            finally:
                client.headers["Authorization"] = f"Bearer {token()}"

        return self.portal.call(send)


@pytest.fixture(scope="module", params=CALLERS)
def caller(request: pytest.FixtureRequest) -> Iterator[Caller]:
    given = CALLERS[request.param]
    more = {"secret_key": None} if given is None else {}
    with start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(serving(**more)) as server:
            server.client.base_url = URL
            yield Caller(portal, server, given)


@schema.parametrize()
@settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case: Any, caller: Caller) -> None:
    caller.prepare()
    if case.path.endswith("/events"):  # a stream that is not refused would never end
        case.path_parameters["id"] = "never-made"
    answer = caller.ask(case)
    case.validate_response(answer, checks=CHECKS)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.status_code < 500
    if answer.is_error:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


def test_every_route_is_described() -> None:
    described = {operation.ok().path for operation in list[Any](schema.get_all_operations())}
    assert len(described) >= 12
