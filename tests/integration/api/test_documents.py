"""Documents as a collection: made, listed, changed, copied, deleted, and who may."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api.asgi import Server, problem, serving, token

pytestmark = pytest.mark.anyio


async def test_a_document_is_made_with_content_and_metadata(server: Server) -> None:
    body = {"id": "a:b@c~d", "type": "text", "content": "hello", "metadata": {"title": "A"}}
    answer = await server.client.post("/v1/documents", json=body)
    assert answer.status_code == 201
    assert answer.headers["location"] == "/v1/documents/a:b@c~d"
    row = answer.json()
    assert (row["id"], row["type"], row["version"], row["metadata"]) == (
        "a:b@c~d",
        "text",
        1,
        {"title": "A"},
    )
    assert (await server.client.get(answer.headers["location"])).json() == row
    assert await server.text("a:b@c~d") == "hello"


async def test_a_document_without_an_id_gets_one(server: Server) -> None:
    first = await server.client.post("/v1/documents", json={"type": "text"})
    second = await server.client.post("/v1/documents", json={"type": "text"})
    assert first.json()["id"] != second.json()["id"]
    assert first.json()["version"] == 0


async def test_rich_text_is_made_of_a_delta(server: Server) -> None:
    delta = [{"insert": "bold", "attributes": {"bold": True}}, {"insert": "\n"}]
    await server.make("r", type="richtext", content=delta)
    answer = await server.client.get("/v1/documents/r/content?format=json")
    assert answer.json() == delta
    assert answer.headers["content-type"] == "application/json"


async def test_an_id_is_taken_once(server: Server) -> None:
    await server.make("a", "first")
    answer = await server.client.post("/v1/documents", json={"id": "a", "type": "text"})
    assert problem(answer, 409) == "document_exists"
    assert await server.text("a") == "first"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"type": "poem"}, 400, "wrong_type"),
        ({"id": "a b", "type": "text"}, 400, "invalid_document_id"),
        ({"id": "..", "type": "text"}, 400, "invalid_document_id"),
        ({"type": "text", "content": [{"insert": 3}]}, 422, "invalid_content"),
        ({"type": "text", "content": [{"delete": 3}]}, 422, "invalid_content"),
        ({"type": "text", "content": "x", "format": "json"}, 422, "invalid_content"),
        ({"type": "text", "content": [], "format": "poem"}, 400, "unknown_format"),
        ({"type": "text", "content": [{"insert": "x"}], "format": "poem"}, 400, "unknown_format"),
        ({"type": "text", "metadata": {"a": "x" * 20_000}}, 413, "too_large"),
        ({"type": "text", "metadata": {"a": 2**60}}, 400, "malformed"),
        ({"type": "text", "unknown": 1}, 422, "invalid_request"),
        ({"type": True}, 422, "invalid_request"),
        ({"type": "text", "metadata": []}, 422, "invalid_request"),
        ({}, 422, "invalid_request"),
        ([], 422, "invalid_request"),
    ],
)
async def test_what_no_document_can_be_made_of(
    server: Server, body: Any, status: int, code: str
) -> None:
    answer = await server.client.post("/v1/documents", json=body)
    assert problem(answer, status) == code
    assert (await server.client.get("/v1/documents")).json()["documents"] == []


async def test_content_over_the_bound_is_refused() -> None:
    async with serving(max_document_bytes=100) as server:
        body = {"type": "text", "content": "x" * 101}
        answer = await server.client.post("/v1/documents", json=body)
        assert problem(answer, 413) == "document_too_large"
        assert (answer.json()["size"], answer.json()["limit"]) == (101, 100)


async def test_the_list_is_paged_and_filtered(server: Server) -> None:
    for id in ("n:3", "n:1", "m", "n:2", "n:4"):
        await server.make(id)
    await server.make("n:rich", type="richtext", content=[])

    async def page(**query: Any) -> tuple[list[str], str | None]:
        answer = await server.client.get("/v1/documents", params=query)
        body = answer.json()
        return [row["id"] for row in body["documents"]], body["next"]

    assert await page() == (["m", "n:1", "n:2", "n:3", "n:4", "n:rich"], None)
    assert await page(prefix="n:", type="text") == (["n:1", "n:2", "n:3", "n:4"], None)
    assert await page(prefix="n:", type="text", limit=2) == (["n:1", "n:2"], "n:2")
    assert await page(prefix="n:", type="text", limit=2, after="n:2") == (["n:3", "n:4"], None)
    assert await page(prefix="none") == ([], None)


async def test_the_list_shows_what_one_may_read(server: Server) -> None:
    for id in ("a", "b", "c", "d"):
        await server.make(id)
    headers = {"Authorization": f"Bearer {token(a='read', d='write')}"}
    answer = await server.client.get("/v1/documents?limit=1", headers=headers)
    assert [row["id"] for row in answer.json()["documents"]] == ["a"]
    assert answer.json()["next"] == "a"
    answer = await server.client.get("/v1/documents?limit=1&after=a", headers=headers)
    assert [row["id"] for row in answer.json()["documents"]] == ["d"]
    assert answer.json()["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "prefix=a/b", "after=%00"])
async def test_a_list_that_cannot_be(server: Server, query: str) -> None:
    answer = await server.client.get(f"/v1/documents?{query}")
    assert problem(answer, 422) == "invalid_request"
    assert answer.json()["errors"][0]["where"].startswith("query.")


async def test_metadata_are_merged(server: Server) -> None:
    await server.make("a", metadata={"title": "A", "tags": {"x": 1, "y": 2}})
    patch = {"metadata": {"title": None, "tags": {"x": None, "z": 3}, "new": [1]}}
    answer = await server.client.patch("/v1/documents/a", json=patch)
    assert answer.json()["metadata"] == {"tags": {"y": 2, "z": 3}, "new": [1]}
    assert (await server.client.get("/v1/documents/a")).json() == answer.json()
    huge = {"metadata": {"title": "x" * 20_000}}
    assert problem(await server.client.patch("/v1/documents/a", json=huge), 413) == "too_large"


async def test_a_deleted_document_is_gone_until_it_is_made_again(server: Server) -> None:
    first = await server.make("a", "first")
    assert (await server.client.delete("/v1/documents/a")).status_code == 204
    for answer in (
        await server.client.get("/v1/documents/a"),
        await server.client.get("/v1/documents/a/content"),
        await server.client.delete("/v1/documents/a"),
        await server.type("a", "x"),
    ):
        assert problem(answer, 404) == "document_not_found"
    second = await server.make("a", "second")
    assert second["epoch"] != first["epoch"]
    assert await server.text("a") == "second"


async def test_a_copy_has_the_content_and_a_life_of_its_own(server: Server) -> None:
    source = await server.make("a", "one", metadata={"title": "A"})
    await server.type("a", "two ")
    answer = await server.client.post("/v1/documents/a/copy", json={"id": "b"})
    assert answer.status_code == 201
    assert answer.headers["location"] == "/v1/documents/b"
    assert answer.json()["metadata"] == {"title": "A"}
    assert answer.json()["epoch"] != source["epoch"]
    body = {"id": "c", "metadata": {}}
    answer = await server.client.post("/v1/documents/a/copy?version=1", json=body)
    assert answer.json()["metadata"] == {}
    await server.type("a", "zero ")
    assert [await server.text(id) for id in "abc"] == ["zero two one", "two one", "one"]


async def test_what_cannot_be_copied(server: Server) -> None:
    await server.make("a", "one")
    copy = server.client.post
    assert problem(await copy("/v1/documents/x/copy", json={}), 404) == "document_not_found"
    assert problem(await copy("/v1/documents/a/copy", json={"id": "a"}), 409) == "document_exists"
    answer = await copy("/v1/documents/a/copy?version=9", json={})
    assert problem(answer, 409) == "base_above_head"
    assert (answer.json()["base"], answer.json()["version"]) == (9, 1)


async def test_rights_decide_what_one_sees_and_does(server: Server) -> None:
    await server.make("a", "secret")

    async def ask(method: str, path: str, docs: dict[str, str], body: Any = None) -> int:
        headers = {"Authorization": f"Bearer {token('bob', **docs)}"}
        answer = await server.client.request(method, path, headers=headers, json=body)
        return answer.status_code

    nothing, read, write = {"other": "read"}, {"a": "read"}, {"a": "write"}
    edit = {"operation": [{"insert": "x"}]}
    assert await ask("GET", "/v1/documents/a", nothing) == 404
    assert await ask("DELETE", "/v1/documents/a", nothing) == 404
    assert await ask("POST", "/v1/documents/a/edits", nothing, edit) == 404
    assert await ask("GET", "/v1/documents/a/events", nothing) == 404
    assert await ask("GET", "/v1/documents/a", read) == 200
    assert await ask("PATCH", "/v1/documents/a", read, {"metadata": {}}) == 403
    assert await ask("POST", "/v1/documents/a/edits", read, edit) == 403
    assert await ask("POST", "/v1/documents/a/messages", read, {"body": 1}) == 403
    assert await ask("POST", "/v1/documents/a/copy", read, {"id": "b"}) == 403
    assert await ask("POST", "/v1/documents", read, {"id": "b", "type": "text"}) == 403
    assert await ask("POST", "/v1/documents/a/edits", write, edit) == 200
    assert await ask("DELETE", "/v1/documents/a", write) == 403
    assert await ask("DELETE", "/v1/documents/a", {"a": "admin"}) == 204


@pytest.mark.parametrize("header", ["", "Bearer nonsense", "Basic YTpi"])
async def test_who_is_not_signed_in_is_told_how(server: Server, header: str) -> None:
    answer = await server.client.get("/v1/documents/a", headers={"Authorization": header})
    assert problem(answer, 401) == "not_signed_in"
    assert answer.headers["www-authenticate"] == "Bearer"
