"""What holds for every route: paths, problems, health, the description."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from collab.catalog import Catalog
from collab.errors import StoreFailure, TooFast
from collab.storage.memory import MemoryStore
from tests.integration.api.asgi import Server, problem, serving

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "segment",
    ["%2e%2e", "%2e", "a%2Fb", "a%2fcontent", "a%00", "a%20b", "%ff", "-a", "a" * 201, "a%5Cb"],
)
@pytest.mark.parametrize("rest", ["", "/content", "/edits", "/events", "/presence"])
async def test_ids_that_cannot_be_are_told_so(server: Server, segment: str, rest: str) -> None:
    path = f"/v1/documents/{segment}{rest}"
    url = httpx.URL("http://server").copy_with(raw_path=path.encode())
    answer = await server.client.get(url)
    assert problem(answer, 400) == "invalid_document_id"


@pytest.mark.parametrize("id", ["a:b", "a@b", "a~b", "A", "0.-_", "a" * 200])
async def test_ids_that_can_be(server: Server, id: str) -> None:
    await server.make(id, "one")
    assert await server.text(id) == "one"
    encoded = "".join(f"%{ord(character):02x}" for character in id)
    assert await server.text(encoded) == "one"


async def test_routes_that_are_not_there(server: Server) -> None:
    assert problem(await server.client.get("/v2"), 404) == "no_such_route"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/documents", "GET, POST, HEAD"),
        ("/v1/documents/a", "GET, PATCH, DELETE, HEAD"),
        ("/v1/documents/a/content", "GET, PUT, HEAD"),
        ("/v1/documents/a/edits", "GET, POST"),
        ("/v1/documents/a/events", "GET"),
        ("/v1/documents/a/messages", "POST"),
    ],
)
async def test_a_path_names_all_the_methods_it_has(server: Server, path: str, allowed: str) -> None:
    answer = await server.client.request("OPTIONS", path)
    assert problem(answer, 405) == "method_not_allowed"
    assert answer.headers["allow"] == allowed


async def test_head_is_answered_as_get_without_the_body(server: Server) -> None:
    await server.make("a", "one")
    for path in ("/v1/documents", "/v1/documents/a", "/v1/documents/a/content"):
        same = {"X-Request-ID": "one-request"}
        answer = await server.client.head(path, headers=same)
        assert (answer.status_code, answer.content) == (200, b"")
        got = await server.client.get(path, headers=same)
        assert answer.headers == got.headers
    assert (await server.client.head("/v1/documents/b")).status_code == 404
    answer = await server.client.head("/v1/documents/a/events")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "", "[::2]", "10.0.0.1", "["]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
async def test_development_mode_answers_to_no_name_but_this_machines(
    host: str, method: str
) -> None:
    async with serving(secret_key=None) as server:
        headers = {"Host": host}
        for path in ("/v1/documents", "/v1/documents/a/content", "/healthz", "/openapi.json"):
            answer = await server.client.request(method, path, headers=headers)
            assert answer.status_code == 403
            if method != "HEAD":
                assert problem(answer, 403) == "not_allowed"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.9.9.9", "[::1]:80", "a.example"]
)
async def test_development_mode_answers_to_this_machines_names(host: str) -> None:
    async with serving(secret_key=None, allowed_origins=("https://a.example",)) as server:
        answer = await server.client.get("/v1/documents", headers={"Host": host})
        assert answer.status_code == 200


async def test_with_tokens_any_name_will_do(server: Server) -> None:
    answer = await server.client.get("/v1/documents", headers={"Host": "collab.example"})
    assert answer.status_code == 200


async def test_pages_of_foreign_origins_change_nothing(server: Server) -> None:
    body = {"id": "a", "type": "text"}
    headers = {"Origin": "https://evil.example"}
    answer = await server.client.post("/v1/documents", json=body, headers=headers)
    assert problem(answer, 403) == "not_allowed"
    headers = {"Origin": "http://server"}
    answer = await server.client.post("/v1/documents", json=body, headers=headers)
    assert answer.status_code == 201


async def test_pages_of_allowed_origins_may_read_answers_and_refusals() -> None:
    page = "https://app.example"
    async with serving(allowed_origins=(page,)) as server:
        asked = {
            "Origin": page,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "if-match,authorization,content-type",
        }
        answer = await server.client.options("/v1/documents/a/content", headers=asked)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == page
        body = {"id": "a", "type": "text"}
        for path, status in (("/v1/documents", 201), ("/v1/documents/a/edits", 422)):
            answer = await server.client.post(path, json=body, headers={"Origin": page})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == page
            assert "ETag" in answer.headers["access-control-expose-headers"]
        answer = await server.client.get("/v1/documents/a", headers={"Origin": "https://x.example"})
        assert "access-control-allow-origin" not in answer.headers


async def test_a_body_has_to_be_json(server: Server) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        headers = {"Content-Type": kind}
        answer = await server.client.post("/v1/documents", content=b"{}", headers=headers)
        assert problem(answer, 415) == "unsupported_media_type"


async def test_a_defect_shows_nothing_of_itself(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("the secret is 42")

    monkeypatch.setattr(Catalog, "get", broken)
    answer = await server.client.get("/v1/documents/a")
    assert problem(answer, 500) == "internal"
    assert "42" not in answer.text


async def test_trouble_says_when_to_try_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def get(*_: object) -> Any:
        raise TooFast("slower", 2.5)

    monkeypatch.setattr(Catalog, "get", get)
    answer = await server.client.get("/v1/documents/a")
    assert problem(answer, 429) == "too_fast"
    assert answer.headers["retry-after"] == "3"
    assert answer.json()["retry_after"] == 2.5


async def test_health(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    anonymous = {"Authorization": ""}
    for path in ("/healthz", "/readyz"):
        answer = await server.client.get(path, headers=anonymous)
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer.json()["longest_stall_ms"] >= 0

    async def down(*_: object, **__: object) -> Any:
        raise StoreFailure("the store is away")

    monkeypatch.setattr(MemoryStore, "list", down)
    answer = await server.client.get("/readyz")
    assert problem(answer, 503) == "store_failure"
    assert answer.headers["retry-after"] == "1"
    assert (await server.client.get("/healthz")).status_code == 200


async def test_the_description_is_whole(server: Server) -> None:
    document = (await server.client.get("/openapi.json")).json()
    assert set(document["paths"]) >= {
        "/v1/documents",
        "/v1/documents/{id}",
        "/v1/documents/{id}/copy",
        "/v1/documents/{id}/content",
        "/v1/documents/{id}/edits",
        "/v1/documents/{id}/events",
        "/v1/documents/{id}/presence",
        "/v1/documents/{id}/messages",
        "/healthz",
        "/readyz",
    }
    known = document["components"]["schemas"]
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in known
    for operations in document["paths"].values():
        for operation in operations.values():
            refusal = operation["responses"]["default"]["content"]["application/problem+json"]
            assert refusal["schema"]["$ref"].endswith("/Problem")
            assert operation["description"]
    put = document["paths"]["/v1/documents/{id}/content"]["put"]
    markup = {"text/html", "text/markdown"}
    taken = {"text/plain", "application/json", *markup}
    assert set(put["requestBody"]["content"]) == taken
    for viewer in ("/docs", "/redoc"):  # they would load scripts from elsewhere
        assert problem(await server.client.get(viewer), 404) == "no_such_route"


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        found = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return found + [each for item in value.values() for each in _references(item)]
    if isinstance(value, list):
        return [each for item in value for each in _references(item)]
    return []
