"""Named versions over HTTP, and what of a document's history is kept."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from anyio.lowlevel import checkpoint

from tests.integration.api.asgi import Server, problem, serving, token

pytestmark = pytest.mark.anyio

HERE = "/v1/documents/a/versions"


async def name(server: Server, name: str, **more: Any) -> httpx.Response:
    return await server.client.post(HERE, json={"name": name, **more})


async def listed(server: Server, **query: Any) -> list[tuple[int, str]]:
    answer = await server.client.get(HERE, params=query)
    return [(each["version"], each["name"]) for each in answer.json()["versions"]]


async def test_a_version_gets_a_name(server: Server) -> None:
    row = await server.make("a", "one")
    answer = await name(server, "First draft")
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{HERE}/1"
    made = answer.json()
    assert (made["version"], made["name"], made["user"]) == (1, "First draft", "alice")
    assert (made["epoch"], made["automatic"]) == (row["epoch"], False)
    assert len(made["author"]) == 16
    assert (await server.client.get(f"{HERE}/1")).json() == made
    await server.type("a", "two ")
    assert (await name(server, "The beginning", version=0)).json()["version"] == 0
    assert await listed(server) == [(1, "First draft"), (0, "The beginning")]


@pytest.mark.parametrize("type", ["richtext", "yjs"])
async def test_documents_of_every_type_have_named_versions(server: Server, type: str) -> None:
    await server.make("a", "one", type=type, format="text")
    assert (await name(server, "one")).status_code == 201
    answer = await server.client.get("/v1/documents/a/content?version=1")
    assert answer.text.strip() == "one"


async def test_versions_are_listed_page_by_page(server: Server) -> None:
    await server.make("a")
    for number in range(5):
        await server.type("a", "x")
        await name(server, f"number {number}")
    answer = (await server.client.get(HERE, params={"limit": 2})).json()
    assert [each["version"] for each in answer["versions"]] == [5, 4]
    assert answer["next"] == 4
    answer = (await server.client.get(HERE, params={"limit": 3, "before": 4})).json()
    assert [each["version"] for each in answer["versions"]] == [3, 2, 1]
    assert answer["next"] is None
    assert await listed(server, automatic="true") == []
    assert len(await listed(server, automatic="false")) == 5


async def test_a_name_is_changed_and_taken_away(server: Server) -> None:
    await server.make("a", "one")
    await name(server, "draft")
    answer = await server.client.patch(f"{HERE}/1", json={"name": "Entwurf ✓"})
    assert answer.json()["name"] == "Entwurf ✓"
    assert (await server.client.delete(f"{HERE}/1")).status_code == 204
    assert await listed(server) == []
    assert problem(await server.client.delete(f"{HERE}/1"), 404) == "version_not_found"
    answer = await server.client.patch(f"{HERE}/1", json={"name": "x"})
    assert problem(answer, 404) == "version_not_found"
    assert problem(await server.client.get(f"{HERE}/1"), 404) == "version_not_found"
    assert await server.text("a") == "one"


async def test_what_cannot_be_named(server: Server) -> None:
    assert problem(await name(server, "x"), 404) == "document_not_found"
    await server.make("a", "one")
    assert problem(await name(server, "x", version=2), 409) == "base_above_head"
    assert (await name(server, "x", version=1)).status_code == 201
    assert problem(await name(server, "y", version=1), 409) == "version_exists"
    for nonsense in ("", "   ", "a\0b", "a\nb", "x" * 201):
        assert problem(await name(server, nonsense), 422) == "invalid_request"


async def test_a_document_has_a_bounded_number_of_named_versions() -> None:
    async with serving(max_versions=2) as server:
        await server.make("a", "one")
        for version in (0, 1):
            await name(server, "x", version=version)
        await server.type("a", "two ")
        answer = await name(server, "y")
        assert problem(answer, 409) == "too_many_versions"
        assert answer.json()["limit"] == 2


async def test_retention_is_for_who_administers(server: Server) -> None:
    row = await server.make("a", "one")
    assert row["retention"] == {"days": None, "version_minutes": None}
    path = "/v1/documents/a"

    async def patch(retention: dict[str, Any], access: str = "admin") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token(a=access)}"}
        return await server.client.patch(path, json={"retention": retention}, headers=headers)

    assert problem(await patch({"days": 30}, "write"), 403) == "not_allowed"
    answer = await patch({"days": 30, "version_minutes": "never"})
    assert answer.json()["retention"] == {"days": 30, "version_minutes": "never"}
    await patch({"days": "forever"})
    row = (await server.client.get(path)).json()
    assert row["retention"] == {"days": "forever", "version_minutes": "never"}
    await patch({"days": None, "version_minutes": None})
    row = (await server.client.get(path)).json()
    assert row["retention"] == {"days": None, "version_minutes": None}
    for nonsense in ({"days": 0}, {"days": "never"}, {"hours": 3}, {"days": True}):
        assert problem(await patch(nonsense), 422) == "invalid_request"
    assert problem(await server.client.patch(path, json={}), 422) == "invalid_request"


async def test_what_is_no_longer_kept_is_dropped_when_it_is_asked_for(server: Server) -> None:
    await server.make("a", "one")
    await server.type("a", "two ")
    await name(server, "kept", version=1)
    await server.type("a", "three ")
    await settle(server)
    path = "/v1/documents/a"
    assert (await server.client.post(f"{path}/trim")).json()["commits"] == 0
    await server.client.patch(path, json={"retention": {"days": 1e-9}})
    told = (await server.client.post(f"{path}/trim?dry_run=true")).json()
    assert (told["dry_run"], told["floor"], told["commits"]) == (True, 3, 3)
    assert told["log_bytes"] > 0
    done = (await server.client.post(f"{path}/trim")).json()
    assert done == {**told, "dry_run": False}
    assert (await server.client.get(path)).json()["floor"] == 3
    assert (await server.client.get(f"{path}/content?version=1")).text == "one"
    gone = await server.client.get(f"{path}/content?version=2")
    assert problem(gone, 410) == "version_unavailable"
    assert problem(await server.client.get(f"{path}/edits?since=1"), 409) == "below_floor"
    assert await server.text("a") == "three two one"


async def settle(server: Server) -> None:
    """Write a snapshot, behind which history may be dropped, and let a moment pass."""
    async with server.registry.open("a") as session:
        written = session.snapshot()
        await server.registry.store.save_snapshot("a", session.epoch, written)
    while server.registry.now() <= written.time:
        await checkpoint()
